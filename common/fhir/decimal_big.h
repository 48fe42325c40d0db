/* decimal_big - whole numbers in limbs of nine decimal digits: decimal.c's workbench.
 *
 * Owner:   the caller's stack; a Big is a value of fixed size, uncleared beyond `count` limbs.
 * Threads: pure.
 * Errors:  false when a result would pass BIG_DIGITS_MAX digits.
 * Limits:  BIG_LIMBS_MAX limbs: the product of two Decimals, or a dividend scaled for a quotient.
 *
 * Limbs hold base 10^9, least significant first, without leading zero limbs; zero has none. Private
 * to common/fhir/decimal*.c. */
#pragma once
#include "common/base/err.h"
#include "common/base/str.h"

enum { BIG_LIMBS_MAX = 280, BIG_LIMB_DIGITS = 9, BIG_BASE = 1000000000 };
enum { BIG_DIGITS_MAX = BIG_LIMBS_MAX * BIG_LIMB_DIGITS };

typedef struct Big {
    uint32_t count;
    bool negative;
    uint32_t limb[BIG_LIMBS_MAX];
} Big;

void big_set(Big *to, int64_t value);
void big_copy(Big *to, const Big *from);
bool big_to_i64(const Big *big, int64_t *ret);
uint32_t big_digits(const Big *big); /* 1 for zero */
bool big_is_zero(const Big *big);

int big_compare_abs(const Big *a, const Big *b);
bool big_add(Big *to, const Big *a, const Big *b) MUST_USE; /* to may be a or b */
bool big_subtract(Big *to, const Big *a, const Big *b) MUST_USE;
bool big_multiply(Big *to, const Big *a, const Big *b) MUST_USE; /* to is neither a nor b */
bool big_scale_up(Big *big, uint32_t digits) MUST_USE;           /* times 10^digits */

/* Drops the last `digits` digits; the sign stays. HALF_UP looks at the first dropped digit. */
typedef enum BigRounding { BIG_TRUNCATE, BIG_HALF_UP } BigRounding;
/* ret_exact (may be NULL): only zeros were dropped. */
void big_scale_down(Big *big, uint32_t digits, BigRounding rounding, bool *ret_exact);

/* Truncated quotient, remainder with a's sign. divisor is not zero. Outputs are distinct from the
 * inputs; remainder may be NULL. */
void big_divide(const Big *a, const Big *divisor, Big *ret_quotient, Big *ret_remainder);

/* Digits of the absolute value, most significant first; `to` has room for big_digits. */
void big_print(const Big *big, char *to);
bool big_parse(Big *to, const char *digits, uint32_t count) MUST_USE;
uint32_t big_trailing_zeros(const Big *big);
