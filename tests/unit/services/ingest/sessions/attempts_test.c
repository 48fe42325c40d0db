#include "services/ingest/sessions/attempts.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"

enum { NOW = 1000000 };

static void try(Attempts *attempts, const char *account, const char *address, int times)
{
    for (int i = 0; i < times; i++)
        attempts_failed(attempts, str_from(account), str_from(address), NOW);
}

static void holds_a_pair_after_a_few(void **state)
{
    Attempts *attempts = attempts_new();
    (void)state;
    try(attempts, "jane", "10.0.0.1", ATTEMPTS_PAIR_MAX - 1);
    assert_int_equal(attempts_wait_s(attempts, STR("jane"), STR("10.0.0.1"), NOW), 0);
    try(attempts, "jane", "10.0.0.1", 1);
    assert_int_equal(attempts_wait_s(attempts, STR("jane"), STR("10.0.0.1"), NOW + 1),
                     ATTEMPTS_WINDOW_S - 1);
    /* Jane herself, elsewhere, is not locked out; nor are others at that address. */
    assert_int_equal(attempts_wait_s(attempts, STR("jane"), STR("10.0.0.2"), NOW), 0);
    assert_int_equal(attempts_wait_s(attempts, STR("john"), STR("10.0.0.1"), NOW), 0);
    assert_int_equal(
        attempts_wait_s(attempts, STR("jane"), STR("10.0.0.1"), NOW + ATTEMPTS_WINDOW_S), 0);
    attempts_free(attempts);
}

static void holds_an_address_and_an_account(void **state)
{
    Attempts *attempts = attempts_new();
    char name[20];
    (void)state;
    for (int i = 0; i < ATTEMPTS_ADDRESS_MAX; i++) {
        snprintf(name, sizeof name, "guess-%d", i);
        try(attempts, name, "10.0.0.1", 1);
    }
    assert_true(attempts_wait_s(attempts, STR("anybody"), STR("10.0.0.1"), NOW) > 0);
    for (int i = 0; i < ATTEMPTS_ACCOUNT_MAX; i++) {
        snprintf(name, sizeof name, "10.1.0.%d", i);
        try(attempts, "jane", name, 1);
    }
    assert_true(attempts_wait_s(attempts, STR("jane"), STR("10.2.0.1"), NOW) > 0);
    attempts_free(attempts);
}

static void forgives_a_pair_that_was_right(void **state)
{
    Attempts *attempts = attempts_new();
    (void)state;
    try(attempts, "jane", "10.0.0.1", ATTEMPTS_PAIR_MAX);
    attempts_forgive(attempts, STR("jane"), STR("10.0.0.1"));
    assert_int_equal(attempts_wait_s(attempts, STR("jane"), STR("10.0.0.1"), NOW), 0);
    attempts_free(attempts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_a_pair_after_a_few),
        cmocka_unit_test(holds_an_address_and_an_account),
        cmocka_unit_test(forgives_a_pair_that_was_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
