/* The low-water mark never passes a message that is not settled, whatever the order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bus/offsets.h"

static OffsetTake take(Offsets *offsets, int64_t offset)
{
    OffsetTake how;
    uint32_t retries;
    assert_true(offsets_take(offsets, offset, &how, &retries));
    return how;
}

static void moves_only_over_what_is_settled(void **state)
{
    (void)state;
    Offsets offsets;
    offsets_init(&offsets);
    assert_int_equal(offsets_low(&offsets), -1);
    for (int64_t offset = 10; offset < 15; offset++)
        assert_int_equal(take(&offsets, offset), OFFSET_NEW);
    offsets_settle(&offsets, 12);
    offsets_settle(&offsets, 11);
    assert_int_equal(offsets_low(&offsets), 10);
    offsets_settle(&offsets, 10);
    assert_int_equal(offsets_low(&offsets), 13);
    offsets_settle(&offsets, 14);
    offsets_settle(&offsets, 13);
    assert_int_equal(offsets_low(&offsets), 15);
    offsets_clear(&offsets);
}

static void gaps_are_stepped_over(void **state)
{
    (void)state;
    Offsets offsets;
    offsets_init(&offsets);
    take(&offsets, 5);
    take(&offsets, 900);
    offsets_settle(&offsets, 5);
    assert_int_equal(offsets_low(&offsets), 900);
    offsets_settle(&offsets, 900);
    assert_int_equal(offsets_low(&offsets), 901);
    offsets_clear(&offsets);
}

static void a_retry_holds_the_mark_and_comes_again_alone(void **state)
{
    (void)state;
    Offsets offsets;
    OffsetTake how;
    uint32_t retries;
    offsets_init(&offsets);
    for (int64_t offset = 0; offset < 4; offset++)
        take(&offsets, offset);
    offsets_settle(&offsets, 0);
    offsets_settle(&offsets, 3);
    assert_int_equal(offsets_first_retry(&offsets), -1);
    offsets_retry(&offsets, 1);
    assert_int_equal(offsets_first_retry(&offsets), 1);
    assert_int_equal(offsets_low(&offsets), 1);
    /* The seek back brings 1, 2 and 3 again; 2 is still in hand, 3 is settled. */
    assert_true(offsets_take(&offsets, 1, &how, &retries));
    assert_int_equal(how, OFFSET_AGAIN);
    assert_int_equal(retries, 1);
    assert_int_equal(take(&offsets, 2), OFFSET_SKIP);
    assert_int_equal(take(&offsets, 3), OFFSET_SKIP);
    assert_int_equal(take(&offsets, 4), OFFSET_NEW);
    assert_int_equal(take(&offsets, 0), OFFSET_SKIP);
    offsets_settle(&offsets, 1);
    assert_int_equal(offsets_low(&offsets), 2);
    offsets_settle(&offsets, 2);
    assert_int_equal(offsets_low(&offsets), 4);
    offsets_clear(&offsets);
}

/* Against a plain model, for a few thousand random steps. */
static void agrees_with_a_simple_model(void **state)
{
    (void)state;
    enum { MESSAGES = 3000, OPEN_MAX = 200 };
    static uint8_t settled[MESSAGES];
    int64_t open[OPEN_MAX];
    size_t open_count = 0;
    uint32_t random = 12345;
    Offsets offsets;
    offsets_init(&offsets);
    int64_t next = 0, low = 0;
    while (low < MESSAGES) {
        random = random * 1664525u + 1013904223u;
        if (next < MESSAGES && open_count < OPEN_MAX && (random >> 16) % 3) {
            assert_int_equal(take(&offsets, next), OFFSET_NEW);
            open[open_count++] = next++;
        } else if (open_count > 0) {
            size_t at = (random >> 8) % open_count;
            settled[open[at]] = 1;
            offsets_settle(&offsets, open[at]);
            open[at] = open[--open_count];
        }
        while (low < next && settled[low])
            low++;
        assert_int_equal(offsets_low(&offsets), next == 0 ? -1 : low);
    }
    offsets_clear(&offsets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_only_over_what_is_settled),
        cmocka_unit_test(gaps_are_stepped_over),
        cmocka_unit_test(a_retry_holds_the_mark_and_comes_again_alone),
        cmocka_unit_test(agrees_with_a_simple_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
