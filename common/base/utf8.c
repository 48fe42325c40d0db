#include "common/base/utf8.h"

static bool follows(unsigned char c, unsigned char from, unsigned char to)
{
    return c >= from && c <= to;
}

static size_t step3(const unsigned char *c)
{
    unsigned char from = c[0] == 0xe0 ? 0xa0 : 0x80; /* no overlong forms */
    unsigned char to = c[0] == 0xed ? 0x9f : 0xbf;   /* no surrogates */
    return follows(c[1], from, to) && follows(c[2], 0x80, 0xbf) ? 3 : 0;
}

static size_t step4(const unsigned char *c)
{
    unsigned char from = c[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char to = c[0] == 0xf4 ? 0x8f : 0xbf; /* nothing above U+10FFFF */
    return follows(c[1], from, to) && follows(c[2], 0x80, 0xbf) && follows(c[3], 0x80, 0xbf) ? 4
                                                                                             : 0;
}

size_t utf8_step(Str s)
{
    const unsigned char *c = (const unsigned char *)s.ptr;
    if (s.len == 0)
        return 0;
    if (c[0] < 0x80)
        return 1;
    if (follows(c[0], 0xc2, 0xdf))
        return s.len >= 2 && follows(c[1], 0x80, 0xbf) ? 2 : 0;
    if (follows(c[0], 0xe0, 0xef))
        return s.len >= 3 ? step3(c) : 0;
    if (follows(c[0], 0xf0, 0xf4))
        return s.len >= 4 ? step4(c) : 0;
    return 0;
}

bool utf8_valid(Str s)
{
    while (s.len) {
        size_t step = utf8_step(s);
        if (!step)
            return false;
        s = str_skip(s, step);
    }
    return true;
}
