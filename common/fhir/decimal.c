#include "common/fhir/decimal.h"

#include "common/base/check.h"
#include "common/fhir/decimal_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

enum { SMALL_DIGITS = 18 };
static const int64_t SMALL_LIMIT = 1000000000000000000; /* 10^18 */

static const int64_t powers[SMALL_DIGITS + 1] = {1,
                                                 10,
                                                 100,
                                                 1000,
                                                 10000,
                                                 100000,
                                                 1000000,
                                                 10000000,
                                                 100000000,
                                                 1000000000,
                                                 10000000000,
                                                 100000000000,
                                                 1000000000000,
                                                 10000000000000,
                                                 100000000000000,
                                                 1000000000000000,
                                                 10000000000000000,
                                                 100000000000000000,
                                                 1000000000000000000};

static bool small_fits(int64_t value)
{
    return value > -SMALL_LIMIT && value < SMALL_LIMIT;
}

/* --- between the forms --- */

void decimal_to_big(Decimal d, Big *to)
{
    if (!d.wide) {
        big_set(to, d.small);
        return;
    }
    to->count = d.wide->count;
    to->negative = d.wide->negative;
    memcpy(to->limb, d.wide->limb, d.wide->count * sizeof(uint32_t));
}

bool decimal_from_big(const Big *big, int64_t scale, Arena *arena, Decimal *ret)
{
    int64_t small;
    if (scale < -DECIMAL_SCALE_MAX || scale > DECIMAL_SCALE_MAX ||
        big_digits(big) > DECIMAL_DIGITS_MAX)
        return false;
    if (big_to_i64(big, &small) && small_fits(small)) {
        *ret = (Decimal){.small = small, .scale = (int32_t)scale};
        return true;
    }
    size_t bytes = sizeof(DecimalWide) + big->count * sizeof(uint32_t);
    DecimalWide *wide = arena ? arena_alloc(arena, bytes) : NULL;
    if (!wide)
        return false;
    wide->count = big->count;
    wide->negative = big->negative;
    memcpy(wide->limb, big->limb, big->count * sizeof(uint32_t));
    *ret = (Decimal){.wide = wide, .scale = (int32_t)scale};
    return true;
}

Decimal decimal_from_i64(int64_t value, Arena *arena)
{
    Decimal d = {.small = value};
    if (small_fits(value))
        return d;
    Big big;
    big_set(&big, value);
    return decimal_from_big(&big, 0, arena, &d) ? d : DECIMAL_ZERO;
}

/* --- text --- */

typedef struct NumberText {
    bool negative;
    Str whole, fraction;
    int64_t exponent;
} NumberText;

static Str take_digits(Str *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] >= '0' && rest->ptr[n] <= '9')
        n++;
    Str digits = str_cut(*rest, 0, n);
    *rest = str_skip(*rest, n);
    return digits;
}

