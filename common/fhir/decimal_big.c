#include "common/fhir/decimal_big.h"

#include "common/base/check.h"

static const uint32_t powers[BIG_LIMB_DIGITS] = {1,      10,      100,      1000,     10000,
                                                 100000, 1000000, 10000000, 100000000};

static void trim(Big *big)
{
    while (big->count && big->limb[big->count - 1] == 0)
        big->count--;
    if (big->count == 0)
        big->negative = false;
}

void big_set(Big *to, int64_t value)
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    to->negative = value < 0;
    to->count = 0;
    for (; rest; rest /= BIG_BASE)
        to->limb[to->count++] = (uint32_t)(rest % BIG_BASE);
}

void big_copy(Big *to, const Big *from)
{
    to->count = from->count;
    to->negative = from->negative;
    memcpy(to->limb, from->limb, from->count * sizeof(uint32_t));
}

bool big_to_i64(const Big *big, int64_t *ret)
{
    uint64_t value = 0;
    if (big->count > 3)
        return false;
    for (uint32_t i = big->count; i-- > 0;)
        if (__builtin_mul_overflow(value, (uint64_t)BIG_BASE, &value) ||
            __builtin_add_overflow(value, big->limb[i], &value))
            return false;
    if (value > (uint64_t)INT64_MAX + big->negative)
        return false;
    *ret = big->negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

uint32_t big_digits(const Big *big)
{
    if (big->count == 0)
        return 1;
    uint32_t digits = (big->count - 1) * BIG_LIMB_DIGITS + 1;
    for (uint32_t top = big->limb[big->count - 1]; top >= 10; top /= 10)
        digits++;
    return digits;
}

bool big_is_zero(const Big *big)
{
    return big->count == 0;
}

int big_compare_abs(const Big *a, const Big *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (uint32_t i = a->count; i-- > 0;)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

static bool add_abs(Big *to, const Big *a, const Big *b)
{
    uint32_t count = a->count > b->count ? a->count : b->count;
    uint32_t carry = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sum = carry + (i < a->count ? a->limb[i] : 0) + (i < b->count ? b->limb[i] : 0);
        carry = sum >= BIG_BASE;
        to->limb[i] = carry ? sum - BIG_BASE : sum;
    }
    if (carry) {
        if (count == BIG_LIMBS_MAX)
            return false;
        to->limb[count++] = carry;
    }
    to->count = count;
    return true;
}

/* |a| >= |b| */
static void subtract_abs(Big *to, const Big *a, const Big *b)
{
    uint32_t count = a->count;
    int64_t borrow = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t rest = (int64_t)a->limb[i] - (i < b->count ? b->limb[i] : 0) - borrow;
        borrow = rest < 0;
        to->limb[i] = (uint32_t)(borrow ? rest + BIG_BASE : rest);
    }
    CHECK(borrow == 0);
    to->count = count;
}

static bool add_signed(Big *to, const Big *a, const Big *b, bool b_negative)
{
    bool a_negative = a->negative;
    if (a_negative == b_negative) {
        TRY(add_abs(to, a, b));
        to->negative = a_negative;
    } else if (big_compare_abs(a, b) >= 0) {
        subtract_abs(to, a, b);
        to->negative = a_negative;
    } else {
        subtract_abs(to, b, a);
        to->negative = b_negative;
    }
    trim(to);
    return true;
}

bool big_add(Big *to, const Big *a, const Big *b)
{
    return add_signed(to, a, b, b->negative);
}

bool big_subtract(Big *to, const Big *a, const Big *b)
{
    return add_signed(to, a, b, !b->negative);
}

bool big_multiply(Big *to, const Big *a, const Big *b)
{
    CHECK(to != a && to != b);
    if (a->count + b->count > BIG_LIMBS_MAX)
        return false;
    memset(to->limb, 0, (a->count + b->count) * sizeof(uint32_t));
    for (uint32_t i = 0; i < a->count; i++) {
        uint64_t carry = 0;
        for (uint32_t j = 0; j < b->count; j++) {
            carry += to->limb[i + j] + (uint64_t)a->limb[i] * b->limb[j];
            to->limb[i + j] = (uint32_t)(carry % BIG_BASE);
            carry /= BIG_BASE;
        }
        to->limb[i + b->count] = (uint32_t)carry;
    }
    to->count = a->count + b->count;
    to->negative = a->negative != b->negative;
    trim(to);
    return true;
}

