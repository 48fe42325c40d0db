/* decimal - exact decimal numbers that remember how precisely they were written.
 *
 * Spec:    hl7.org/fhir/R4/datatypes.html#decimal (no binary floating point; 0.010 is not 0.01),
 *          FHIRPath N1 6.6 (math), 5.7 (functions). Scales follow java.math.BigDecimal: sum and
 *          difference have the larger scale, products the sum of both.
 * Owner:   a Decimal is a value; its wide form (more than 18 digits) lives in the arena given to
 *          the function that made it. Small numbers touch no arena.
 * Threads: pure; one arena per thread.
 * Errors:  false, *ret untouched: not a number, a result past the limits, no real result (sqrt of a
 *          negative, division by zero, log of zero), or the arena is exhausted.
 * Limits:  DECIMAL_DIGITS_MAX digits, scale within +-DECIMAL_SCALE_MAX: 1e999999999 is refused, and
 *          nothing here takes longer than a product of two such numbers.
 *
 * There is no negative zero. */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

enum {
    DECIMAL_DIGITS_MAX = 1000,
    DECIMAL_SCALE_MAX = 10000,
    DECIMAL_TEXT_MAX = DECIMAL_DIGITS_MAX + DECIMAL_SCALE_MAX + 4, /* bytes that print needs */
};

/* coefficient x 10^-scale. 12.50 is 1250 and scale 2; 1e3 is 1 and scale -3. */
typedef struct Decimal {
    int64_t small;                  /* the coefficient when wide is NULL: 18 digits at most */
    const struct DecimalWide *wide; /* the coefficient when it has 19 digits or more */
    int32_t scale;
} Decimal;

#define DECIMAL_ZERO ((Decimal){0})
Decimal decimal_from_i64(int64_t value, Arena *arena); /* arena only past 18 digits; may be NULL */

/* [+-] digits [. digits] [e [+-] digits]; leading zeros are fine, the whole text is read. */
bool decimal_parse(Str text, Arena *arena, Decimal *ret) MUST_USE;
/* spec: hl7.org/fhir/R4/datatypes.html#decimal, the regex: what a FHIR decimal may look like. */
bool decimal_is_fhir(Str text);

/* Plain digits, never an exponent, scale kept: "12.50", "1000". STR_NONE when `arena` is exhausted.
 */
Str decimal_print(Decimal d, Arena *arena);
Str decimal_print_to(Decimal d, char *to, size_t room); /* STR_NONE if it does not fit */

bool decimal_to_i64(Decimal d, int64_t *ret) MUST_USE; /* whole numbers that fit: 4.00 too */
double decimal_to_double(Decimal d); /* nearest; for benchmarks and foreign APIs */
int decimal_sign(Decimal d);         /* -1, 0, 1 */
bool decimal_is_whole(Decimal d);    /* 4, 4.0, 1e2 */
/* FHIRPath precision(): digits behind the point as written; 0 for 1e2. */
int32_t decimal_precision(Decimal d);
uint32_t decimal_digits(Decimal d); /* digits of the coefficient; 1 for zero */

int decimal_compare(Decimal a, Decimal b); /* by value: -1, 0, 1 */
static inline bool decimal_equal(Decimal a, Decimal b)
{
    return decimal_compare(a, b) == 0; /* 1.0 = 1.00 */
}
/* FHIRPath ~: both rounded to the smaller scale (half up), as the Java core does. */
bool decimal_equivalent(Decimal a, Decimal b);
uint64_t decimal_hash(Decimal d); /* equal numbers hash alike */

/* Zero when a wide one finds no memory: arena_exhausted tells. */
Decimal decimal_negate(Decimal d, Arena *arena);
Decimal decimal_abs(Decimal d, Arena *arena);
bool decimal_add(Decimal a, Decimal b, Arena *arena, Decimal *ret) MUST_USE;
bool decimal_subtract(Decimal a, Decimal b, Arena *arena, Decimal *ret) MUST_USE;
bool decimal_multiply(Decimal a, Decimal b, Arena *arena, Decimal *ret) MUST_USE;

/* FHIRPath /: exact where the quotient ends within 28 decimals (without needless zeros: 4.0/2.0 is
 * 2), else rounded half up to the largest of 8 and both scales. */
bool decimal_divide(Decimal a, Decimal b, Arena *arena, Decimal *ret) MUST_USE;
/* The Java core's /: exact for whole numbers whose quotient ends; otherwise only as many
 * significant digits as the operands have (1/3 is 0.3, 1.2/1.8 is 0.67). For the java dialect. */
bool decimal_divide_java(Decimal a, Decimal b, Arena *arena, Decimal *ret) MUST_USE;
/* Rounded half up to exactly `scale` digits behind the point. */
bool decimal_divide_scale(Decimal a, Decimal b, int32_t scale, Arena *arena, Decimal *ret) MUST_USE;
/* Only if the quotient ends within `scale` decimals; without needless zeros. */
bool decimal_divide_exact(Decimal a, Decimal b, int64_t scale, Arena *arena, Decimal *ret) MUST_USE;
/* Rounded half up to `digits` significant digits. */
bool decimal_divide_digits(Decimal a, Decimal b, uint32_t digits, Arena *arena,
                           Decimal *ret) MUST_USE;
bool decimal_div(Decimal a, Decimal b, Arena *arena, Decimal *ret) MUST_USE; /* truncated, whole */
bool decimal_mod(Decimal a, Decimal b, Arena *arena, Decimal *ret) MUST_USE; /* a's sign, a div b */

/* Away from zero at 5: BigDecimal's HALF_UP. A negative scale rounds to tens. */
bool decimal_round(Decimal d, int32_t scale, Arena *arena, Decimal *ret) MUST_USE;
bool decimal_ceiling(Decimal d, Arena *arena, Decimal *ret) MUST_USE; /* these three: scale 0 */
bool decimal_floor(Decimal d, Arena *arena, Decimal *ret) MUST_USE;
bool decimal_truncate(Decimal d, Arena *arena, Decimal *ret) MUST_USE;
Decimal decimal_strip(Decimal d, Arena *arena); /* without trailing zeros behind the point */

/* Irrational results: exact where they are exact (81 sqrt = 9, 16 log 2 = 4, 2 power 3 = 8), else
 * correct to DECIMAL_ROOT_DIGITS significant digits, trailing zeros stripped. */
enum { DECIMAL_ROOT_DIGITS = 20 };
bool decimal_sqrt(Decimal d, Arena *arena, Decimal *ret) MUST_USE;
bool decimal_exp(Decimal d, Arena *arena, Decimal *ret) MUST_USE;
bool decimal_ln(Decimal d, Arena *arena, Decimal *ret) MUST_USE;
bool decimal_log(Decimal d, Decimal base, Arena *arena, Decimal *ret) MUST_USE;
/* Whole exponents by multiplication (exact while DECIMAL_DIGITS_MAX lasts), others by exp(e ln b).
 */
bool decimal_power(Decimal base, Decimal exponent, Arena *arena, Decimal *ret) MUST_USE;

/* FHIRPath lowBoundary/highBoundary: half a unit of the last written digit down or up, then cut to
 * `precision` decimals as the suite of the specification has it (low: towards the value's zero
 * side truncated, high: half up; negative numbers mirrored). precision 0..16, -1: the default 8;
 * false outside. */
bool decimal_low_boundary(Decimal d, int32_t precision, Arena *arena, Decimal *ret) MUST_USE;
bool decimal_high_boundary(Decimal d, int32_t precision, Arena *arena, Decimal *ret) MUST_USE;
