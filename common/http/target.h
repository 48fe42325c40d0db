/* target - a request target as sent -> path and query, decoded strictly.
 *
 * Spec:    RFC 9112 §3.2 (origin-form and absolute-form), RFC 3986 §2.1 (percent-encoding).
 * Owner:   decoded text lives in the arena.
 * Threads: pure.
 * Errors:  ERR_INPUT "target-malformed": a broken or NUL escape, control characters, no path, an
 *          escaped "/" in the path. A decoded "." stays text: nothing here touches a file system.
 */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"

typedef struct HttpTarget {
    Str path;      /* decoded, begins with '/', no NUL inside, NUL-terminated */
    Str query;     /* as sent, without '?'; empty without one */
    Str authority; /* as sent, of an absolute target; ptr NULL: it names none */
} HttpTarget;

bool http_target_parse(Str raw, Arena *arena, HttpTarget *ret_target, Err *err) MUST_USE;

/* The first parameter of that (decoded) name, decoded, '+' as space; STR_NONE if absent or broken.
 * "?name" and "?name=" yield an empty text with a pointer. */
Str http_query_get(Str query, Str name, Arena *arena);
