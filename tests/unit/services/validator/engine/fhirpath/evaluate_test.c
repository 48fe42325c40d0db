#include "tests/unit/services/validator/engine/fhirpath/support.h"

static const char patient[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p1\",\"active\":true,"
    "\"contained\":[{\"resourceType\":\"Organization\",\"id\":\"o1\",\"name\":\"Acme\"}],"
    "\"managingOrganization\":{\"reference\":\"#o1\"},"
    "\"name\":[{\"family\":\"Chalmers\",\"given\":[\"Peter\",null],"
    "\"_given\":[null,{\"extension\":[{\"url\":\"http://x.org/e\",\"valueInteger\":3}]}]}],"
    "\"birthDate\":\"1974-12-25\",\"multipleBirthInteger\":2}";

static const char bundle[] =
    "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":["
    "{\"fullUrl\":\"urn:uuid:a\",\"resource\":{\"resourceType\":\"Patient\",\"id\":\"p\"}},"
    "{\"fullUrl\":\"http://x.org/Observation/o\",\"resource\":{\"resourceType\":\"Observation\","
    "\"id\":\"o\",\"subject\":{\"reference\":\"urn:uuid:a\"},\"performer\":[{\"reference\":"
    "\"Patient/p\"}],\"valueQuantity\":{\"value\":1.50,\"system\":\"http://unitsofmeasure.org\","
    "\"code\":\"mg\"}}}]}";

static void decimals_are_exact(void **state)
{
    (void)state;
    assert_string_equal(result("0.1 + 0.2 = 0.3"), "[true]");
    assert_string_equal(result("1.10"), "[\"1.10\"]");
    assert_string_equal(result("123456789012345678901234567890.5 * 2"),
                        "[\"246913578024691357802469135781.0\"]");
    assert_string_equal(result("1 / 3 * 3 = 1"), "[false]");
}

static void integer_overflow_gives_nothing(void **state)
{
    (void)state;
    assert_string_equal(result("2147483647 + 1"), "[]");
    assert_string_equal(result("9223372036854775807 + 1"), "[]");
    assert_string_equal(result("1 div 0"), "[]");
    assert_string_equal(result("5000000000 - 1"), "[\"4999999999\"]");
}

static void precedence_is_the_grammars(void **state)
{
    (void)state;
    assert_string_equal(result("-1.convertsToInteger()"), "fhirpath-execution");
    assert_string_equal(result("1 + 2 * 3 = 7 and true"), "[true]");
    assert_string_equal(result("(1 | 1 is Integer).count()"), "[\"2\"]");
    assert_string_equal(result("true implies false implies false"), "[true]");
    assert_string_equal(result("true or true and false"), "[true]");
}

static void primitives_carry_their_extensions(void **state)
{
    (void)state;
    FhirpathItem p = resource_of(patient);
    assert_string_equal(result_on(&p, "name.given.count()", FHIRPATH_SPEC), "[\"2\"]");
    assert_string_equal(
        result_on(&p, "name.given.extension('http://x.org/e').value", FHIRPATH_SPEC), "[\"3\"]");
    assert_string_equal(result_on(&p, "name.given.select(hasValue())", FHIRPATH_SPEC),
                        "[true,false]");
    assert_string_equal(result_on(&p, "name.given[1].exists()", FHIRPATH_SPEC), "[true]");
}

static void choices_are_seen_by_their_element_name(void **state)
{
    (void)state;
    FhirpathItem p = resource_of(patient);
    assert_string_equal(result_on(&p, "multipleBirth", FHIRPATH_SPEC), "[\"2\"]");
    assert_string_equal(result_on(&p, "multipleBirth is integer", FHIRPATH_SPEC), "[true]");
    assert_string_equal(result_on(&p, "multipleBirth.ofType(boolean)", FHIRPATH_SPEC), "[]");
}

static void references_resolve_in_the_bundle_and_the_resource(void **state)
{
    (void)state;
    FhirpathItem b = resource_of(bundle), p = resource_of(patient);
    assert_string_equal(
        result_on(&b, "entry.resource.ofType(Observation).subject.resolve().id", FHIRPATH_SPEC),
        "[\"p\"]");
    assert_string_equal(
        result_on(&b, "entry.resource.ofType(Observation).performer.resolve() is Patient",
                  FHIRPATH_SPEC),
        "[true]");
    assert_string_equal(result_on(&p, "managingOrganization.resolve().name", FHIRPATH_SPEC),
                        "[\"Acme\"]");
    assert_string_equal(result_on(&p, "'Organization/none'.resolve()", FHIRPATH_SPEC), "[]");
}

static void quantities_of_elements_convert_their_units(void **state)
{
    (void)state;
    FhirpathItem b = resource_of(bundle);
    const char *value = "entry.resource.ofType(Observation).value";
    Str text = arena_format(arena, "%s = 0.0015 'g' and %s < 1 'g'", value, value);
    assert_string_equal(result_on(&b, text.ptr, FHIRPATH_SPEC), "[true]");
    assert_string_equal(result("1 'cm' = 1 's'"), "[]");
    assert_string_equal(result("1 year = 12 months"), "[true]");
    assert_string_equal(result("1 year = 1 'a'"), "[]");
    assert_string_equal(result("1 year ~ 1 'a'"), "[true]");
}

static void the_java_dialect_is_as_lenient_as_the_java_core(void **state)
{
    (void)state;
    FhirpathItem p = resource_of(patient);
    assert_string_equal(result_on(&p, "name.(family | given.first())", FHIRPATH_JAVA),
                        "[\"Chalmers\",\"Peter\"]");
    assert_string_equal(result_on(&p, "name.(family)", FHIRPATH_SPEC), "fhirpath-syntax");
    assert_string_equal(result_on(&p, "('a' | 'b').upper()", FHIRPATH_JAVA), "[]");
    assert_string_equal(result_on(&p, "('a' | 'b').upper()", FHIRPATH_SPEC), "fhirpath-execution");
    assert_string_equal(result_on(&p, "('a' | 'b').matches('a')", FHIRPATH_JAVA), "[false]");
    assert_string_equal(result_on(&p, "1 = '1'", FHIRPATH_JAVA), "[true]");
    assert_string_equal(result_on(&p, "(Patient | repeat('Yes' | foo)).count()", FHIRPATH_JAVA),
                        "[\"2\"]");
    assert_string_equal(result_on(&p, "active and ('a' | 'b')", FHIRPATH_JAVA),
                        "fhirpath-execution");
}

static FhirpathVerdict verdict(const char *text, const FhirpathItem *focus)
{
    FhirpathEnvironment environment = {.model = fhir_model_r4()};
    FhirpathEval *eval = fhirpath_eval_new(&environment, arena);
    return fhirpath_check(eval, code_of(text, FHIRPATH_JAVA), focus, &err);
}

static void an_invariant_fails_on_nothing_and_passes_on_anything_else(void **state)
{
    (void)state;
    FhirpathItem p = resource_of(patient);
    assert_int_equal(verdict("active", &p), FHIRPATH_TRUE);
    assert_int_equal(verdict("active.not()", &p), FHIRPATH_FALSE);
    assert_int_equal(verdict("name.suffix", &p), FHIRPATH_FALSE);
    assert_int_equal(verdict("name.family.length()", &p), FHIRPATH_TRUE);
    assert_int_equal(verdict("name.given", &p), FHIRPATH_TRUE);
    assert_int_equal(verdict("(1 | 2).not()", &p), FHIRPATH_THREW);
}

static void runs_into_a_limit(const char *text)
{
    arena_reset(arena); /* it stays exhausted once it was */
    const char *got = result(text);
    if (strcmp(got, "fhirpath-limit") != 0 && strcmp(got, "memory-limit") != 0)
        fail_msg("%s: expected a limit, got %s", text, got);
}

static void nothing_hangs(void **state)
{
    (void)state;
    runs_into_a_limit("(1 | 2).repeat($this + 1).count()");
    runs_into_a_limit("'x'.repeatAll($this)");
    runs_into_a_limit("'a'.repeat($this & $this)");
    runs_into_a_limit("('a' | 'b').repeat($this & 'b').count()");
    arena_reset(arena);
    assert_string_equal(
        result("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$')"),
        "fhirpath-execution");
}

static void one_arena_that_is_too_small_is_an_error(void **state)
{
    (void)state;
    Str code = code_of("(1 | 2 | 3 | 4).select($this.toString() & 'xxxxxxxxxxxxxxxxxxxxxxxx')",
                       FHIRPATH_SPEC);
    FhirpathEnvironment environment = {.model = fhir_model_r4()};
    for (size_t bytes = 3000; bytes < 9000; bytes += 64) {
        ARENA_AUTO small = arena_new(bytes);
        FhirpathItems items;
        FhirpathEval *eval = fhirpath_eval_new(&environment, small);
        if (eval && !fhirpath_evaluate(eval, code, NULL, &items, &err))
            assert_string_equal(err.code, "memory-limit");
    }
}

static void a_warm_evaluator_takes_nothing_from_the_system(void **state)
{
    (void)state;
    FhirpathItem b = resource_of(bundle);
    ARENA_AUTO scratch = arena_new((size_t)1 << 30);
    FhirpathEnvironment environment = {.model = fhir_model_r4()};
    FhirpathEval *eval = fhirpath_eval_new(&environment, scratch);
    Str code = code_of("entry.resource.ofType(Observation).all(value.value.toString().matches("
                       "'[0-9.]+') and value > 1 'ug')",
                       FHIRPATH_JAVA);
    fhirpath_eval_resource(eval, &b, &b);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fhirpath_check(eval, code, &b, &err), FHIRPATH_TRUE);
    size_t blocks = arena_blocks_taken(scratch), used = arena_used_bytes(scratch);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(fhirpath_check(eval, code, &b, &err), FHIRPATH_TRUE);
    assert_int_equal(arena_blocks_taken(scratch), blocks);
    assert_int_equal(arena_used_bytes(scratch), used);
}

static void what_is_remembered_is_what_would_be_evaluated(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "entry.resource.ofType(Observation).id", "entry.select(resource as Patient).exists()",
        "entry.resource.ofType(Observation).subject.resolve().id",
        "entry.resource.ofType(Observation).where(id = 'o').exists()"};
    Str big = arena_format(arena, "%.*s%s", (int)sizeof bundle - 3, bundle, ",{\"fullUrl\":\"");
    char *padding = arena_zero(arena, 4000);
    memset(padding, 'x', 3999);
    big = arena_format(arena, "%.*s%s\"}]}", STR_ARG(big), padding);
    FhirpathItem b = resource_of(big.ptr);
    for (int forget = 0; forget < 2; forget++) {
        FhirpathEnvironment environment = {.model = fhir_model_r4(), .forget = forget};
        FhirpathEval *eval = fhirpath_eval_new(&environment, arena);
        fhirpath_eval_resource(eval, &b, &b);
        for (size_t i = 0; i < 2 * sizeof texts / sizeof *texts; i++) {
            FhirpathItems items;
            Str code = code_of(texts[i / 2], FHIRPATH_JAVA);
            assert_true(fhirpath_evaluate(eval, code, &b, &items, &err));
            assert_int_equal(items.count, 1);
        }
    }
}

