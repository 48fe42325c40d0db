#include "services/persister/facts.h"

#include "tests/support/cmocka.h"

static Arena *arena, *scratch;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    scratch = arena_new(4 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    arena_free(scratch);
    return 0;
}

static Facts facts_of(const char *document)
{
    Facts facts;
    facts_read(str_from(document), scratch, arena, &facts);
    return facts;
}

static void a_bundle_tells_who_and_what(void **state)
{
    (void)state;
    Facts f = facts_of("{\"resourceType\":\"Bundle\",\"id\":\"b\",\"type\":\"transaction\","
                       "\"meta\":{\"lastUpdated\":\"2026\","
                       "\"profile\":[\"http://p\",\"http://"
                       "q\"]},\"entry\":[{\"resource\":{\"resourceType\":\"Organization\","
                       "\"id\":\"o\",\"name\":\"N\"}},{\"resource\":{\"resourceType\":"
                       "\"Organization\",\"id\":\"o2\"}},"
                       "{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"p\",\"identifier\":[{"
                       "\"value\":\"untyped\"},"
                       "{\"type\":{\"coding\":[{\"code\":\"SS\"}]},\"value\":\"ssn\"},"
                       "{\"type\":{\"coding\":[{\"code\":\"x\"},{\"code\":\"MR\"}]},\"system\":"
                       "\"s\",\"value\":\"1\"},"
                       "{\"type\":{\"coding\":[{\"code\":\"MR\"}]},\"value\":\"2\"},"
                       "{\"type\":{\"coding\":[{\"code\":\"MA\"}]},\"value\":\"cin\"}]}}]}");
    assert_true(str_is(f.bundle_id, "b") && str_is(f.bundle_type, "transaction"));
    assert_true(str_is(f.bundle_last_updated, "2026") && str_is(f.profile_url, "http://p"));
    assert_true(str_is(f.organization_id, "o") && str_is(f.organization_name, "N"));
    assert_true(str_is(f.patient_id, "p") && str_is(f.patient_mrn, "1"));
    assert_true(str_is(f.patient_mrn_source_system, "s") && str_is(f.medicaid_cin, "cin"));
    assert_int_equal(f.resource_type_count, 2);
    assert_true(str_is(f.resource_types[0], "Organization"));
}

static void a_single_resource_has_facts_too(void **state)
{
    (void)state;
    Facts f = facts_of("{\"resourceType\":\"Patient\",\"id\":\"p\"}");
    assert_true(str_is(f.patient_id, "p"));
    assert_int_equal(f.bundle_id.len, 0);
    assert_int_equal(f.resource_type_count, 1);
}

static void what_cannot_be_read_has_none(void **state)
{
    (void)state;
    static const char *const documents[] = {
        "",
        "{",
        "[]",
        "null",
        "17",
        "{\"resourceType\":17,\"entry\":{}}",
        "\xff\xfe",
        "{\"resourceType\":\"Bundle\",\"entry\":[1,null,{\"resource\":[]},{\"resource\":{"
        "\"resourceType\":{}}}],"
        "\"meta\":[],\"id\":{}}",
        "{\"resourceType\":\"Bundle\",\"meta\":{\"profile\":[{}]},\"entry\":[{\"resource\":"
        "{\"resourceType\":\"Patient\",\"identifier\":[null,{\"type\":3},{\"type\":{\"coding\":{}}}"
        "]}}]}"};
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        Facts f = facts_of(documents[i]);
        assert_int_equal(f.bundle_id.len + f.patient_id.len + f.patient_mrn.len + f.profile_url.len,
                         0);
    }
}

static void a_document_too_large_for_the_scratch_has_none(void **state)
{
    (void)state;
    size_t count = 200000;
    char *text = malloc(2 * count + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(text + 2 * i, i ? ",1" : "[1", 3);
    text[2 * count - 1] = ']';
    Facts f = facts_of(text);
    assert_int_equal(f.resource_type_count, 0);
    free(text);
}

static void texts_are_cut_between_characters(void **state)
{
    (void)state;
    assert_true(str_is(text_clip(STR("a\xc3\xa4z"), 2), "a"));
    assert_true(str_is(text_clip(STR("a\xc3\xa4z"), 3), "a\xc3\xa4"));
    assert_true(str_is(text_clip(STR("\xe2\x82\xac"), 2), ""));
    assert_true(str_is(text_clip(STR("abc"), 3), "abc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundle_tells_who_and_what),
        cmocka_unit_test(a_single_resource_has_facts_too),
        cmocka_unit_test(what_cannot_be_read_has_none),
        cmocka_unit_test(a_document_too_large_for_the_scratch_has_none),
        cmocka_unit_test(texts_are_cut_between_characters),
    };
    return cmocka_run_group_tests_name("facts", tests, set_up, tear_down);
}
