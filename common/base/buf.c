#include "common/base/buf.h"

#include <stdarg.h>

void buf_init(Buf *buf, size_t max_bytes)
{
    *buf = (Buf){.max_bytes = max_bytes};
}

void buf_clear(Buf *buf)
{
    free(buf->data);
    *buf = (Buf){.max_bytes = buf->max_bytes};
}

void buf_reset(Buf *buf)
{
    buf->len = 0;
    buf->overflowed = false;
}

char *buf_reserve(Buf *buf, size_t bytes)
{
    if (bytes > buf->max_bytes - buf->len) {
        buf->overflowed = true;
        return NULL;
    }
    size_t need = buf->len + bytes + 1;
    if (need > buf->room) {
        size_t room = buf->room ? buf->room * 2 : 256;
        if (room < need)
            room = need;
        char *data = realloc(buf->data, room);
        if (!data) {
            buf->overflowed = true;
            return NULL;
        }
        buf->data = data;
        buf->room = room;
    }
    return buf->data + buf->len;
}

bool buf_add(Buf *buf, Str s)
{
    char *to = buf_reserve(buf, s.len);
    if (!to)
        return false;
    if (s.len)
        memcpy(to, s.ptr, s.len);
    buf->len += s.len;
    buf->data[buf->len] = '\0';
    return true;
}

bool buf_add_char(Buf *buf, char c)
{
    if (buf->len + 1 < buf->room && buf->len < buf->max_bytes) {
        buf->data[buf->len++] = c;
        buf->data[buf->len] = '\0';
        return true;
    }
    return buf_add(buf, (Str){&c, 1});
}

bool buf_add_format(Buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = len < 0 ? NULL : buf_reserve(buf, (size_t)len);
    if (to) {
        vsnprintf(to, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    return to != NULL;
}
