/* For people: a line per issue, and the line of the file that it is about. */
#include "services/validator/cli/fhir_validate/show.h"

enum { QUOTE_MAX = 100, QUOTE_BEFORE = 40 };

static const char *const colours[] = {"\033[36m", "\033[33m", "\033[31m", "\033[1;31m"};

static void paint(const Look *look, const char *colour, Buf *out)
{
    if (look->colour)
        buf_add(out, str_from(colour));
}

/* A terminal obeys what it is sent: control characters, C1 ones too, are shown as dots. */
static void add_tame(Str text, Buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool is_c1 = c == 0xc2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] >= 0x80 &&
                     (unsigned char)text.ptr[i + 1] < 0xa0;
        if (is_c1)
            i++;
        buf_add_char(out, c < 0x20 || c == 0x7f || is_c1 ? (c == '\t' ? ' ' : '.') : (char)c);
    }
}

/* Where lines begin, found once for all issues of a file. spec: as json_position counts: LF, CR LF
 * or CR. */
typedef struct Lines {
    Str source;
    uint32_t *starts;
    uint32_t count;
    /* A place in a line that was looked for before: issues come in order, and a line may be all of
     * a file. */
    uint32_t known_line;
    size_t known_characters, known_bytes;
} Lines;

static bool ends_line(Str source, size_t at)
{
    char c = source.ptr[at];
    return c == '\n' || (c == '\r' && !(at + 1 < source.len && source.ptr[at + 1] == '\n'));
}

static Lines find_lines(Str source)
{
    Lines lines = {.source = source, .count = 1};
    for (size_t i = 0; i < source.len; i++)
        lines.count += ends_line(source, i);
    lines.starts = calloc(lines.count, sizeof *lines.starts);
    uint32_t number = 1;
    for (size_t i = 0; lines.starts && i < source.len; i++)
        if (ends_line(source, i))
            lines.starts[number++] = (uint32_t)(i + 1);
    return lines;
}

static Str line_of(const Lines *lines, uint32_t number)
{
    if (!lines->starts || number == 0 || number > lines->count)
        return STR_NONE;
    size_t from = lines->starts[number - 1];
    size_t end = number < lines->count ? lines->starts[number] : lines->source.len;
    while (end > from && (lines->source.ptr[end - 1] == '\n' || lines->source.ptr[end - 1] == '\r'))
        end--;
    return str_cut(lines->source, from, end);
}

static bool starts_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

/* The byte where the n-th character (from 0) after `at` begins. */
static size_t skip_characters(Str line, size_t at, size_t characters)
{
    for (; at < line.len; at++)
        if (starts_character(line.ptr[at]) && characters-- == 0)
            break;
    return at;
}

static size_t offset_of(Lines *lines, uint32_t number, Str line, size_t characters)
{
    if (lines->known_line != number || lines->known_characters > characters)
        lines->known_characters = lines->known_bytes = 0;
    lines->known_bytes =
        skip_characters(line, lines->known_bytes, characters - lines->known_characters);
    lines->known_line = number;
    lines->known_characters = characters;
    return lines->known_bytes;
}

static void add_quote(const Look *look, Lines *lines, const Issue *issue, Buf *out)
{
    Str line = line_of(lines, issue->line);
    if (!line.len)
        return;
    size_t column = issue->column ? issue->column - 1 : 0;
    size_t from = column > QUOTE_MAX - QUOTE_BEFORE ? column - QUOTE_BEFORE : 0;
    size_t start = offset_of(lines, issue->line, line, from);
    size_t end = skip_characters(line, start, QUOTE_MAX);
    paint(look, "\033[2m", out);
    buf_add_format(out, "%8u | %s", issue->line, from ? "..." : "");
    add_tame(str_cut(line, start, end), out);
    buf_add_format(out, "%s\n         | %*s", end < line.len ? "..." : "",
                   (int)(column - from) + (from ? 3 : 0), "");
    paint(look, "\033[0m", out);
    paint(look, colours[issue->severity], out);
    buf_add_char(out, '^');
    paint(look, "\033[0m", out);
    buf_add_char(out, '\n');
}

static void add_issue(const Look *look, Lines *lines, const Issue *issue, Buf *out)
{
    buf_add_format(out, "  %u:%u ", issue->line, issue->column);
    paint(look, colours[issue->severity], out);
    buf_add(out, str_from(severity_name(issue->severity)));
    paint(look, "\033[0m", out);
    buf_add_char(out, ' ');
    add_tame(issue->expression, out);
    buf_add(out, STR(": "));
    add_tame(issue->text, out);
    if (issue->message_id.len)
        buf_add_format(out, " [%.*s]", STR_ARG(issue->message_id));
    buf_add_char(out, '\n');
    if (issue->line)
        add_quote(look, lines, issue, out);
}

static const char *plural(uint32_t n)
{
    return n == 1 ? "" : "s";
}

void show_as_text(const Look *look, const Result *result, Buf *out)
{
    const Verdict *v = result->verdict;
    paint(look, "\033[1m", out);
    add_tame(str_from(result->path), out);
    paint(look, "\033[0m", out);
    buf_add(out, STR(": "));
    paint(look, v && v->valid ? "\033[32m" : "\033[31m", out);
    buf_add(out, !v ? STR("UNREADABLE") : v->valid ? STR("valid") : STR("INVALID"));
    paint(look, "\033[0m", out);
    if (!v) {
        buf_add_format(out, " (%s)\n", result->problem);
        return;
    }
    buf_add_format(out, " (%u error%s, %u warning%s, %u information)\n", v->errors,
                   plural(v->errors), v->warnings, plural(v->warnings), v->information);
    Lines lines = v->issues ? find_lines(result->source) : (Lines){0};
    for (const Issue *issue = v->issues; issue; issue = issue->next)
        add_issue(look, &lines, issue, out);
    free(lines.starts);
    if (v->issues_left_out)
        buf_add_format(out, "  %u more issue%s left out\n", v->issues_left_out,
                       v->issues_left_out == 1 ? " is" : "s are");
}
