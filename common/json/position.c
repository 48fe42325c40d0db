#include "common/json/json.h"

struct JsonLines {
    Str source;
    const uint32_t *starts;
    uint32_t count;
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

const JsonLines *json_lines(Str source, Arena *arena)
{
    uint32_t count = 1;
    for (size_t at = next_line(source, 0); at != SIZE_MAX; at = next_line(source, at))
        count++;
    JsonLines *lines = ARENA_NEW(arena, JsonLines);
    uint32_t *starts = lines ? ARENA_ARRAY(arena, uint32_t, count) : NULL;
    if (!starts)
        return NULL;
    uint32_t line = 1;
    for (size_t at = next_line(source, 0); at != SIZE_MAX; at = next_line(source, at))
        starts[line++] = (uint32_t)at;
    *lines = (JsonLines){source, starts, count};
    return lines;
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
    const char *text = lines->source.ptr;
    uint32_t start = lines->starts[low];
    uint32_t at = offset < lines->source.len ? offset : (uint32_t)lines->source.len;
    return (JsonPosition){low + 1, code_points(text + start, text + at) + 1};
}
