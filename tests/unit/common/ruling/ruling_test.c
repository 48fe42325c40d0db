/* What rules make of what the engine said: the built-in ones, and some that could be published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/ruling/ruling.h"

typedef struct Case {
    Arena *arena;
    RuleSet *sets[2]; /* published, built in */
    const RuleSet *shown[2];
    RuleBook book;
} Case;

static int case_up(void **state)
{
    static Case test;
    Err err = {0};
    test = (Case){.arena = arena_new(1 << 22)};
    *state = &test;
    if (!test.arena || !rules_read_default(&test.sets[1], &err))
        return -1;
    test.shown[0] = test.sets[1];
    test.book = (RuleBook){test.shown, 1, str_from(test.sets[1]->stamp)};
    return 0;
}

static int case_down(void **state)
{
    Case *test = *state;
    rules_free(test->sets[0]);
    rules_free(test->sets[1]);
    arena_free(test->arena);
    return 0;
}

/* Besides the built-in ones. */
static void publish(Case *test, const char *file)
{
    Err err = {0};
    if (!rules_read(str_from(file), &test->sets[0], NULL, &err))
        fail_msg("%s: %s", err.code, err.text);
    test->shown[0] = test->sets[0];
    test->shown[1] = test->sets[1];
    test->book.count = 2;
}

static Validated ruled(Case *test, const char *bundle, const OutcomeIssue *issues, uint32_t count)
{
    Validated validated = {
        .bundle = str_from(bundle),
        .outcome = {
                    .issues = issues, .issue_count = count, .operation_outcome = STR("the engine's")}
    };
    Err err = {0};
    for (uint32_t i = 0; i < count; i++) {
        bool bad = str_is(issues[i].severity, "error") || str_is(issues[i].severity, "fatal");
        validated.outcome.errors += bad;
        validated.outcome.warnings += str_is(issues[i].severity, "warning");
        validated.outcome.information += str_is(issues[i].severity, "information");
    }
    validated.outcome.valid = validated.outcome.errors == 0;
    if (!ruling_apply(&test->book, 0, test->arena, &validated, &err))
        fail_msg("%s: %s", err.code, err.text);
    return validated;
}

static void assert_action(Case *test, const char *bundle, const OutcomeIssue *issue,
                          DispositionAction action)
{
    assert_int_equal(ruled(test, bundle, issue, 1).disposition.action, action);
}

static void nothing_special_is_accepted_and_left_alone(void **state)
{
    const OutcomeIssue issue = {
        .severity = STR("error"), .location = STR("Bundle.entry[0]"), .text = STR("x")};
    Validated got = ruled(*state, "{}", &issue, 1);
    assert_int_equal(got.disposition.action, ACTION_ACCEPT);
    assert_true(str_is(got.disposition.actions_json, "[{\"action\":\"accept\"}]"));
    assert_false(got.has_engine_outcome);
    assert_int_equal(got.rule_change_count, 0);
    assert_true(str_is(got.outcome.operation_outcome, "the engine's"));
    assert_true(str_starts(got.rules_version, STR("default@builtin#")));
}

static void a_failed_precheck_is_discarded(void **state)
{
    const OutcomeIssue issue = {.severity = STR("fatal"),
                                .message_id = STR("TECHBD-1002"),
                                .text = STR("TECHBD-1002: a \"b\"\n")};
    Validated got = ruled(*state, "{}", &issue, 1);
    assert_int_equal(got.disposition.action, ACTION_DISCARD);
    assert_true(str_is(got.disposition.actions_json,
                       "[{\"action\":\"discard\",\"actionPayload\":{\"message\":\"TECHBD-1002: a "
                       "\\\"b\\\"\\n\",\"description\":\"NYeC Rule\",\"rule\":"
                       "\"default/no-profile\"}}]"));
    assert_int_equal(got.rule_change_count, 1);
    assert_true(str_is(got.rule_changes[0].rule, "default/no-profile"));
    assert_true(str_is(got.rule_changes[0].what, "discard"));
}

