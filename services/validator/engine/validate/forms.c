#include "services/validator/engine/validate/primitive.h"
#include "services/validator/engine/validate/walk.h"

static bool is_lower_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool is_uuid(Str text)
{
    if (text.len != 36)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text.ptr[i] != '-' : !is_lower_hex(text.ptr[i]))
            return false;
    }
    return true;
}

static bool is_arc(Str arc)
{
    if (arc.len == 0 || (arc.ptr[0] == '0' && arc.len > 1))
        return false;
    for (size_t i = 0; i < arc.len; i++)
        if (arc.ptr[i] < '0' || arc.ptr[i] > '9')
            return false;
    return true;
}

/* Roots shorter than five characters are hardly ever meant, but for 1.3 */
bool is_oid(Str text)
{
    if (text.len < 3 || text.ptr[0] < '0' || text.ptr[0] > '2' || text.ptr[1] != '.')
        return false;
    Str rest = text;
    Str arc;
    while (str_split(&rest, '.', &arc))
        if (!is_arc(arc))
            return false;
    size_t last = str_rfind_char(text, '.');
    return text.ptr[text.len - 1] != '.' && (last >= 4 || str_starts(text, STR("1.3")));
}

bool is_fhir_id(Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.';
        if (!ok)
            return false;
    }
    return text.len >= 1 && text.len <= 64;
}

static bool is_base64_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

static bool is_white(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_base64(Str text)
{
    size_t chars = 0;
    size_t pads = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (is_white(c))
            continue;
        if (c == '=')
            pads++;
        else if (pads > 0 || !is_base64_char(c))
            return false;
        chars++;
    }
    return chars % 4 == 0 && pads <= 2;
}

size_t base64_bytes(Str text)
{
    size_t chars = 0;
    size_t pads = 0;
    for (size_t i = 0; i < text.len; i++) {
        chars += !is_white(text.ptr[i]);
        pads += text.ptr[i] == '=';
    }
    return chars / 4 * 3 - pads;
}

/* A scheme, a colon and something without spaces behind it. */
bool is_absolute_url(Str url)
{
    size_t colon = str_find_char(url, ':');
    if (colon == 0 || colon + 1 >= url.len)
        return false;
    for (size_t i = 0; i < colon; i++) {
        char c = url.ptr[i];
        bool letter = c >= 'a' && c <= 'z';
        bool other = (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '+';
        if (!letter && !(i > 0 && other))
            return false;
    }
    return str_find_char(url, ' ') == url.len;
}
