#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/replay/inner.h"

static const BusRange extent[] = {
    {0, 10, 100},
    {1, 0,  0  },
    {2, 0,  50 }
};

/* What an operator writes -> ranges of what the topic holds, written as the row keeps them. */
static void chosen(const char *offsets, const char *want)
{
    BusRange list[REPLAY_RANGES_MAX], again[REPLAY_RANGES_MAX];
    size_t count = 0, count_again = 0;
    Err err = {0};
    ARENA_AUTO arena = arena_new(1 << 20);
    bool fine = ranges_choose(str_from(offsets), extent, 3, list, &count, &err);
    if (!want) {
        assert_false(fine);
        assert_int_equal(err.kind, ERR_INPUT);
        assert_string_equal(err.code, "replay-offsets");
        return;
    }
    assert_true(fine);
    Str text = ranges_write(list, count, arena);
    if (!str_is(text, want))
        fail_msg("%s: %.*s, not %s", offsets, STR_ARG(text), want);
    assert_true(ranges_read(text, again, &count_again, &err));
    assert_int_equal(count, count_again);
    assert_int_equal(ranges_size(list, count), ranges_size(again, count));
    for (size_t i = 0; i < count; i++)
        assert_true(again[i].partition == list[i].partition && again[i].from == list[i].from &&
                    again[i].end == list[i].end);
}

static void chooses_what_was_written(void **state)
{
    (void)state;
    chosen("", "0:0-100,2:0-50"); /* from the beginning of time: the store has what is gone */
    chosen("0:20-29", "0:20-30");
    chosen("0:20", "0:20-21");
    chosen("0:20-", "0:20-100");
    chosen("0:-19", "0:0-20");
    chosen("2", "2:0-50");
    chosen("5-6", "0:5-7,2:5-7");
    chosen("0:20-29, 2:1-2", "0:20-30,2:1-3");
    chosen("0:90-1000000", "0:90-100");
    chosen("0:20-29,0:40-49", "0:20-50");
    chosen("0:100-", "");
    chosen("1:0-", "");
}

static void refuses_what_it_does_not_understand(void **state)
{
    static const char *const wrong[] = {"3:1", "x",     "0:x-1",   "0:5-4",
                                        "0:",  ":5",    "0:1-2-3", "-",
                                        "0:-", "0:1;2", ",",       "0:99999999999999999999-"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        chosen(wrong[i], NULL);
}

static void refuses_a_row_that_it_cannot_read(void **state)
{
    static const char *const wrong[] = {"0", "0:1", "0:1-", "x:1-2", "0:1-x"};
    BusRange list[REPLAY_RANGES_MAX];
    size_t count;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        Err err = {0};
        if (ranges_read(str_from(wrong[i]), list, &count, &err))
            fail_msg("%s was read", wrong[i]);
        assert_int_equal(err.kind, ERR_FATAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_what_was_written),
        cmocka_unit_test(refuses_what_it_does_not_understand),
        cmocka_unit_test(refuses_a_row_that_it_cannot_read),
    };
    return cmocka_run_group_tests_name("replay ranges", tests, NULL, NULL);
}
