#include "services/ingest/read/csv.h"

/* Also after blanks: some spreadsheets trim first. */
static bool could_be_formula(Str text)
{
    size_t at = 0;
    while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\n'))
        at++;
    return at < text.len &&
           memchr("=+-@\t\r", text.ptr[at], 6) != NULL; /* NOLINT: without its NUL */
}

static bool needs_quotes(Str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr(",;\"\r\n\t", text.ptr[i])) /* NUL, too, finds itself */
            return true;
    return text.len && (text.ptr[0] == ' ' || text.ptr[text.len - 1] == ' ');
}

void csv_add_cell(Buf *out, Str text)
{
    bool formula = could_be_formula(text);
    if (!formula && !needs_quotes(text)) {
        buf_add(out, text);
        return;
    }
    buf_add_char(out, '"');
    if (formula)
        buf_add_char(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, text.ptr[i]);
    }
    buf_add_char(out, '"');
}
