#include "common/fhir/datetime.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants these first */
#include <cmocka.h>

static DateTime literal(const char *text)
{
    DateTime d;
    if (!datetime_parse_literal(str_from(text), &d, NULL))
        fail_msg("%s is no date", text);
    return d;
}

static const char *text_of(const DateTime *d)
{
    static char texts[4][DATETIME_TEXT_MAX];
    static int turn;
    turn = (turn + 1) % 4;
    return datetime_print(d, texts[turn]).ptr;
}

static void accepts_what_fhir_allows(void **state)
{
    (void)state;
    static const struct {
        DateTimeKind kind;
        const char *text;
    } good[] = {
        {DATETIME_DATE,      "2018"                         },
        {DATETIME_DATE,      "1973-06"                      },
        {DATETIME_DATE,      "2020-02-29"                   },
        {DATETIME_DATE,      "0001-01-01"                   },
        {DATETIME_DATE_TIME, "2018"                         },
        {DATETIME_DATE_TIME, "2015-02-07T13:28:17-05:00"    },
        {DATETIME_DATE_TIME, "2017-01-01T00:00:00.000Z"     },
        {DATETIME_DATE_TIME, "2016-12-31T23:59:60Z"         },
        {DATETIME_DATE_TIME, "2017-01-01T00:00:00+14:00"    },
        {DATETIME_INSTANT,   "2015-02-07T13:28:17.239+02:00"},
        {DATETIME_TIME,      "23:59:59"                     },
        {DATETIME_TIME,      "00:00:00.123456789"           }
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        DateTime d;
        DateTimeProblem why = DATETIME_PROBLEM_FORM;
        if (!datetime_parse_fhir(good[i].kind, str_from(good[i].text), &d, &why))
            fail_msg("%s: problem %d", good[i].text, why);
        assert_int_equal(why, DATETIME_OK);
        assert_string_equal(text_of(&d), good[i].text);
    }
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        DateTimeKind kind;
        const char *text;
        DateTimeProblem why;
    } bad[] = {
        {DATETIME_DATE,      "",                          DATETIME_PROBLEM_FORM  },
        {DATETIME_DATE,      "18",                        DATETIME_PROBLEM_FORM  },
        {DATETIME_DATE,      "2018-1-1",                  DATETIME_PROBLEM_FORM  },
        {DATETIME_DATE,      "2018-13",                   DATETIME_PROBLEM_MONTH },
        {DATETIME_DATE,      "2018-00",                   DATETIME_PROBLEM_MONTH },
        {DATETIME_DATE,      "2019-02-29",                DATETIME_PROBLEM_DAY   },
        {DATETIME_DATE,      "1900-02-29",                DATETIME_PROBLEM_DAY   },
        {DATETIME_DATE,      "2018-04-31",                DATETIME_PROBLEM_DAY   },
        {DATETIME_DATE,      "0000-01-01",                DATETIME_PROBLEM_YEAR  },
        {DATETIME_DATE,      "2018-01-01T00:00:00Z",      DATETIME_PROBLEM_FORM  },
        {DATETIME_DATE,      "2018-01-01 ",               DATETIME_PROBLEM_FORM  },
        {DATETIME_DATE,      "2018-",                     DATETIME_PROBLEM_FORM  },
        {DATETIME_DATE_TIME, "2018-01-01T10:00Z",         DATETIME_PROBLEM_FORM  },
        {DATETIME_DATE_TIME, "2018-01-01T10:00:00",       DATETIME_PROBLEM_OFFSET},
        {DATETIME_DATE_TIME, "2018-01-01T24:00:00Z",      DATETIME_PROBLEM_HOUR  },
        {DATETIME_DATE_TIME, "2018-01-01T10:60:00Z",      DATETIME_PROBLEM_MINUTE},
        {DATETIME_DATE_TIME, "2018-01-01T10:00:61Z",      DATETIME_PROBLEM_SECOND},
        {DATETIME_DATE_TIME, "2018-01-01T10:00:00+15:00", DATETIME_PROBLEM_OFFSET},
        {DATETIME_DATE_TIME, "2018-01-01T10:00:00+14:01", DATETIME_PROBLEM_OFFSET},
        {DATETIME_DATE_TIME, "2018-01-01T10:00:00.Z",     DATETIME_PROBLEM_FORM  },
        {DATETIME_DATE_TIME, "2018-01T10:00:00Z",         DATETIME_PROBLEM_FORM  },
        {DATETIME_DATE_TIME, "2018-01-01T",               DATETIME_PROBLEM_FORM  },
        {DATETIME_INSTANT,   "2018-01-01",                DATETIME_PROBLEM_FORM  },
        {DATETIME_TIME,      "10:00",                     DATETIME_PROBLEM_FORM  },
        {DATETIME_TIME,      "10:00:00Z",                 DATETIME_PROBLEM_FORM  }
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        DateTime d;
        DateTimeProblem why = DATETIME_OK;
        assert_false(datetime_parse_fhir(bad[i].kind, str_from(bad[i].text), &d, &why));
        if (why != bad[i].why)
            fail_msg("%s: %d, not %d", bad[i].text, why, bad[i].why);
    }
}

