#include "services/validator/engine/validate/text.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

void text_init(Text *text, Arena *arena, size_t room)
{
    *text = (Text){.arena = arena, .room = room, .data = arena_alloc(arena, room)};
    text->full = text->data == NULL;
}

static bool text_reserve(Text *text, size_t bytes)
{
    if (text->full)
        return false;
    if (text->room - text->len >= bytes)
        return true;
    size_t room = text->room * 2 > text->len + bytes ? text->room * 2 : text->len + bytes;
    char *grown = arena_grow(text->arena, text->data, text->room, room);
    if (!grown) {
        text->full = true;
        return false;
    }
    text->data = grown;
    text->room = room;
    return true;
}

void text_add(Text *text, Str s)
{
    if (s.len == 0 || !text_reserve(text, s.len))
        return;
    memcpy(text->data + text->len, s.ptr, s.len);
    text->len += s.len;
}

void text_add_char(Text *text, char c)
{
    if (text_reserve(text, 1))
        text->data[text->len++] = c;
}

void text_add_number(Text *text, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    text_add(text, (Str){digits + at, sizeof digits - at});
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

/* The first character that JSON wants escaped, or s.len. */
static size_t find_escaped(Str s, size_t i)
{
#ifdef __SSE2__
    const __m128i control = _mm_set1_epi8(0x1F);
    for (; i + 16 <= s.len; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(s.ptr + i));
        __m128i found = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes),
                                     _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                                  _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
        int mask = _mm_movemask_epi8(found);
        if (mask)
            return i + (size_t)__builtin_ctz((unsigned)mask);
    }
#endif
    while (i < s.len && is_plain((unsigned char)s.ptr[i]))
        i++;
    return i;
}

static void add_escape(Text *text, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    if (c == '"' || c == '\\') {
        escape[1] = (char)c;
        text_add(text, (Str){escape, 2});
    } else if (c == '\n') {
        text_add(text, STR("\\n"));
    } else {
        text_add(text, (Str){escape, sizeof escape});
    }
}

void text_add_json(Text *text, Str s)
{
    size_t from = 0;
    for (;;) {
        size_t at = find_escaped(s, from);
        text_add(text, str_cut(s, from, at));
        if (at == s.len)
            return;
        add_escape(text, (unsigned char)s.ptr[at]);
        from = at + 1;
    }
}

Str text_join(Arena *arena, Str a, Str b, Str c)
{
    char *to = arena_alloc(arena, a.len + b.len + c.len + 1);
    if (!to)
        return STR_NONE;
    if (a.len)
        memcpy(to, a.ptr, a.len);
    if (b.len)
        memcpy(to + a.len, b.ptr, b.len);
    if (c.len)
        memcpy(to + a.len + b.len, c.ptr, c.len);
    to[a.len + b.len + c.len] = '\0';
    return (Str){to, a.len + b.len + c.len};
}

void text_add_clipped(Text *text, Str s, size_t max)
{
    if (s.len <= max) {
        text_add(text, s);
        return;
    }
    while (max > 0 && ((unsigned char)s.ptr[max] & 0xC0) == 0x80)
        max--;
    text_add(text, str_cut(s, 0, max));
    text_add(text, STR("..."));
}

Str text_str(const Text *text)
{
    return text->full ? STR_NONE : (Str){text->data, text->len};
}
