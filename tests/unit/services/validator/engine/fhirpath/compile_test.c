#include "tests/unit/services/validator/engine/fhirpath/support.h"

static void refused_at(const char *text, const char *code, uint32_t line, uint32_t column,
                       const char *says)
{
    FhirpathCompileOptions options = {.model = fhir_model_r4()};
    FhirpathAt at = {0};
    Str compiled;
    assert_false(fhirpath_compile(str_from(text), &options, arena, &compiled, &at, &err));
    assert_string_equal(err.code, code);
    assert_int_equal(at.line, line);
    assert_int_equal(at.column, column);
    if (!strstr(err.text, says))
        fail_msg("%s: expected '%s' in: %s", text, says, err.text);
}

static void errors_say_where_and_what_was_expected(void **state)
{
    (void)state;
    refused_at("2 + 2 /", "fhirpath-syntax", 1, 8, "expected a value");
    refused_at("a.b.\n  )", "fhirpath-syntax", 2, 3, "expected a name or a function");
    refused_at("'open", "fhirpath-syntax", 1, 1, "not closed");
    refused_at("'\xC3\xA9' & 'a' )", "fhirpath-syntax", 1, 11, "expected an operator");
    refused_at("/* open", "fhirpath-syntax", 1, 1, "expected */");
    refused_at("'\\q'", "fhirpath-syntax", 1, 2, "unknown escape");
    refused_at("@2015-13", "fhirpath-syntax", 1, 1, "month");
    refused_at("a # b", "fhirpath-syntax", 1, 3, "'#'");
    refused_at("name.frist()", "fhirpath-semantic", 1, 6, "no function frist()");
    refused_at("name.first(1)", "fhirpath-semantic", 1, 6, "first() takes no argument");
    refused_at("1 is 2", "fhirpath-syntax", 1, 6, "name of a type");
}

static void refused_strictly(const char *text, const char *says)
{
    const FhirModel *model = fhir_model_r4();
    FhirpathCompileOptions options = {.model = model,
                                      .context = fhir_type_find(model, STR("Patient")),
                                      .strict = true,
                                      .no_variables = true};
    Str code;
    bool ok = fhirpath_compile(str_from(text), &options, arena, &code, NULL, &err);
    assert_int_equal(ok, says == NULL);
    if (says && !strstr(err.text, says))
        fail_msg("%s: expected '%s' in: %s", text, says, err.text);
}

static void strict_mode_refuses_what_can_never_be(void **state)
{
    (void)state;
    refused_strictly("name.given1", "HumanName has no element given1");
    refused_strictly("Encounter.status", "no Encounter");
    refused_strictly("children().skip(1)", "order");
    refused_strictly("(name as Period).start", "never be Period");
    refused_strictly("contained.ofType(Pateint)", "there is no type Pateint");
    refused_strictly("contained.where($this is FHIR.Nothing)", "there is no type FHIR.Nothing");
    refused_strictly("contained.is(Pateint)", "there is no type Pateint");
    refused_strictly("id = %patient.id", "there is no variable %patient");
    refused_strictly("defineVariable('patient').select(%patient.id)", NULL);
    refused_strictly("%resource.id = %context.id and %`vs-x`.exists()", NULL);
    refused_strictly("(1 is System.Integer) and contained.ofType(FHIR.Patient).exists()", NULL);
    refused_strictly("name.where(use = 'usual').given.first()", NULL);
    refused_strictly("contact.name.family | name.family", NULL);
    refused_strictly("extension('x').value.code", NULL);
    refused_strictly("contained.where(id = '1').name", NULL);
}

static void hostile_expressions_are_refused_not_deadly(void **state)
{
    (void)state;
    Str code;
    char *deep = arena_zero(arena, 200001);
    memset(deep, '(', 200000);
    assert_false(compiles(deep, FHIRPATH_SPEC, &code));
    memset(deep, '-', 200000);
    assert_false(compiles(deep, FHIRPATH_SPEC, &code));
    for (int i = 0; i < 200000; i += 2)
        memcpy(deep + i, "a.", 2);
    assert_false(compiles(deep, FHIRPATH_SPEC, &code));
    char *wide = arena_zero(arena, (size_t)FHIRPATH_TEXT_BYTES_MAX + 10);
    memset(wide, '1', (size_t)FHIRPATH_TEXT_BYTES_MAX + 5);
    assert_false(compiles(wide, FHIRPATH_SPEC, &code));
}