/* Times a small factor, plus a carry in; the carry out is stored as a further limb. */
static bool multiply_small(Big *big, uint32_t factor)
{
    uint64_t carry = 0;
    for (uint32_t i = 0; i < big->count; i++) {
        carry += (uint64_t)big->limb[i] * factor;
        big->limb[i] = (uint32_t)(carry % BIG_BASE);
        carry /= BIG_BASE;
    }
    if (carry) {
        if (big->count == BIG_LIMBS_MAX)
            return false;
        big->limb[big->count++] = (uint32_t)carry;
    }
    return true;
}

static uint32_t divide_small(Big *big, uint32_t divisor)
{
    uint64_t rest = 0;
    for (uint32_t i = big->count; i-- > 0;) {
        rest = rest * BIG_BASE + big->limb[i];
        big->limb[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    trim(big);
    return (uint32_t)rest;
}

bool big_scale_up(Big *big, uint32_t digits)
{
    if (big->count == 0 || digits == 0)
        return true;
    uint32_t limbs = digits / BIG_LIMB_DIGITS;
    if (limbs >= BIG_LIMBS_MAX || big->count + limbs > BIG_LIMBS_MAX)
        return false;
    TRY(multiply_small(big, powers[digits % BIG_LIMB_DIGITS]));
    if (big->count + limbs > BIG_LIMBS_MAX)
        return false;
    memmove(big->limb + limbs, big->limb, big->count * sizeof(uint32_t));
    memset(big->limb, 0, limbs * sizeof(uint32_t));
    big->count += limbs;
    return true;
}

static void add_one(Big *big)
{
    uint32_t i = 0;
    while (i < big->count && big->limb[i] == BIG_BASE - 1)
        big->limb[i++] = 0;
    if (i < big->count) {
        big->limb[i]++;
    } else {
        CHECK(big->count < BIG_LIMBS_MAX); /* digits were dropped before: there is room */
        big->limb[big->count++] = 1;
    }
}

void big_scale_down(Big *big, uint32_t digits, BigRounding rounding, bool *ret_exact)
{
    bool exact = true, up = false, negative = big->negative;
    if (digits > BIG_DIGITS_MAX)
        digits = BIG_DIGITS_MAX + 1;
    uint32_t limbs = digits / BIG_LIMB_DIGITS, part = digits % BIG_LIMB_DIGITS;
    if (part == 0 && limbs) { /* always leave the first dropped digit to divide_small */
        limbs--;
        part = BIG_LIMB_DIGITS;
    }
    if (limbs >= big->count) {
        exact = big->count == 0;
        big->count = 0;
    } else if (digits) {
        for (uint32_t i = 0; i < limbs; i++)
            exact = exact && big->limb[i] == 0;
        memmove(big->limb, big->limb + limbs, (big->count - limbs) * sizeof(uint32_t));
        big->count -= limbs;
        uint32_t unit = part == BIG_LIMB_DIGITS ? BIG_BASE : powers[part];
        uint32_t rest = divide_small(big, unit);
        exact = exact && rest == 0;
        up = rounding == BIG_HALF_UP && rest >= unit / 2;
    }
    if (up)
        add_one(big);
    big->negative = negative && big->count;
    if (ret_exact)
        *ret_exact = exact;
}

/* One digit of the quotient (base 10^9): how often does divisor go into the window of `rest` that
 * starts at limb `at`; the window is reduced. spec: Knuth, TAOCP 4.3.1, algorithm D */
static uint32_t divide_step(uint32_t *rest, const Big *divisor, uint32_t at)
{
    uint32_t n = divisor->count;
    uint64_t top = (uint64_t)rest[at + n] * BIG_BASE + rest[at + n - 1];
    uint64_t guess = top / divisor->limb[n - 1], left = top % divisor->limb[n - 1];
    while (guess >= BIG_BASE || guess * divisor->limb[n - 2] > left * BIG_BASE + rest[at + n - 2]) {
        guess--;
        left += divisor->limb[n - 1];
        if (left >= BIG_BASE)
            break;
    }
    int64_t borrow = 0;
    uint64_t carry = 0;
    for (uint32_t i = 0; i < n; i++) {
        carry += guess * divisor->limb[i];
        int64_t part = (int64_t)rest[at + i] - (int64_t)(carry % BIG_BASE) - borrow;
        carry /= BIG_BASE;
        borrow = part < 0;
        rest[at + i] = (uint32_t)(borrow ? part + BIG_BASE : part);
    }
    int64_t part = (int64_t)rest[at + n] - (int64_t)carry - borrow;
    rest[at + n] = (uint32_t)(part < 0 ? part + BIG_BASE : part);
    if (part >= 0)
        return (uint32_t)guess;
    uint32_t more = 0; /* the guess was one too high: add back */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t sum = rest[at + i] + divisor->limb[i] + more;
        more = sum >= BIG_BASE;
        rest[at + i] = more ? sum - BIG_BASE : sum;
    }
    rest[at + n] = (rest[at + n] + more) % BIG_BASE;
    return (uint32_t)guess - 1;
}

static void divide_long(const Big *a, const Big *divisor, Big *quotient, Big *remainder)
{
    uint32_t normal = BIG_BASE / (divisor->limb[divisor->count - 1] + 1);
    Big d;
    uint32_t rest[BIG_LIMBS_MAX + 1] = {0};
    big_copy(&d, divisor);
    CHECK(multiply_small(&d, normal) && d.count == divisor->count);
    uint64_t carry = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        carry += (uint64_t)a->limb[i] * normal;
        rest[i] = (uint32_t)(carry % BIG_BASE);
        carry /= BIG_BASE;
    }
    rest[a->count] = (uint32_t)carry;
    quotient->count = a->count - d.count + 1;
    for (uint32_t at = quotient->count; at-- > 0;)
        quotient->limb[at] = divide_step(rest, &d, at);
    memcpy(remainder->limb, rest, d.count * sizeof(uint32_t));
    remainder->count = d.count;
    remainder->negative = false;
    trim(remainder);
    divide_small(remainder, normal);
}

