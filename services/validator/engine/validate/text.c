#include "services/validator/engine/validate/text.h"

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

void text_add_json(Text *text, Str s)
{
    static const char hex[] = "0123456789abcdef";
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (is_plain(c))
            continue;
        text_add(text, str_cut(s, from, i));
        from = i + 1;
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
    text_add(text, str_cut(s, from, s.len));
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
