#include "common/json/json.h"

/* A whole document may stand on one line, so columns too need a table: how many bytes before each
 * block only continue a character. */
enum { BLOCK = 256 };

struct JsonLines {
    Str source;
    const uint32_t *starts;
    uint32_t count;
    const uint32_t *continuations; /* [source.len / BLOCK + 1] */
};

/* The offset behind the line end at or behind `at`, or SIZE_MAX. Lines end at LF, CR LF or CR. */
static size_t next_line(Str source, size_t at)
{
    for (; at < source.len; at++) {
        if (source.ptr[at] == '\n')
            return at + 1;
        if (source.ptr[at] == '\r')
            return at + 1 < source.len && source.ptr[at + 1] == '\n' ? at + 2 : at + 1;
    }
    return SIZE_MAX;
}

static uint32_t code_points(const char *from, const char *to)
{
    uint32_t count = 0;
    for (; from < to; from++)
        count += ((unsigned char)*from & 0xC0) != 0x80;
    return count;
}

JsonPosition json_position(Str source, uint32_t offset)
{
    uint32_t line = 1;
    size_t start = 0;
    size_t at = offset < source.len ? offset : source.len;
    for (size_t next = next_line(source, 0); next <= at; next = next_line(source, start)) {
        start = next;
        line++;
    }
    return (JsonPosition){line, code_points(source.ptr + start, source.ptr + at) + 1};
}

static uint32_t count_continuations(const char *from, const char *to)
{
    uint32_t count = 0;
    for (; from < to; from++)
        count += ((unsigned char)*from & 0xC0) == 0x80;
    return count;
}

/* Line ends are rare in most of the text: memchr is the fast way over it. */
static size_t next_line_fast(Str source, size_t at, bool has_cr)
{
    if (has_cr)
        return next_line(source, at);
    const char *end = at < source.len ? memchr(source.ptr + at, '\n', source.len - at) : NULL;
    return end ? (size_t)(end - source.ptr) + 1 : SIZE_MAX;
}

const JsonLines *json_lines(Str source, Arena *arena)
{
    bool has_cr = source.len && memchr(source.ptr, '\r', source.len);
    uint32_t count = 1;
    for (size_t at = next_line_fast(source, 0, has_cr); at != SIZE_MAX;
         at = next_line_fast(source, at, has_cr))
        count++;
    size_t blocks = source.len / BLOCK;
    JsonLines *lines = ARENA_NEW(arena, JsonLines);
    uint32_t *starts = ARENA_ARRAY(arena, uint32_t, count);
    uint32_t *continuations = ARENA_ARRAY(arena, uint32_t, blocks + 1);
    if (!lines || !starts || !continuations)
        return NULL;
    uint32_t line = 1;
    for (size_t at = next_line_fast(source, 0, has_cr); at != SIZE_MAX;
         at = next_line_fast(source, at, has_cr))
        starts[line++] = (uint32_t)at;
    for (size_t i = 0; i < blocks; i++)
        continuations[i + 1] = continuations[i] + count_continuations(source.ptr + i * BLOCK,
                                                                      source.ptr + (i + 1) * BLOCK);
    *lines = (JsonLines){source, starts, count, continuations};
    return lines;
}

/* Code points before a byte offset. */
static uint32_t code_points_before(const JsonLines *lines, uint32_t offset)
{
    uint32_t block = offset / BLOCK;
    const char *text = lines->source.ptr;
    return offset - lines->continuations[block] -
           count_continuations(text + (size_t)block * BLOCK, text + offset);
}

JsonPosition json_lines_position(const JsonLines *lines, uint32_t offset)
{
    uint32_t low = 0;
    uint32_t high = lines->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (lines->starts[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    uint32_t at = offset < lines->source.len ? offset : (uint32_t)lines->source.len;
    return (JsonPosition){low + 1, code_points_before(lines, at) -
                                       code_points_before(lines, lines->starts[low]) + 1};
}
