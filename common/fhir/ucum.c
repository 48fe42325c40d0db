#include "common/fhir/ucum.h"

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/fhir/ucum_table.h"

enum {
    EXPONENT_MAX = 99,
    DEFINITION_DEPTH_MAX = 24,
    CANONICAL_DIGITS = 30,
    NUMBER_DIGITS_MAX = 9,
    SPECIAL_MIXED = UINT16_MAX, /* several special units in one expression: equal to nothing */
};

static const Decimal one = {.small = 1};

typedef enum TokenKind { END, SOLIDUS, PERIOD, OPEN, CLOSE, NUMBER, SYMBOL, ANNOTATION } TokenKind;

typedef struct Parser {
    Str code;
    size_t at;    /* behind the token */
    size_t start; /* of the token */
    TokenKind kind;
    Str token;
    uint32_t depth;
    uint32_t definition_depth;
    Arena *arena; /* NULL: only validate */
    UcumProblem problem;
} Parser;

static bool fail(Parser *p, const char *text, Str symbol)
{
    if (!p->problem.text)
        p->problem = (UcumProblem){(uint32_t)p->start, symbol, text};
    return false;
}

/* --- tokens --- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_symbol_char(char c, bool in_brackets)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '[' || c == ']' || c == '%' ||
           c == '*' || c == '^' || c == '\'' || c == '"' || c == '_' || (in_brackets && c == '.');
}

static char peek(const Parser *p)
{
    return p->at < p->code.len ? p->code.ptr[p->at] : '\0';
}

/* Digits belong to a symbol before its first letter (10*) and inside brackets (m[H2O], [CCID_50]);
 * behind it they are its exponent. */
static bool read_symbol(Parser *p)
{
    bool in_brackets = false, letters = false;
    for (; p->at < p->code.len; p->at++) {
        char c = peek(p);
        if (is_digit(c) ? letters && !in_brackets : !is_symbol_char(c, in_brackets))
            break;
        if (c == '[' && in_brackets)
            return fail(p, "nested '['", STR_NONE);
        if (c == ']' && !in_brackets)
            return fail(p, "']' without '['", STR_NONE);
        if (c == '[' || c == ']')
            in_brackets = c == '[';
        letters = letters || !is_digit(c);
    }
    if (in_brackets)
        return fail(p, "'[' is not closed", STR_NONE);
    p->kind = letters ? SYMBOL : NUMBER;
    return true;
}

static bool read_annotation(Parser *p)
{
    while (p->at < p->code.len && peek(p) != '}') {
        if (peek(p) < ' ' || peek(p) > '~')
            return fail(p, "an annotation holds printable ASCII only", STR_NONE);
        p->at++;
    }
    if (p->at == p->code.len)
        return fail(p, "the annotation is not closed", STR_NONE);
    p->at++;
    p->kind = ANNOTATION;
    return true;
}

static bool read_signed(Parser *p)
{
    while (is_digit(peek(p)))
        p->at++;
    p->kind = NUMBER;
    return p->at - p->start > 1 || fail(p, "a sign without digits", STR_NONE);
}

static bool next(Parser *p)
{
    static const struct {
        char c;
        TokenKind kind;
    } singles[] = {
        {'/', SOLIDUS},
        {'.', PERIOD },
        {'(', OPEN   },
        {')', CLOSE  }
    };
    p->start = p->at;
    p->kind = END;
    if (p->at == p->code.len)
        return true;
    char c = peek(p);
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        if (c == singles[i].c) {
            p->at++;
            p->kind = singles[i].kind;
            return true;
        }
    bool ok;
    if (c == '{') {
        ok = read_annotation(p);
    } else if (c == '+' || c == '-') {
        p->at++;
        ok = read_signed(p);
    } else if (is_digit(c) || is_symbol_char(c, false)) {
        ok = read_symbol(p);
    } else {
        return fail(p, "unexpected character", str_cut(p->code, p->at, p->at + 1));
    }
    p->token = str_cut(p->code, p->start, p->at);
    return ok;
}

