#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/envelope/uuid.h"

static void v7_is_well_formed_and_sorts_as_made(void **state)
{
    (void)state;
    Uuid last = uuid_v7();
    for (int i = 0; i < 10000; i++) {
        Uuid next = uuid_v7();
        assert_true(uuid_valid(uuid_str(&next)));
        assert_int_equal(next.text[14], '7');
        assert_non_null(memchr("89ab", next.text[19], 4));
        assert_true(strcmp(last.text, next.text) < 0);
        last = next;
    }
}

static void v5_is_the_rfcs(void **state)
{
    (void)state;
    /* spec: RFC 9562 appendix A.4: www.example.com in the DNS namespace */
    Uuid got = uuid_v5(STR("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), STR("www.example.com"));
    assert_string_equal(got.text, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

static void only_uuids_are_valid(void **state)
{
    (void)state;
    assert_true(uuid_valid(STR("2ED6657D-e927-568b-95e1-2665a8aea6a2")));
    assert_false(uuid_valid(STR("")));
    assert_false(uuid_valid(STR("2ed6657de927568b95e12665a8aea6a2")));
    assert_false(uuid_valid(STR("2ed6657d-e927-568b-95e1-2665a8aea6ag")));
    assert_false(uuid_valid(STR("2ed6657d-e927-568b-95e1-2665a8aea6a2 ")));
    assert_false(uuid_valid(STR("2ed6657d0e927-568b-95e1-2665a8aea6a2")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v7_is_well_formed_and_sorts_as_made),
        cmocka_unit_test(v5_is_the_rfcs),
        cmocka_unit_test(only_uuids_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
