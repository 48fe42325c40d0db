#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/validator/disposition.h"

static Disposition decide(Arena *arena, const Outcome *outcome)
{
    Disposition disposition = {0};
    Err err = {0};
    assert_true(disposition_decide(outcome, arena, &disposition, &err));
    return disposition;
}

static void assert_issue(const OutcomeIssue *issue, DispositionAction action)
{
    ARENA_AUTO arena = arena_new(1 << 16);
    const Outcome outcome = {.issues = issue, .issue_count = 1};
    assert_int_equal(decide(arena, &outcome).action, action);
}

static void nothing_special_is_accepted(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 16);
    const OutcomeIssue issue = {
        .severity = STR("error"), .location = STR("Bundle.entry[0]"), .text = STR("x")};
    const Outcome outcome = {.issues = &issue, .issue_count = 1};
    Disposition got = decide(arena, &outcome);
    assert_int_equal(got.action, ACTION_ACCEPT);
    assert_true(str_is(got.actions_json, "[{\"action\":\"accept\"}]"));
}

static void a_failed_precheck_is_discarded(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 16);
    const Outcome outcome = {.precheck_code = STR("TECHBD-1002"),
                             .precheck_message = STR("TECHBD-1002: a \"b\"\n")};
    Disposition got = decide(arena, &outcome);
    assert_int_equal(got.action, ACTION_DISCARD);
    assert_true(str_is(got.actions_json,
                       "[{\"action\":\"discard\",\"actionPayload\":{\"message\":\"TECHBD-1002: a "
                       "\\\"b\\\"\\u000a\",\"description\":\"NYeC Rule\"}}]"));
}

static void the_seeds_about_last_updated_reject(void **state)
{
    (void)state;
    const OutcomeIssue missing = {.severity = STR("error"),
                                  .message_id = STR("Validation_VAL_Profile_Minimum"),
                                  .location = STR("Bundle.meta"),
                                  .text = STR("Bundle.meta.lastUpdated: minimum required = 1")};
    assert_issue(&missing, ACTION_REJECT);
    OutcomeIssue other = missing;
    other.severity = STR("warning");
    assert_issue(&other, ACTION_ACCEPT);
    other = missing;
    other.text = STR("Bundle.meta.profile: minimum required = 1");
    assert_issue(&other, ACTION_ACCEPT);
    other = missing;
    other.location = STR("Bundle.entry[0].resource.meta");
    assert_issue(&other, ACTION_ACCEPT);
    other.severity = STR("fatal");
    assert_issue(&other, ACTION_REJECT);
}

static void each_rule_speaks_once(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 16);
    const OutcomeIssue fatal = {.severity = STR("fatal"), .text = STR("lastUpdated")};
    const OutcomeIssue issues[] = {fatal, fatal, fatal};
    const Outcome outcome = {.issues = issues, .issue_count = 3};
    assert_true(str_is(decide(arena, &outcome).actions_json,
                       "[{\"action\":\"reject\",\"actionPayload\":{\"message\":\"lastUpdated\","
                       "\"description\":\"NYeC Rule\"}}]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_special_is_accepted),
        cmocka_unit_test(a_failed_precheck_is_discarded),
        cmocka_unit_test(the_seeds_about_last_updated_reject),
        cmocka_unit_test(each_rule_speaks_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
