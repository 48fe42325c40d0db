#include "common/http/fields.h"

static bool is_token_char(char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool http_is_token(Str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char(s.ptr[i]))
            return false;
    return s.len > 0;
}

bool http_is_uuid(Str s)
{
    if (s.len != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        char c = s.ptr[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !digit)
            return false;
    }
    return true;
}

/* Length up to the first `separator` outside quotes. */
static size_t unquoted(Str s, char separator)
{
    bool quoted = false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (quoted && c == '\\' && i + 1 < s.len)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (c == separator && !quoted)
            return i;
    }
    return s.len;
}

static bool cut_next(Str *rest, char separator, Str *ret_part)
{
    while (rest->ptr) {
        size_t at = unquoted(*rest, separator);
        Str part = str_trim(str_cut(*rest, 0, at));
        *rest = at < rest->len ? str_skip(*rest, at + 1) : STR_NONE;
        if (part.len) {
            *ret_part = part;
            return true;
        }
    }
    return false;
}

bool http_list_next(Str *rest, Str *ret_element)
{
    return cut_next(rest, ',', ret_element);
}

/* "name=value", "name = "value"", "name": *ret_value is empty without a value. */
static void name_value(Str part, Str *ret_name, Str *ret_value)
{
    size_t equals = unquoted(part, '=');
    *ret_name = str_trim(str_cut(part, 0, equals));
    Str value = equals < part.len ? str_trim(str_skip(part, equals + 1)) : STR("");
    if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
        value = str_cut(value, 1, value.len - 1);
    *ret_value = value;
}

Str http_media_type(Str value)
{
    if (!value.ptr)
        return STR_NONE;
    Str type = str_trim(str_cut(value, 0, unquoted(value, ';')));
    size_t slash = str_find_char(type, '/');
    if (slash == type.len || !http_is_token(str_cut(type, 0, slash)) ||
        !http_is_token(str_skip(type, slash + 1)))
        return STR_NONE;
    return type;
}

Str http_media_parameter(Str value, Str name)
{
    if (!value.ptr)
        return STR_NONE;
    size_t end = unquoted(value, ';');
    Str rest = end < value.len ? str_skip(value, end + 1) : STR_NONE;
    Str part, key, text;
    while (cut_next(&rest, ';', &part)) {
        name_value(part, &key, &text);
        if (str_eq_ignore_case(key, name))
            return text;
    }
    return STR_NONE;
}

/* spec: RFC 9110 §12.4.2: 0 to 1 with up to three decimals; 1000 when absent or malformed */
static unsigned quality_of(Str range)
{
    Str q = http_media_parameter(range, STR("q"));
    unsigned value = 0, scale = 1000;
    if (q.len == 0 || q.len > 5 || (q.ptr[0] != '0' && q.ptr[0] != '1'))
        return 1000;
    value = (unsigned)(q.ptr[0] - '0') * 1000;
    if (q.len > 1 && q.ptr[1] != '.')
        return 1000;
    for (size_t i = 2; i < q.len; i++) {
        if (q.ptr[i] < '0' || q.ptr[i] > '9')
            return 1000;
        scale /= 10;
        value += (unsigned)(q.ptr[i] - '0') * scale;
    }
    return value > 1000 ? 1000 : value;
}

bool http_accept_next(Str *rest, Str *ret_range, unsigned *ret_quality)
{
    Str range;
    if (!http_list_next(rest, &range))
        return false;
    *ret_range = range;
    *ret_quality = quality_of(range);
    return true;
}

/* 0: no match; 1: any; 2: type; 3: type and subtype */
static int specificity(Str range, Str type)
{
    Str wanted = http_media_type(range);
    if (wanted.len == 0)
        return 0;
    if (str_eq_ignore_case(wanted, type))
        return 3;
    if (str_is(wanted, "*/*"))
        return 1;
    Str family = str_cut(type, 0, str_find_char(type, '/'));
    return wanted.len == family.len + 2 && str_ends(wanted, STR("/*")) &&
                   str_eq_ignore_case(str_cut(wanted, 0, family.len), family)
               ? 2
               : 0;
}

unsigned http_accept_quality(Str accept, Str type)
{
    if (str_trim(accept).len == 0)
        return 1000;
    Str range;
    unsigned quality = 0, best = 0;
    int best_match = 0;
    while (http_accept_next(&accept, &range, &quality)) {
        int match = specificity(range, type);
        if (match > best_match || (match && match == best_match && quality > best)) {
            best_match = match;
            best = quality;
        }
    }
    return best;
}

bool http_accepts_gzip(Str accept_encoding)
{
    Str coding;
    bool any = false;
    while (accept_encoding.ptr && http_list_next(&accept_encoding, &coding)) {
        Str name = str_trim(str_cut(coding, 0, str_find_char(coding, ';')));
        unsigned quality = quality_of(coding);
        if (str_eq_ignore_case(name, STR("gzip")) || str_eq_ignore_case(name, STR("x-gzip")))
            return quality > 0;
        if (str_is(name, "*"))
            any = quality > 0;
    }
    return any;
}

Str http_prefer_get(Str prefer, Str name)
{
    Str element, key, value;
    while (prefer.ptr && http_list_next(&prefer, &element)) {
        name_value(str_cut(element, 0, unquoted(element, ';')), &key, &value);
        if (str_eq_ignore_case(key, name))
            return value.ptr ? value : STR("");
    }
    return STR_NONE;
}
