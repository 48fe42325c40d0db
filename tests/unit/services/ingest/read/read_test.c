/* What the reading side makes of times, cursors, parameters and cells. */
#include "common/base/buf.h"
#include "common/base/when.h"
#include "services/ingest/read/csv.h"
#include "services/ingest/read/cursor.h"
#include "services/ingest/read/query.h"
#include "tests/support/cmocka.h"

#define ID "01a205d6-1996-7097-8acb-603d3ea9a8bc"
#define MARCH_1_2025 1740787200000000LL

static void reads_every_form_of_a_time(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us; /* after 2025-03-01T00:00:00Z */
    } cases[] = {
        {"2025-03-01",                       0       },
        {"2025-03-01 00:00:01",              1000000 },
        {"2025-03-01T00:00:01",              1000000 },
        {"2025-03-01T00:01Z",                60000000},
        {"2025-03-01 00:00:00.001 +0000",    1000    },
        {"2025-02-28 19:00:00.250 -0500",    250000  },
        {"2025-02-28T19:00:00.25-05:00",     250000  },
        {"2025-03-01T05:30:00+05:30",        0       },
        {"2025-03-01T05:30:00 05:30",        0       },
        {"2025-03-01T05:00:00+05",           0       },
        {" 2025-03-01T00:00:00.123456789z ", 123456  },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = 0;
        assert_true(when_parse(str_from(cases[i].text), WHEN_FROM, &us));
        assert_int_equal(us - MARCH_1_2025, cases[i].us);
    }
}

static void a_day_ends_where_the_next_begins(void **state)
{
    (void)state;
    int64_t end = 0, next = 0, leap = 0;
    assert_true(when_parse(STR("2024-02-28"), WHEN_TO, &end));
    assert_true(when_parse(STR("2024-02-29"), WHEN_FROM, &next));
    assert_int_equal(end, next);
    assert_true(when_parse(STR("2024-02-29"), WHEN_TO, &leap));
    assert_int_equal(leap - next, 86400000000LL);
    assert_true(
        when_parse(STR("2024-02-29T12:00:00Z"), WHEN_TO, &end)); /* an instant is an instant */
    assert_int_equal(end - next, 43200000000LL);
}

static void refuses_what_is_no_time(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "2025",
                                      "2025-3-1",
                                      "2025-02-29",
                                      "2025-13-01",
                                      "2025-00-10",
                                      "2025-03-00",
                                      "2025-03-01T",
                                      "2025-03-01T24:00:00Z",
                                      "2025-03-01T00:60:00Z",
                                      "2025-03-01T00:00:00.Z",
                                      "2025-03-01T00:00:00.1234567890Z",
                                      "2025-03-01T00:00:00+19:00",
                                      "2025-03-01T00:00:00+",
                                      "2025-03-01T00:00:00Zx",
                                      "2025-03-01T00:00:00 ",
                                      "1969-01-01",
                                      "9999-01-01",
                                      "yesterday",
                                      "2025-03-01x",
                                      "2025-03-01T00:00:0005:30"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t us = 7;
        /* Trailing blanks are trimmed: that one alone is fine. */
        bool fine = when_parse(str_from(bad[i]), WHEN_FROM, &us);
        assert_int_equal(fine, str_is(str_from(bad[i]), "2025-03-01T00:00:00 "));
        assert_true(fine || us == 7);
    }
}

static void a_cursor_comes_back_as_it_went(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 16);
    static const char *const tenants[] = {"a", "qe|1", "caf\xc3\xa9", ""};
    for (size_t i = 0; i < sizeof tenants / sizeof tenants[0]; i++) {
        Cursor cursor = {MARCH_1_2025 + (int64_t)i, ID, str_from(tenants[i]), STR_NONE}, back = {0};
        Str text = cursor_write(&cursor, 77, arena);
        for (size_t c = 0; c < text.len; c++)
            assert_non_null(strchr(
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text.ptr[c]));
        assert_true(cursor_read(text, 77, arena, &back));
        assert_int_equal(back.received_us, cursor.received_us);
        assert_string_equal(back.interaction_id, ID);
        assert_true(str_eq(back.tenant, cursor.tenant));
        assert_false(cursor_read(text, 78, arena, &back)); /* other filters */
        assert_false(cursor_read(str_cut(text, 0, text.len - 1), 77, arena, &back) &&
                     str_eq(back.tenant, cursor.tenant));
    }
    Cursor none;
    assert_false(cursor_read(STR(""), 77, arena, &none));
    assert_false(cursor_read(STR("!!!!"), 77, arena, &none));
}

