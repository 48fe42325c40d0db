#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "services/validator/engine/fhir_validator.h"

static FhirValidator *validator;

static int open_without_images(void **state)
{
    (void)state;
    Err err = {0};
    return fhir_validator_open(NULL, 0, &validator, &err) ? 0 : -1;
}

static int close_it(void **state)
{
    (void)state;
    fhir_validator_close(validator);
    return 0;
}

static Verdict validate(Arena *arena, const char *json)
{
    Verdict verdict = {0};
    Err err = {0};
    assert_true(fhir_validate(validator, str_from(json), NULL, arena, &verdict, &err));
    return verdict;
}

static void expect_issue(const char *json, IssueSeverity severity, const char *location,
                         uint32_t line, uint32_t column)
{
    ARENA_AUTO arena = arena_new(1 << 22);
    Verdict verdict = validate(arena, json);
    assert_int_equal(verdict.issue_count, 1);
    assert_int_equal(verdict.issues->severity, severity);
    assert_int_equal(verdict.issues->line, line);
    assert_int_equal(verdict.issues->column, column);
    if (!str_is(verdict.issues->location, location))
        fail_msg("%s: found at %.*s", location, STR_ARG(verdict.issues->location));
    assert_int_equal(verdict.valid, severity < SEVERITY_ERROR);
}

static void finds_nothing_in_a_well_formed_patient(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 22);
    Verdict verdict = validate(arena, "{\"resourceType\":\"Patient\",\"id\":\"a\",\"active\":true,"
                                      "\"name\":[{\"given\":[\"A\",null],\"_given\":[null,"
                                      "{\"id\":\"x\"}]}],\"deceasedBoolean\":false}");
    assert_true(verdict.valid);
    assert_true(verdict.readable);
    assert_int_equal(verdict.issue_count, 0);
    assert_true(str_is(verdict.resource_type, "Patient"));
    Str outcome = fhir_verdict_outcome(&verdict, arena);
    assert_true(str_find(outcome, STR("\"All OK\"")) != SIZE_MAX);
}

static void says_where_json_breaks(void **state)
{
    (void)state;
    expect_issue("{\"resourceType\":\n  \"Patient\",}", SEVERITY_FATAL, "", 2, 13);
    expect_issue("", SEVERITY_FATAL, "", 1, 1);
    expect_issue("[]", SEVERITY_FATAL, "", 1, 1);
    expect_issue("{}", SEVERITY_FATAL, "$", 1, 1);
    expect_issue("{\"resourceType\":\"Foo\"}", SEVERITY_FATAL, "Foo", 1, 1);
    expect_issue("{\"resourceType\":[1]}", SEVERITY_FATAL, "$", 1, 1);
}

static void refuses_what_the_type_does_not_know(void **state)
{
    (void)state;
    expect_issue("{\"resourceType\":\"Patient\",\"foo\":1}", SEVERITY_ERROR, "Patient", 1, 33);
    expect_issue("{\"resourceType\":\"Patient\",\"active\":true,\"active\":true}", SEVERITY_ERROR,
                 "Patient", 1, 50);
    expect_issue("{\"resourceType\":\"Patient\",\"_name\":[{}]}", SEVERITY_ERROR, "Patient", 1, 35);
    expect_issue("{\"resourceType\":\"Patient\",\"deceasedBoolean\":true,"
                 "\"deceasedDateTime\":\"2020\"}",
                 SEVERITY_ERROR, "Patient", 1, 69);
}

static void refuses_the_wrong_json_type(void **state)
{
    (void)state;
    expect_issue("{\"resourceType\":\"Patient\",\"active\":\"true\"}", SEVERITY_ERROR,
                 "Patient.active", 1, 36);
    expect_issue("{\"resourceType\":\"Patient\",\"birthDate\":2020}", SEVERITY_ERROR,
                 "Patient.birthDate", 1, 39);
    expect_issue("{\"resourceType\":\"Patient\",\"name\":{\"text\":\"x\"}}", SEVERITY_ERROR,
                 "Patient.name", 1, 34);
    expect_issue("{\"resourceType\":\"Patient\",\"maritalStatus\":{}}", SEVERITY_ERROR,
                 "Patient.maritalStatus", 1, 43);
    expect_issue("{\"resourceType\":\"Patient\",\"name\":[{},{\"text\":\"x\"}]}", SEVERITY_ERROR,
                 "Patient.name[0]", 1, 35);
    expect_issue("{\"resourceType\":\"Observation\",\"valueQuantity\":1}", SEVERITY_ERROR,
                 "Observation.value[x]", 1, 47);
}

static void names_resources_inside_a_bundle(void **state)
{
    (void)state;
    expect_issue("{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"id\":\"x\"}}]}",
                 SEVERITY_FATAL, "Bundle.entry[0].resource", 1, 47);
    expect_issue(
        "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\","
        "\"x\":1}}]}",
        SEVERITY_ERROR, "Bundle.entry[0].resource", 1, 77);
}

static void stops_at_its_limits(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    ValidateOptions options = {.image = SIZE_MAX, .limits = {.nodes = 3}};
    Verdict verdict = {0};
    Err err = {0};
    Str json =
        STR("{\"resourceType\":\"Patient\",\"id\":\"a\",\"active\":true,\"gender\":\"male\"}");
    assert_true(fhir_validate(validator, json, &options, arena, &verdict, &err));
    assert_false(verdict.valid);
    assert_true(str_is(verdict.issues->code, "too-costly"));
    ARENA_AUTO small = arena_new(64);
    assert_false(fhir_validate(validator, json, NULL, small, &verdict, &err));
    assert_string_equal(err.code, "memory-limit");
}

static void gives_the_whole_verdict_or_none_within_any_memory(void **state)
{
    (void)state;
    enum { STEP = 512, MOST = 256 << 10 };
    Str json = STR("{\"resourceType\":\"Patient\",\"id\":\"a\",\"foo\":1,\"active\":\"true\","
                   "\"name\":[{\"given\":[\"A\",\"B\"],\"bar\":{}}],\"birthDate\":2020}");
    ARENA_AUTO enough = arena_new(MOST);
    Verdict whole = validate(enough, json.ptr);
    bool refused = false, answered = false;
    for (size_t bytes = STEP; bytes <= MOST; bytes += STEP) {
        ARENA_AUTO arena = arena_new(bytes);
        Verdict verdict = {0};
        Err err = {0};
        if (fhir_validate(validator, json, NULL, arena, &verdict, &err)) {
            answered = true;
            assert_int_equal(verdict.valid, whole.valid);
            assert_int_equal(verdict.errors, whole.errors);
            assert_int_equal(verdict.issue_count, whole.issue_count);
        } else {
            assert_false(answered); /* more memory never gives less */
            refused = true;
            assert_int_equal(err.kind, ERR_INPUT);
            assert_string_equal(err.code, "memory-limit");
        }
    }
    assert_true(refused && answered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_nothing_in_a_well_formed_patient),
        cmocka_unit_test(says_where_json_breaks),
        cmocka_unit_test(refuses_what_the_type_does_not_know),
        cmocka_unit_test(refuses_the_wrong_json_type),
        cmocka_unit_test(names_resources_inside_a_bundle),
        cmocka_unit_test(stops_at_its_limits),
        cmocka_unit_test(gives_the_whole_verdict_or_none_within_any_memory),
    };
    return cmocka_run_group_tests(tests, open_without_images, close_it);
}
