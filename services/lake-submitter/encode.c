#include "services/lake-submitter/encode.h"

Str encode_percent(Arena *arena, Str text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, text.len * 3 + 1);
    size_t len = 0;
    if (!out)
        return STR_NONE;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            out[len++] = (char)c;
        } else {
            out[len++] = '%';
            out[len++] = digits[c >> 4];
            out[len++] = digits[c & 15];
        }
    }
    out[len] = '\0';
    return (Str){out, len};
}

Str encode_base64(Arena *arena, Str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = arena_alloc(arena, (bytes.len + 2) / 3 * 4 + 1);
    size_t len = 0;
    if (!out)
        return STR_NONE;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t three = (uint32_t)(unsigned char)bytes.ptr[i] << 16;
        three |= left > 1 ? (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8 : 0;
        three |= left > 2 ? (unsigned char)bytes.ptr[i + 2] : 0;
        out[len++] = digits[three >> 18];
        out[len++] = digits[three >> 12 & 63];
        out[len++] = left > 1 ? digits[three >> 6 & 63] : '=';
        out[len++] = left > 2 ? digits[three & 63] : '=';
    }
    out[len] = '\0';
    return (Str){out, len};
}
