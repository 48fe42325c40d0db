#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/lake-submitter/recorded.h"

static Submission of(const char *tenant, const char *id, const char *sha, const char *destination)
{
    return (Submission){
        .envelope = {.tenant = str_from(tenant),
                     .interaction_id = str_from(id),
                     .payload_sha256 = str_from(sha)},
        .destination = str_from(destination)
    };
}

static void remembers_the_same_effect_and_no_other(void **state)
{
    (void)state;
    Recorded *recorded = recorded_new(NULL, NULL);
    Submission one = of("t", "i", "s", "lake");
    assert_false(recorded_remembers(recorded, &one));
    recorded_remember(recorded, &one);
    assert_true(recorded_remembers(recorded, &one));
    const Submission others[] = {of("u", "i", "s", "lake"), of("t", "j", "s", "lake"),
                                 of("t", "i", "r", "lake"), of("t", "i", "s", "pond"),
                                 of("t", "is", "", "lake"), of("lake", "i", "s", "t")};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(recorded_remembers(recorded, &others[i]));
    recorded_free(recorded);
}

static void the_latest_thousands_are_remembered(void **state)
{
    (void)state;
    enum { MANY = 200000, LATEST = 5000 };
    Recorded *recorded = recorded_new(NULL, NULL);
    char id[16];
    int known = 0;
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "%d", i);
        Submission submission = of("t", id, "s", "lake");
        recorded_remember(recorded, &submission);
    }
    for (int i = MANY - LATEST; i < MANY; i++) {
        snprintf(id, sizeof id, "%d", i);
        Submission submission = of("t", id, "s", "lake");
        known += recorded_remembers(recorded, &submission);
    }
    assert_int_equal(known, LATEST);
    recorded_free(recorded);
}

static void without_a_database_nothing_else_is_known(void **state)
{
    (void)state;
    Recorded *recorded = recorded_new(NULL, NULL);
    ARENA_AUTO arena = arena_new(4096);
    Submission one = of("t", "i", "s", "lake");
    bool accepted = true;
    Err err;
    assert_true(recorded_look(recorded, &one, arena, &accepted, &err));
    assert_false(accepted);
    recorded_free(recorded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers_the_same_effect_and_no_other),
        cmocka_unit_test(the_latest_thousands_are_remembered),
        cmocka_unit_test(without_a_database_nothing_else_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
