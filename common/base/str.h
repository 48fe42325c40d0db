/* str - borrowed bytes.
 *
 * Owner:   nobody; a Str lives as long as what it was cut from. Not NUL-terminated.
 * Threads: pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Str {
    const char *ptr;
    size_t len;
} Str;

#define STR(lit) ((Str){(lit), sizeof(lit) - 1})
#define STR_ARG(s) (int)(s).len, (s).ptr /* for "%.*s" */
#define STR_NONE ((Str){NULL, 0})

static inline Str str_from(const char *text)
{
    return text ? (Str){text, strlen(text)} : STR_NONE;
}
static inline bool str_eq(Str a, Str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool str_is(Str a, const char *text)
{
    return a.len == strlen(text) && memcmp(a.ptr ? a.ptr : "", text, a.len) == 0;
}
static inline bool str_starts(Str s, Str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}
static inline bool str_ends(Str s, Str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}
/* Bytes from `from` (clamped) to the end. */
static inline Str str_skip(Str s, size_t from)
{
    if (!s.ptr) /* NULL + 0 is undefined in C17 */
        return s;
    return from >= s.len ? (Str){s.ptr + s.len, 0} : (Str){s.ptr + from, s.len - from};
}
static inline Str str_cut(Str s, size_t from, size_t to)
{
    return (Str){s.ptr ? s.ptr + from : NULL, to - from};
}

bool str_eq_ignore_case(Str a, Str b); /* ASCII */
int str_compare(Str a, Str b);         /* bytewise, shorter first */
/* Index of the first `c`, or s.len. */
size_t str_find_char(Str s, char c);
/* Index of the first `needle`, or SIZE_MAX; an empty needle is found at 0. */
size_t str_find(Str s, Str needle);
size_t str_rfind_char(Str s, char c); /* index of the last `c`, or SIZE_MAX */
Str str_trim(Str s);                  /* without leading and trailing ASCII white space */
/* Cuts the text before the next `separator` off *rest; false when *rest is used up (ptr NULL). */
bool str_split(Str *rest, char separator, Str *ret_part);
/* Decimal digits only, the whole of s; false on anything else or overflow. */
bool str_to_u64(Str s, uint64_t *ret_value);
uint64_t str_hash(Str s); /* xxh3, seedless: for tables, not for secrets */
