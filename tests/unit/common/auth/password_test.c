#include "common/auth/password.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"

static void keeps_what_opens_and_nothing_else(void **state)
{
    ARENA_AUTO arena = arena_new(1 << 20);
    Str kept, again;
    Err err = {0};
    (void)state;
    assert_true(password_keep(STR("a long enough one"), arena, &kept, &err));
    assert_true(password_keep(STR("a long enough one"), arena, &again, &err));
    assert_false(str_eq(kept, again)); /* salted */
    assert_true(password_kept_fits(kept));
    assert_true(password_right(STR("a long enough one"), kept));
    assert_false(password_right(STR("a long enough onE"), kept));
    assert_false(password_right(STR(""), kept));
}

static void refuses_short_and_endless_ones(void **state)
{
    static char long_one[PASSWORD_MAX + 2];
    ARENA_AUTO arena = arena_new(1 << 20);
    Str kept;
    Err err = {0};
    (void)state;
    memset(long_one, 'a', PASSWORD_MAX + 1);
    assert_false(password_keep(STR("short"), arena, &kept, &err));
    assert_string_equal(err.code, "password-short");
    assert_false(password_keep(str_from(long_one), arena, &kept, &err));
    assert_string_equal(err.code, "password-long");
}

/* A published object may not make us spend a gigabyte, or nothing. */
static void refuses_costs_that_are_not_ours(void **state)
{
    (void)state;
    assert_true(password_kept_fits(password_nobody()));
    assert_false(password_right(STR("anything at all"), password_nobody()));
    assert_false(password_kept_fits(STR("$argon2id$v=19$m=4194304,t=3,p=1$c2FsdHNhbHQ$aGFzaA")));
    assert_false(password_kept_fits(STR("$argon2id$v=19$m=65536,t=3000,p=1$c2FsdHNhbHQ$aGFzaA")));
    assert_false(password_kept_fits(STR("$argon2id$v=19$m=65536,t=3,p=64$c2FsdHNhbHQ$aGFzaA")));
    assert_false(password_kept_fits(STR("$argon2i$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaA")));
    assert_false(password_kept_fits(STR("secret")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_opens_and_nothing_else),
        cmocka_unit_test(refuses_short_and_endless_ones),
        cmocka_unit_test(refuses_costs_that_are_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
