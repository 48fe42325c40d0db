#include "common/base/seen.h"

#include "tests/support/cmocka.h"

static void each_hash_is_new_once(void **state)
{
    (void)state;
    enum { MANY = 300000 }; /* the table grows thrice */
    Seen seen = {0};
    Err err = {0};
    for (int round = 0; round < 2; round++)
        for (uint64_t i = 0; i < MANY; i++) {
            bool new = false;
            assert_true(seen_add(&seen, i * 0x9e3779b97f4a7c15ULL, &new, &err));
            assert_int_equal(new, round == 0);
        }
    assert_int_equal(seen.count, MANY);
    seen_clear(&seen);
    assert_null(seen.slots);
}

static void equal_low_bits_are_no_equality(void **state)
{
    (void)state;
    Seen seen = {0};
    Err err = {0};
    bool new = false;
    for (uint64_t i = 1; i <= 1000; i++) {
        assert_true(seen_add(&seen, i << 40, &new, &err));
        assert_true(new);
    }
    assert_true(seen_add(&seen, 1000ULL << 40, &new, &err));
    assert_false(new);
    seen_clear(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hash_is_new_once),
        cmocka_unit_test(equal_low_bits_are_no_equality),
    };
    return cmocka_run_group_tests_name("seen", tests, NULL, NULL);
}
