#include "services/validator/engine/validate/markup.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What stands between the angle brackets: a name, then nothing or white space. */
static bool is_tag(Str inside)
{
    size_t i = 1;
    if (inside.len == 0 || !is_letter(inside.ptr[0]))
        return false;
    while (i < inside.len &&
           (is_letter(inside.ptr[i]) || is_digit(inside.ptr[i]) || inside.ptr[i] == '_'))
        i++;
    return i == inside.len || is_blank(inside.ptr[i]);
}

bool has_html_tags(Str text)
{
    size_t start = str_find_char(text, '<');
    while (start < text.len) {
        Str rest = str_skip(text, start + 1);
        size_t next = str_find_char(rest, '<');
        Str inside = str_cut(rest, 0, next); /* not further: others begin there */
        size_t end = str_find_char(inside, '>');
        if (next < rest.len && end < next && is_tag(str_cut(inside, 0, end)))
            return true;
        start += 1 + next;
    }
    return false;
}

/* Behind '<': an optional slash, a letter, letters, digits or hyphens, then white space or '>'. */
static bool opens_markdown_tag(Str rest)
{
    size_t i = rest.len && rest.ptr[0] == '/' ? 1 : 0;
    if (rest.len && (rest.ptr[0] == '!' || rest.ptr[0] == '?'))
        return true;
    if (i >= rest.len || !is_letter(rest.ptr[i]))
        return false;
    while (i < rest.len && (is_letter(rest.ptr[i]) || is_digit(rest.ptr[i]) || rest.ptr[i] == '-'))
        i++;
    return i < rest.len && (is_blank(rest.ptr[i]) || rest.ptr[i] == '>');
}

bool has_markdown_tags(Str text)
{
    for (size_t at = str_find_char(text, '<'); at < text.len;) {
        Str rest = str_skip(text, at + 1);
        bool escaped = at > 0 && text.ptr[at - 1] == '\\';
        bool declares = rest.len && (rest.ptr[0] == '!' || rest.ptr[0] == '?');
        if ((!escaped || declares) && opens_markdown_tag(rest))
            return true;
        at += 1 + str_find_char(rest, '<');
    }
    return false;
}