static const char *why_not(const char *query, const char *tenant, Arena *arena)
{
    InteractionQuery q;
    const char *why = NULL;
    return query_read(str_from(query), str_from(tenant), arena, &q, &why) ? NULL : why;
}

static void reads_parameters_strictly(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    static const char *const bad[] = {"stat=FAIL",
                                      "state=fail",
                                      "state=",
                                      "state=FAIL&state=FAIL",
                                      "limit=0",
                                      "limit=-1",
                                      "from=x",
                                      "to=x",
                                      "from=2025-03-02&to=2025-03-01",
                                      "patient=%zz",
                                      "patient=%ff",
                                      "text",
                                      "cursor=",
                                      "disposition=no",
                                      "format=xml",
                                      "tenant=b",
                                      "=",
                                      "FAIL"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_non_null(why_not(bad[i], "a", arena));
    static const char *const good[] = {"",
                                       "state=FAIL",
                                       "tenant=a",
                                       "from=2025-03-01&to=2025-03-01",
                                       "&state=FAIL&",
                                       "text=a%26b+c",
                                       "limit=7",
                                       "limit=100000"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_null(why_not(good[i], "a", arena));
    assert_null(why_not("tenant=b", NULL, arena));
}

static void the_next_page_asks_the_same(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    InteractionQuery q, next;
    const char *why = NULL;
    Cursor at = {MARCH_1_2025, ID, STR("q e"), STR_NONE};
    assert_true(query_read(
        STR("text=100%25+%26%C3%A9&from=2025-02-28T19:00:00.001-05:00&limit=3&state=FAIL"),
        STR_NONE, arena, &q, &why));
    Str text = query_write_next(&q, &at, arena);
    assert_true(query_read(text, STR_NONE, arena, &next, &why));
    assert_true(str_eq(next.text, STR("100% &\xc3\xa9")));
    assert_int_equal(next.from_us, q.from_us);
    assert_int_equal(next.to_us, q.to_us);
    assert_int_equal(next.limit, 3);
    assert_true(next.has_cursor && str_is(next.cursor.tenant, "q e"));
}

static void cells_mislead_nobody(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cell;
    } cases[] = {
        {"plain",          "plain"                  },
        {"",               ""                       },
        {"a,b",            "\"a,b\""                },
        {"say \"no\"",     "\"say \"\"no\"\"\""     },
        {"two\nlines",     "\"two\nlines\""         },
        {"=1+1",           "\"'=1+1\""              },
        {"+1",             "\"'+1\""                },
        {"-1",             "\"'-1\""                },
        {"@x",             "\"'@x\""                },
        {"\t=1",           "\"'\t=1\""              },
        {"  =1",           "\"'  =1\""              },
        {"a=1",            "a=1"                    },
        {"=cmd|\"/c\"!A1", "\"'=cmd|\"\"/c\"\"!A1\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        BUF_AUTO out;
        buf_init(&out, 1000);
        csv_add_cell(&out, str_from(cases[i].text));
        buf_add(&out, STR(""));
        assert_string_equal(out.data ? out.data : "", cases[i].cell);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form_of_a_time),
        cmocka_unit_test(a_day_ends_where_the_next_begins),
        cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(a_cursor_comes_back_as_it_went),
        cmocka_unit_test(reads_parameters_strictly),
        cmocka_unit_test(the_next_page_asks_the_same),
        cmocka_unit_test(cells_mislead_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
