#include "services/validator/engine/fhirpath/text.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

/* Case needs Unicode tables; the C library has them in its C.UTF-8 locale, which Debian always
 * has. Without it only ASCII letters have a case. */
static locale_t unicode;
static pthread_once_t unicode_once = PTHREAD_ONCE_INIT;

static void open_unicode(void)
{
    unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

uint32_t fp_text_next(Str text, size_t *at)
{
    const unsigned char *s = (const unsigned char *)text.ptr + *at;
    size_t left = text.len - *at;
    uint32_t c = s[0];
    size_t more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
    if (more == 0 || more >= left) {
        (*at)++;
        return c;
    }
    c &= 0x3FU >> more;
    for (size_t i = 1; i <= more; i++)
        c = c << 6 | (s[i] & 0x3FU);
    *at += more + 1;
    return c;
}

size_t fp_text_length(Str text)
{
    size_t count = 0;
    for (size_t at = 0; at < text.len; count++)
        fp_text_next(text, &at);
    return count;
}

size_t fp_text_offset(Str text, size_t n)
{
    size_t at = 0;
    while (n-- && at < text.len)
        fp_text_next(text, &at);
    return at;
}

static size_t put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    size_t more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    for (size_t i = more; i > 0; i--, c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3F));
    to[0] = (char)(lead[more] | c);
    return more + 1;
}

static uint32_t change_case(uint32_t c, bool upper)
{
    if (c < 0x80) {
        if (upper)
            return c >= 'a' && c <= 'z' ? c - 32 : c;
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    }
    pthread_once(&unicode_once, open_unicode);
    if (!unicode)
        return c;
    return (uint32_t)(upper ? towupper_l((wint_t)c, unicode) : towlower_l((wint_t)c, unicode));
}

static Str cased(Str text, bool upper, Arena *arena)
{
    char *to = arena_alloc(arena, text.len * 2 + 4); /* no letter grows more than that */
    if (!to)
        return STR_NONE;
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        unsigned char first = (unsigned char)text.ptr[at];
        if (first < 0x80) { /* nearly all are */
            bool other = (unsigned char)(first - (upper ? 'a' : 'A')) < 26;
            to[len++] = (char)(other ? first ^ 0x20 : first);
            at++;
            continue;
        }
        size_t before = at;
        uint32_t c = fp_text_next(text, &at);
        if (at == before + 1)
            to[len++] = text.ptr[before]; /* a stray byte stays */
        else
            len += put_utf8(to + len, change_case(c, upper));
    }
    return (Str){to, len};
}

Str fp_text_upper(Str text, Arena *arena)
{
    return cased(text, true, arena);
}
Str fp_text_lower(Str text, Arena *arena)
{
    return cased(text, false, arena);
}

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

Str fp_text_trim(Str text)
{
    size_t from = 0, to = 0;
    bool begun = false;
    for (size_t at = 0; at < text.len;) {
        size_t before = at;
        if (is_space(fp_text_next(text, &at)))
            continue;
        if (!begun)
            from = before;
        begun = true;
        to = at;
    }
    return begun ? str_cut(text, from, to) : (Str){text.ptr, 0};
}

/* The next character of the normal form: lower case, one space for a run of white space. */
static uint32_t normal_next(Str text, size_t *at)
{
    uint32_t c = fp_text_next(text, at);
    if (!is_space(c))
        return change_case(c, false);
    for (size_t next = *at; next < text.len && is_space(fp_text_next(text, &next));)
        *at = next;
    return ' ';
}

bool fp_text_equivalent(Str a, Str b)
{
    size_t i = 0, j = 0;
    a = fp_text_trim(a);
    b = fp_text_trim(b);
    while (i < a.len && j < b.len)
        if (normal_next(a, &i) != normal_next(b, &j))
            return false;
    return i == a.len && j == b.len;
}

/* --- encode, decode, escape, unescape ----------------------------------------------------------
 * spec: FHIRPath (STU) 5.6: encode(hex | base64 | urlbase64), escape(html | json). */

