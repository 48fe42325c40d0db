#include "common/http/lines.h"

#include <string.h>

enum { NOWHERE = 0x01 /* may stand in no target, name or value */ };

static void begin_line(HttpLines *lines)
{
    lines->line_len = lines->name_len = 0;
    lines->in_value = lines->size_over = lines->cr = false;
}

static void begin_request(HttpLines *lines)
{
    *lines = (HttpLines){.where = LINES_FIRST};
}

/* --- fields ----------------------------------------------------------------------------------- */

static bool is_named(const HttpLines *lines, const char *name)
{
    return lines->name_len == strlen(name) && memcmp(lines->name, name, lines->name_len) == 0;
}

/* What is no number, or is there twice, is refused by framing.c: what we make of it is all one. */
static void take_digit(uint64_t *number, char c)
{
    if (c >= '0' && c <= '9')
        *number = *number > UINT64_MAX / 16 ? UINT64_MAX : *number * 10 + (uint64_t)(c - '0');
}

static void see_field_byte(HttpLines *lines, char c)
{
    if (lines->in_value) {
        if (is_named(lines, "content-length"))
            take_digit(&lines->length, c);
    } else if (c == ':') {
        lines->in_value = true;
        lines->chunked = lines->chunked || is_named(lines, "transfer-encoding");
    } else if (lines->name_len < sizeof lines->name) {
        lines->name[lines->name_len++] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    } else {
        lines->name_len = sizeof lines->name + 1;
    }
}

/* --- ends of lines ---------------------------------------------------------------------------- */

static void end_header(HttpLines *lines)
{
    uint64_t length = lines->length;
    bool chunked = lines->chunked;
    begin_request(lines);
    if (chunked) {
        lines->where = LINES_CHUNK_SIZE;
    } else if (length) {
        lines->where = LINES_BODY;
        lines->left = length;
    }
}

static void end_line(HttpLines *lines)
{
    bool empty = lines->line_len == 0;
    begin_line(lines);
    switch (lines->where) {
    case LINES_FIRST:
        lines->where = empty ? LINES_FIRST : LINES_HEADER;
        break;
    case LINES_HEADER:
        if (empty)
            end_header(lines);
        break;
    case LINES_CHUNK_SIZE:
        lines->where = lines->left ? LINES_CHUNK : LINES_TRAILER;
        break;
    case LINES_CHUNK_END:
        lines->where = LINES_CHUNK_SIZE;
        lines->left = 0;
        break;
    case LINES_TRAILER:
        if (empty)
            begin_request(lines);
        break;
    case LINES_BODY:
    case LINES_CHUNK:
        break;
    }
}

/* --- bytes ------------------------------------------------------------------------------------ */

/* spec: RFC 9112 §7.1: hexadecimal; what follows is an extension. Others are libmicrohttpd's to
 * refuse. */
static void see_size_byte(HttpLines *lines, char c)
{
    char low = (char)(c | 0x20);
    uint64_t digit = c >= '0' && c <= '9' ? (uint64_t)(c - '0') : (uint64_t)(low - 'a' + 10);
    bool is_digit = (c >= '0' && c <= '9') || (low >= 'a' && low <= 'f');
    if (!is_digit)
        lines->size_over = true;
    else if (!lines->size_over)
        lines->left = lines->left > UINT64_MAX / 16 ? UINT64_MAX : lines->left * 16 + digit;
}

static void see_byte(HttpLines *lines, char c)
{
    lines->line_len++;
    if (lines->where == LINES_HEADER)
        see_field_byte(lines, c);
    else if (lines->where == LINES_CHUNK_SIZE)
        see_size_byte(lines, c);
}

static bool in_body(const HttpLines *lines)
{
    return lines->where == LINES_BODY || lines->where == LINES_CHUNK;
}

/* How many bytes of the body are here. */
static size_t pass_body(HttpLines *lines, size_t len)
{
    size_t taken = lines->left < len ? (size_t)lines->left : len;
    lines->left -= taken;
    if (lines->left == 0) {
        if (lines->where == LINES_BODY)
            begin_request(lines);
        else
            lines->where = LINES_CHUNK_END;
    }
    return taken;
}

/* A line's byte that may not be there: in a header it is made one that is refused. */
static bool spoil(HttpLines *lines, char *byte)
{
    if (lines->where != LINES_FIRST && lines->where != LINES_HEADER)
        return false;
    *byte = NOWHERE;
    see_byte(lines, NOWHERE);
    return true;
}

/* spec: RFC 9112 §5.2: a field that goes on in the next line is refused, or a blank is put in its
 * place; libmicrohttpd forgets what stood before. */
static bool is_fold(const HttpLines *lines, char c)
{
    return lines->where == LINES_HEADER && lines->line_len == 0 && (c == ' ' || c == '\t');
}

static bool pass_line_byte(HttpLines *lines, char *byte, const char *end)
{
    char c = *byte;
    if (c == '\n' && lines->cr) {
        end_line(lines);
        return true;
    }
    if (lines->cr) /* it was the last byte that had come, and has been handed on */
        return false;
    if (c == '\r' && (byte + 1 == end || byte[1] == '\n')) {
        lines->cr = true;
        return true;
    }
    if (c == '\r' || c == '\n' || c == '\0' || is_fold(lines, c))
        return spoil(lines, byte);
    see_byte(lines, c);
    return true;
}

bool http_lines_pass(HttpLines *lines, char *bytes, size_t len)
{
    const char *end = bytes + len;
    while (bytes < end) {
        if (in_body(lines))
            bytes += pass_body(lines, (size_t)(end - bytes));
        else if (!pass_line_byte(lines, bytes++, end))
            return false;
    }
    return true;
}
