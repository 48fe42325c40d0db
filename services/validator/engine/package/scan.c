#include "services/validator/engine/package/internal.h"

/* A resource's own facts stand at depth 1 of its JSON, scattered over all of it. Reading 33 MB of
 * R4 core into trees to find them costs half a second and 200 MB; skipping over values costs
 * neither. What is skipped is not checked: packages_doc does that when the resource is needed. */

typedef struct Scan {
    const char *at;
    const char *end;
} Scan;

Str strip_bom(Str bytes)
{
    return str_starts(bytes, STR("\xEF\xBB\xBF")) ? str_skip(bytes, 3) : bytes;
}

static void skip_space(Scan *s)
{
    while (s->at < s->end && strchr(" \t\r\n", *s->at) && *s->at)
        s->at++;
}

static bool take(Scan *s, char c)
{
    skip_space(s);
    if (s->at >= s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

/* Behind an opening quote: to behind the closing one. */
static bool skip_string(Scan *s, Str *ret_raw)
{
    const char *start = s->at;
    for (;;) {
        const char *quote = memchr(s->at, '"', (size_t)(s->end - s->at));
        if (!quote)
            return false;
        size_t slashes = 0;
        for (const char *p = quote; p > start && p[-1] == '\\'; p--)
            slashes++;
        s->at = quote + 1;
        if (slashes % 2 == 0) {
            *ret_raw = (Str){start, (size_t)(quote - start)};
            return true;
        }
    }
}

/* Over an object or array, whose opening bracket is behind us. */
static bool skip_nested(Scan *s)
{
    size_t depth = 1;
    Str ignored;
    while (s->at < s->end) {
        switch (*s->at++) {
        case '"':
            if (!skip_string(s, &ignored))
                return false;
            break;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (--depth == 0)
                return true;
            break;
        default:
            break;
        }
    }
    return false;
}

/* Over any value; *ret_string is set for strings, else its ptr is NULL. */
static bool skip_value(Scan *s, Str *ret_string)
{
    *ret_string = STR_NONE;
    if (take(s, '"'))
        return skip_string(s, ret_string);
    if (take(s, '{') || take(s, '['))
        return skip_nested(s);
    const char *start = s->at;
    while (s->at < s->end && *s->at != ',' && *s->at != '}' && *s->at != ']')
        s->at++;
    return s->at > start;
}

static int hex4(const char *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    } else {
        *out++ = (char)(0xF0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3F));
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    }
    return out;
}

/* Behind "\u": the code point, surrogate pairs joined; -1 if it is none. */
static int64_t take_code_point(const char **p, const char *end)
{
    if (end - *p < 4)
        return -1;
    int high = hex4(*p);
    *p += 4;
    if (high < 0xD800 || high > 0xDFFF)
        return high;
    if (high > 0xDBFF || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
        return -1;
    int low = hex4(*p + 2);
    *p += 6;
    return low < 0xDC00 || low > 0xDFFF ? -1 : 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

static bool unescape(Str raw, Arena *arena, Str *ret_text)
{
    if (!memchr(raw.ptr, '\\', raw.len)) {
        *ret_text = raw;
        return true;
    }
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char *text = arena_alloc(arena, raw.len + 1), *out = text;
    if (!text)
        return false;
    for (const char *p = raw.ptr, *end = raw.ptr + raw.len; p < end;) {
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        if (++p == end)
            return false;
        const char *plain = *p ? strchr(from, *p) : NULL;
        if (plain) {
            *out++ = to[plain - from];
            p++;
            continue;
        }
        if (*p++ != 'u')
            return false;
        int64_t c = take_code_point(&p, end);
        if (c <= 0) /* a NUL inside an identifier is nothing that we could look up */
            return false;
        out = put_utf8(out, (uint32_t)c);
    }
    *ret_text = (Str){text, (size_t)(out - text)};
    return true;
}

typedef struct Fact {
    const char *key;
    size_t at;
} Fact;

static const Fact facts[] = {
    {"resourceType",   offsetof(PackageResource, type)         },
    {"id",             offsetof(PackageResource, id)           },
    {"url",            offsetof(PackageResource, url)          },
    {"version",        offsetof(PackageResource, version)      },
    {"name",           offsetof(PackageResource, name)         },
    {"kind",           offsetof(PackageResource, sd_kind)      },
    {"type",           offsetof(PackageResource, sd_type)      },
    {"baseDefinition", offsetof(PackageResource, sd_base)      },
    {"derivation",     offsetof(PackageResource, sd_derivation)},
};

/* The first value of a property counts, as in json_get. */
static bool note_fact(PackageResource *resource, Str key, Str value, Arena *arena)
{
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        if (!str_is(key, facts[i].key))
            continue;
        Str *fact = (Str *)(void *)((char *)resource + facts[i].at);
        return fact->ptr || unescape(value, arena, fact);
    }
    return true;
}

bool resource_scan(Str json, Arena *arena, PackageResource *ret_resource)
{
    PackageResource found = {.text = json};
    Scan s = {json.ptr, json.ptr + json.len};
    if (!take(&s, '{'))
        return false;
    do {
        Str key, value;
        if (!take(&s, '"') || !skip_string(&s, &key) || !take(&s, ':') || !skip_value(&s, &value))
            return false;
        if (value.ptr && !note_fact(&found, key, value, arena))
            return false;
        found.has_snapshot |= !value.ptr && str_is(key, "snapshot");
        found.has_differential |= !value.ptr && str_is(key, "differential");
    } while (take(&s, ','));
    if (!take(&s, '}') || !found.type.ptr)
        return false;
    if (!str_is(found.type, "StructureDefinition")) {
        found.sd_kind = found.sd_type = found.sd_base = found.sd_derivation = STR_NONE;
        found.has_snapshot = found.has_differential = false;
    }
    *ret_resource = found;
    return true;
}