static void the_seeds_about_last_updated_reject(void **state)
{
    const char *without = "{\"resourceType\":\"Bundle\",\"meta\":{\"profile\":[\"p\"]}}";
    const char *with = "{\"resourceType\":\"Bundle\",\"meta\":{\"lastUpdated\":\"2026\"}}";
    const OutcomeIssue missing = {.severity = STR("error"),
                                  .message_id = STR("Validation_VAL_Profile_Minimum"),
                                  .location = STR("Bundle.meta"),
                                  .text = STR("Bundle.meta.lastUpdated: minimum required = 1")};
    assert_action(*state, without, &missing, ACTION_REJECT);
    assert_action(*state, with, &missing, ACTION_ACCEPT);
    OutcomeIssue other = missing;
    other.severity = STR("warning");
    assert_action(*state, without, &other, ACTION_ACCEPT);
    other = missing;
    other.location = STR("Bundle.entry[0].resource.meta");
    assert_action(*state, without, &other, ACTION_ACCEPT);
    other.severity = STR("fatal");
    other.location = STR("Bundle.entry[0].resource/*Patient/p*/.meta.lastUpdated");
    assert_action(*state, with, &other, ACTION_REJECT);
}

static void what_cannot_be_read_goes_nowhere_whatever_the_rules_say(void **state)
{
    Case *test = *state;
    publish(test, "{\"name\":\"lax\",\"dispositions\":[{\"id\":\"all\",\"priority\":9000,"
                  "\"when\":{\"path\":\"**\"},\"action\":\"accept\"}]}");
    const OutcomeIssue issue = {
        .severity = STR("fatal"), .message_id = STR("TECHBD-1000"), .text = STR("no JSON")};
    Validated validated = {
        .bundle = STR("{"),
        .outcome = {.issues = &issue,
                    .issue_count = 1,
                    .errors = 1,
                    .precheck_code = STR("TECHBD-1000"),
                    .precheck_message = STR("no JSON")}
    };
    Err err = {0};
    assert_true(ruling_apply(&test->book, 0, test->arena, &validated, &err));
    assert_int_equal(validated.disposition.action, ACTION_DISCARD);
}

static void the_strongest_rule_decides_and_rejections_are_listed(void **state)
{
    Case *test = *state;
    publish(
        test,
        "{\"name\":\"q\",\"dispositions\":["
        "{\"id\":\"weak\",\"priority\":1,\"when\":{\"code\":\"value\"},\"action\":\"reject\"},"
        "{\"id\":\"strong\",\"priority\":2,\"when\":{\"code\":\"structure\"},\"action\":\"reject\","
        "\"reason\":\"because {text} at {path}\"},"
        "{\"id\":\"end\",\"priority\":0,\"when\":{\"code\":\"code-invalid\"},\"action\":\"accept\"}"
        ","
        "{\"id\":\"never\",\"priority\":-1,\"when\":{\"code\":\"structure\"},\"action\":"
        "\"discard\"}]}");
    const OutcomeIssue issues[] = {
        {.severity = STR("error"),
         .code = STR("structure"),
         .text = STR("A"),
         .location = STR("Bundle")},
        {.severity = STR("error"),                        .code = STR("value"), .text = STR("B")       },
        {.severity = STR("error"),                        .code = STR("code-invalid"), .text = STR("C")},
    };
    Validated got = ruled(test, "{}", issues, 3);
    assert_int_equal(got.disposition.action, ACTION_REJECT);
    assert_true(str_is(got.disposition.actions_json,
                       "[{\"action\":\"reject\",\"actionPayload\":{\"message\":\"because A at "
                       "Bundle\",\"description\":\"NYeC Rule\",\"rule\":\"q/strong\"}},"
                       "{\"action\":\"reject\",\"actionPayload\":{\"message\":\"B\","
                       "\"description\":\"NYeC Rule\",\"rule\":\"q/weak\"}}]"));
    assert_int_equal(ruled(test, "{}", issues, 1).disposition.action, ACTION_DISCARD);
}

