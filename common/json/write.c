#include "common/json/write.h"

#include "common/base/utf8.h"

static bool is_plain(unsigned char c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void write_escaped(Buf *out, unsigned char c)
{
    switch (c) {
    case '"':
        buf_add(out, STR("\\\""));
        break;
    case '\\':
        buf_add(out, STR("\\\\"));
        break;
    case '\n':
        buf_add(out, STR("\\n"));
        break;
    case '\r':
        buf_add(out, STR("\\r"));
        break;
    case '\t':
        buf_add(out, STR("\\t"));
        break;
    default:
        buf_add_format(out, "\\u%04x", c);
    }
}

void json_write_string(Buf *out, Str text)
{
    buf_add_char(out, '"');
    for (size_t at = 0; at < text.len;) {
        size_t run = at;
        while (run < text.len && is_plain((unsigned char)text.ptr[run]))
            run++;
        buf_add(out, str_cut(text, at, run));
        at = run;
        if (at == text.len)
            break;
        unsigned char c = (unsigned char)text.ptr[at];
        size_t step = c < 0x80 ? 1 : utf8_step(str_skip(text, at));
        if (step == 0) {
            buf_add(out, STR("\xef\xbf\xbd"));
            at++;
        } else if (c < 0x80) {
            write_escaped(out, c);
            at++;
        } else {
            buf_add(out, str_cut(text, at, at + step));
            at += step;
        }
    }
    buf_add_char(out, '"');
}
