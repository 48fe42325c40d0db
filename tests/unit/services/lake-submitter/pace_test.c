#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/lake-submitter/encode.h"
#include "services/lake-submitter/pace.h"

/* How many go within `ms`, asked every 5 ms. */
static int passed(Pace *pace, int64_t from, int64_t ms)
{
    int count = 0;
    for (int64_t now = from; now < from + ms; now += 5)
        while (count < 100000 && pace_take(pace, now) == 0)
            count++;
    return count;
}

static void no_more_than_the_rate_and_a_second_s_worth_at_once(void **state)
{
    (void)state;
    Pace pace = {0};
    pace_set(&pace, 600, 1000); /* 10 a second */
    int first = passed(&pace, 1000, 10000);
    assert_in_range(first, 99, 101);
    int later = passed(&pace, 1000000, 1000); /* it idled: a second's worth, and this second's */
    assert_in_range(later, 19, 20);
}

static void a_slow_rate_lets_one_go_at_a_time(void **state)
{
    (void)state;
    Pace pace = {0};
    pace_set(&pace, 6, 0); /* one in ten seconds */
    assert_int_equal(pace_take(&pace, 0), 0);
    assert_in_range(pace_take(&pace, 0), 9990, 10010);
    assert_in_range(passed(&pace, 1, 60000), 5, 6);
}

static void no_rate_is_no_limit_and_a_new_rate_takes_over(void **state)
{
    (void)state;
    Pace pace = {0};
    pace_set(&pace, 0, 0);
    assert_int_equal(passed(&pace, 0, 5), 100000);
    pace_set(&pace, 60, 10);
    assert_in_range(passed(&pace, 10, 3000), 3, 4);
}

static void texts_are_encoded_as_urls_and_headers_want_them(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 16);
    assert_string_equal(encode_percent(arena, STR("a b&c/\xc3\xa9~")).ptr, "a%20b%26c%2F%C3%A9~");
    static const char *const base64[][2] = {
        {"",         ""        },
        {"f",        "Zg=="    },
        {"fo",       "Zm8="    },
        {"foo",      "Zm9v"    },
        {"foob",     "Zm9vYg=="},
        {"foobar",   "Zm9vYmFy"},
        {"\xff\xfe", "//4="    },
    };
    for (size_t i = 0; i < sizeof base64 / sizeof base64[0]; i++)
        assert_string_equal(encode_base64(arena, str_from(base64[i][0])).ptr, base64[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_than_the_rate_and_a_second_s_worth_at_once),
        cmocka_unit_test(a_slow_rate_lets_one_go_at_a_time),
        cmocka_unit_test(no_rate_is_no_limit_and_a_new_rate_takes_over),
        cmocka_unit_test(texts_are_encoded_as_urls_and_headers_want_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
