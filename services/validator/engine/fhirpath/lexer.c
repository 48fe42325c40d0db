#include "services/validator/engine/fhirpath/lexer.h"

#include <stdarg.h>

#include "services/validator/engine/fhirpath/code.h"

FhirpathAt fp_position(Str source, uint32_t offset)
{
    FhirpathAt at = {.offset = offset, .line = 1, .column = 1};
    for (uint32_t i = 0; i < offset && i < source.len; i++) {
        unsigned char c = (unsigned char)source.ptr[i];
        if (c == '\n') {
            at.line++;
            at.column = 1;
        } else if ((c & 0xC0) != 0x80) {
            at.column++;
        }
    }
    return at;
}

bool fp_syntax(FpLexer *lexer, uint32_t at, const char *format, ...)
{
    FhirpathAt position = fp_position(lexer->source, at);
    if (lexer->ret_at)
        *lexer->ret_at = position;
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ERR(lexer->err, ERR_INPUT, "fhirpath-syntax", "syntax error at %u:%u: %s", position.line,
               position.column, text);
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}
static bool is_name_start(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_name_char(int c)
{
    return is_name_start(c) || is_digit(c);
}
static int peek(const FpLexer *lexer, uint32_t ahead)
{
    return lexer->cursor + ahead < lexer->source.len
               ? (unsigned char)lexer->source.ptr[lexer->cursor + ahead]
               : -1;
}

static bool skip_comment(FpLexer *lexer)
{
    uint32_t start = lexer->cursor;
    Str rest = str_skip(lexer->source, lexer->cursor + 2);
    if (peek(lexer, 1) == '/') {
        while (peek(lexer, 0) >= 0 && peek(lexer, 0) != '\n' && peek(lexer, 0) != '\r')
            lexer->cursor++;
        return true;
    }
    size_t end = str_find(rest, STR("*/"));
    if (end == SIZE_MAX)
        return fp_syntax(lexer, start, "this comment is not closed, expected */");
    lexer->cursor += (uint32_t)end + 4;
    return true;
}

static bool skip_space(FpLexer *lexer)
{
    for (;;) {
        int c = peek(lexer, 0);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            lexer->cursor++;
        } else if (c == 0xC2 && peek(lexer, 1) == 0xA0) {
            lexer->cursor += 2; /* a no-break space pasted from a document */
        } else if (c == '/' && (peek(lexer, 1) == '/' || peek(lexer, 1) == '*')) {
            if (!skip_comment(lexer))
                return false;
        } else {
            return true;
        }
    }
}

static bool read_hex(FpLexer *lexer, uint32_t *ret_code)
{
    uint32_t code = 0;
    for (uint32_t i = 0; i < 4; i++) {
        int c = peek(lexer, i);
        int digit = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return fp_syntax(lexer, lexer->cursor + i,
                             "expected four hexadecimal digits after \\u");
        code = code << 4 | (uint32_t)digit;
    }
    lexer->cursor += 4;
    *ret_code = code;
    return true;
}