static void reads_partial_literals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *printed;
        DateTimeKind kind;
        int digits;
    } cases[] = {
        {"2015",                    "2015",                    DATETIME_DATE,      4 },
        {"2015T",                   "2015",                    DATETIME_DATE_TIME, 4 },
        {"2015-02T",                "2015-02",                 DATETIME_DATE_TIME, 6 },
        {"2015-02-04T14",           "2015-02-04T14",           DATETIME_DATE_TIME, 10},
        {"2015-02-04T14:34+10:00",  "2015-02-04T14:34+10:00",  DATETIME_DATE_TIME, 12},
        {"2015-02-04T14:34:28.123", "2015-02-04T14:34:28.123", DATETIME_DATE_TIME, 17},
        {"T14",                     "14",                      DATETIME_TIME,      2 },
        {"T14:34",                  "14:34",                   DATETIME_TIME,      4 },
        {"T14:34:28.5",             "14:34:28.5",              DATETIME_TIME,      7 }
    };
    DateTime d;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        d = literal(cases[i].text);
        assert_string_equal(text_of(&d), cases[i].printed);
        assert_int_equal(d.kind, cases[i].kind);
        assert_int_equal(datetime_digits(&d), cases[i].digits);
    }
    assert_false(datetime_parse_literal(STR("T14:34:28Z"), &d, NULL));
    assert_false(datetime_parse_literal(STR("T"), &d, NULL));
    assert_false(datetime_parse_literal(STR("2015-02T10"), &d, NULL));
    assert_true(datetime_parse_as(DATETIME_TIME, STR("14:34"), &d));
    assert_true(datetime_parse_as(DATETIME_DATE_TIME, STR("2015-02-04T14"), &d));
    assert_false(datetime_parse_as(DATETIME_DATE, STR("2015-02-04T14"), &d));
}

