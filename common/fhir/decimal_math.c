/* Roots, logarithms, powers, boundaries. Fixed-point numbers of WORK_SCALE decimals on Bigs: the
 * errors of some dozens of truncated products stay far behind DECIMAL_ROOT_DIGITS. */
#include "common/fhir/decimal_inner.h"

#include <math.h>
#include <stdio.h>

enum { WORK_SCALE = 60, HALVINGS = 8, EXP_DECADES_MAX = 9000 };

/* ln 10, to WORK_SCALE decimals and some */
static const char LN10[] = "2302585092994045684017991454684364207601101488628772976033327900967572";
enum { LN10_SCALE = sizeof LN10 - 2 };

static bool fixed_multiply(Big *to, const Big *a, const Big *b)
{
    Big product;
    TRY(big_multiply(&product, a, b));
    big_scale_down(&product, WORK_SCALE, BIG_HALF_UP, NULL);
    big_copy(to, &product);
    return true;
}

static bool fixed_divide(Big *to, const Big *a, const Big *b)
{
    Big dividend;
    big_copy(&dividend, a);
    TRY(big_scale_up(&dividend, WORK_SCALE));
    big_divide(&dividend, b, to, NULL);
    return true;
}

static bool fixed_from(Decimal d, Big *to)
{
    decimal_to_big(d, to);
    if (d.scale <= WORK_SCALE)
        return big_scale_up(to, (uint32_t)(WORK_SCALE - d.scale));
    big_scale_down(to, (uint32_t)(d.scale - WORK_SCALE), BIG_HALF_UP, NULL);
    return true;
}

static bool fixed_whole(Big *to, int64_t value)
{
    big_set(to, value);
    return big_scale_up(to, WORK_SCALE);
}

static bool fixed_ln10(Big *to)
{
    TRY(big_parse(to, LN10, sizeof LN10 - 1));
    big_scale_down(to, LN10_SCALE - WORK_SCALE, BIG_HALF_UP, NULL);
    return true;
}

/* fixed x 10^-shift, rounded to DECIMAL_ROOT_DIGITS significant digits, zeros stripped */
static bool from_fixed(const Big *fixed, int64_t shift, Arena *arena, Decimal *ret)
{
    Big big;
    big_copy(&big, fixed);
    int64_t scale = WORK_SCALE + shift;
    uint32_t digits = big_digits(&big);
    if (digits > DECIMAL_ROOT_DIGITS) {
        big_scale_down(&big, digits - DECIMAL_ROOT_DIGITS, BIG_HALF_UP, NULL);
        scale -= digits - DECIMAL_ROOT_DIGITS;
    }
    uint32_t zeros = big_trailing_zeros(&big);
    if (big_is_zero(&big)) {
        scale = 0;
    } else if (scale > 0) {
        if ((int64_t)zeros > scale)
            zeros = (uint32_t)scale;
        big_scale_down(&big, zeros, BIG_TRUNCATE, NULL);
        scale -= zeros;
    } else {
        if (-scale > DECIMAL_DIGITS_MAX)
            return false;
        TRY(big_scale_up(&big, (uint32_t)-scale));
        scale = 0;
    }
    return decimal_from_big(&big, scale, arena, ret);
}

/* exp of a fixed-point number below 2 in size: Taylor on x / 2^HALVINGS, then squared back. */
static bool exp_small(const Big *x, Big *ret)
{
    Big reduced, term, sum, divisor, quotient;
    big_set(&divisor, 1 << HALVINGS);
    big_divide(x, &divisor, &reduced, NULL);
    TRY(fixed_whole(&sum, 1));
    big_copy(&term, &sum);
    for (int64_t n = 1; !big_is_zero(&term) && n < 60; n++) {
        TRY(fixed_multiply(&term, &term, &reduced));
        big_set(&divisor, n);
        big_divide(&term, &divisor, &quotient, NULL);
        big_copy(&term, &quotient);
        TRY(big_add(&sum, &sum, &term));
    }
    for (int i = 0; i < HALVINGS; i++)
        TRY(fixed_multiply(&sum, &sum, &sum));
    big_copy(ret, &sum);
    return true;
}

