/* One bucket, and one for each address. */
#include <stdio.h>

#include "common/limits/addresses.h"
#include "common/limits/bucket.h"
#include "common/limits/shed.h"
#include "tests/support/cmocka.h"

static const BucketRate two_a_second = {2, 5};

static void grants_its_burst_then_its_rate(void **state)
{
    (void)state;
    Bucket bucket = {0};
    int64_t wait = 0;
    for (int i = 0; i < 5; i++)
        assert_true(bucket_take(&bucket, two_a_second, 1000, &wait));
    assert_false(bucket_take(&bucket, two_a_second, 1000, &wait));
    assert_int_equal(wait, 500);
    assert_false(bucket_take(&bucket, two_a_second, 1499, &wait));
    assert_int_equal(wait, 1);
    assert_true(bucket_take(&bucket, two_a_second, 1500, &wait));
    assert_false(bucket_take(&bucket, two_a_second, 1500, &wait));
    assert_int_equal(bucket_level(&bucket, two_a_second, 100000), 5);
}

static void stands_still_when_the_clock_goes_back(void **state)
{
    (void)state;
    Bucket bucket = {0};
    int64_t wait = 0;
    while (bucket_take(&bucket, two_a_second, 5000, &wait))
        ;
    assert_false(bucket_take(&bucket, two_a_second, 10, &wait));
    assert_true(bucket_take(&bucket, two_a_second, 5500, &wait));
    assert_int_equal(bucket_level(&bucket, two_a_second, INT64_MAX), 5);
}

static void without_a_rate_never_fills(void **state)
{
    (void)state;
    Bucket bucket = {0};
    int64_t wait = 0;
    assert_true(bucket_take(&bucket, (BucketRate){0, 1}, 1, &wait));
    assert_false(bucket_take(&bucket, (BucketRate){0, 1}, 1000000, &wait));
    assert_int_equal(wait, INT64_MAX);
    assert_false(bucket_take(&(Bucket){0}, (BucketRate){10, 0}, 1, &wait));
}

static void counts_each_address_by_itself(void **state)
{
    (void)state;
    Addresses *addresses = addresses_new(1, 2);
    int64_t wait = 0;
    assert_true(addresses_take(addresses, STR("192.0.2.1"), 1, &wait));
    assert_true(addresses_take(addresses, STR("192.0.2.1"), 1, &wait));
    assert_false(addresses_take(addresses, STR("192.0.2.1"), 1, &wait));
    assert_int_equal(wait, 1000);
    assert_true(addresses_take(addresses, STR("192.0.2.2"), 1, &wait));
    assert_true(addresses_take(addresses, STR("192.0.2.1"), 1001, &wait));
    addresses_free(addresses);
}

static void counts_ipv6_by_its_network(void **state)
{
    (void)state;
    Addresses *addresses = addresses_new(1, 2);
    int64_t wait = 0;
    assert_true(addresses_take(addresses, STR("2001:db8:1:2::1"), 1, &wait));
    assert_true(addresses_take(addresses, STR("2001:db8:1:2:ffff::9"), 1, &wait));
    assert_false(addresses_take(addresses, STR("2001:db8:1:2:3:4:5:6"), 1, &wait));
    assert_true(addresses_take(addresses, STR("2001:db8:1:3::1"), 1, &wait));
    assert_true(addresses_take(addresses, STR("::ffff:192.0.2.7"), 1, &wait));
    assert_true(addresses_take(addresses, STR("192.0.2.7"), 1, &wait));
    assert_false(addresses_take(addresses, STR("::ffff:192.0.2.7"), 1, &wait));
    addresses_free(addresses);
}

static void no_rate_is_no_limit(void **state)
{
    (void)state;
    Addresses *addresses = addresses_new(0, 1);
    int64_t wait = 0;
    for (int i = 0; i < 100; i++)
        assert_true(addresses_take(addresses, STR("192.0.2.1"), 1, &wait));
    addresses_free(addresses);
}

/* Whoever floods keeps his empty bucket, however many others come. */
static void a_crowd_does_not_free_one_that_is_full(void **state)
{
    (void)state;
    Addresses *addresses = addresses_new(1, 3);
    int64_t wait = 0;
    char text[32];
    while (addresses_take(addresses, STR("198.51.100.1"), 1, &wait))
        ;
    for (unsigned i = 0; i < 4 * ADDRESSES_MAX; i++) {
        snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
        assert_true(addresses_take(addresses, str_from(text), 1, &wait));
    }
    assert_false(addresses_take(addresses, STR("198.51.100.1"), 1, &wait));
    addresses_free(addresses);
}

static void sheds_past_each_limit(void **state)
{
    (void)state;
    const ShedLimits limits = {100, 1000, 50};
    assert_int_equal(shed_decide(&limits, &(ShedLoad){100, 1000, 50}), SHED_NOT);
    assert_int_equal(shed_decide(&limits, &(ShedLoad){101, 0, 0}), SHED_REQUESTS);
    assert_int_equal(shed_decide(&limits, &(ShedLoad){1, 1001, 0}), SHED_QUEUE);
    assert_int_equal(shed_decide(&limits, &(ShedLoad){10, 0, 51}), SHED_DELAY);
    assert_int_equal(shed_decide(&(ShedLimits){0}, &(ShedLoad){9999, 9999, 9999}), SHED_NOT);
}

static void a_delay_of_the_past_is_no_reason_when_all_have_gone(void **state)
{
    (void)state;
    const ShedLimits limits = {0, 0, 50};
    assert_int_equal(shed_decide(&limits, &(ShedLoad){1, 0, 5000}), SHED_NOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grants_its_burst_then_its_rate),
        cmocka_unit_test(stands_still_when_the_clock_goes_back),
        cmocka_unit_test(without_a_rate_never_fills),
        cmocka_unit_test(counts_each_address_by_itself),
        cmocka_unit_test(counts_ipv6_by_its_network),
        cmocka_unit_test(no_rate_is_no_limit),
        cmocka_unit_test(a_crowd_does_not_free_one_that_is_full),
        cmocka_unit_test(sheds_past_each_limit),
        cmocka_unit_test(a_delay_of_the_past_is_no_reason_when_all_have_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