static void compares_with_three_values(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        DateTimeOrder order;
    } cases[] = {
        {"2012-04-15",                  "2012-04-15",                  DATETIME_EQUAL    },
        {"2012-04-15",                  "2012-04-16",                  DATETIME_LESS     },
        {"2012-04-15",                  "2012-04-15T10:00:00",         DATETIME_UNKNOWN  },
        {"2012-04-15",                  "2012-04-16T10:00:00",         DATETIME_LESS     },
        {"1974-12-25",                  "1974-12-25T12:34:00-10:00",   DATETIME_UNKNOWN  },
        {"2012-04-15T15:00:00",         "2012-04-15T10:00:00",         DATETIME_GREATER  },
        {"2012-04-15T15:30:31",         "2012-04-15T15:30:31.0",       DATETIME_EQUAL    },
        {"2012-04-15T15:30:31",         "2012-04-15T15:30:31.1",       DATETIME_LESS     },
        {"2012-04-15T15:00:00Z",        "2012-04-15T10:00:00",         DATETIME_UNKNOWN  },
        {"2012-04-15T15:00:00Z",        "2012-04-17T10:00:00",         DATETIME_LESS     },
        {"2012-04-15T15:00:00+02:00",   "2012-04-15T16:00:00+03:00",   DATETIME_EQUAL    },
        {"2017-11-05T01:30:00.0-04:00", "2017-11-05T01:15:00.0-05:00", DATETIME_LESS     },
        {"2018-03",                     "2018-03-01",                  DATETIME_UNKNOWN  },
        {"2018-03",                     "2018-02-01",                  DATETIME_GREATER  },
        {"2018-03-01T10:30",            "2018-03-01T10:30:00",         DATETIME_UNKNOWN  },
        {"T10:30",                      "T10:30:00",                   DATETIME_UNKNOWN  },
        {"T12:00:00",                   "T14:00:00",                   DATETIME_LESS     },
        {"T10:30:00",                   "T10:30:00.0",                 DATETIME_EQUAL    },
        {"1974-12-25",                  "T12:14:15",                   DATETIME_UNRELATED},
        {"2016-12-31T23:59:60Z",        "2017-01-01T00:00:00Z",        DATETIME_LESS     },
        {"2016-12-31T23:00:00-02:00",   "2017-01-01T01:00:00Z",        DATETIME_EQUAL    }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        DateTime a = literal(cases[i].a), b = literal(cases[i].b);
        DateTimeOrder order = datetime_compare(&a, &b, DATETIME_NO_OFFSET);
        if (order != cases[i].order)
            fail_msg("%s, %s: %d", cases[i].a, cases[i].b, order);
        DateTimeOrder back = datetime_compare(&b, &a, DATETIME_NO_OFFSET);
        assert_int_equal(back, order == DATETIME_LESS      ? DATETIME_GREATER
                               : order == DATETIME_GREATER ? DATETIME_LESS
                                                           : order);
        assert_int_equal(datetime_equivalent(&a, &b, DATETIME_NO_OFFSET), order == DATETIME_EQUAL);
    }
    DateTime zulu = literal("2012-04-15T15:00:00Z"), local = literal("2012-04-15T10:00:00");
    assert_int_equal(datetime_compare(&zulu, &local, 0), DATETIME_GREATER);
    assert_int_equal(datetime_compare(&zulu, &local, -300), DATETIME_EQUAL);
}

static void adds_calendar_durations(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        int64_t amount;
        const char *unit, *to;
    } cases[] = {
        {"1973-12-25",                    7,    "days",         "1974-01-01"                   },
        {"1973-12-25",                    1,    "month",        "1974-01-25"                   },
        {"1973-12-25",                    1,    "wk",           "1974-01-01"                   },
        {"1973-12-25",                    -1,   "year",         "1972-12-25"                   },
        {"2020-02-29",                    1,    "year",         "2021-02-28"                   },
        {"2020-01-31",                    1,    "months",       "2020-02-29"                   },
        {"2020-03-31",                    -1,   "month",        "2020-02-29"                   },
        {"2014",                          24,   "months",       "2016"                         },
        {"2014",                          23,   "months",       "2015"                         },
        {"2014",                          -365, "days",         "2013"                         },
        {"2014-01",                       59,   "days",         "2014-02"                      },
        {"2014-01-01",                    25,   "hours",        "2014-01-02"                   },
        {"2014-01-01",                    23,   "hours",        "2014-01-01"                   },
        {"1973-12-25T00:00:00.000+10:00", 10,   "ms",           "1973-12-25T00:00:00.010+10:00"},
        {"1973-12-25T00:00:00+10:00",     -1,   "milliseconds", "1973-12-24T23:59:59.999+10:00"},
        {"1973-12-31T23:59:59Z",          1,    "second",       "1974-01-01T00:00:00Z"         },
        {"2000-02-28T12:00:00Z",          36,   "h",            "2000-03-01T00:00:00Z"         },
        {"T23:30:00",                     1,    "hour",         "00:30:00"                     },
        {"T00:00",                        -1,   "min",          "23:59"                        }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        DateTime from = literal(cases[i].from), to;
        DateTimeUnit unit;
        assert_true(datetime_unit(str_from(cases[i].unit), true, &unit));
        assert_true(datetime_add(&from, cases[i].amount, unit, &to));
        assert_string_equal(text_of(&to), cases[i].to);
    }
    DateTimeUnit unit;
    assert_false(datetime_unit(STR("mo"), true, &unit));
    assert_false(datetime_unit(STR("wk"), false, &unit));
    DateTime from = literal("9999-12-31"), to, time = literal("T10:00");
    assert_false(datetime_add(&from, 1, DATETIME_DAYS, &to));
    assert_false(datetime_add(&from, INT64_MAX, DATETIME_YEARS, &to));
    assert_false(datetime_add(&from, INT64_MIN, DATETIME_WEEKS, &to));
    assert_false(datetime_add(&time, 1, DATETIME_DAYS, &to));
}