static void trace_tell(void *self, Str name, FhirpathItems items)
{
    assert_true(str_is(name, "seen"));
    *(size_t *)self += items.count;
}
static bool everything_conforms(void *self, const FhirpathItem *item, Str profile, bool *ret)
{
    (void)self;
    (void)item;
    *ret = true;
    return str_is(profile, "http://x.org/p");
}

static void the_host_is_asked(void **state)
{
    (void)state;
    size_t traced = 0;
    FhirpathHost host = {.self = &traced, .trace = trace_tell, .conforms_to = everything_conforms};
    FhirpathItem p = resource_of(patient);
    FhirpathItem value = fhirpath_string_item(STR("hello"));
    FhirpathVariable variable = {
        STR("greeting"), {&value, 1}
    };
    FhirpathEnvironment environment = {
        .model = fhir_model_r4(), .host = &host, .variables = &variable, .variable_count = 1};
    FhirpathEval *eval = fhirpath_eval_new(&environment, arena);
    FhirpathItems items;
    Str code = code_of("name.given.trace('seen').count() = 2 and conformsTo('http://x.org/p') and "
                       "%greeting = 'hello' and now() = now()",
                       FHIRPATH_SPEC);
    assert_true(fhirpath_evaluate(eval, code, &p, &items, &err));
    assert_true(items.count == 1 && items.items[0].boolean);
    assert_int_equal(traced, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(decimals_are_exact),
        TEST(integer_overflow_gives_nothing),
        TEST(precedence_is_the_grammars),
        TEST(primitives_carry_their_extensions),
        TEST(choices_are_seen_by_their_element_name),
        TEST(references_resolve_in_the_bundle_and_the_resource),
        TEST(quantities_of_elements_convert_their_units),
        TEST(the_java_dialect_is_as_lenient_as_the_java_core),
        TEST(an_invariant_fails_on_nothing_and_passes_on_anything_else),
        TEST(nothing_hangs),
        TEST(one_arena_that_is_too_small_is_an_error),
        TEST(a_warm_evaluator_takes_nothing_from_the_system),
        TEST(what_is_remembered_is_what_would_be_evaluated),
        TEST(the_host_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
