/* cursor - where a page ended: the place behind which the next one begins, as text for a URL.
 *
 * A cursor goes with the filters that it was made under (`filters`: a hash of them); with others
 * it is refused, and so it is when anything of its text is not as it was written: a page would be
 * left out unnoticed. It gives no right: what may be seen is decided by the request that brings it.
 * Threads: pure. Owner: texts live in the arena. */
#pragma once
#include "common/base/arena.h"

typedef struct Cursor {
    int64_t received_us;
    char interaction_id[37];
    Str tenant;
    Str key; /* of what the grid sorts by, as text; ptr NULL: there is none */
} Cursor;

enum { CURSOR_TENANT_MAX = 200, CURSOR_KEY_MAX = 40 };

Str cursor_write(const Cursor *cursor, uint64_t filters, Arena *arena);
bool cursor_read(Str text, uint64_t filters, Arena *arena, Cursor *ret_cursor);
