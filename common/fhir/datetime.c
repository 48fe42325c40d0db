#include "common/fhir/datetime.h"

#include "common/base/check.h"

enum {
    MINUTES_PER_DAY = 1440,
    SECONDS_PER_DAY = 86400,
    NANOS_PER_SECOND = 1000000000,
    NANOS_PER_MILLI = 1000000,
    FRACTION_MAX = 9,
    OFFSET_MAX = 14 * 60,
};

int datetime_days_in_month(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* --- reading --- */

typedef struct Reader {
    Str rest;
    DateTimeProblem problem; /* the first one */
} Reader;

static void blame(Reader *r, DateTimeProblem problem)
{
    if (r->problem == DATETIME_OK)
        r->problem = problem;
}

static bool at_char(const Reader *r, char c)
{
    return r->rest.len && r->rest.ptr[0] == c;
}

static bool skip_char(Reader *r, char c)
{
    if (!at_char(r, c))
        return false;
    r->rest = str_skip(r->rest, 1);
    return true;
}

/* Exactly `count` digits; a form problem otherwise. */
static int read_number(Reader *r, size_t count)
{
    int value = 0;
    if (r->rest.len < count) {
        blame(r, DATETIME_PROBLEM_FORM);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        char c = r->rest.ptr[i];
        if (c < '0' || c > '9') {
            blame(r, DATETIME_PROBLEM_FORM);
            return 0;
        }
        value = value * 10 + (c - '0');
    }
    r->rest = str_skip(r->rest, count);
    return value;
}

static int read_within(Reader *r, int low, int high, DateTimeProblem problem)
{
    int value = read_number(r, 2);
    if (r->problem == DATETIME_OK && (value < low || value > high))
        blame(r, problem);
    return value;
}

static void read_date(Reader *r, DateTime *d)
{
    d->year = (int16_t)read_number(r, 4);
    d->precision = DATETIME_YEAR;
    if (r->problem == DATETIME_OK && d->year == 0)
        blame(r, DATETIME_PROBLEM_YEAR);
    if (!skip_char(r, '-'))
        return;
    int month = read_within(r, 1, 12, DATETIME_PROBLEM_MONTH);
    d->month = (uint8_t)month;
    d->precision = DATETIME_MONTH;
    if (!skip_char(r, '-'))
        return;
    int last = month >= 1 && month <= 12 ? datetime_days_in_month(d->year, month) : 31;
    d->day = (uint8_t)read_within(r, 1, last, DATETIME_PROBLEM_DAY);
    d->precision = DATETIME_DAY;
}

static void read_fraction(Reader *r, DateTime *d)
{
    uint32_t value = 0, unit = NANOS_PER_SECOND, digits = 0;
    while (r->rest.len && r->rest.ptr[0] >= '0' && r->rest.ptr[0] <= '9') {
        if (digits < FRACTION_MAX) {
            unit /= 10;
            value += (uint32_t)(r->rest.ptr[0] - '0') * unit;
            digits++;
        }
        r->rest = str_skip(r->rest, 1);
    }
    if (digits == 0)
        blame(r, DATETIME_PROBLEM_FORM);
    d->nanosecond = value;
    d->fraction_digits = (uint8_t)digits;
}

/* hh[:mm[:ss[.fff]]] */
static void read_time(Reader *r, DateTime *d)
{
    d->hour = (uint8_t)read_within(r, 0, 23, DATETIME_PROBLEM_HOUR);
    d->precision = DATETIME_HOUR;
    if (!skip_char(r, ':'))
        return;
    d->minute = (uint8_t)read_within(r, 0, 59, DATETIME_PROBLEM_MINUTE);
    d->precision = DATETIME_MINUTE;
    if (!skip_char(r, ':'))
        return;
    /* spec: hl7.org/fhir/R4/datatypes.html#dateTime: 60 is allowed for leap seconds */
    d->second = (uint8_t)read_within(r, 0, 60, DATETIME_PROBLEM_SECOND);
    d->precision = DATETIME_SECOND;
    if (skip_char(r, '.'))
        read_fraction(r, d);
}

static void read_offset(Reader *r, DateTime *d)
{
    if (skip_char(r, 'Z')) {
        d->has_offset = d->is_zulu = true;
        return;
    }
    bool west = at_char(r, '-');
    if (!west && !at_char(r, '+'))
        return;
    r->rest = str_skip(r->rest, 1);
    int hours = read_within(r, 0, 14, DATETIME_PROBLEM_OFFSET);
    if (!skip_char(r, ':'))
        blame(r, DATETIME_PROBLEM_FORM);
    int minutes = read_within(r, 0, 59, DATETIME_PROBLEM_OFFSET);
    if (hours * 60 + minutes > OFFSET_MAX)
        blame(r, DATETIME_PROBLEM_OFFSET);
    d->has_offset = true;
    d->offset_minutes = (int16_t)(west ? -(hours * 60 + minutes) : hours * 60 + minutes);
}

static bool finish(Reader *r, const DateTime *d, DateTime *ret, DateTimeProblem *ret_why)
{
    if (r->rest.len)
        r->problem = DATETIME_PROBLEM_FORM; /* the regex comes before what the digits mean */
    if (ret_why)
        *ret_why = r->problem;
    if (r->problem != DATETIME_OK)
        return false;
    *ret = *d;
    return true;
}

static DateTime blank(DateTimeKind kind)
{
    return (DateTime){.kind = (uint8_t)kind, .month = 1, .day = 1, .year = 1};
}

bool datetime_parse_fhir(DateTimeKind kind, Str text, DateTime *ret, DateTimeProblem *ret_why)
{
    Reader r = {.rest = text};
    DateTime d = blank(kind);
    if (kind != DATETIME_TIME)
        read_date(&r, &d);
    if (kind == DATETIME_TIME || (kind != DATETIME_DATE && skip_char(&r, 'T'))) {
        if (kind != DATETIME_TIME && d.precision != DATETIME_DAY)
            blame(&r, DATETIME_PROBLEM_FORM);
        read_time(&r, &d);
        if (d.precision != DATETIME_SECOND)
            blame(&r, DATETIME_PROBLEM_FORM);
        if (kind != DATETIME_TIME) {
            read_offset(&r, &d);
            if (!d.has_offset)
                blame(&r, DATETIME_PROBLEM_OFFSET);
        }
    }
    if (kind == DATETIME_INSTANT && d.precision != DATETIME_SECOND)
        blame(&r, DATETIME_PROBLEM_FORM);
    return finish(&r, &d, ret, ret_why);
}

bool datetime_parse_literal(Str text, DateTime *ret, DateTimeProblem *ret_why)
{
    Reader r = {.rest = text};
    if (skip_char(&r, 'T')) {
        DateTime time = blank(DATETIME_TIME);
        read_time(&r, &time);
        return finish(&r, &time, ret, ret_why);
    }
    DateTime d = blank(DATETIME_DATE);
    read_date(&r, &d);
    if (skip_char(&r, 'T')) {
        d.kind = DATETIME_DATE_TIME;
        if (r.rest.len) {
            if (d.precision != DATETIME_DAY)
                blame(&r, DATETIME_PROBLEM_FORM);
            read_time(&r, &d);
            read_offset(&r, &d);
        }
    }
    return finish(&r, &d, ret, ret_why);
}

bool datetime_parse_as(DateTimeKind kind, Str text, DateTime *ret)
{
    Reader r = {.rest = text};
    DateTime d = blank(kind);
    if (kind == DATETIME_TIME) {
        skip_char(&r, 'T');
        read_time(&r, &d);
    } else {
        read_date(&r, &d);
        if (kind != DATETIME_DATE && skip_char(&r, 'T') && r.rest.len) {
            if (d.precision != DATETIME_DAY)
                blame(&r, DATETIME_PROBLEM_FORM);
            read_time(&r, &d);
            read_offset(&r, &d);
        }
    }
    return finish(&r, &d, ret, NULL);
}

static bool date_in_range(const DateTime *d)
{
    return d->year >= 1 && d->year <= 9999 && d->month >= 1 && d->month <= 12 && d->day >= 1 &&
           d->day <= datetime_days_in_month(d->year, d->month);
}

bool datetime_in_range(const DateTime *d)
{
    bool is_time = d->kind == DATETIME_TIME;
    return d->kind <= DATETIME_TIME && d->precision >= (is_time ? DATETIME_HOUR : DATETIME_YEAR) &&
           d->precision <= DATETIME_SECOND &&
           (is_time ? d->year >= 0 && d->year <= 1 && d->month <= 1 && d->day <= 1
                    : date_in_range(d)) &&
           d->hour <= 24 && d->minute <= 59 && d->second <= 60 &&
           d->fraction_digits <= FRACTION_MAX && d->nanosecond < 1000000000u &&
           d->offset_minutes >= -14 * 60 && d->offset_minutes <= 14 * 60;
}

/* --- writing --- */

static char *put_number(char *to, unsigned value, int digits)
{
    for (int i = digits; i-- > 0; value /= 10)
        to[i] = (char)('0' + value % 10);
    return to + digits;
}

static char *put_offset(char *to, const DateTime *value)
{
    if (value->is_zulu) {
        *to++ = 'Z';
        return to;
    }
    unsigned minutes =
        (unsigned)(value->offset_minutes < 0 ? -value->offset_minutes : value->offset_minutes);
    *to++ = value->offset_minutes < 0 ? '-' : '+';
    to = put_number(to, minutes / 60, 2);
    *to++ = ':';
    return put_number(to, minutes % 60, 2);
}

static char *put_time(char *to, const DateTime *value)
{
    to = put_number(to, value->hour, 2);
    if (value->precision >= DATETIME_MINUTE) {
        *to++ = ':';
        to = put_number(to, value->minute, 2);
    }
    if (value->precision >= DATETIME_SECOND) {
        *to++ = ':';
        to = put_number(to, value->second, 2);
    }
    if (value->precision >= DATETIME_SECOND && value->fraction_digits) {
        char nanos[FRACTION_MAX];
        put_number(nanos, value->nanosecond, FRACTION_MAX);
        *to++ = '.';
        memcpy(to, nanos, value->fraction_digits);
        to += value->fraction_digits;
    }
    return to;
}

Str datetime_print(const DateTime *value, char to[static DATETIME_TEXT_MAX])
{
    char *at = to;
    if (value->kind != DATETIME_TIME) {
        at = put_number(at, (unsigned)value->year, 4);
        if (value->precision >= DATETIME_MONTH) {
            *at++ = '-';
            at = put_number(at, value->month, 2);
        }
        if (value->precision >= DATETIME_DAY) {
            *at++ = '-';
            at = put_number(at, value->day, 2);
        }
        if (value->precision >= DATETIME_HOUR)
            *at++ = 'T';
    }
    if (value->precision >= DATETIME_HOUR)
        at = put_time(at, value);
    if (value->precision >= DATETIME_HOUR && value->has_offset)
        at = put_offset(at, value);
    *at = '\0';
    return (Str){to, (size_t)(at - to)};
}

/* --- days --- */

/* Days since 1970-01-01 in the proleptic Gregorian calendar; years begin in March, so that the leap
 * day is the last. */
static int64_t days_from(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool set_days(DateTime *d, int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t full_year = year + era * 400 + (month >= 10);
    if (full_year < 1 || full_year > 9999)
        return false;
    d->day = (uint8_t)(of_year - (153 * month + 2) / 5 + 1);
    d->month = (uint8_t)(month < 10 ? month + 3 : month - 9);
    d->year = (int16_t)full_year;
    return true;
}

static int64_t second_of_day(const DateTime *d)
{
    return (int64_t)d->hour * 3600 + d->minute * 60 + d->second;
}

int64_t datetime_epoch_seconds(const DateTime *value)
{
    return days_from(value->year, value->month, value->day) * SECONDS_PER_DAY +
           second_of_day(value) - (value->has_offset ? value->offset_minutes * 60 : 0);
}

static void set_second_of_day(DateTime *d, int64_t second)
{
    d->hour = (uint8_t)(second / 3600);
    d->minute = (uint8_t)(second / 60 % 60);
    d->second = (uint8_t)(second % 60);
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

DateTime datetime_from_epoch_ms(int64_t epoch_ms, int16_t offset_minutes)
{
    DateTime d = blank(DATETIME_INSTANT);
    int64_t seconds = floor_divide(epoch_ms, 1000);
    int64_t local = seconds + offset_minutes * 60;
    int64_t days = floor_divide(local, SECONDS_PER_DAY);
    CHECK(set_days(&d, days));
    set_second_of_day(&d, local - days * SECONDS_PER_DAY);
    d.nanosecond = (uint32_t)(epoch_ms - seconds * 1000) * NANOS_PER_MILLI;
    d.fraction_digits = 3;
    d.precision = DATETIME_SECOND;
    d.has_offset = true;
    d.is_zulu = offset_minutes == 0;
    d.offset_minutes = offset_minutes;
    return d;
}

/* --- comparison --- */

static DateTimeOrder order_of(int64_t a, int64_t b)
{
    return a < b ? DATETIME_LESS : a > b ? DATETIME_GREATER : DATETIME_EQUAL;
}

/* The fields as numbers, shifted by `minutes`; six of them, by DateTimePrecision. A leap second
 * stays one: 23:59:60 is greater than 23:59:59 and less than the next midnight. */
static void fields_of(const DateTime *d, int minutes, int64_t to[DATETIME_SECOND])
{
    DateTime shifted = *d;
    if (minutes && d->precision >= DATETIME_HOUR) {
        int64_t of_day = d->hour * 60 + d->minute + minutes;
        int64_t days = floor_divide(of_day, MINUTES_PER_DAY);
        of_day -= days * MINUTES_PER_DAY;
        shifted.hour = (uint8_t)(of_day / 60);
        shifted.minute = (uint8_t)(of_day % 60);
        if (d->kind != DATETIME_TIME &&
            !set_days(&shifted, days_from(d->year, d->month, d->day) + days))
            shifted.year = days < 0 ? 0 : 10000; /* beyond the calendar: only for ordering */
    }
    to[0] = d->kind == DATETIME_TIME ? 0 : shifted.year;
    to[1] = shifted.month;
    to[2] = shifted.day;
    to[3] = shifted.hour;
    to[4] = shifted.minute;
    to[5] = (int64_t)shifted.second * NANOS_PER_SECOND + shifted.nanosecond;
}

static DateTimeOrder compare_fields(const DateTime *a, int shift_a, const DateTime *b, int shift_b)
{
    int64_t left[DATETIME_SECOND], right[DATETIME_SECOND];
    fields_of(a, shift_a, left);
    fields_of(b, shift_b, right);
    int shared = a->precision < b->precision ? a->precision : b->precision;
    for (int i = 0; i < shared; i++)
        if (left[i] != right[i])
            return order_of(left[i], right[i]);
    return a->precision == b->precision ? DATETIME_EQUAL : DATETIME_UNKNOWN;
}

/* Minutes to add for UTC; *ret_known false: an offset would count, and there is none. */
static int shift_of(const DateTime *d, int16_t assumed_offset, bool *ret_known)
{
    *ret_known = true;
    if (d->precision < DATETIME_HOUR || d->kind == DATETIME_TIME)
        return 0;
    if (d->has_offset)
        return -d->offset_minutes;
    *ret_known = assumed_offset != DATETIME_NO_OFFSET;
    return *ret_known ? -assumed_offset : 0;
}

static DateTimeOrder certain_order(DateTimeOrder one, DateTimeOrder other)
{
    return one == other && one != DATETIME_EQUAL ? one : DATETIME_UNKNOWN;
}

DateTimeOrder datetime_compare(const DateTime *a, const DateTime *b, int16_t assumed_offset)
{
    bool a_known, b_known;
    if ((a->kind == DATETIME_TIME) != (b->kind == DATETIME_TIME))
        return DATETIME_UNRELATED;
    int shift_a = shift_of(a, assumed_offset, &a_known);
    int shift_b = shift_of(b, assumed_offset, &b_known);
    bool a_timed = a->precision >= DATETIME_HOUR, b_timed = b->precision >= DATETIME_HOUR;
    if (a_known != b_known && a_timed && b_timed) {
        if (!a_known)
            return certain_order(compare_fields(a, OFFSET_MAX, b, shift_b),
                                 compare_fields(a, -OFFSET_MAX, b, shift_b));
        return certain_order(compare_fields(a, shift_a, b, OFFSET_MAX),
                             compare_fields(a, shift_a, b, -OFFSET_MAX));
    }
    if (!a_timed || !b_timed) /* a date has no offset: compare as written */
        return compare_fields(a, 0, b, 0);
    return compare_fields(a, shift_a, b, shift_b);
}

bool datetime_equivalent(const DateTime *a, const DateTime *b, int16_t assumed_offset)
{
    return a->precision == b->precision && datetime_compare(a, b, assumed_offset) == DATETIME_EQUAL;
}

/* --- arithmetic --- */

bool datetime_unit(Str text, bool ucum, DateTimeUnit *ret_unit)
{
    static const struct {
        const char *word, *ucum;
    } units[] = {
        [DATETIME_YEARS] = {"year",        NULL },
          [DATETIME_MONTHS] = {"month",       NULL },
        [DATETIME_WEEKS] = {"week",        "wk" },
          [DATETIME_DAYS] = {"day",         "d"  },
        [DATETIME_HOURS] = {"hour",        "h"  },
          [DATETIME_MINUTES] = {"minute",      "min"},
        [DATETIME_SECONDS] = {"second",      "s"  },
          [DATETIME_MILLISECONDS] = {"millisecond", "ms" },
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        Str word = str_from(units[i].word), code = str_from(units[i].ucum);
        bool plural = text.len == word.len + 1 && str_ends(text, STR("s"));
        if (str_eq(text, word) || (plural && str_starts(text, word)) ||
            (ucum && code.ptr && str_eq(text, code))) {
            *ret_unit = (DateTimeUnit)i;
            return true;
        }
    }
    return false;
}

static bool add_months(DateTime *d, int64_t months)
{
    int64_t total;
    if (__builtin_add_overflow((int64_t)d->year * 12 + d->month - 1, months, &total))
        return false;
    int64_t year = floor_divide(total, 12);
    if (year < 1 || year > 9999)
        return false;
    d->year = (int16_t)year;
    d->month = (uint8_t)(total - year * 12 + 1);
    int last = datetime_days_in_month(d->year, d->month);
    if (d->day > last)
        d->day = (uint8_t)last;
    return true;
}

static bool add_seconds(DateTime *d, int64_t seconds)
{
    int64_t total;
    if (__builtin_add_overflow(second_of_day(d), seconds, &total))
        return false;
    int64_t days = floor_divide(total, SECONDS_PER_DAY);
    set_second_of_day(d, total - days * SECONDS_PER_DAY);
    if (d->kind == DATETIME_TIME)
        return true;
    int64_t day;
    return !__builtin_add_overflow(days_from(d->year, d->month, d->day), days, &day) &&
           set_days(d, day);
}

static bool add_milliseconds(DateTime *d, int64_t milliseconds)
{
    int64_t seconds = floor_divide(milliseconds, 1000);
    int64_t nanos = d->nanosecond + (milliseconds - seconds * 1000) * NANOS_PER_MILLI;
    if (d->precision == DATETIME_SECOND && d->fraction_digits < 3)
        d->fraction_digits = 3;
    d->nanosecond = (uint32_t)(nanos % NANOS_PER_SECOND);
    return add_seconds(d, seconds + nanos / NANOS_PER_SECOND);
}

/* How many of `unit` make one of the value's own smallest unit; 1 when it is fine enough.
 * spec: FHIRPath N1 6.6.7: "the operation is performed by converting the quantity to the highest
 * precision in the left operand": 1 year = 365 days, 1 month = 30 days */
static int64_t units_per_precision(int precision, DateTimeUnit unit, DateTimeUnit *ret_unit)
{
    /* [own precision][unit]: weeks count as seven days, days down to milliseconds */
    static const int64_t per_day[] = {0, 0, 0, 1, 24, 1440, 86400, 86400000};
    static const int64_t per_hour[] = {0, 0, 0, 0, 1, 60, 3600, 3600000};
    *ret_unit = unit;
    if (precision == DATETIME_YEAR && unit > DATETIME_YEARS) {
        *ret_unit = DATETIME_YEARS;
        return unit == DATETIME_MONTHS ? 12 : 365 * per_day[unit];
    }
    if (precision == DATETIME_MONTH && unit > DATETIME_MONTHS) {
        *ret_unit = DATETIME_MONTHS;
        return 30 * per_day[unit];
    }
    if (precision == DATETIME_DAY && unit > DATETIME_DAYS) {
        *ret_unit = DATETIME_DAYS;
        return per_day[unit];
    }
    if (precision == DATETIME_HOUR && unit > DATETIME_HOURS) {
        *ret_unit = DATETIME_HOURS;
        return per_hour[unit];
    }
    if (precision == DATETIME_MINUTE && unit > DATETIME_MINUTES) {
        *ret_unit = DATETIME_MINUTES;
        return unit == DATETIME_SECONDS ? 60 : 60000;
    }
    return 1;
}

bool datetime_add(const DateTime *value, int64_t amount, DateTimeUnit unit, DateTime *ret)
{
    static const int64_t seconds_per[] = {0, 0, 0, SECONDS_PER_DAY, 3600, 60, 1};
    DateTime d = *value;
    if (d.kind == DATETIME_TIME && unit < DATETIME_HOURS)
        return false;
    if (unit == DATETIME_WEEKS) {
        if (__builtin_mul_overflow(amount, (int64_t)7, &amount))
            return false;
        unit = DATETIME_DAYS;
    }
    amount /= units_per_precision(d.precision, unit, &unit);
    bool ok;
    if (unit <= DATETIME_MONTHS) {
        ok = (unit != DATETIME_YEARS || !__builtin_mul_overflow(amount, (int64_t)12, &amount)) &&
             add_months(&d, amount);
    } else if (unit == DATETIME_MILLISECONDS) {
        ok = add_milliseconds(&d, amount);
    } else {
        ok = !__builtin_mul_overflow(amount, seconds_per[unit], &amount) && add_seconds(&d, amount);
    }
    if (ok)
        *ret = d;
    return ok;
}

/* --- boundaries --- */

int datetime_digits(const DateTime *value)
{
    static const uint8_t dates[] = {0, 4, 6, 8, 10, 12, 14};
    static const uint8_t times[] = {0, 0, 0, 0, 2, 4, 6};
    int digits = value->kind == DATETIME_TIME ? times[value->precision] : dates[value->precision];
    return digits + value->fraction_digits;
}

static bool precision_of_digits(bool time, int digits, int *ret_precision, int *ret_fraction)
{
    *ret_fraction = 0;
    int clock = time ? digits : digits - 8;
    if (clock == 9) {
        *ret_fraction = 3;
        clock = 6;
    }
    if (clock == 2 || clock == 4 || clock == 6) {
        *ret_precision = DATETIME_DAY + clock / 2;
        return true;
    }
    *ret_precision = digits == 4 ? DATETIME_YEAR : digits == 6 ? DATETIME_MONTH : DATETIME_DAY;
    return !time && (digits == 4 || digits == 6 || digits == 8);
}

static void fill(DateTime *d, bool high)
{
    if (d->kind != DATETIME_TIME && d->precision < DATETIME_MONTH)
        d->month = high ? 12 : 1;
    if (d->kind != DATETIME_TIME && d->precision < DATETIME_DAY)
        d->day = high ? (uint8_t)datetime_days_in_month(d->year, d->month) : 1;
    if (d->precision < DATETIME_HOUR) {
        d->hour = high ? 23 : 0;
        d->minute = high ? 59 : 0;
    } else if (d->precision == DATETIME_HOUR) {
        d->minute = 0; /* the R4 suite: an hour is read as hh:00 */
    }
    if (d->precision < DATETIME_SECOND)
        d->second = high ? 59 : 0;
    if (d->precision < DATETIME_SECOND || d->fraction_digits == 0) {
        d->nanosecond = high ? 999 * NANOS_PER_MILLI : 0;
    } else if (high) { /* the written digits stay, nines behind them up to the millisecond */
        uint32_t unit = NANOS_PER_MILLI;
        for (int digits = d->fraction_digits; digits < 3; digits++, unit *= 10)
            d->nanosecond += 9 * unit;
    }
}

static bool boundary(const DateTime *value, bool high, int digits, DateTime *ret)
{
    bool time = value->kind == DATETIME_TIME;
    int precision, fraction;
    DateTime d = *value;
    if (digits < 0)
        digits = time ? 9 : value->kind == DATETIME_DATE ? 8 : 17;
    if (!precision_of_digits(time, digits, &precision, &fraction))
        return false;
    fill(&d, high);
    d.precision = (uint8_t)precision;
    d.fraction_digits = (uint8_t)fraction;
    if (fraction == 0)
        d.nanosecond = 0;
    else
        d.nanosecond -= d.nanosecond % NANOS_PER_MILLI;
    if (time) {
        *ret = d;
        return true;
    }
    if (precision >= DATETIME_HOUR) {
        d.kind = d.kind == DATETIME_DATE ? DATETIME_DATE_TIME : d.kind;
        if (!d.has_offset) {
            d.has_offset = true;
            d.offset_minutes = high ? -12 * 60 : 14 * 60;
        }
    } else {
        d.has_offset = d.is_zulu = false;
        d.offset_minutes = 0;
    }
    *ret = d;
    return true;
}

bool datetime_low_boundary(const DateTime *value, int digits, DateTime *ret)
{
    return boundary(value, false, digits, ret);
}

bool datetime_high_boundary(const DateTime *value, int digits, DateTime *ret)
{
    return boundary(value, true, digits, ret);
}
