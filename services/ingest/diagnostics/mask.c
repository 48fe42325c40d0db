#include "services/ingest/diagnostics/mask.h"

#include <string.h>

/* Members whose values say what kind of thing something is, not whose or which. */
static const char *const open_members[] = {
    "resourceType", "url",  "system",  "code",   "profile", "status", "use",  "unit",      "method",
    "severity",     "type", "version", "linkId", "intent",  "mode",   "rank", "versionId",
};

bool mask_is_open(Str member)
{
    for (size_t i = 0; i < sizeof open_members / sizeof open_members[0]; i++)
        if (str_is(member, open_members[i]))
            return true;
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

char mask_char(char c)
{
    if (is_digit(c))
        return '0';
    return is_letter(c) || (unsigned char)c >= 0x80 ? 'x' : c;
}

size_t mask_string_end(Str text, size_t at)
{
    for (size_t i = at + 1; i < text.len; i++) {
        if (text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == '"')
            return i + 1;
    }
    return text.len;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool mask_is_name(Str text, size_t end)
{
    while (end < text.len && is_blank(text.ptr[end]))
        end++;
    return end < text.len && text.ptr[end] == ':';
}

/* Between the quotes; an escape is as many letters. */
static void add_masked_string(Buf *out, Str inner)
{
    for (size_t i = 0; i < inner.len; i++) {
        if (inner.ptr[i] == '\\' && i + 1 < inner.len) {
            buf_add(out, STR("xx"));
            i++;
        } else {
            buf_add_char(out, mask_char(inner.ptr[i]));
        }
    }
}

static void add_string(Buf *out, Str whole, bool open)
{
    bool closed = whole.len > 1 && whole.ptr[whole.len - 1] == '"';
    Str inner = str_cut(whole, 1, closed ? whole.len - 1 : whole.len);
    buf_add_char(out, '"');
    if (open)
        buf_add(out, inner);
    else
        add_masked_string(out, inner);
    if (closed)
        buf_add_char(out, '"');
}

/* What is none of FHIR's names may be anything that a sender likes. */
static bool is_plain(Str member)
{
    for (size_t i = 0; i < member.len; i++)
        if (!is_letter(member.ptr[i]) && !is_digit(member.ptr[i]) && member.ptr[i] != '_')
            return false;
    return true;
}

/* How long the word of JSON is that begins here: true, false, null, a number's exponent. */
static size_t json_word(Str text, size_t at)
{
    static const char *const words[] = {"true", "false", "null"};
    Str rest = str_skip(text, at);
    char before = at ? text.ptr[at - 1] : ' ';
    if (is_digit(before) && rest.len > 1 && (rest.ptr[0] == 'e' || rest.ptr[0] == 'E'))
        return is_digit(rest.ptr[1]) || rest.ptr[1] == '+' || rest.ptr[1] == '-';
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t len = strlen(words[i]);
        bool whole = str_starts(rest, str_from(words[i])) &&
                     (rest.len == len || (!is_letter(rest.ptr[len]) && !is_digit(rest.ptr[len])));
        if (whole && !is_letter(before) && !is_digit(before))
            return len;
    }
    return 0;
}

/* Outside of strings; what JSON has no word for may be anything. */
static size_t add_bare(Buf *out, Str text, size_t at)
{
    char c = text.ptr[at];
    size_t len = is_letter(c) ? json_word(text, at) : 0;
    if (len)
        buf_add(out, str_cut(text, at, at + len));
    else
        buf_add_char(out, is_digit(c) ? '1' : mask_char(c));
    return len ? len : 1;
}

static void mask_json(Buf *out, Str text)
{
    bool open = false;
    for (size_t i = 0; i < text.len;) {
        char c = text.ptr[i];
        if (c == '"') {
            size_t end = mask_string_end(text, i);
            Str whole = str_cut(text, i, end);
            bool name = mask_is_name(text, end);
            Str inner = str_cut(whole, 1, whole.len > 1 ? whole.len - 1 : 1);
            if (name)
                open = mask_is_open(inner);
            add_string(out, whole, name ? is_plain(inner) : open);
            i = end;
            continue;
        }
        if (c == '{' || c == '}') /* what is deeper has names of its own */
            open = false;
        i += add_bare(out, text, i);
    }
}

/* "PID|", "MSH|": three letters or digits and a separator. */
static bool names_segment(Str line)
{
    return line.len > 3 && is_letter(line.ptr[0]) &&
           (is_letter(line.ptr[1]) || is_digit(line.ptr[1])) &&
           (is_letter(line.ptr[2]) || is_digit(line.ptr[2])) && line.ptr[3] == '|';
}

static void mask_lines(Buf *out, Str text)
{
    bool begins = true;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (begins && names_segment(str_skip(text, i))) {
            buf_add(out, str_cut(text, i, i + 3));
            i += 2;
            begins = false;
            continue;
        }
        begins = c == '\n' || c == '\r';
        buf_add_char(out, mask_char(c));
    }
}

void mask_add(Buf *out, Str document, bool is_json)
{
    if (is_json)
        mask_json(out, document);
    else
        mask_lines(out, document);
}

/* --- what is hidden --------------------------------------------------------------------------- */

static bool in_number(char c)
{
    return is_digit(c) || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}

static void tell_json(Str text, MaskOnHidden on_hidden, void *context)
{
    bool open = false;
    for (size_t i = 0; i < text.len;) {
        char c = text.ptr[i];
        size_t end = i + 1;
        if (c == '"') {
            end = mask_string_end(text, i);
            bool closed = end - i > 1 && text.ptr[end - 1] == '"', name = mask_is_name(text, end);
            Str inner = str_cut(text, i + 1, closed ? end - 1 : end);
            if (name)
                open = mask_is_open(inner);
            if (name ? !is_plain(inner) : !open)
                on_hidden(context, inner, true);
        } else if (is_digit(c) || is_letter(c)) {
            while (end < text.len && (is_letter(text.ptr[end]) || in_number(text.ptr[end])))
                end++;
            if (!json_word(text, i) || is_digit(c))
                on_hidden(context, str_cut(text, i, end), false);
        } else if (c == '{' || c == '}') {
            open = false;
        }
        i = end;
    }
}

static bool parts_fields(char c)
{
    return strchr("|^~&,;\"\t\r\n", c) != NULL;
}

static void tell_lines(Str text, MaskOnHidden on_hidden, void *context)
{
    for (size_t i = 0, end; i < text.len; i = end + 1) {
        for (end = i; end < text.len && !parts_fields(text.ptr[end]); end++)
            ;
        Str field = str_trim(str_cut(text, i, end));
        bool begins = i == 0 || text.ptr[i - 1] == '\n' || text.ptr[i - 1] == '\r';
        if (field.len && !(begins && names_segment(str_skip(text, i))))
            on_hidden(context, field, false);
    }
}

void mask_hidden(Str document, bool is_json, MaskOnHidden on_hidden, void *context)
{
    if (is_json)
        tell_json(document, on_hidden, context);
    else
        tell_lines(document, on_hidden, context);
}
