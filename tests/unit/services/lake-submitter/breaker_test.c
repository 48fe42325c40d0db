#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/lake-submitter/breaker.h"

/* No connection: it would have met anybody. A 500: perhaps only this one. */
static const BreakerFailure away = {.document = 1, .for_all = true};
static const BreakerFailure one = {.document = 1}, another = {.document = 2};

static Breaker opened(void)
{
    Breaker breaker;
    breaker_init(&breaker, 3, 1000, 4000);
    for (int i = 0; i < 3; i++)
        breaker_failure(&breaker, away, 0);
    return breaker;
}

static void opens_after_so_many_in_a_row(void **state)
{
    (void)state;
    Breaker breaker;
    breaker_init(&breaker, 3, 1000, 4000);
    assert_true(breaker_failure(&breaker, away, 0)); /* counts against the document */
    assert_true(breaker_failure(&breaker, away, 0));
    breaker_success(&breaker);
    breaker_failure(&breaker, away, 0);
    breaker_failure(&breaker, away, 0);
    assert_true(breaker_allow(&breaker, 0));
    assert_false(breaker_failure(&breaker, away, 0)); /* counts against the destination */
    assert_false(breaker_allow(&breaker, 0));
    assert_int_equal(breaker_state(&breaker, 999), BREAKER_OPEN);
}

static void one_probe_at_a_time_decides(void **state)
{
    (void)state;
    Breaker breaker = opened();
    assert_false(breaker_allow(&breaker, 999));
    assert_true(breaker_allow(&breaker, 1000));
    assert_false(breaker_allow(&breaker, 1000));
    breaker_success(&breaker);
    assert_int_equal(breaker_state(&breaker, 1001), BREAKER_CLOSED);
    assert_true(breaker_allow(&breaker, 1001) && breaker_allow(&breaker, 1001));
}

static void a_failed_probe_waits_twice_as_long_up_to_a_limit(void **state)
{
    (void)state;
    Breaker breaker = opened();
    int64_t now = 1000;
    const int64_t waits[] = {2000, 4000, 4000, 4000};
    for (int i = 0; i < 4; i++) {
        assert_true(breaker_allow(&breaker, now));
        assert_false(breaker_failure(&breaker, away, now));
        assert_false(breaker_allow(&breaker, now + waits[i] - 1));
        now += waits[i];
    }
    assert_true(breaker_allow(&breaker, now));
    breaker_success(&breaker);
    for (int i = 0; i < 3; i++)
        breaker_failure(&breaker, away, now);
    assert_true(breaker_allow(&breaker, now + 1000)); /* back to the short wait */
}

static void late_failures_of_the_closed_time_do_not_prolong_it(void **state)
{
    (void)state;
    Breaker breaker = opened();
    assert_false(breaker_failure(&breaker, away, 500));
    assert_true(breaker_allow(&breaker, 1000));
}

static void a_cancelled_probe_frees_its_place(void **state)
{
    (void)state;
    Breaker breaker = opened();
    assert_true(breaker_allow(&breaker, 1000));
    breaker_forget(&breaker);
    assert_true(breaker_allow(&breaker, 1000));
}

static void a_document_that_fails_alone_uses_up_its_budget(void **state)
{
    (void)state;
    Breaker breaker;
    breaker_init(&breaker, 3, 1000, 4000);
    for (int i = 0; i < 100; i++) {
        assert_true(breaker_allow(&breaker, i));
        assert_true(breaker_failure(&breaker, one, i));
    }
}

static void two_documents_that_fail_open_it_and_no_budget_is_used(void **state)
{
    (void)state;
    Breaker breaker;
    breaker_init(&breaker, 3, 1000, 4000);
    assert_true(breaker_failure(&breaker, one, 0));
    assert_true(breaker_failure(&breaker, another, 0));
    assert_false(breaker_failure(&breaker, one, 0));
    for (int64_t now = 1000; now < 86400000; now += 4000)
        if (breaker_allow(&breaker, now))
            assert_false(breaker_failure(&breaker, now % 8000 ? one : another, now));
}

static void the_second_document_opens_it_at_once_when_the_first_failed_often_enough(void **state)
{
    (void)state;
    Breaker breaker;
    breaker_init(&breaker, 3, 1000, 4000);
    for (int i = 0; i < 5; i++)
        assert_true(breaker_failure(&breaker, one, 0));
    assert_false(breaker_failure(&breaker, another, 0));
    assert_false(breaker_allow(&breaker, 0));
}

static void after_a_success_two_are_needed_again(void **state)
{
    (void)state;
    Breaker breaker;
    breaker_init(&breaker, 2, 1000, 4000);
    breaker_failure(&breaker, one, 0);
    breaker_failure(&breaker, another, 0);
    assert_true(breaker_allow(&breaker, 1000));
    breaker_success(&breaker);
    for (int i = 0; i < 5; i++)
        assert_true(breaker_failure(&breaker, one, 1000));
}

static void back_from_nowhere_a_document_that_fails_alone_counts(void **state)
{
    (void)state;
    Breaker breaker = opened();
    for (int i = 0; i < 10; i++) {
        assert_true(breaker_allow(&breaker, 1000));
        assert_true(breaker_failure(&breaker, one, 1000));
    }
    assert_false(breaker_failure(&breaker, away, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_after_so_many_in_a_row),
        cmocka_unit_test(one_probe_at_a_time_decides),
        cmocka_unit_test(a_failed_probe_waits_twice_as_long_up_to_a_limit),
        cmocka_unit_test(late_failures_of_the_closed_time_do_not_prolong_it),
        cmocka_unit_test(a_cancelled_probe_frees_its_place),
        cmocka_unit_test(a_document_that_fails_alone_uses_up_its_budget),
        cmocka_unit_test(two_documents_that_fail_open_it_and_no_budget_is_used),
        cmocka_unit_test(the_second_document_opens_it_at_once_when_the_first_failed_often_enough),
        cmocka_unit_test(after_a_success_two_are_needed_again),
        cmocka_unit_test(back_from_nowhere_a_document_that_fails_alone_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
