#include "services/ingest/text.h"

#include "common/base/utf8.h"

Str text_utf8(Arena *arena, Str value)
{
    if (value.len == 0 || utf8_valid(value))
        return value;
    char *to = arena_alloc(arena, value.len * 2 + 1);
    size_t len = 0;
    if (!to)
        return STR("");
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c >= 0x80) {
            to[len++] = (char)(0xc0 | (c >> 6));
            c = (unsigned char)(0x80 | (c & 0x3f));
        }
        to[len++] = (char)c;
    }
    to[len] = '\0';
    return (Str){to, len};
}
