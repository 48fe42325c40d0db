/* datetime - dates and times as far as they were written.
 *
 * Spec:    hl7.org/fhir/R4/datatypes.html#date (date, dateTime, instant, time), FHIRPath N1 2.1.5
 *          (literals), 6.1, 6.2 (three-valued comparison), 6.6.7 (calendar arithmetic).
 * Owner:   a value; no memory.
 * Threads: pure.
 * Errors:  parsing yields false and, in *ret_why, what is wrong (DateTimeProblem): the caller words
 *          it. Arithmetic yields false past the years 0001..9999.
 * Limits:  nine digits of a second; further digits are accepted and dropped. No time zone database:
 *          only offsets. */
#pragma once
#include "common/base/err.h"
#include "common/base/str.h"

typedef enum DateTimeKind {
    DATETIME_DATE,
    DATETIME_DATE_TIME, /* a dateTime may stop at the year; FHIRPath writes it 2014T */
    DATETIME_INSTANT,
    DATETIME_TIME,
} DateTimeKind;

typedef enum DateTimePrecision {
    DATETIME_YEAR = 1,
    DATETIME_MONTH,
    DATETIME_DAY,
    DATETIME_HOUR,
    DATETIME_MINUTE,
    DATETIME_SECOND, /* with or without a fraction: one precision (FHIRPath N1 6.1.1) */
} DateTimePrecision;

typedef struct DateTime {
    int16_t year;
    uint8_t month, day; /* from 1; what was not written is 1 (or 0 for times) */
    uint8_t hour, minute, second;
    uint8_t kind;            /* DateTimeKind */
    uint8_t precision;       /* DateTimePrecision */
    uint8_t fraction_digits; /* of the second, as written; 0..9 */
    bool has_offset;
    bool is_zulu;           /* written Z */
    int16_t offset_minutes; /* east is positive; -00:00 is 0 */
    uint32_t nanosecond;
} DateTime;

typedef enum DateTimeProblem {
    DATETIME_OK,
    DATETIME_PROBLEM_FORM,   /* the regex does not match */
    DATETIME_PROBLEM_DAY,    /* no such day: 2021-02-29 */
    DATETIME_PROBLEM_MONTH,  /* month 13 */
    DATETIME_PROBLEM_HOUR,   /* hour 24 */
    DATETIME_PROBLEM_MINUTE, /* minute 60 */
    DATETIME_PROBLEM_SECOND, /* second 61; 60 is a leap second in form */
    DATETIME_PROBLEM_OFFSET, /* beyond +-14:00 or a time without offset where one is demanded */
    DATETIME_PROBLEM_YEAR,   /* year 0000 */
} DateTimeProblem;

/* A FHIR primitive exactly as its regex and text demand. A dateTime with a time has seconds and an
 * offset; an instant always has both; a time has seconds and no offset. ret_why may be NULL. */
bool datetime_parse_fhir(DateTimeKind kind, Str text, DateTime *ret, DateTimeProblem *ret_why);
/* FHIRPath's form, without '@': partial times (T14, T14:30), dateTimes that stop after 'T', hours
 * alone, missing offsets; a leading 'T' makes a time. No offset on a time. */
bool datetime_parse_literal(Str text, DateTime *ret, DateTimeProblem *ret_why);
/* toDate, toDateTime, toTime: like the literal, of the kind asked for, 'T' before a time optional,
 * after a date no longer demanded. */
bool datetime_parse_as(DateTimeKind kind, Str text, DateTime *ret);

/* Is each field within what parsing yields? For values that come from a file; all other functions
 * take it for granted. */
bool datetime_in_range(const DateTime *value);

enum { DATETIME_TEXT_MAX = 40 };
/* As FHIR writes it: 2014-01-05T10:30:00.000+10:00, 10:30:00. Offset and fraction as written. */
Str datetime_print(const DateTime *value, char to[static DATETIME_TEXT_MAX]);

typedef enum DateTimeOrder {
    DATETIME_LESS = -1,
    DATETIME_EQUAL = 0,
    DATETIME_GREATER = 1,
    DATETIME_UNKNOWN = 2, /* {}: precision or offset leaves it open */
    DATETIME_UNRELATED,   /* a time and a date */
} DateTimeOrder;

enum { DATETIME_NO_OFFSET = INT16_MIN };
/* Field by field from the year; seconds with their fraction are one field. Values with offsets are
 * shifted to UTC first when they have a time. One with and one without: `assumed_offset` minutes
 * stand in for the missing one; with DATETIME_NO_OFFSET the answer is UNKNOWN unless every offset
 * within +-14:00 gives the same (never EQUAL). */
DateTimeOrder datetime_compare(const DateTime *a, const DateTime *b, int16_t assumed_offset);
/* ~: equal, and the same precision; never UNKNOWN. */
bool datetime_equivalent(const DateTime *a, const DateTime *b, int16_t assumed_offset);

typedef enum DateTimeUnit {
    DATETIME_YEARS,
    DATETIME_MONTHS,
    DATETIME_WEEKS,
    DATETIME_DAYS,
    DATETIME_HOURS,
    DATETIME_MINUTES,
    DATETIME_SECONDS,
    DATETIME_MILLISECONDS,
} DateTimeUnit;
/* year(s) ... millisecond(s); with `ucum` also wk d h min s ms. a and mo are no calendar units. */
bool datetime_unit(Str text, bool ucum, DateTimeUnit *ret_unit);
/* Adds (negative: subtracts). The last day of the month is kept within the month; a unit finer than
 * the value's precision is converted to it first (24 months, 365 days, 30 days a month), what is
 * left over is dropped. Times wrap around midnight and take no unit above hours. Milliseconds added
 * to a value without a fraction give it three digits. False: unit does not fit, year out of range.
 */
bool datetime_add(const DateTime *value, int64_t amount, DateTimeUnit unit, DateTime *ret) MUST_USE;

/* Digits: date 4 6 8, dateTime 4 6 8 10 12 14 17, time 2 4 6 9. */
int datetime_digits(const DateTime *value);
/* The first or last moment that `value` may mean, written to `digits` digits (-1: all of its kind,
 * 8, 17 or 9). Without an offset: the earliest one (+14:00) or the latest (-12:00). False on a
 * count that its kind does not have. An hour alone ends at its minute 00 (as the R4 suite has it).
 */
bool datetime_low_boundary(const DateTime *value, int digits, DateTime *ret) MUST_USE;
bool datetime_high_boundary(const DateTime *value, int digits, DateTime *ret) MUST_USE;

int datetime_days_in_month(int year, int month);
/* Seconds since 1970-01-01T00:00:00Z of the earliest moment; without an offset as if UTC. */
int64_t datetime_epoch_seconds(const DateTime *value);
/* An instant with milliseconds, Z. */
DateTime datetime_from_epoch_ms(int64_t epoch_ms, int16_t offset_minutes);