static void finds_boundaries(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int digits;
        const char *low, *high;
    } cases[] = {
        {"2014",                   6,  "2014-01",                       "2014-12"                      },
        {"2014",                   -1, "2014-01-01",                    "2014-12-31"                   },
        {"2016-02",                -1, "2016-02-01",                    "2016-02-29"                   },
        {"2014-01-01T08",          17, "2014-01-01T08:00:00.000+14:00", "2014-01-01T08:00:59.999-12:00"},
        {"2014-01-01T08:05+08:00", 17, "2014-01-01T08:05:00.000+08:00",
         "2014-01-01T08:05:59.999+08:00"                                                               },
        {"2014-01-01T08",          8,  "2014-01-01",                    "2014-01-01"                   },
        {"2014-01-01T08:05:07.5Z", -1, "2014-01-01T08:05:07.500Z",      "2014-01-01T08:05:07.599Z"     },
        {"T10:30",                 9,  "10:30:00.000",                  "10:30:59.999"                 },
        {"T10:30",                 6,  "10:30:00",                      "10:30:59"                     }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        DateTime value = literal(cases[i].value), low, high;
        assert_true(datetime_low_boundary(&value, cases[i].digits, &low));
        assert_true(datetime_high_boundary(&value, cases[i].digits, &high));
        assert_string_equal(text_of(&low), cases[i].low);
        assert_string_equal(text_of(&high), cases[i].high);
    }
    DateTime value = literal("2014"), other;
    assert_false(datetime_low_boundary(&value, 5, &other));
    assert_false(datetime_low_boundary(&value, 99, &other));
}

static void counts_days_both_ways(void **state)
{
    (void)state;
    int64_t before = INT64_MIN;
    for (int year = 1; year <= 9999; year += year % 400 > 390 ? 1 : 7)
        for (int month = 1; month <= 12; month++) {
            DateTime d = {.year = (int16_t)year, .month = (uint8_t)month, .day = 1, .precision = 3};
            d.day = (uint8_t)datetime_days_in_month(year, month);
            int64_t epoch = datetime_epoch_seconds(&d);
            assert_true(epoch > before);
            before = epoch;
            DateTime back = datetime_from_epoch_ms(epoch * 1000, 0);
            assert_true(back.year == d.year && back.month == d.month && back.day == d.day);
        }
    DateTime now = datetime_from_epoch_ms(-1, 600);
    assert_string_equal(text_of(&now), "1970-01-01T09:59:59.999+10:00");
}

static void knows_its_range(void **state)
{
    (void)state;
    const char *const good[] = {
        "2014",           "2014-12", "2016-02-29",   "2014T", "2014-01-05T10:30:59.123456789+14:00",
        "2014-01-05T10Z", "T14",     "T23:59:60.000"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        DateTime value = literal(good[i]);
        assert_true(datetime_in_range(&value));
        DateTime bad[] = {value, value, value, value, value};
        bad[0].fraction_digits = 10;
        bad[1].precision = DATETIME_SECOND + 1;
        bad[2].nanosecond = 1000000000;
        bad[3].month = 13;
        bad[4].offset_minutes = -900;
        for (size_t j = 0; j < sizeof bad / sizeof *bad; j++)
            assert_false(datetime_in_range(&bad[j]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_fhir_allows), cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(reads_partial_literals),   cmocka_unit_test(compares_with_three_values),
        cmocka_unit_test(adds_calendar_durations),  cmocka_unit_test(finds_boundaries),
        cmocka_unit_test(counts_days_both_ways),    cmocka_unit_test(knows_its_range),
    };
    return cmocka_run_group_tests_name("datetime", tests, NULL, NULL);
}
