/* ucum - units of measure: is this code one, and how many of the other is it?
 *
 * Spec:    ucum.org/ucum, case-sensitive codes; tables of ucum-essence 1.9 (ucum_table.c says where
 *          from and under which licence).
 * Owner:   tables are built in; a UcumUnit's wide numbers live in the arena given to ucum_parse.
 * Threads: pure; one arena per thread.
 * Errors:  false: no unit (UcumProblem says where and why), not commensurable, no number within
 *          decimal.h's limits, or the arena is exhausted.
 * Limits:  UCUM_CODE_MAX bytes, UCUM_DEPTH_MAX parentheses, exponents within +-99.
 *
 * Factors are exact fractions of decimals. Special units: Cel, [degF], [degRe] (with an offset) are
 * converted; logarithmic ones ([pH], B[V], Np, bit_s, ...), homeopathic ones and [p'diop],
 * %[slope], [m/s2/Hz^0.5] parse and validate, and are commensurable only with themselves. Arbitrary
 * units
 * ([iU], [arb'U], ...) have the dimension 1 by their table, as the Java core treats them. */
#pragma once
#include "common/fhir/decimal.h"

enum { UCUM_CODE_MAX = 256, UCUM_DEPTH_MAX = 16, UCUM_BASE_COUNT = 7 };

typedef struct UcumProblem {
    uint32_t at;      /* byte offset in the code */
    Str symbol;       /* the unknown unit, or empty */
    const char *text; /* "unknown unit", "expected '.' or '/'", ... */
} UcumProblem;

/* Is it a unit expression? No memory needed; an empty code is the unity. ret_problem may be NULL.
 */
bool ucum_valid(Str code, UcumProblem *ret_problem);
/* The first annotation ({score} in "10*3{score}") with its braces, or STR_NONE. */
Str ucum_annotation(Str code);

typedef struct UcumUnit {
    Decimal numerator, denominator;    /* base units = (value + offset) x numerator / denominator */
    Decimal offset;                    /* 0 save for Cel, [degF] */
    int8_t exponents[UCUM_BASE_COUNT]; /* of m s g rad K C cd */
    uint16_t special;                  /* 0: proportional; else the special unit's number */
} UcumUnit;

bool ucum_parse(Str code, Arena *arena, UcumUnit *ret, UcumProblem *ret_problem) MUST_USE;
/* One product or quotient of two units: dimensions added or subtracted, factors combined. */
bool ucum_multiply(const UcumUnit *a, const UcumUnit *b, Arena *arena, UcumUnit *ret) MUST_USE;
bool ucum_divide(const UcumUnit *a, const UcumUnit *b, Arena *arena, UcumUnit *ret) MUST_USE;
/* "g.m-1.s-2" in order of the codes; "" for dimension 1: what the Java core compares and reports.
 */
Str ucum_canonical_code(const UcumUnit *unit, Arena *arena);
bool ucum_commensurable(const UcumUnit *a, const UcumUnit *b);

/* Value in base units; exact where the quotient ends, else 30 significant digits. */
bool ucum_to_canonical(Decimal value, const UcumUnit *unit, Arena *arena, Decimal *ret) MUST_USE;
bool ucum_convert(Decimal value, const UcumUnit *from, const UcumUnit *to, Arena *arena,
                  Decimal *ret) MUST_USE;
/* Exact, without division: 12 [in_i] = 1 [ft_i]. False if not commensurable. */
bool ucum_compare(Decimal a, const UcumUnit *unit_a, Decimal b, const UcumUnit *unit_b,
                  Arena *arena, int *ret_order) MUST_USE;
