#include "common/auth/base64url.h"

static int value_of(char c, char plus, char slash)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == plus)
        return 62;
    return c == slash ? 63 : -1;
}

static bool decode(Str text, char plus, char slash, Arena *arena, Str *ret_bytes)
{
    char *to = arena_alloc(arena, text.len * 3 / 4 + 1);
    size_t len = 0;
    uint32_t bits = 0;
    int have = 0;
    if (!to || text.len % 4 == 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int value = value_of(text.ptr[i], plus, slash);
        if (value < 0)
            return false;
        bits = (bits << 6 | (uint32_t)value) & 0xffffffu;
        have += 6;
        if (have >= 8) {
            have -= 8;
            to[len++] = (char)(bits >> have & 0xff);
        }
    }
    if (have && (bits & ((1u << have) - 1)))
        return false;
    to[len] = '\0';
    *ret_bytes = (Str){to, len};
    return true;
}

bool base64url_decode(Str text, Arena *arena, Str *ret_bytes)
{
    return decode(text, '-', '_', arena, ret_bytes);
}

bool base64_decode(Str text, Arena *arena, Str *ret_bytes)
{
    if (text.len % 4)
        return false;
    for (int i = 0; i < 2 && str_ends(text, STR("=")); i++)
        text.len--;
    return decode(text, '+', '/', arena, ret_bytes);
}

void base64url_write(Buf *out, Str bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = (bits << 8 | (unsigned char)bytes.ptr[i]) & 0xffffffu;
        for (have += 8; have >= 6; have -= 6)
            buf_add_char(out, letters[bits >> (have - 6) & 63]);
    }
    if (have)
        buf_add_char(out, letters[bits << (6 - have) & 63]);
}
