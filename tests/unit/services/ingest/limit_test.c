/* Every route goes through the limits, and in the right place. */
#include "services/ingest/flow.h"
#include "services/ingest/routes.h"
#include "tests/support/cmocka.h"

enum { NOWHERE = 100 };

static size_t place_of(const Step *steps, StepNext (*run)(Exchange *exchange))
{
    for (size_t i = 0; steps[i].run; i++)
        if (steps[i].run == run)
            return i;
    return NOWHERE;
}

static size_t first_late(const Step *steps)
{
    size_t i = 0;
    while (steps[i].run && steps[i].early)
        i++;
    return i;
}

static void every_route_is_limited_as_soon_as_it_is_known_who_asks(void **state)
{
    (void)state;
    assert_true(route_count() > 10);
    for (size_t i = 0; i < route_count(); i++) {
        const Route *route = route_at(i);
        size_t limit = place_of(route->steps, step_limit);
        size_t known = place_of(route->steps, step_authenticate);
        bool open = route->auth == AUTH_NONE;
        if (limit == NOWHERE || !route->steps[limit].early ||
            (open ? limit != 0 : limit != known + 1))
            print_message("%s %s\n", route->method, route->path);
        assert_true(limit != NOWHERE && route->steps[limit].early);
        assert_int_equal(limit, open ? 0 : known + 1);
    }
}

static void what_waits_for_a_lease_does_nothing_else_before(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count(); i++) {
        const Route *route = route_at(i);
        if (route->auth != AUTH_NONE)
            assert_int_equal(place_of(route->steps, step_lease), first_late(route->steps));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_limited_as_soon_as_it_is_known_who_asks),
        cmocka_unit_test(what_waits_for_a_lease_does_nothing_else_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
