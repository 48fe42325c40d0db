#include "common/base/when.h"

typedef struct Cut {
    Str rest;
    bool ok;
} Cut;

static bool next_is(const Cut *cut, char c)
{
    return cut->rest.len && cut->rest.ptr[0] == c;
}

static bool skip(Cut *cut, char c)
{
    if (!next_is(cut, c))
        return false;
    cut->rest = str_skip(cut->rest, 1);
    return true;
}

static void need(Cut *cut, char c)
{
    cut->ok = skip(cut, c) && cut->ok;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly `width` digits, of a value within [least, most]. */
static int64_t number(Cut *cut, size_t width, int64_t least, int64_t most)
{
    int64_t value = 0;
    for (size_t i = 0; i < width; i++) {
        if (i >= cut->rest.len || !is_digit(cut->rest.ptr[i])) {
            cut->ok = false;
            return least;
        }
        value = value * 10 + (cut->rest.ptr[i] - '0');
    }
    cut->rest = str_skip(cut->rest, width);
    cut->ok = cut->ok && value >= least && value <= most;
    return value;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01, for years after it. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    int64_t before = year - 1, days = before * 365 + before / 4 - before / 100 + before / 400;
    for (int64_t m = 1; m < month; m++)
        days += days_in_month(year, m);
    return days + day - 1 - 719162; /* which 0001-01-01 lies before 1970-01-01 */
}

static int64_t date(Cut *cut)
{
    int64_t year = number(cut, 4, 1971, 9998);
    need(cut, '-');
    int64_t month = number(cut, 2, 1, 12);
    need(cut, '-');
    if (!cut->ok)
        return 0;
    int64_t day = number(cut, 2, 1, days_in_month(year, month));
    return days_since_1970(year, month, day);
}

static int64_t fraction_us(Cut *cut)
{
    int64_t us = 0, weight = 100000;
    size_t digits = 0;
    while (cut->rest.len && is_digit(cut->rest.ptr[0])) {
        us += (cut->rest.ptr[0] - '0') * weight;
        weight /= 10;
        cut->rest = str_skip(cut->rest, 1);
        digits++;
    }
    cut->ok = cut->ok && digits > 0 && digits <= 9;
    return us;
}

static int64_t time_of_day_us(Cut *cut)
{
    int64_t minutes = number(cut, 2, 0, 23) * 60;
    need(cut, ':');
    minutes += number(cut, 2, 0, 59);
    int64_t us = minutes * 60 * 1000000;
    if (skip(cut, ':')) {
        us += number(cut, 2, 0, 59) * 1000000;
        if (skip(cut, '.'))
            us += fraction_us(cut);
    }
    return us;
}

/* Z, +05:30, -0500, +05; nothing: UTC. */
static int64_t offset_us(Cut *cut)
{
    bool spaced = skip(cut, ' '), minus = false;
    if (cut->rest.len == 0) {
        cut->ok = cut->ok && !spaced;
        return 0;
    }
    if (skip(cut, 'Z') || skip(cut, 'z'))
        return 0;
    if (next_is(cut, '-') || next_is(cut, '+') || next_is(cut, ' ')) {
        minus = next_is(cut, '-');
        cut->rest = str_skip(cut->rest, 1);
    } else {
        cut->ok = cut->ok && spaced; /* the space was a "+" */
    }
    int64_t minutes = number(cut, 2, 0, 18) * 60;
    bool colon = skip(cut, ':');
    if (colon || cut->rest.len)
        minutes += number(cut, 2, 0, 59);
    return minutes * 60 * 1000000 * (minus ? -1 : 1);
}

bool when_parse(Str text, WhenEdge edge, int64_t *ret_us)
{
    Cut cut = {str_trim(text), true};
    int64_t us = date(&cut) * 86400 * 1000000;
    if (!cut.ok)
        return false;
    if (cut.rest.len == 0) {
        us += edge == WHEN_TO ? 86400LL * 1000000 : 0;
    } else {
        if (!skip(&cut, 'T') && !skip(&cut, 't') && !skip(&cut, ' '))
            return false;
        us += time_of_day_us(&cut);
        if (cut.ok)
            us -= offset_us(&cut);
    }
    if (!cut.ok || cut.rest.len)
        return false;
    *ret_us = us;
    return true;
}
