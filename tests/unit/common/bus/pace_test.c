/* How bulk steps back while somebody waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bus/pace.h"

enum { SECOND_US = 1000000 };

/* What bulk gets of a second's work at this time. */
static int64_t share_at(const Pace *pace, int64_t now_us)
{
    Pace copy = *pace;
    return 100000 / (1000 + (int64_t)pace_bulk(&copy, now_us, SECOND_US));
}

static void alone_bulk_soon_has_all(void **state)
{
    (void)state;
    Pace pace = pace_new(20, SECOND_US);
    int64_t quiet = SECOND_US + (int64_t)PACE_QUIET_MS * 1000;
    assert_int_equal(share_at(&pace, SECOND_US), 20); /* a start: somebody may wait */
    assert_int_equal(share_at(&pace, quiet), 20);
    assert_int_equal(share_at(&pace, quiet + SECOND_US / 2), 40);
    assert_int_equal(share_at(&pace, quiet + SECOND_US * 3 / 2), 80);
    assert_int_equal(share_at(&pace, quiet + SECOND_US * 5 / 2), 100);
    assert_int_equal(share_at(&pace, quiet + (int64_t)SECOND_US * 100000), 100);
}

static void beside_interactive_messages_it_has_its_share(void **state)
{
    (void)state;
    Pace pace = pace_new(10, 0);
    int64_t now = SECOND_US, worked = 0, held = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t took = 300 + i % 7 * 100; /* often less than a millisecond of debt */
        pace_interactive(&pace, now);
        now += took;
        worked += took;
        int64_t hold_us = (int64_t)pace_bulk(&pace, now, took) * 1000;
        now += hold_us;
        held += hold_us;
    }
    assert_in_range(held, worked * 9 - 1000, worked * 9);
}

static void it_steps_back_when_they_come_again(void **state)
{
    (void)state;
    Pace pace = pace_new(50, 0);
    int64_t now = (int64_t)100 * SECOND_US;
    assert_int_equal(pace_bulk(&pace, now, 8000), 0);
    pace_interactive(&pace, now);
    assert_int_equal(pace_bulk(&pace, now, 8000), 8); /* nothing is held against it */
}

static void the_whole_share_is_no_limit(void **state)
{
    (void)state;
    Pace pace = pace_new(100, 0);
    pace_interactive(&pace, SECOND_US);
    assert_int_equal(pace_bulk(&pace, SECOND_US, 100000), 0);
}

static void one_long_message_does_not_close_the_lane(void **state)
{
    (void)state;
    Pace pace = pace_new(1, 0);
    pace_interactive(&pace, SECOND_US);
    assert_int_equal(pace_bulk(&pace, SECOND_US, (int64_t)60 * SECOND_US), 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_bulk_soon_has_all),
        cmocka_unit_test(beside_interactive_messages_it_has_its_share),
        cmocka_unit_test(it_steps_back_when_they_come_again),
        cmocka_unit_test(the_whole_share_is_no_limit),
        cmocka_unit_test(one_long_message_does_not_close_the_lane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