static const char *printed(const char *text)
{
    return fhirpath_print(code_of(text, FHIRPATH_SPEC), arena).ptr;
}

static void printing_leaves_out_needless_parentheses(void **state)
{
    (void)state;
    assert_string_equal(printed("((1)+(2))*3"), "(1 + 2) * 3");
    assert_string_equal(printed("1-(2-3)-4"), "1 - (2 - 3) - 4");
    assert_string_equal(printed("(a and b) or (c and (d or e))"), "a and b or c and (d or e)");
    assert_string_equal(printed("-(a.b)"), "-a.b");
    assert_string_equal(printed("(-a).b"), "(-a).b");
    assert_string_equal(printed("x.where( y = 'it\\'s' ) [0]"), "x.where(y = 'it\\'s')[0]");
    assert_string_equal(printed("(a is FHIR.Patient).not()"), "(a is FHIR.Patient).not()");
    assert_string_equal(printed("%`vs-a-b` | {} | 4 days | 1.50 'mg' | @2014T | `div`"),
                        "%`vs-a-b` | {} | 4 days | 1.50 'mg' | @2014T | `div`");
}

static void damaged_code_is_refused(void **state)
{
    (void)state;
    Str code = code_of("name.where(use = 'usual' and given.count() > 1).period.start <= "
                       "@2020-01-01 + 3 days",
                       FHIRPATH_SPEC);
    const FhirModel *model = fhir_model_r4();
    FhirpathEnvironment environment = {.model = model, .limits = {.steps = 1000}};
    FhirpathItem p = resource_of("{\"resourceType\":\"Patient\",\"name\":[{\"use\":\"usual\"}]}");
    assert_true(fhirpath_code_check(code, model));
    assert_false(fhirpath_code_check((Str){code.ptr, code.len - 8}, model));
    for (size_t i = 0; i < code.len; i++)
        for (unsigned flip = 1; flip < 256; flip *= 2) {
            ArenaMark mark = arena_mark(arena);
            char *copy = arena_alloc(arena, code.len);
            memcpy(copy, code.ptr, code.len);
            copy[i] = (char)((unsigned char)copy[i] ^ flip);
            if (fhirpath_code_check((Str){copy, code.len}, model)) {
                FhirpathEval *eval = fhirpath_eval_new(&environment, arena);
                (void)fhirpath_check(eval, (Str){copy, code.len}, &p, NULL); /* must come back */
            }
            arena_release(arena, mark);
        }
}

static void published_mistakes_are_repaired(void **state)
{
    (void)state;
    assert_true(
        str_is(fhirpath_invariant_expression(STR("txt-2"), STR("htmlChecks()")), "htmlChecks2()"));
    assert_true(str_is(fhirpath_invariant_expression(STR("x-1"), STR("a")), "a"));
    FhirpathItem p = resource_of("{\"resourceType\":\"Patient\",\"managingOrganization\":"
                                 "{\"display\":\"only a name\"}}");
    Str meant = fhirpath_invariant_expression(
        STR("ref-1"), STR("reference.startsWith('#').not() or (reference.substring(1).trace('url')"
                          " in %rootResource.contained.id.trace('ids'))"));
    Str text = arena_format(arena, "managingOrganization.all(%.*s)", STR_ARG(meant));
    assert_string_equal(result_on(&p, text.ptr, FHIRPATH_JAVA), "[true]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(errors_say_where_and_what_was_expected),
        TEST(strict_mode_refuses_what_can_never_be),
        TEST(hostile_expressions_are_refused_not_deadly),
        TEST(printing_leaves_out_needless_parentheses),
        TEST(damaged_code_is_refused),
        TEST(published_mistakes_are_repaired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
