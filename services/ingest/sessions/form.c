#include "services/ingest/sessions/form.h"

void form_add_escaped(Buf *out, Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            buf_add_char(out, (char)c);
        else
            buf_add_format(out, "%%%02X", c);
    }
}

void form_add(Buf *out, const char *name, Str value)
{
    buf_add_format(out, "&%s=", name);
    form_add_escaped(out, value);
}
