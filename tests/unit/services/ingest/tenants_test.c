/* Shares of what is in flight: whose is full, and that nobody else pays for it. */
#include "services/ingest/tenants.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>

static void stops_at_the_share_of_a_tenant_alone(void **state)
{
    (void)state;
    Tenants *tenants = tenants_new(2, 0);
    Tenant *a = tenants_enter(tenants, STR("greedy")), *b = tenants_enter(tenants, STR("greedy"));
    assert_non_null(a);
    assert_ptr_equal(a, b);
    assert_null(tenants_enter(tenants, STR("greedy")));
    Tenant *other = tenants_enter(tenants, STR("modest"));
    assert_non_null(other);
    assert_int_equal(tenants_busy(tenants).tenants, 2);
    assert_int_equal(tenants_busy(tenants).requests, 2);
    tenants_leave(tenants, a, 0);
    a = tenants_enter(tenants, STR("greedy"));
    assert_non_null(a);
    tenants_leave(tenants, a, 0);
    tenants_leave(tenants, b, 0);
    tenants_leave(tenants, other, 0);
    assert_int_equal(tenants_busy(tenants).tenants, 0);
    tenants_free(tenants);
}

static void counts_bytes_of_all_its_requests(void **state)
{
    (void)state;
    Tenants *tenants = tenants_new(0, 1000);
    Tenant *a = tenants_enter(tenants, STR("qe")), *b = tenants_enter(tenants, STR("qe"));
    assert_true(tenants_take(tenants, a, 0, 600));
    assert_false(tenants_take(tenants, b, 0, 401));
    assert_true(tenants_take(tenants, b, 0, 400));
    assert_false(tenants_take(tenants, a, 600, 1));
    assert_int_equal(tenants_busy(tenants).bytes, 1000);
    tenants_leave(tenants, b, 400);
    assert_true(tenants_take(tenants, a, 600, 1)); /* alone again */
    tenants_leave(tenants, a, 601);
    tenants_free(tenants);
}

static void lets_one_alone_be_of_any_size(void **state)
{
    (void)state;
    Tenants *tenants = tenants_new(0, 1000);
    Tenant *a = tenants_enter(tenants, STR("qe"));
    assert_true(tenants_take(tenants, a, 0, 16384));
    assert_true(tenants_take(tenants, a, 16384, 16384));
    Tenant *b = tenants_enter(tenants, STR("qe"));
    assert_false(tenants_take(tenants, b, 0, 1));
    tenants_leave(tenants, b, 0);
    tenants_leave(tenants, a, 32768);
    tenants_free(tenants);
}

static void has_no_limit_at_0(void **state)
{
    (void)state;
    Tenants *tenants = tenants_new(0, 0);
    Tenant *all[300];
    for (size_t i = 0; i < 300; i++) {
        all[i] = tenants_enter(tenants, STR("qe"));
        assert_true(tenants_take(tenants, all[i], 0, (uint64_t)1 << 30));
    }
    for (size_t i = 0; i < 300; i++)
        tenants_leave(tenants, all[i], (uint64_t)1 << 30);
    tenants_free(tenants);
}

/* More names than buckets, from several sides at once. */
static void *come_and_go(void *context)
{
    Tenants *tenants = context;
    char name[16];
    for (int i = 0; i < 20000; i++) {
        int len = snprintf(name, sizeof name, "t%d", i % 700);
        Tenant *tenant = tenants_enter(tenants, (Str){name, (size_t)len});
        if (!tenant)
            continue;
        uint64_t own = tenants_take(tenants, tenant, 0, 10) ? 10 : 0;
        tenants_leave(tenants, tenant, own);
    }
    return NULL;
}

static void forgets_all_who_have_left(void **state)
{
    (void)state;
    Tenants *tenants = tenants_new(2, 15);
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, tenants), 0);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(tenants_busy(tenants).tenants, 0);
    tenants_free(tenants);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_at_the_share_of_a_tenant_alone),
        cmocka_unit_test(counts_bytes_of_all_its_requests),
        cmocka_unit_test(lets_one_alone_be_of_any_size),
        cmocka_unit_test(has_no_limit_at_0),
        cmocka_unit_test(forgets_all_who_have_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
