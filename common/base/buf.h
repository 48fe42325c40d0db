/* buf - a growing byte buffer that states its maximum at birth.
 *
 * Owner:   buf_init/buf_clear pair; `data` is always NUL-terminated once something was added.
 * Errors:  past max_bytes (or without memory) the add yields false, the buffer keeps what it had
 * and `overflowed` stays set: check once at the end instead of at each call. */
#pragma once
#include "common/base/str.h"

typedef struct Buf {
    char *data;
    size_t len;
    size_t room;
    size_t max_bytes;
    bool overflowed;
} Buf;

void buf_init(Buf *buf, size_t max_bytes);
void buf_clear(Buf *buf); /* frees */
void buf_reset(Buf *buf); /* empties, keeps the memory */
bool buf_add(Buf *buf, Str s);
bool buf_add_char(Buf *buf, char c);
bool buf_add_format(Buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for `bytes` more at the end, to be written by the caller, who then adds to len. */
char *buf_reserve(Buf *buf, size_t bytes);

static inline Str buf_str(const Buf *buf)
{
    return (Str){buf->data ? buf->data : "", buf->len};
}
#define BUF_AUTO __attribute__((cleanup(buf_clear))) Buf