/* exp(x) = 10^*ret_decades * *ret_fraction */
static bool exp_fixed(const Big *x, Big *ret_fraction, int64_t *ret_decades)
{
    Big ln10, decades, rest;
    TRY(fixed_ln10(&ln10));
    big_divide(x, &ln10, &decades, &rest);
    TRY(big_to_i64(&decades, ret_decades));
    if (*ret_decades > EXP_DECADES_MAX || *ret_decades < -EXP_DECADES_MAX)
        return false;
    return exp_small(&rest, ret_fraction); /* |rest| < ln 10: two halvings of slack suffice */
}

bool decimal_exp(Decimal d, Arena *arena, Decimal *ret)
{
    Big x, fraction;
    int64_t decades, magnitude = (int64_t)decimal_digits(d) - d.scale;
    if (magnitude > 6)
        return false;
    TRY(fixed_from(d, &x));
    TRY(exp_fixed(&x, &fraction, &decades));
    return from_fixed(&fraction, -decades, arena, ret);
}

/* ln of m in [1, 10): from the floating-point guess by Halley's rule, three digits for one */
static bool ln_mantissa(const Big *mantissa, double guess, Big *ret)
{
    char text[40];
    Big y, e, top, bottom, step;
    Decimal start;
    snprintf(text, sizeof text, "%.15f", guess);
    TRY(decimal_parse(str_from(text), NULL, &start));
    TRY(fixed_from(start, &y));
    for (int i = 0; i < 3; i++) {
        TRY(exp_small(&y, &e));
        TRY(big_subtract(&top, mantissa, &e));
        TRY(big_add(&bottom, mantissa, &e));
        TRY(big_add(&top, &top, &top));
        TRY(fixed_divide(&step, &top, &bottom));
        TRY(big_add(&y, &y, &step));
    }
    big_copy(ret, &y);
    return true;
}

static bool ln_fixed(Decimal d, Big *ret)
{
    Big mantissa, ln10, decades, whole;
    if (decimal_sign(d) <= 0)
        return false;
    int32_t digits = (int32_t)decimal_digits(d);
    Decimal scaled = d;
    scaled.scale = digits - 1;
    TRY(fixed_from(scaled, &mantissa));
    TRY(ln_mantissa(&mantissa, log(decimal_to_double(scaled)), ret));
    TRY(fixed_ln10(&ln10));
    big_set(&decades, (int64_t)digits - 1 - d.scale);
    TRY(big_multiply(&whole, &ln10, &decades));
    return big_add(ret, ret, &whole);
}

bool decimal_ln(Decimal d, Arena *arena, Decimal *ret)
{
    Big result;
    TRY(ln_fixed(d, &result));
    return from_fixed(&result, 0, arena, ret);
}

bool decimal_log(Decimal d, Decimal base, Arena *arena, Decimal *ret)
{
    Big top, bottom, result;
    TRY(ln_fixed(d, &top));
    TRY(ln_fixed(base, &bottom));
    if (decimal_equal(base, (Decimal){.small = 1}))
        return false;
    TRY(fixed_divide(&result, &top, &bottom));
    return from_fixed(&result, 0, arena, ret);
}

/* floor(sqrt(n)) by Newton's rule from above */
static bool whole_root(const Big *n, Big *ret)
{
    Big x, quotient, sum, two;
    big_set(&x, 1);
    TRY(big_scale_up(&x, (big_digits(n) + 1) / 2)); /* not below the root */
    big_set(&two, 2);
    for (;;) {
        big_divide(n, &x, &quotient, NULL);
        TRY(big_add(&sum, &x, &quotient));
        big_divide(&sum, &two, &quotient, NULL);
        if (big_compare_abs(&quotient, &x) >= 0)
            break;
        big_copy(&x, &quotient);
    }
    big_copy(ret, &x);
    return true;
}

bool decimal_sqrt(Decimal d, Arena *arena, Decimal *ret)
{
    Big n, root, square;
    if (decimal_sign(d) < 0)
        return false;
    if (decimal_sign(d) == 0) {
        *ret = DECIMAL_ZERO;
        return true;
    }
    decimal_to_big(d, &n);
    int64_t scale = d.scale;
    uint32_t up = (uint32_t)(scale & 1);
    while (big_digits(&n) + up < 2 * (DECIMAL_ROOT_DIGITS + 3))
        up += 2;
    TRY(big_scale_up(&n, up));
    scale = (scale + up) / 2;
    TRY(whole_root(&n, &root));
    TRY(big_multiply(&square, &root, &root));
    uint32_t digits = big_digits(&root);
    if (big_compare_abs(&square, &n) != 0 && digits > DECIMAL_ROOT_DIGITS) {
        big_scale_down(&root, digits - DECIMAL_ROOT_DIGITS, BIG_HALF_UP, NULL);
        scale -= digits - DECIMAL_ROOT_DIGITS;
    }
    Decimal result;
    TRY(decimal_from_big(&root, scale, arena, &result));
    if (result.scale < 0)
        return decimal_rescale(result, 0, BIG_TRUNCATE, arena, ret);
    *ret = decimal_strip(result, arena);
    return true;
}