static size_t put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xC0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xE0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3F));
        to[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3F));
    to[2] = (char)(0x80 | (code >> 6 & 0x3F));
    to[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* Behind "\u": one code point, of two escapes when it lies beyond the first plane. */
static bool read_unicode(FpLexer *lexer, char *to, size_t *len)
{
    uint32_t at = lexer->cursor;
    uint32_t code = 0, low = 0;
    if (!read_hex(lexer, &code))
        return false;
    if (code >= 0xD800 && code < 0xDC00 && peek(lexer, 0) == '\\' && peek(lexer, 1) == 'u') {
        lexer->cursor += 2;
        if (!read_hex(lexer, &low))
            return false;
        if (low < 0xDC00 || low > 0xDFFF)
            return fp_syntax(lexer, at, "half a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code >= 0xD800 && code < 0xE000)
        return fp_syntax(lexer, at, "half a surrogate pair");
    *len += put_utf8(to + *len, code);
    return true;
}

/* spec: N1 grammar, ESC: '\\' ([`'\\/fnrt] | UNICODE); \" as the R4 suite has it. */
static bool read_escape(FpLexer *lexer, char *to, size_t *len)
{
    static const char from[] = "`'\\/\"fnrt";
    static const char into[] = "`'\\/\"\f\n\r\t";
    int c = peek(lexer, 1);
    const char *found = c > 0 ? strchr(from, c) : NULL;
    if (c == 'u') {
        lexer->cursor += 2;
        return read_unicode(lexer, to, len);
    }
    if (!found)
        return fp_syntax(lexer, lexer->cursor,
                         "unknown escape, expected one of \\` \\' \\\\ \\/ "
                         "\\\" \\f \\n \\r \\t \\uXXXX");
    to[(*len)++] = into[found - from];
    lexer->cursor += 2;
    return true;
}

static bool read_quoted(FpLexer *lexer, Str *ret_text)
{
    uint32_t start = lexer->cursor;
    int quote = peek(lexer, 0);
    lexer->cursor++;
    uint32_t plain = lexer->cursor;
    while (plain < lexer->source.len && lexer->source.ptr[plain] != quote &&
           lexer->source.ptr[plain] != '\\')
        plain++;
    if (plain < lexer->source.len && lexer->source.ptr[plain] == quote) {
        *ret_text = str_cut(lexer->source, lexer->cursor, plain);
        lexer->cursor = plain + 1;
        return true;
    }
    char *to = arena_alloc(lexer->arena, lexer->source.len - start);
    if (!to)
        return ERR(lexer->err, ERR_INPUT, "memory-limit", "the expression needs too much memory");
    size_t len = 0;
    for (int c; (c = peek(lexer, 0)) != quote;) {
        if (c < 0)
            return fp_syntax(lexer, start, "this text is not closed, expected %c", quote);
        if (c == '\\') {
            if (!read_escape(lexer, to, &len))
                return false;
        } else {
            to[len++] = (char)c;
            lexer->cursor++;
        }
    }
    lexer->cursor++;
    *ret_text = (Str){to, len};
    return true;
}

static void skip_digits(FpLexer *lexer)
{
    while (is_digit(peek(lexer, 0)))
        lexer->cursor++;
}

static void read_number(FpLexer *lexer, FpToken *token)
{
    skip_digits(lexer);
    token->kind = FP_TOKEN_INTEGER;
    if (peek(lexer, 0) == '.' && is_digit(peek(lexer, 1))) {
        lexer->cursor++;
        skip_digits(lexer);
        token->kind = FP_TOKEN_DECIMAL;
    }
    token->text = str_cut(lexer->source, token->at, lexer->cursor);
    if (peek(lexer, 0) == 'L' && token->kind == FP_TOKEN_INTEGER && !is_name_char(peek(lexer, 1)))
        lexer->cursor++; /* a Long: our Integers have 64 bits anyway */
}

/* `count` digits after an optional separator; false and nothing taken when they are not there. */
static bool take_field(FpLexer *lexer, int separator, uint32_t count)
{
    uint32_t skip = separator ? 1 : 0;
    if (separator && peek(lexer, 0) != separator)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!is_digit(peek(lexer, skip + i)))
            return false;
    lexer->cursor += skip + count;
    return true;
}

static void take_zone(FpLexer *lexer)
{
    uint32_t start = lexer->cursor;
    if (peek(lexer, 0) == 'Z') {
        lexer->cursor++;
    } else if (peek(lexer, 0) == '+' || peek(lexer, 0) == '-') {
        lexer->cursor++;
        if (!take_field(lexer, 0, 2) || !take_field(lexer, ':', 2))
            lexer->cursor = start; /* then it is an operator */
    }
}

static void take_time(FpLexer *lexer)
{
    if (!take_field(lexer, 0, 2))
        return;
    if (take_field(lexer, ':', 2) && take_field(lexer, ':', 2) && peek(lexer, 0) == '.' &&
        is_digit(peek(lexer, 1))) {
        lexer->cursor++;
        skip_digits(lexer);
    }
    take_zone(lexer);
}

/* spec: N1 grammar, DATE, DATETIME, TIME. Whether such a day exists the parser asks datetime.h. */
static bool read_date_time(FpLexer *lexer, FpToken *token)
{
    lexer->cursor++;
    token->kind = FP_TOKEN_DATE_TIME;
    if (peek(lexer, 0) == 'T') {
        lexer->cursor++;
        take_time(lexer);
    } else {
        if (!take_field(lexer, 0, 4))
            return fp_syntax(lexer, token->at,
                             "expected a date or time: @YYYY-MM-DD, @...T, @Thh:mm");
        if (take_field(lexer, '-', 2))
            (void)take_field(lexer, '-', 2);
        if (peek(lexer, 0) == 'T') {
            lexer->cursor++;
            take_time(lexer);
        }
    }
    token->text = str_cut(lexer->source, token->at + 1, lexer->cursor);
    return true;
}

/* spec: hl7.org/fhir/R4/fhirpath.html#variables: %vs-[name], %ext-[name] may come without quotes,
 * as may names with '-' in the java dialect (%us-zip). */
static bool read_variable(FpLexer *lexer, FpToken *token)
{
    lexer->cursor++;
    token->kind = FP_TOKEN_VARIABLE;
    int c = peek(lexer, 0);
    if (c == '`' || c == '\'' || c == '"')
        return read_quoted(lexer, &token->text);
    uint32_t start = lexer->cursor;
    if (!is_name_start(c))
        return fp_syntax(lexer, token->at, "expected a name after %%");
    while (is_name_char(peek(lexer, 0)))
        lexer->cursor++;
    Str name = str_cut(lexer->source, start, lexer->cursor);
    bool dashes = lexer->dialect == FHIRPATH_JAVA || str_is(name, "vs") || str_is(name, "ext") ||
                  str_is(name, "cs");
    while (dashes && (peek(lexer, 0) == '-' || peek(lexer, 0) == ':') &&
           is_name_char(peek(lexer, 1)))
        for (lexer->cursor++; is_name_char(peek(lexer, 0));)
            lexer->cursor++;
    token->text = str_cut(lexer->source, start, lexer->cursor);
    return true;
}

static bool read_symbol(FpLexer *lexer, FpToken *token)
{
    static const char *const pairs[] = {"<=", ">=", "!=", "!~"};
    static const char singles[] = ".,()[]{}+-*/&|<>=~";
    int c = peek(lexer, 0);
    token->kind = FP_TOKEN_SYMBOL;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (c == pairs[i][0] && peek(lexer, 1) == pairs[i][1])
            lexer->cursor += 2;
    if (lexer->cursor == token->at) {
        if (c == 0 || !strchr(singles, c))
            return c < 0x80 && c >= 0x20
                       ? fp_syntax(lexer, token->at, "'%c' is not expected in an expression", c)
                       : fp_syntax(lexer, token->at, "byte 0x%02x is not expected in an expression",
                                   (unsigned)c);
        lexer->cursor++;
    }
    token->text = str_cut(lexer->source, token->at, lexer->cursor);
    return true;
}

bool fp_lexer_next(FpLexer *lexer, FpToken *token)
{
    if (!skip_space(lexer))
        return false;
    int c = peek(lexer, 0);
    *token = (FpToken){.at = lexer->cursor};
    bool ok = true;
    if (c < 0) {
        token->kind = FP_TOKEN_END;
    } else if (is_name_start(c)) {
        while (is_name_char(peek(lexer, 0)))
            lexer->cursor++;
        token->kind = FP_TOKEN_NAME;
        token->text = str_cut(lexer->source, token->at, lexer->cursor);
    } else if (is_digit(c)) {
        read_number(lexer, token);
    } else if (c == '\'') {
        token->kind = FP_TOKEN_STRING;
        ok = read_quoted(lexer, &token->text);
    } else if (c == '`') {
        token->kind = FP_TOKEN_DELIMITED;
        ok = read_quoted(lexer, &token->text);
    } else if (c == '@') {
        ok = read_date_time(lexer, token);
    } else if (c == '%') {
        ok = read_variable(lexer, token);
    } else if (c == '$') {
        for (lexer->cursor++; is_name_char(peek(lexer, 0));)
            lexer->cursor++;
        token->kind = FP_TOKEN_DOLLAR;
        token->text = str_cut(lexer->source, token->at + 1, lexer->cursor);
    } else {
        ok = read_symbol(lexer, token);
    }
    token->end = lexer->cursor;
    return ok;
}