static void diagnostics_are_rewritten_and_the_engine_s_are_kept(void **state)
{
    Case *test = *state;
    publish(test, "{\"name\":\"q\",\"diagnostics\":["
                  "{\"id\":\"quiet\",\"when\":{\"messageId\":\"M1\"},\"suppress\":true},"
                  "{\"id\":\"mild\",\"when\":{\"messageId\":\"M2\"},\"severity\":\"warning\","
                  "\"text\":\"was {severity}: {text}\"},"
                  "{\"id\":\"hint\",\"when\":{\"messageId\":\"M2\"},\"add\":{\"severity\":"
                  "\"information\",\"code\":\"informational\",\"text\":\"see {path}\","
                  "\"messageId\":\"Q-1\"}}]}");
    const OutcomeIssue issues[] = {
        {.severity = STR("error"), .code = STR("x"), .message_id = STR("M1"), .text = STR("one")},
        { .severity = STR("error"),
         .code = STR("x"),
         .message_id = STR("M2"),
         .text = STR("two"),
         .location = STR("Bundle.type"),
         .line = 3,
         .column = 4},
    };
    Validated got = ruled(test, "{}", issues, 2);
    assert_true(got.outcome.valid);
    assert_int_equal(got.outcome.errors, 0);
    assert_int_equal(got.outcome.warnings, 1);
    assert_int_equal(got.outcome.information, 1);
    assert_int_equal(got.outcome.issue_count, 2);
    assert_true(str_is(got.outcome.issues[0].text, "was error: two"));
    assert_true(str_is(got.outcome.issues[1].text, "see Bundle.type"));
    assert_int_equal(got.outcome.issues[1].line, 3);
    Str json = got.outcome.operation_outcome;
    assert_true(str_find(json, STR("was error: two")) != SIZE_MAX);
    assert_true(str_find(json, STR("\"system\":\"urn:fhirbus:message-id\",\"code\":\"Q-1\"")) !=
                SIZE_MAX);
    assert_true(got.has_engine_outcome);
    assert_false(got.engine_outcome.valid);
    assert_int_equal(got.engine_outcome.errors, 2);
    assert_true(str_is(got.engine_outcome.operation_outcome, "the engine's"));
    assert_int_equal(got.rule_change_count, 4);
    assert_true(str_is(got.rule_changes[0].rule, "q/quiet"));
    assert_true(str_is(got.rule_changes[0].before, "one"));
    assert_int_equal(got.rule_changes[1].issue, 2);
    assert_true(str_is(got.rule_changes[2].after, "warning"));
    assert_true(str_is(got.rule_changes[3].what, "add"));
}

static void an_expression_that_throws_is_noted(void **state)
{
    Case *test = *state;
    publish(test, "{\"name\":\"q\",\"dispositions\":[{\"id\":\"bad\",\"when\":{\"payload\":"
                  "\"Bundle.entry.resource.id.single() = 'x'\"},\"action\":\"discard\"}]}");
    Validated got = ruled(test,
                          "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":"
                          "\"Patient\",\"id\":\"a\"}},{\"resource\":{\"resourceType\":\"Patient\","
                          "\"id\":\"b\"}}]}",
                          NULL, 0);
    assert_int_equal(got.disposition.action, ACTION_ACCEPT);
    assert_int_equal(got.rule_change_count, 1);
    assert_true(str_is(got.rule_changes[0].what, "not-evaluated"));
    assert_true(got.rule_changes[0].after.len > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, case_up, case_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_special_is_accepted_and_left_alone),
        TEST(a_failed_precheck_is_discarded),
        TEST(the_seeds_about_last_updated_reject),
        TEST(what_cannot_be_read_goes_nowhere_whatever_the_rules_say),
        TEST(the_strongest_rule_decides_and_rejections_are_listed),
        TEST(diagnostics_are_rewritten_and_the_engine_s_are_kept),
        TEST(an_expression_that_throws_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
