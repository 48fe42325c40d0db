/* uuid - interaction ids: UUIDv7 for our own, UUIDv5 for those derived from another id.
 *
 * Spec:    RFC 9562 sections 5.5, 5.7.
 * Threads: uuid_v7 keeps a per-thread counter (monotonic within a thread's millisecond).
 * Errors:  none; the random source failing is a CHECK. */
#pragma once
#include "common/base/str.h"

enum { UUID_TEXT_BYTES = 36 };
typedef struct Uuid {
    char text[UUID_TEXT_BYTES + 1]; /* lower case, NUL-terminated */
} Uuid;

Uuid uuid_v7(void);
/* UUIDv5 of `name` in the namespace `parent` (a UUID in text): child n of a batch is
 * uuid_v5(parent, "n"); one correlation id on another route is uuid_v5(id, route). */
Uuid uuid_v5(Str parent, Str name);
bool uuid_valid(Str text); /* 8-4-4-4-12 hexadecimal digits, either case */

static inline Str uuid_str(const Uuid *uuid)
{
    return (Str){uuid->text, UUID_TEXT_BYTES};
}