static const char base64_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char base64_letter(uint32_t six, bool url)
{
    char c = base64_letters[six & 63];
    return url && c == '+' ? '-' : url && c == '/' ? '_' : c;
}

static Str to_base64(Str text, bool url, Arena *arena)
{
    char *to = arena_alloc(arena, (text.len / 3 + 1) * 4);
    size_t len = 0;
    for (size_t i = 0; to && i < text.len; i += 3) {
        uint32_t bits = 0;
        size_t have = text.len - i < 3 ? text.len - i : 3;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (j < have ? (unsigned char)text.ptr[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            to[len++] = j <= have ? base64_letter(bits >> (18 - 6 * j), url) : '=';
    }
    return to ? (Str){to, len} : STR_NONE;
}

static int base64_value(char c)
{
    if (c == '-')
        c = '+';
    if (c == '_')
        c = '/';
    const char *found = c ? strchr(base64_letters, c) : NULL;
    return found ? (int)(found - base64_letters) : -1;
}

static Str of_base64(Str text, Arena *arena)
{
    while (text.len && text.ptr[text.len - 1] == '=')
        text.len--;
    char *to = arena_alloc(arena, text.len + 4);
    size_t len = 0;
    uint32_t bits = 0, have = 0;
    for (size_t i = 0; to && i < text.len; i++) {
        int value = base64_value(text.ptr[i]);
        if (value < 0)
            return STR_NONE;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            to[len++] = (char)(bits >> have);
        }
    }
    return to ? (Str){to, len} : STR_NONE;
}

static Str to_hex(Str text, Arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    char *to = arena_alloc(arena, text.len * 2 + 1);
    for (size_t i = 0; to && i < text.len; i++) {
        to[i * 2] = digits[(unsigned char)text.ptr[i] >> 4];
        to[i * 2 + 1] = digits[text.ptr[i] & 15];
    }
    return to ? (Str){to, text.len * 2} : STR_NONE;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static Str of_hex(Str text, Arena *arena)
{
    char *to = text.len % 2 ? NULL : arena_alloc(arena, text.len / 2 + 1);
    for (size_t i = 0; to && i + 1 < text.len; i += 2) {
        int high = hex_value(text.ptr[i]), low = hex_value(text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return STR_NONE;
        to[i / 2] = (char)(high << 4 | low);
    }
    return to ? (Str){to, text.len / 2} : STR_NONE;
}

/* Bytes that are no UTF-8 have no place in a String. */
static Str checked_utf8(Str text)
{
    for (size_t at = 0; at < text.len;) {
        size_t before = at;
        uint32_t c = fp_text_next(text, &at);
        size_t len = at - before;
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if ((len == 1 && c >= 0x80) || c < least[len] || c > 0x10FFFF ||
            (c >= 0xD800 && c < 0xE000))
            return STR_NONE;
        for (size_t i = before + 1; i < at; i++)
            if ((text.ptr[i] & 0xC0) != 0x80)
                return STR_NONE;
    }
    return text;
}

Str fp_text_encode(Str text, Str form, Arena *arena, bool *ret_known)
{
    *ret_known = true;
    if (str_is(form, "hex"))
        return to_hex(text, arena);
    if (str_is(form, "base64"))
        return to_base64(text, false, arena);
    if (str_is(form, "urlbase64"))
        return to_base64(text, true, arena);
    *ret_known = false;
    return STR_NONE;
}

Str fp_text_decode(Str text, Str form, Arena *arena, bool *ret_known)
{
    *ret_known = true;
    if (str_is(form, "hex"))
        return checked_utf8(of_hex(text, arena));
    if (str_is(form, "base64") || str_is(form, "urlbase64"))
        return checked_utf8(of_base64(text, arena));
    *ret_known = false;
    return STR_NONE;
}

static const struct {
    char c;
    const char *html;
} entities[] = {
    {'&',  "&amp;" },
    {'<',  "&lt;"  },
    {'>',  "&gt;"  },
    {'"',  "&quot;"},
    {'\'', "&#39;" },
};
enum { ENTITY_COUNT = sizeof entities / sizeof *entities };

static Str escape_html(Str text, Arena *arena)
{
    char *to = arena_alloc(arena, text.len * 6 + 1);
    size_t len = 0;
    for (size_t i = 0; to && i < text.len; i++) {
        const char *entity = NULL;
        for (size_t j = 0; j < ENTITY_COUNT; j++)
            if (entities[j].c == text.ptr[i])
                entity = entities[j].html;
        size_t more = entity ? strlen(entity) : 1;
        memcpy(to + len, entity ? entity : text.ptr + i, more); /* NOLINT: no string */
        len += more;
    }
    return to ? (Str){to, len} : STR_NONE;
}

static Str unescape_html(Str text, Arena *arena)
{
    char *to = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; to && i < text.len;) {
        size_t used = 0;
        for (size_t j = 0; j < ENTITY_COUNT && !used; j++)
            if (str_starts(str_skip(text, i), str_from(entities[j].html))) {
                to[len++] = entities[j].c;
                used = strlen(entities[j].html);
            }
        if (!used)
            to[len++] = text.ptr[i];
        i += used ? used : 1;
    }
    return to ? (Str){to, len} : STR_NONE;
}

static const char json_from[] = "\"\\/\b\f\n\r\t";
static const char json_into[] = "\"\\/bfnrt";

static Str escape_json(Str text, Arena *arena)
{
    char *to = arena_alloc(arena, text.len * 6 + 1);
    size_t len = 0;
    for (size_t i = 0; to && i < text.len; i++) {
        char c = text.ptr[i];
        const char *found = c && c != '/' ? strchr(json_from, c) : NULL;
        if (found) {
            to[len++] = '\\';
            to[len++] = json_into[found - json_from];
        } else if ((unsigned char)c < 0x20) {
            snprintf(to + len, 7, "\\u%04x", (unsigned)c);
            len += 6;
        } else {
            to[len++] = c;
        }
    }
    return to ? (Str){to, len} : STR_NONE;
}

static Str unescape_json(Str text, Arena *arena)
{
    char *to = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; to && i < text.len; i++) {
        char c = text.ptr[i];
        char next = i + 1 < text.len ? text.ptr[i + 1] : '\0';
        const char *found = c == '\\' && next ? strchr(json_into, next) : NULL;
        Str hex =
            c == '\\' && next == 'u' && text.len - i >= 6 ? str_cut(text, i + 2, i + 6) : STR_NONE;
        uint32_t code = 0;
        bool four = hex.ptr != NULL;
        for (size_t j = 0; j < hex.len; j++) {
            four = four && hex_value(hex.ptr[j]) >= 0;
            code = code << 4 | (uint32_t)(hex_value(hex.ptr[j]) & 15);
        }
        if (found) {
            to[len++] = json_from[found - json_into];
            i++;
        } else if (four && (code < 0xD800 || code > 0xDFFF)) {
            len += put_utf8(to + len, code);
            i += 5;
        } else {
            to[len++] = c;
        }
    }
    return to ? (Str){to, len} : STR_NONE;
}

Str fp_text_escape(Str text, Str form, Arena *arena, bool *ret_known)
{
    *ret_known = str_is(form, "html") || str_is(form, "json");
    return !*ret_known            ? STR_NONE
           : str_is(form, "html") ? escape_html(text, arena)
                                  : escape_json(text, arena);
}

Str fp_text_unescape(Str text, Str form, Arena *arena, bool *ret_known)
{
    *ret_known = str_is(form, "html") || str_is(form, "json");
    return !*ret_known            ? STR_NONE
           : str_is(form, "html") ? unescape_html(text, arena)
                                  : unescape_json(text, arena);
}
