#include "common/http/target.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* False for what may not stand in a target: broken escapes, NUL, control characters; in a path an
 * escaped '/', which a proxy would not have read as one. */
static bool decode(Str raw, bool plus_is_space, Arena *arena, Str *ret_text)
{
    char *to = arena_alloc(arena, raw.len + 1);
    size_t len = 0;
    if (!to)
        return false;
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.ptr[i];
        if (c == '%') {
            if (raw.len - i < 3 || hex(raw.ptr[i + 1]) < 0 || hex(raw.ptr[i + 2]) < 0)
                return false;
            c = (unsigned char)(hex(raw.ptr[i + 1]) * 16 + hex(raw.ptr[i + 2]));
            i += 2;
            if (c == '/' && !plus_is_space)
                return false;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == ' ') {
            return false;
        }
        if (c < ' ' || c == 0x7f)
            return false;
        to[len++] = (char)c;
    }
    to[len] = '\0';
    *ret_text = (Str){to, len};
    return true;
}

/* spec: RFC 9112 §3.2.2: a server accepts the absolute form though clients send it to proxies. */
static Str without_authority(Str raw, Str *ret_authority)
{
    size_t colon = str_find(raw, STR("://"));
    if (colon == SIZE_MAX || colon == 0 || colon > 5)
        return raw;
    Str scheme = str_cut(raw, 0, colon);
    if (!str_eq_ignore_case(scheme, STR("http")) && !str_eq_ignore_case(scheme, STR("https")))
        return raw;
    Str rest = str_skip(raw, colon + 3);
    size_t slash = str_find_char(rest, '/');
    *ret_authority = str_cut(rest, 0, slash);
    return slash == rest.len ? STR("/") : str_skip(rest, slash);
}

bool http_target_parse(Str raw, Arena *arena, HttpTarget *ret_target, Err *err)
{
    Str authority = STR_NONE, target = without_authority(raw, &authority);
    size_t mark = str_find_char(target, '?');
    Str path = STR_NONE;
    if (target.len == 0 || target.ptr[0] != '/' || memchr(target.ptr, '#', target.len) ||
        !decode(str_cut(target, 0, mark), false, arena, &path))
        return ERR(err, ERR_INPUT, "target-malformed", "the request target is malformed");
    for (size_t i = mark; i < target.len; i++)
        if ((unsigned char)target.ptr[i] <= ' ' || target.ptr[i] == 0x7f)
            return ERR(err, ERR_INPUT, "target-malformed", "the query is malformed");
    *ret_target =
        (HttpTarget){path, mark < target.len ? str_skip(target, mark + 1) : STR(""), authority};
    return true;
}

Str http_query_get(Str query, Str name, Arena *arena)
{
    Str part;
    while (str_split(&query, '&', &part)) {
        size_t equals = str_find_char(part, '=');
        Str key = STR_NONE, value = STR_NONE;
        if (!decode(str_cut(part, 0, equals), true, arena, &key) || !str_eq(key, name))
            continue;
        Str text = equals < part.len ? str_skip(part, equals + 1) : STR("");
        return decode(text, true, arena, &value) ? value : STR_NONE;
    }
    return STR_NONE;
}