void big_divide(const Big *a, const Big *divisor, Big *ret_quotient, Big *ret_remainder)
{
    Big spare;
    Big *remainder = ret_remainder ? ret_remainder : &spare;
    CHECK(divisor->count > 0);
    if (big_compare_abs(a, divisor) < 0) {
        big_copy(remainder, a);
        big_set(ret_quotient, 0);
        return;
    }
    if (divisor->count == 1) {
        big_copy(ret_quotient, a);
        big_set(remainder, divide_small(ret_quotient, divisor->limb[0]));
    } else {
        divide_long(a, divisor, ret_quotient, remainder);
    }
    ret_quotient->negative = a->negative != divisor->negative;
    remainder->negative = a->negative;
    trim(ret_quotient);
    trim(remainder);
}

void big_print(const Big *big, char *to)
{
    uint32_t digits = big_digits(big);
    if (big->count == 0)
        to[0] = '0';
    uint32_t left = digits;
    for (uint32_t i = 0; i < big->count; i++) {
        uint32_t limb = big->limb[i];
        for (uint32_t j = 0; j < BIG_LIMB_DIGITS && left; j++, limb /= 10)
            to[--left] = (char)('0' + limb % 10);
    }
}

bool big_parse(Big *to, const char *digits, uint32_t count)
{
    while (count && *digits == '0') {
        digits++;
        count--;
    }
    to->negative = false;
    to->count = 0;
    if (count > BIG_DIGITS_MAX)
        return false;
    while (count) {
        uint32_t take = count < BIG_LIMB_DIGITS ? count : BIG_LIMB_DIGITS, limb = 0;
        for (uint32_t i = count - take; i < count; i++)
            limb = limb * 10 + (uint32_t)(digits[i] - '0');
        to->limb[to->count++] = limb;
        count -= take;
    }
    trim(to);
    return true;
}

uint32_t big_trailing_zeros(const Big *big)
{
    uint32_t zeros = 0, i = 0;
    if (big->count == 0)
        return 0;
    while (big->limb[i] == 0)
        i++;
    for (uint32_t limb = big->limb[i]; limb % 10 == 0; limb /= 10)
        zeros++;
    return zeros + i * BIG_LIMB_DIGITS;
}