static bool token_number(Parser *p, int64_t *ret)
{
    Str digits = p->token;
    bool negative = digits.ptr[0] == '-';
    uint64_t value;
    if (negative || digits.ptr[0] == '+')
        digits = str_skip(digits, 1);
    if (digits.len > NUMBER_DIGITS_MAX || !str_to_u64(digits, &value))
        return fail(p, "the number is too large", p->token);
    *ret = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

/* --- units --- */

static const UcumRow *find_row(Str code)
{
    size_t low = 0, high = ucum_row_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(code, str_from(ucum_rows[middle].code));
        if (order == 0)
            return &ucum_rows[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static const UcumRow *find_unit(Str symbol, const UcumPrefix **ret_prefix)
{
    const UcumRow *row = find_row(symbol);
    *ret_prefix = NULL;
    for (size_t i = 0; !row && i < ucum_prefix_count; i++) {
        Str prefix = str_from(ucum_prefixes[i].code);
        if (symbol.len <= prefix.len || !str_starts(symbol, prefix))
            continue;
        row = find_row(str_skip(symbol, prefix.len));
        if (row && !row->metric)
            row = NULL;
        if (row)
            *ret_prefix = &ucum_prefixes[i];
    }
    return row;
}

static UcumUnit unity(void)
{
    return (UcumUnit){.numerator = one, .denominator = one};
}

static bool add_exponents(UcumUnit *to, const UcumUnit *other, int sign)
{
    for (int i = 0; i < UCUM_BASE_COUNT; i++) {
        int sum = to->exponents[i] + sign * other->exponents[i];
        if (sum > EXPONENT_MAX || sum < -EXPONENT_MAX)
            return false;
        to->exponents[i] = (int8_t)sum;
    }
    return true;
}

static uint16_t mix_special(const UcumUnit *a, const UcumUnit *b)
{
    return a->special && b->special ? SPECIAL_MIXED : a->special ? a->special : b->special;
}

static bool combine(const UcumUnit *a, const UcumUnit *b, bool divide, Arena *arena, UcumUnit *ret)
{
    UcumUnit r = *a;
    TRY(add_exponents(&r, b, divide ? -1 : 1));
    TRY(decimal_multiply(a->numerator, divide ? b->denominator : b->numerator, arena,
                         &r.numerator));
    TRY(decimal_multiply(a->denominator, divide ? b->numerator : b->denominator, arena,
                         &r.denominator));
    r.offset = DECIMAL_ZERO; /* a difference of temperatures, once it is part of a product */
    r.special = mix_special(a, b);
    *ret = r;
    return decimal_sign(r.denominator) != 0;
}

bool ucum_multiply(const UcumUnit *a, const UcumUnit *b, Arena *arena, UcumUnit *ret)
{
    return combine(a, b, false, arena, ret);
}

bool ucum_divide(const UcumUnit *a, const UcumUnit *b, Arena *arena, UcumUnit *ret)
{
    return combine(a, b, true, arena, ret);
}

static bool raise(UcumUnit *unit, int64_t exponent, Arena *arena)
{
    if (exponent == 1)
        return true;
    UcumUnit base = *unit, result = unity();
    if (exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX)
        return false;
    for (int64_t i = exponent < 0 ? -exponent : exponent; i > 0; i--)
        TRY(combine(&result, &base, exponent < 0, arena, &result));
    result.special = base.special;
    *unit = result;
    return true;
}

static bool parse_expression(Parser *p, UcumUnit *ret);

static bool evaluate_row(Parser *p, const UcumRow *row, UcumUnit *ret)
{
    UcumUnit unit = unity();
    if (row->kind == UCUM_BASE) {
        unit.exponents[row->base] = 1;
        *ret = unit;
        return true;
    }
    if (row->kind == UCUM_SPECIAL) {
        unit.special = (uint16_t)(row - ucum_rows + 1);
        *ret = unit;
        return true;
    }
    CHECK(p->definition_depth < DEFINITION_DEPTH_MAX); /* the table has no cycles */
    Parser inner = {.code = str_from(row->unit),
                    .definition_depth = p->definition_depth + 1,
                    .arena = p->arena};
    Decimal value;
    if (!parse_expression(&inner, &unit) ||
        !decimal_parse(str_from(row->value), p->arena, &value) ||
        !decimal_multiply(unit.numerator, value, p->arena, &unit.numerator))
        return fail(p, "the unit is too large to be computed", STR_NONE);
    if (row->kind == UCUM_OFFSET)
        TRY(decimal_parse(str_from(row->offset), p->arena, &unit.offset));
    *ret = unit;
    return true;
}

/* A prefix before an offset unit (mCel) scales a difference: the offset goes. */
static bool evaluate_symbol(Parser *p, const UcumRow *row, const UcumPrefix *prefix,
                            int64_t exponent, UcumUnit *ret)
{
    UcumUnit unit, scale = unity();
    TRY(evaluate_row(p, row, &unit));
    if (prefix) {
        TRY(decimal_parse(str_from(prefix->value), p->arena, &scale.numerator));
        TRY(combine(&unit, &scale, false, p->arena, &unit) ||
            fail(p, "the unit is too large to be computed", STR_NONE));
    }
    TRY(raise(&unit, exponent, p->arena) ||
        fail(p, "the unit is too large to be computed", STR_NONE));
    *ret = unit;
    return true;
}

static bool parse_symbol(Parser *p, UcumUnit *ret)
{
    const UcumPrefix *prefix;
    const UcumRow *row = find_unit(p->token, &prefix);
    int64_t exponent = 1;
    if (!row)
        return fail(p, "unknown unit", p->token);
    TRY(next(p));
    if (p->kind == NUMBER) {
        TRY(token_number(p, &exponent));
        if (exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX)
            return fail(p, "the exponent is too large", p->token);
        TRY(next(p));
    }
    return !p->arena || evaluate_symbol(p, row, prefix, exponent, ret);
}

static bool parse_term(Parser *p, UcumUnit *ret);

static bool parse_component(Parser *p, UcumUnit *ret)
{
    *ret = unity();
    switch (p->kind) {
    case NUMBER: {
        int64_t value;
        TRY(token_number(p, &value));
        ret->numerator.small = value;
        return next(p);
    }
    case SYMBOL:
        return parse_symbol(p, ret);
    case ANNOTATION:
        return next(p);
    case OPEN:
        if (p->depth == UCUM_DEPTH_MAX)
            return fail(p, "too many parentheses", STR_NONE);
        p->depth++;
        TRY(next(p));
        TRY(parse_term(p, ret));
        if (p->kind != CLOSE)
            return fail(p, "expected ')'", STR_NONE);
        p->depth--;
        return next(p);
    default:
        return fail(p, p->kind == END ? "expected a unit, found the end" : "expected a unit",
                    STR_NONE);
    }
}

/* One component and the annotations behind it: mg{creatinine} */
static bool parse_annotated(Parser *p, UcumUnit *ret)
{
    TRY(parse_component(p, ret));
    while (p->kind == ANNOTATION)
        TRY(next(p));
    return true;
}

/* spec: ucum.org/ucum#section-Grammar-of-Units-and-Unit-Terms: from left to right, a leading '/' is
 * allowed */
static bool parse_term(Parser *p, UcumUnit *ret)
{
    UcumUnit result = unity(), factor;
    bool divide = false, first = true;
    if (p->kind == SOLIDUS) {
        divide = true;
        first = false;
        TRY(next(p));
    }
    for (;;) {
        TRY(parse_annotated(p, &factor));
        if (first)
            result = factor;
        else if (p->arena && !combine(&result, &factor, divide, p->arena, &result))
            return fail(p, "the unit is too large to be computed", STR_NONE);
        first = false;
        if (p->kind != SOLIDUS && p->kind != PERIOD)
            break;
        divide = p->kind == SOLIDUS;
        TRY(next(p));
    }
    *ret = result;
    return true;
}

static bool parse_expression(Parser *p, UcumUnit *ret)
{
    TRY(next(p));
    if (p->kind == END) {
        *ret = unity();
        return true;
    }
    TRY(parse_term(p, ret));
    return p->kind == END ||
           fail(p, p->kind == CLOSE ? "')' without '('" : "expected '.' or '/'", STR_NONE);
}

static bool parse(Str code, Arena *arena, UcumUnit *ret, UcumProblem *ret_problem)
{
    Parser p = {.code = code, .arena = arena};
    UcumUnit unit;
    bool ok = code.len <= UCUM_CODE_MAX ? parse_expression(&p, &unit)
                                        : fail(&p, "the code is too long", STR_NONE);
    if (ok)
        *ret = unit;
    else if (ret_problem)
        *ret_problem = p.problem;
    return ok;
}

bool ucum_valid(Str code, UcumProblem *ret_problem)
{
    UcumUnit unit;
    return parse(code, NULL, &unit, ret_problem);
}

bool ucum_parse(Str code, Arena *arena, UcumUnit *ret, UcumProblem *ret_problem)
{
    CHECK(arena);
    return parse(code, arena, ret, ret_problem);
}

Str ucum_annotation(Str code)
{
    size_t open = str_find_char(code, '{');
    if (open == code.len)
        return STR_NONE;
    size_t length = str_find_char(str_skip(code, open), '}');
    if (open + length == code.len)
        return STR_NONE;
    return str_cut(code, open, open + length + 1);
}

/* --- comparison and conversion --- */

static bool canonical_base(const UcumUnit *unit, int base, Buf *out)
{
    int exponent = unit->exponents[base];
    if (exponent == 0)
        return true;
    TRY(out->len == 0 || buf_add_char(out, '.'));
    TRY(buf_add(out, str_from(ucum_base_codes[base])));
    return exponent == 1 || buf_add_format(out, "%d", exponent);
}

Str ucum_canonical_code(const UcumUnit *unit, Arena *arena)
{
    /* by code: C K cd g m rad s */
    static const int order[UCUM_BASE_COUNT] = {5, 4, 6, 2, 0, 3, 1};
    BUF_AUTO out;
    buf_init(&out, UCUM_CODE_MAX);
    if (unit->special && unit->special != SPECIAL_MIXED)
        buf_add(&out, str_from(ucum_rows[unit->special - 1].code));
    for (int i = 0; i < UCUM_BASE_COUNT; i++)
        canonical_base(unit, order[i], &out);
    return arena_copy(arena, buf_str(&out));
}

bool ucum_commensurable(const UcumUnit *a, const UcumUnit *b)
{
    return a->special == b->special && a->special != SPECIAL_MIXED &&
           memcmp(a->exponents, b->exponents, sizeof a->exponents) == 0;
}

/* value + offset, times the numerator; the denominator is still to be divided by */
static bool scaled(Decimal value, const UcumUnit *unit, Arena *arena, Decimal *ret)
{
    TRY(decimal_add(value, unit->offset, arena, &value));
    return decimal_multiply(value, unit->numerator, arena, ret);
}

static bool quotient(Decimal top, Decimal bottom, Arena *arena, Decimal *ret)
{
    if (decimal_divide_exact(top, bottom, CANONICAL_DIGITS, arena, ret))
        return true;
    return decimal_divide_digits(top, bottom, CANONICAL_DIGITS, arena, ret);
}

bool ucum_to_canonical(Decimal value, const UcumUnit *unit, Arena *arena, Decimal *ret)
{
    Decimal top;
    TRY(scaled(value, unit, arena, &top));
    return quotient(top, unit->denominator, arena, ret);
}

bool ucum_convert(Decimal value, const UcumUnit *from, const UcumUnit *to, Arena *arena,
                  Decimal *ret)
{
    Decimal top, bottom, result;
    if (!ucum_commensurable(from, to))
        return false;
    TRY(scaled(value, from, arena, &top));
    TRY(decimal_multiply(top, to->denominator, arena, &top));
    TRY(decimal_multiply(from->denominator, to->numerator, arena, &bottom));
    TRY(quotient(top, bottom, arena, &result));
    return decimal_subtract(result, to->offset, arena, ret);
}

bool ucum_compare(Decimal a, const UcumUnit *unit_a, Decimal b, const UcumUnit *unit_b,
                  Arena *arena, int *ret_order)
{
    if (!ucum_commensurable(unit_a, unit_b))
        return false;
    TRY(scaled(a, unit_a, arena, &a));
    TRY(scaled(b, unit_b, arena, &b));
    TRY(decimal_multiply(a, unit_b->denominator, arena, &a));
    TRY(decimal_multiply(b, unit_a->denominator, arena, &b));
    int order = decimal_compare(a, b);
    bool flips = (decimal_sign(unit_a->denominator) < 0) != (decimal_sign(unit_b->denominator) < 0);
    *ret_order = flips ? -order : order;
    return true;
}
