#include "services/validator/engine/validate/ecl.h"

enum { DEPTH_MAX = 64 };

typedef struct Ecl {
    const char *at, *end;
    unsigned depth;
} Ecl;

static bool expression(Ecl *e);

static void blanks(Ecl *e)
{
    while (e->at < e->end) {
        if (*e->at == ' ' || (*e->at >= '\t' && *e->at <= '\r')) {
            e->at++;
            continue;
        }
        if (e->end - e->at < 2 || e->at[0] != '/' || e->at[1] != '*')
            return;
        for (e->at += 2; e->at < e->end && !(e->at[-1] == '*' && e->at[0] == '/'); e->at++)
            ;
        e->at += e->at < e->end;
    }
}

static bool take(Ecl *e, const char *sign)
{
    blanks(e);
    size_t len = strlen(sign);
    if ((size_t)(e->end - e->at) < len || strncmp(e->at, sign, len) != 0)
        return false;
    e->at += len;
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A word in any case of letters, that ends there. */
static bool take_word(Ecl *e, const char *word)
{
    blanks(e);
    size_t len = strlen(word);
    if ((size_t)(e->end - e->at) < len)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((e->at[i] | 0x20) != word[i])
            return false;
    if (e->at + len < e->end && is_letter(e->at[len]))
        return false;
    e->at += len;
    return true;
}

/* Up to the sign that closes; false when there is none. */
static bool pass(Ecl *e, const char *close)
{
    size_t len = strlen(close);
    for (; (size_t)(e->end - e->at) >= len; e->at++)
        if (strncmp(e->at, close, len) == 0) {
            e->at += len;
            return true;
        }
    return false;
}

static bool digits(Ecl *e)
{
    const char *from = e->at;
    while (e->at < e->end && is_digit(*e->at))
        e->at++;
    return e->at > from;
}

/* 404684003 |Clinical finding|, LOINC#54486-6, "http://x"#1 */
static bool concept_reference(Ecl *e)
{
    blanks(e);
    if (e->at < e->end && is_digit(*e->at)) {
        if (!digits(e))
            return false;
    } else {
        bool scheme = take(e, "\"") ? pass(e, "\"") : e->at < e->end && is_letter(*e->at);
        while (scheme && e->at < e->end && (is_letter(*e->at) || is_digit(*e->at) || *e->at == '-'))
            e->at++;
        if (!scheme || e->at >= e->end || *e->at++ != '#')
            return false;
        const char *from = e->at;
        while (e->at < e->end && (is_letter(*e->at) || is_digit(*e->at) || strchr("-._", *e->at)))
            e->at++;
        if (e->at == from)
            return false;
    }
    return !take(e, "|") || pass(e, "|");
}

static bool in_parentheses(Ecl *e)
{
    if (++e->depth > DEPTH_MAX || !expression(e) || !take(e, ")"))
        return false;
    e->depth--;
    return true;
}

/* [operator] [^ member of] concept, *, or an expression in parentheses; filters. */
static bool simple(Ecl *e)
{
    static const char *const operators[] = {"<<!", "<!", "<<", "<",   ">>!",
                                            ">!",  ">>", ">",  "!!>", "!!<"};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (take(e, operators[i]))
            break;
    if (take(e, "^") && take(e, "[") && !pass(e, "]"))
        return false;
    if (take(e, "(")) {
        if (!in_parentheses(e))
            return false;
    } else if (!take(e, "*") && !concept_reference(e)) {
        return false;
    }
    while (take(e, "{{"))
        if (!pass(e, "}}"))
            return false;
    return true;
}

static bool number(Ecl *e)
{
    blanks(e);
    if (e->at < e->end && (*e->at == '+' || *e->at == '-'))
        e->at++;
    if (!digits(e))
        return false;
    if (e->end - e->at > 1 && *e->at == '.' && is_digit(e->at[1])) {
        e->at++;
        digits(e);
    }
    return true;
}

static bool text_values(Ecl *e)
{
    if (take(e, "(")) {
        while (take(e, "\""))
            if (!pass(e, "\""))
                return false;
        return take(e, ")");
    }
    return take(e, "\"") && pass(e, "\"");
}

static bool value(Ecl *e)
{
    static const char *const comparisons[] = {"!=", "<=", ">=", "=", "<", ">"};
    bool compared = false;
    for (size_t i = 0; !compared && i < sizeof comparisons / sizeof *comparisons; i++)
        compared = take(e, comparisons[i]);
    if (!compared)
        return false;
    if (take(e, "#"))
        return number(e);
    Ecl before = *e;
    if (text_values(e))
        return true;
    *e = before;
    return take_word(e, "true") || take_word(e, "false") || simple(e);
}

static bool cardinality(Ecl *e)
{
    return !take(e, "[") || pass(e, "]");
}

static bool refinement(Ecl *e);

/* [1..3] R 116676008 = << 79654002, a group in braces, or a refinement in parentheses. */
static bool attribute(Ecl *e)
{
    if (++e->depth > DEPTH_MAX || !cardinality(e))
        return false;
    bool good;
    if (take(e, "{")) {
        good = refinement(e) && take(e, "}");
    } else {
        Ecl before = *e;
        take_word(e, "r");
        good = simple(e) && value(e);
        if (!good) {
            *e = before;
            good = take(e, "(") && refinement(e) && take(e, ")");
        }
    }
    e->depth--;
    return good;
}

static bool refinement(Ecl *e)
{
    if (!attribute(e))
        return false;
    while (take(e, ",") || take_word(e, "and") || take_word(e, "or"))
        if (!attribute(e))
            return false;
    return true;
}

/* AND, OR and MINUS are not mixed without parentheses. */
static bool operands(Ecl *e)
{
    const char *kind = NULL;
    for (;;) {
        const char *next = take(e, ",") || take_word(e, "and") ? "and"
                           : take_word(e, "or")                ? "or"
                           : take_word(e, "minus")             ? "minus"
                                                               : NULL;
        if (!next)
            return true;
        bool mixed = kind && (strcmp(kind, next) != 0 || strcmp(next, "minus") == 0);
        if (mixed || !simple(e))
            return false;
        kind = next;
    }
}

static bool expression(Ecl *e)
{
    if (!simple(e))
        return false;
    if (take(e, ":"))
        return refinement(e);
    if (take(e, ".")) {
        do {
            if (!simple(e))
                return false;
        } while (take(e, "."));
        return true;
    }
    return operands(e);
}

bool is_ecl_expression(Str text)
{
    Ecl e = {.at = text.ptr, .end = text.ptr + text.len};
    if (!expression(&e))
        return false;
    blanks(&e);
    return e.at == e.end;
}
