/* The bundle's bytes stay; one entry is added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/transform/transform.h"

#define OUTCOME                                                                                    \
    "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\",\"code\":\"a\"},"   \
    "{\"severity\":\"warning\",\"code\":\"b\"},{\"code\":\"f\",\"severity\":\"fatal\"},"           \
    "{\"severity\":\"information\"}]}"
#define ENTRY(issues)                                                                              \
    "{\"resource\":{\"resourceType\":\"OperationOutcome\",\"issue\":[" issues                      \
    "],\"techByDesignDisposition\":[{\"action\":\"accept\"}]}}"
#define ERRORS "{\"severity\":\"error\",\"code\":\"a\"},{\"code\":\"f\",\"severity\":\"fatal\"}"
#define NOTHING(level)                                                                             \
    "{\"severity\":\"information\",\"diagnostics\":\"Validation successful. No issues found at "   \
    "or "                                                                                          \
    "above severity level: " level "\",\"code\":\"informational\"}"

static bool transform(const char *bundle, const char *outcome_json, const char *level, Arena *arena,
                      Str *ret_body, Err *err)
{
    const Outcome outcome = {.operation_outcome = str_from(outcome_json)};
    const Disposition disposition = {ACTION_ACCEPT, STR("[{\"action\":\"accept\"}]"), {0}};
    return transform_bundle(str_from(bundle), &outcome, &disposition, str_from(level), arena,
                            ret_body, err);
}

static void assert_body(const char *bundle, const char *level, const char *want)
{
    ARENA_AUTO arena = arena_new(1 << 20);
    Str body;
    Err err = {0};
    assert_true(transform(bundle, OUTCOME, level, arena, &body, &err));
    assert_int_equal(body.len, strlen(want));
    assert_memory_equal(body.ptr, want, body.len);
}

static void appends_behind_the_last_entry_and_keeps_every_byte(void **state)
{
    (void)state;
    assert_body("{ \"entry\" : [ {\"x\":0.010} ] , \"a\\u0041\":1E+2 }\n", "error",
                "{ \"entry\" : [ {\"x\":0.010} ," ENTRY(ERRORS) "] , \"a\\u0041\":1E+2 }\n");
}

static void an_empty_or_absent_entry_works_too(void **state)
{
    (void)state;
    assert_body("{\"entry\":[]}", "error", "{\"entry\":[" ENTRY(ERRORS) "]}");
    assert_body("{\"a\":1 }", "error", "{\"a\":1 ,\"entry\":[" ENTRY(ERRORS) "]}");
    assert_body("{}", "error", "{\"entry\":[" ENTRY(ERRORS) "]}");
    assert_body("{\"x\":{\"entry\":[1]}}", "error",
                "{\"x\":{\"entry\":[1]},\"entry\":[" ENTRY(ERRORS) "]}");
}

static void the_severity_level_filters(void **state)
{
    (void)state;
    assert_body("{\"entry\":[]}", "fatal",
                "{\"entry\":[" ENTRY("{\"code\":\"f\",\"severity\":\"fatal\"}") "]}");
    assert_body("{\"entry\":[]}", "warning",
                "{\"entry\":[" ENTRY("{\"severity\":\"error\",\"code\":\"a\"},"
                                     "{\"severity\":\"warning\",\"code\":\"b\"},"
                                     "{\"code\":\"f\",\"severity\":\"fatal\"}") "]}");
}

static void nothing_left_says_so(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    Str body;
    Err err = {0};
    const char *want = "{\"entry\":[" ENTRY(NOTHING("error")) "]}";
    assert_true(transform("{\"entry\":[]}", "{\"issue\":[{\"severity\":\"warning\"}]}", "error",
                          arena, &body, &err));
    assert_int_equal(body.len, strlen(want));
    assert_memory_equal(body.ptr, want, body.len);
    assert_true(transform("{\"entry\":[]}", "", "error", arena, &body, &err));
    assert_memory_equal(body.ptr, want, body.len);
}

static void what_has_no_place_for_it_is_refused(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    Str body;
    Err err = {0};
    assert_false(transform("{\"entry\":{}}", OUTCOME, "error", arena, &body, &err));
    assert_string_equal(err.code, "transform-entry");
    assert_int_equal(err.kind, ERR_INPUT);
    assert_false(transform("[]", OUTCOME, "error", arena, &body, &err));
    assert_string_equal(err.code, "transform-json");
    assert_false(transform("{", OUTCOME, "error", arena, &body, &err));
    assert_int_equal(err.kind, ERR_INPUT);
}

static void a_small_arena_is_a_memory_limit(void **state)
{
    (void)state;
    int failures = 0;
    for (size_t limit = 16; limit < 8192; limit += 32) {
        ARENA_AUTO arena = arena_new(limit);
        Str body;
        Err err = {0};
        if (transform("{\"entry\":[]}", OUTCOME, "error", arena, &body, &err))
            continue;
        assert_string_equal(err.code, "memory-limit");
        failures++;
    }
    assert_true(failures > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_behind_the_last_entry_and_keeps_every_byte),
        cmocka_unit_test(an_empty_or_absent_entry_works_too),
        cmocka_unit_test(the_severity_level_filters),
        cmocka_unit_test(nothing_left_says_so),
        cmocka_unit_test(what_has_no_place_for_it_is_refused),
        cmocka_unit_test(a_small_arena_is_a_memory_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