static bool take_exponent(Str *rest, int64_t *ret_exponent)
{
    bool negative = false;
    uint64_t value = 0;
    *rest = str_skip(*rest, 1);
    if (rest->len && (rest->ptr[0] == '+' || rest->ptr[0] == '-')) {
        negative = rest->ptr[0] == '-';
        *rest = str_skip(*rest, 1);
    }
    Str digits = take_digits(rest);
    while (digits.len > 1 && digits.ptr[0] == '0')
        digits = str_skip(digits, 1);
    if (digits.len == 0 || digits.len > 9 || !str_to_u64(digits, &value))
        return false;
    *ret_exponent = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool split_number(Str text, NumberText *ret)
{
    NumberText n = {0};
    if (text.len && (text.ptr[0] == '-' || text.ptr[0] == '+')) {
        n.negative = text.ptr[0] == '-';
        text = str_skip(text, 1);
    }
    n.whole = take_digits(&text);
    if (n.whole.len == 0)
        return false;
    if (text.len && text.ptr[0] == '.') {
        text = str_skip(text, 1);
        n.fraction = take_digits(&text);
        if (n.fraction.len == 0)
            return false;
    }
    if (text.len && (text.ptr[0] == 'e' || text.ptr[0] == 'E'))
        TRY(take_exponent(&text, &n.exponent));
    if (text.len)
        return false;
    *ret = n;
    return true;
}

static bool parse_wide(const NumberText *n, int64_t scale, Arena *arena, Decimal *ret)
{
    char digits[DECIMAL_DIGITS_MAX + 1];
    Str whole = n->whole;
    while (whole.len > 1 && whole.ptr[0] == '0')
        whole = str_skip(whole, 1);
    size_t count = whole.len + n->fraction.len;
    if (count > DECIMAL_DIGITS_MAX)
        return false;
    memcpy(digits, whole.ptr, whole.len);
    if (n->fraction.len)
        memcpy(digits + whole.len, n->fraction.ptr, n->fraction.len);
    Big big;
    TRY(big_parse(&big, digits, (uint32_t)count));
    big.negative = n->negative && !big_is_zero(&big);
    return decimal_from_big(&big, scale, arena, ret);
}

bool decimal_parse(Str text, Arena *arena, Decimal *ret)
{
    NumberText n;
    TRY(split_number(text, &n));
    int64_t scale = (int64_t)n.fraction.len - n.exponent;
    if (scale < -DECIMAL_SCALE_MAX || scale > DECIMAL_SCALE_MAX)
        return false;
    if (n.whole.len + n.fraction.len > SMALL_DIGITS)
        return parse_wide(&n, scale, arena, ret);
    int64_t value = 0;
    for (size_t i = 0; i < n.whole.len; i++)
        value = value * 10 + (n.whole.ptr[i] - '0');
    for (size_t i = 0; i < n.fraction.len; i++)
        value = value * 10 + (n.fraction.ptr[i] - '0');
    *ret = (Decimal){.small = n.negative ? -value : value, .scale = (int32_t)scale};
    return true;
}

bool decimal_is_fhir(Str text)
{
    NumberText n;
    if (text.len == 0 || text.ptr[0] == '+' || !split_number(text, &n))
        return false;
    return n.whole.len == 1 || n.whole.ptr[0] != '0';
}

Str decimal_print_to(Decimal d, char *to, size_t room)
{
    char digits[DECIMAL_DIGITS_MAX + BIG_LIMB_DIGITS];
    Big big;
    decimal_to_big(d, &big);
    size_t count = big_digits(&big), at = 0;
    big_print(&big, digits);
    size_t scale = d.scale > 0 ? (size_t)d.scale : 0;
    size_t zeros_behind = d.scale < 0 && !big_is_zero(&big) ? (size_t)-d.scale : 0;
    size_t zeros_before = scale >= count ? scale - count + 1 : 0;
    if (big.negative + zeros_before + count + zeros_behind + (scale > 0) > room)
        return STR_NONE;
    if (big.negative)
        to[at++] = '-';
    size_t point = zeros_before + count - scale; /* digits before it */
    for (size_t i = 0; i < zeros_before + count; i++) {
        if (i == point)
            to[at++] = '.';
        to[at++] = i < zeros_before ? '0' : digits[i - zeros_before];
    }
    memset(to + at, '0', zeros_behind);
    return (Str){to, at + zeros_behind};
}

Str decimal_print(Decimal d, Arena *arena)
{
    char text[DECIMAL_TEXT_MAX];
    Str printed = decimal_print_to(d, text, sizeof text);
    CHECK(printed.ptr);
    return arena_copy(arena, printed);
}

/* --- what it is --- */

bool decimal_to_i64(Decimal d, int64_t *ret)
{
    if (d.scale == 0 && !d.wide) {
        *ret = d.small;
        return true;
    }
    Big big;
    bool exact = true;
    decimal_to_big(d, &big);
    if (d.scale > 0)
        big_scale_down(&big, (uint32_t)d.scale, BIG_TRUNCATE, &exact);
    else if ((d.scale < -20 && !big_is_zero(&big)) || !big_scale_up(&big, (uint32_t)-d.scale))
        return false;
    return exact && big_to_i64(&big, ret);
}

double decimal_to_double(Decimal d)
{
    char text[DECIMAL_DIGITS_MAX + 40];
    Big big;
    decimal_to_big(d, &big);
    uint32_t digits = big_digits(&big);
    text[0] = big.negative ? '-' : '+';
    big_print(&big, text + 1);
    snprintf(text + 1 + digits, sizeof text - digits - 1, "e%d", -d.scale);
    return strtod(text, NULL);
}

int decimal_sign(Decimal d)
{
    if (d.wide)
        return d.wide->negative ? -1 : 1;
    return (d.small > 0) - (d.small < 0);
}

bool decimal_is_whole(Decimal d)
{
    if (d.scale <= 0)
        return true;
    if (!d.wide)
        return d.small == 0 || (d.scale <= SMALL_DIGITS && d.small % powers[d.scale] == 0);
    Big big;
    decimal_to_big(d, &big);
    return big_trailing_zeros(&big) >= (uint32_t)d.scale;
}

int32_t decimal_precision(Decimal d)
{
    return d.scale > 0 ? d.scale : 0;
}

uint32_t decimal_digits(Decimal d)
{
    if (d.wide) {
        Big big;
        decimal_to_big(d, &big);
        return big_digits(&big);
    }
    uint32_t digits = 1;
    for (int64_t rest = d.small / 10; rest; rest /= 10)
        digits++;
    return digits;
}

/* --- comparison --- */

static int compare_aligned(Decimal a, Decimal b)
{
    Big left, right;
    decimal_to_big(a, &left);
    decimal_to_big(b, &right);
    /* Called for numbers of one magnitude only: the shift is at most the difference in digits. */
    bool ok = a.scale < b.scale ? big_scale_up(&left, (uint32_t)(b.scale - a.scale))
                                : big_scale_up(&right, (uint32_t)(a.scale - b.scale));
    CHECK(ok);
    int order = big_compare_abs(&left, &right);
    return left.negative ? -order : order;
}

int decimal_compare(Decimal a, Decimal b)
{
    if (!a.wide && !b.wide && a.scale == b.scale)
        return (a.small > b.small) - (a.small < b.small);
    int sign = decimal_sign(a), other = decimal_sign(b);
    if (sign != other || sign == 0)
        return (sign > other) - (sign < other);
    int64_t magnitude = (int64_t)decimal_digits(a) - a.scale;
    int64_t other_magnitude = (int64_t)decimal_digits(b) - b.scale;
    if (magnitude != other_magnitude)
        return (magnitude > other_magnitude) == (sign > 0) ? 1 : -1;
    return compare_aligned(a, b);
}

bool decimal_equivalent(Decimal a, Decimal b)
{
    if (a.scale == b.scale)
        return decimal_equal(a, b);
    Big left, right;
    decimal_to_big(a, &left);
    decimal_to_big(b, &right);
    if (a.scale > b.scale)
        big_scale_down(&left, (uint32_t)(a.scale - b.scale), BIG_HALF_UP, NULL);
    else
        big_scale_down(&right, (uint32_t)(b.scale - a.scale), BIG_HALF_UP, NULL);
    return left.negative == right.negative && big_compare_abs(&left, &right) == 0;
}

uint64_t decimal_hash(Decimal d)
{
    Big big;
    decimal_to_big(d, &big);
    uint32_t zeros = big_trailing_zeros(&big);
    big_scale_down(&big, zeros, BIG_TRUNCATE, NULL);
    uint64_t exponent = big_is_zero(&big) ? 0 : (uint64_t)(int64_t)d.scale - zeros;
    return XXH3_64bits_withSeed(big.limb, big.count * sizeof(uint32_t),
                                exponent * 2 + big.negative);
}

/* --- arithmetic --- */

Decimal decimal_negate(Decimal d, Arena *arena)
{
    if (!d.wide) {
        d.small = -d.small;
        return d;
    }
    Big big;
    decimal_to_big(d, &big);
    big.negative = !big.negative;
    return decimal_from_big(&big, d.scale, arena, &d) ? d : DECIMAL_ZERO;
}

Decimal decimal_abs(Decimal d, Arena *arena)
{
    return decimal_sign(d) < 0 ? decimal_negate(d, arena) : d;
}

/* The coefficient at a larger scale; false if it leaves int64. */
static bool small_rescale(Decimal d, int32_t scale, int64_t *ret)
{
    int32_t up = scale - d.scale;
    return !d.wide && up <= SMALL_DIGITS && !__builtin_mul_overflow(d.small, powers[up], ret);
}

static bool big_rescale(Decimal d, int32_t scale, Big *ret)
{
    decimal_to_big(d, ret);
    int64_t up = (int64_t)scale - d.scale;
    return big_is_zero(ret) || (up <= BIG_DIGITS_MAX && big_scale_up(ret, (uint32_t)up));
}

static bool add_or_subtract(Decimal a, Decimal b, bool subtract, Arena *arena, Decimal *ret)
{
    int32_t scale = a.scale > b.scale ? a.scale : b.scale;
    int64_t left, right, sum;
    if (small_rescale(a, scale, &left) && small_rescale(b, scale, &right) &&
        !(subtract ? __builtin_sub_overflow(left, right, &sum)
                   : __builtin_add_overflow(left, right, &sum)) &&
        small_fits(sum)) {
        *ret = (Decimal){.small = sum, .scale = scale};
        return true;
    }
    Big big_left, big_right;
    TRY(big_rescale(a, scale, &big_left));
    TRY(big_rescale(b, scale, &big_right));
    TRY(subtract ? big_subtract(&big_left, &big_left, &big_right)
                 : big_add(&big_left, &big_left, &big_right));
    return decimal_from_big(&big_left, scale, arena, ret);
}

bool decimal_add(Decimal a, Decimal b, Arena *arena, Decimal *ret)
{
    return add_or_subtract(a, b, false, arena, ret);
}

bool decimal_subtract(Decimal a, Decimal b, Arena *arena, Decimal *ret)
{
    return add_or_subtract(a, b, true, arena, ret);
}

bool decimal_multiply(Decimal a, Decimal b, Arena *arena, Decimal *ret)
{
    int64_t scale = (int64_t)a.scale + b.scale, product;
    if (scale >= -DECIMAL_SCALE_MAX && scale <= DECIMAL_SCALE_MAX && !a.wide && !b.wide &&
        !__builtin_mul_overflow(a.small, b.small, &product) && small_fits(product)) {
        *ret = (Decimal){.small = product, .scale = (int32_t)scale};
        return true;
    }
    Big left, right, result;
    decimal_to_big(a, &left);
    decimal_to_big(b, &right);
    TRY(big_multiply(&result, &left, &right));
    return decimal_from_big(&result, scale, arena, ret);
}

/* a / b with `scale` decimals, truncated; *ret_up: the next digit is 5 or more. */
static bool quotient(Decimal a, Decimal b, int64_t scale, Big *ret, Big *ret_rest, bool *ret_up)
{
    Big left, right;
    int64_t shift = scale - a.scale + b.scale;
    decimal_to_big(a, &left);
    decimal_to_big(b, &right);
    if (big_is_zero(&right))
        return false;
    if (big_is_zero(&left)) {
        big_set(ret, 0);
        big_set(ret_rest, 0);
        *ret_up = false;
        return true;
    }
    int64_t digits = (int64_t)big_digits(&left) - big_digits(&right) + shift;
    if (digits > DECIMAL_DIGITS_MAX || shift > BIG_DIGITS_MAX)
        return false;
    if (digits < -1) { /* far below half a unit */
        big_set(ret, 0);
        big_copy(ret_rest, &left);
        *ret_up = false;
        return true;
    }
    TRY(shift >= 0 ? big_scale_up(&left, (uint32_t)shift) : big_scale_up(&right, (uint32_t)-shift));
    big_divide(&left, &right, ret, ret_rest);
    Big twice;
    TRY(big_add(&twice, ret_rest, ret_rest));
    *ret_up = big_compare_abs(&twice, &right) >= 0;
    /* big_divide trims the sign of a zero quotient; the rounding up of -0.6 needs it. */
    ret->negative = left.negative != right.negative;
    return true;
}

static bool round_away(Big *big, bool up)
{
    Big one;
    bool negative = big->negative;
    if (!up) {
        big->negative = negative && !big_is_zero(big);
        return true;
    }
    big_set(&one, 1);
    big->negative = false;
    TRY(big_add(big, big, &one));
    big->negative = negative;
    return true;
}

bool decimal_divide_scale(Decimal a, Decimal b, int32_t scale, Arena *arena, Decimal *ret)
{
    Big result, rest;
    bool up;
    TRY(quotient(a, b, scale, &result, &rest, &up));
    TRY(round_away(&result, up));
    return decimal_from_big(&result, scale, arena, ret);
}

bool decimal_divide_exact(Decimal a, Decimal b, int64_t scale, Arena *arena, Decimal *ret)
{
    Big result, rest;
    bool up;
    TRY(quotient(a, b, scale, &result, &rest, &up));
    if (!big_is_zero(&rest))
        return false;
    uint32_t zeros = big_trailing_zeros(&result);
    if ((int64_t)zeros > scale || big_is_zero(&result))
        zeros = (uint32_t)scale;
    big_scale_down(&result, zeros, BIG_TRUNCATE, NULL);
    return decimal_from_big(&result, scale - zeros, arena, ret);
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

bool decimal_divide(Decimal a, Decimal b, Arena *arena, Decimal *ret)
{
    enum { EXACT_SCALE = 28, LEAST_SCALE = 8 };
    if (decimal_sign(b) == 0)
        return false;
    if (decimal_divide_exact(a, b, EXACT_SCALE, arena, ret))
        return true;
    return decimal_divide_scale(a, b, larger(LEAST_SCALE, larger(a.scale, b.scale)), arena, ret);
}

bool decimal_divide_digits(Decimal a, Decimal b, uint32_t digits, Arena *arena, Decimal *ret)
{
    Big result, rest;
    bool up;
    int64_t magnitude = ((int64_t)decimal_digits(a) - a.scale) -
                        ((int64_t)decimal_digits(b) - b.scale); /* of the quotient, or one less */
    int64_t scale = (int64_t)digits - magnitude;
    TRY(quotient(a, b, scale, &result, &rest, &up));
    uint32_t have = big_digits(&result);
    if (have > digits) { /* at most one too many: rounding must not happen twice */
        TRY(quotient(a, b, scale -= have - digits, &result, &rest, &up));
    }
    TRY(round_away(&result, up));
    return decimal_from_big(&result, scale, arena, ret);
}

bool decimal_divide_java(Decimal a, Decimal b, Arena *arena, Decimal *ret)
{
    enum { JAVA_LOOPS = 40 };
    if (decimal_sign(b) == 0)
        return false;
    if (decimal_sign(a) == 0) {
        *ret = DECIMAL_ZERO;
        return true;
    }
    bool whole_a = a.scale <= 0, whole_b = b.scale <= 0;
    int32_t digits_a = (int32_t)decimal_digits(a), digits_b = (int32_t)decimal_digits(b);
    int32_t most = larger(digits_a, digits_b), digits;
    int32_t shift = larger(digits_b - digits_a, 0); /* leading zeros do not count as digits */
    if (whole_a && whole_b && decimal_divide_exact(a, b, most + JAVA_LOOPS + shift, arena, ret))
        return true;
    if (whole_a && whole_b)
        digits = most;
    else if (whole_a)
        digits = digits_b;
    else if (whole_b)
        digits = digits_a;
    else
        digits = digits_a < digits_b ? digits_a : digits_b;
    Decimal truncated;
    TRY(decimal_div(a, b, arena, &truncated));
    if (!(whole_a && whole_b) && decimal_sign(truncated))
        digits = larger(digits, (int32_t)decimal_digits(truncated));
    TRY(decimal_divide_digits(a, b, (uint32_t)digits, arena, ret));
    return ret->scale >= 0 || decimal_round(*ret, 0, arena, ret);
}

bool decimal_div(Decimal a, Decimal b, Arena *arena, Decimal *ret)
{
    Big result, rest;
    bool up;
    if (!a.wide && !b.wide && a.scale == b.scale && b.small) {
        *ret = (Decimal){.small = a.small / b.small};
        return true;
    }
    TRY(quotient(a, b, 0, &result, &rest, &up));
    TRY(round_away(&result, false));
    return decimal_from_big(&result, 0, arena, ret);
}

bool decimal_mod(Decimal a, Decimal b, Arena *arena, Decimal *ret)
{
    Decimal times, product;
    TRY(decimal_div(a, b, arena, &times));
    TRY(decimal_multiply(times, b, arena, &product));
    return decimal_subtract(a, product, arena, ret);
}

/* --- rounding --- */

bool decimal_rescale(Decimal d, int32_t scale, BigRounding rounding, Arena *arena, Decimal *ret)
{
    Big big;
    if (scale >= d.scale) {
        TRY(big_rescale(d, scale, &big));
    } else {
        decimal_to_big(d, &big);
        big_scale_down(&big, (uint32_t)(d.scale - scale), rounding, NULL);
    }
    return decimal_from_big(&big, scale, arena, ret);
}

bool decimal_round(Decimal d, int32_t scale, Arena *arena, Decimal *ret)
{
    if (scale < -DECIMAL_SCALE_MAX || scale > DECIMAL_SCALE_MAX)
        return false;
    return decimal_rescale(d, scale, BIG_HALF_UP, arena, ret);
}

bool decimal_truncate(Decimal d, Arena *arena, Decimal *ret)
{
    return decimal_rescale(d, 0, BIG_TRUNCATE, arena, ret);
}

static bool step_if(bool step, int64_t by, Decimal truncated, Arena *arena, Decimal *ret)
{
    if (step)
        return decimal_add(truncated, (Decimal){.small = by}, arena, ret);
    *ret = truncated;
    return true;
}

bool decimal_ceiling(Decimal d, Arena *arena, Decimal *ret)
{
    Decimal truncated;
    TRY(decimal_truncate(d, arena, &truncated));
    return step_if(decimal_compare(truncated, d) < 0, 1, truncated, arena, ret);
}

bool decimal_floor(Decimal d, Arena *arena, Decimal *ret)
{
    Decimal truncated;
    TRY(decimal_truncate(d, arena, &truncated));
    return step_if(decimal_compare(truncated, d) > 0, -1, truncated, arena, ret);
}

Decimal decimal_strip(Decimal d, Arena *arena)
{
    if (d.scale <= 0)
        return d;
    if (!d.wide) {
        while (d.scale > 0 && d.small % 10 == 0) {
            d.small /= 10;
            d.scale--;
        }
        return d;
    }
    Big big;
    decimal_to_big(d, &big);
    uint32_t zeros = big_trailing_zeros(&big);
    if (zeros > (uint32_t)d.scale)
        zeros = (uint32_t)d.scale;
    big_scale_down(&big, zeros, BIG_TRUNCATE, NULL);
    Decimal stripped;
    return zeros && decimal_from_big(&big, d.scale - (int64_t)zeros, arena, &stripped) ? stripped
                                                                                       : d;
}