/* base^exponent exactly, or false past the digits */
static bool whole_power(Decimal base, uint64_t exponent, Arena *arena, Decimal *ret)
{
    Decimal result = {.small = 1};
    for (;; exponent >>= 1) {
        if (exponent & 1)
            TRY(decimal_multiply(result, base, arena, &result));
        if (exponent <= 1)
            break;
        TRY(decimal_multiply(base, base, arena, &base));
    }
    *ret = result;
    return true;
}

static bool power_by_logarithm(Decimal base, Decimal exponent, Arena *arena, Decimal *ret)
{
    Big ln, e, product;
    int64_t decades;
    if (decimal_sign(base) == 0) {
        *ret = DECIMAL_ZERO;
        return decimal_sign(exponent) > 0;
    }
    TRY(ln_fixed(base, &ln));
    if ((int64_t)decimal_digits(exponent) - exponent.scale > 20)
        return false;
    TRY(fixed_from(exponent, &e));
    TRY(fixed_multiply(&product, &ln, &e));
    if (big_digits(&product) > WORK_SCALE + 6)
        return false;
    TRY(exp_fixed(&product, &ln, &decades));
    return from_fixed(&ln, -decades, arena, ret);
}

bool decimal_power(Decimal base, Decimal exponent, Arena *arena, Decimal *ret)
{
    int64_t whole;
    Decimal result;
    if (decimal_to_i64(exponent, &whole)) {
        bool negative = whole < 0;
        if (negative && decimal_sign(base) == 0)
            return false;
        uint64_t times = negative ? 0 - (uint64_t)whole : (uint64_t)whole;
        if (decimal_is_whole(base) &&
            decimal_equal(decimal_abs(base, arena), (Decimal){.small = 1}))
            times &= 1; /* +-1: only the parity counts */
        if (whole_power(base, times, arena, &result)) {
            if (!negative) {
                *ret = result;
                return true;
            }
            TRY(decimal_divide_digits((Decimal){.small = 1}, result, DECIMAL_ROOT_DIGITS, arena,
                                      &result));
            *ret = decimal_strip(result, arena);
            return true;
        }
        bool odd = times & 1;
        TRY(power_by_logarithm(decimal_abs(base, arena), exponent, arena, &result));
        *ret = odd && decimal_sign(base) < 0 ? decimal_negate(result, arena) : result;
        return true;
    }
    return power_by_logarithm(base, exponent, arena, ret);
}

/* --- boundaries --- */

/* |d| plus or minus half a unit of its last digit, at `precision` decimals */
static bool boundary(Decimal d, bool up, int32_t precision, Arena *arena, Decimal *ret)
{
    enum { PRECISION_DEFAULT = 8, PRECISION_MAX = 16 };
    if (precision == -1)
        precision = PRECISION_DEFAULT;
    if (precision < 0 || precision > PRECISION_MAX)
        return false;
    bool negative = decimal_sign(d) < 0 || (decimal_sign(d) == 0 && !up);
    bool outwards = negative != up; /* away from zero */
    Decimal half = {.small = outwards ? 5 : -5, .scale = d.scale + 1};
    TRY(decimal_add(decimal_abs(d, arena), half, arena, &d));
    TRY(decimal_rescale(d, precision, outwards ? BIG_HALF_UP : BIG_TRUNCATE, arena, &d));
    *ret = negative ? decimal_negate(d, arena) : d;
    return true;
}

bool decimal_low_boundary(Decimal d, int32_t precision, Arena *arena, Decimal *ret)
{
    return boundary(d, false, precision, arena, ret);
}

bool decimal_high_boundary(Decimal d, int32_t precision, Arena *arena, Decimal *ret)
{
    return boundary(d, true, precision, arena, ret);
}
