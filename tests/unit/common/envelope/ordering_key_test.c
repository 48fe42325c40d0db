/* The same document meets the same key; nothing about a patient can be read from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/envelope/ordering_key.h"

static void assert_identity(const char *document, OrderingSource source, const char *system,
                            const char *value)
{
    DocumentIdentity got = ordering_identity(str_from(document));
    assert_int_equal(got.source, source);
    if (source == ORDERING_BY_INTERACTION)
        return;
    assert_true(str_is(got.system, system));
    assert_true(str_is(got.value, value));
}

#define PATIENT_ENTRY                                                                              \
    "{\"resource\":{\"identifier\":[{\"system\":\"mrn\",\"value\":\"7\"},{\"value\":\"8\"}],"      \
    "\"resourceType\":\"Patient\"}}"

static void finds_the_bundles_identifier_wherever_it_stands(void **state)
{
    (void)state;
    assert_identity(
        "{\"resourceType\":\"Bundle\",\"identifier\":{\"system\":\"s\",\"value\":\"v\"}}",
        ORDERING_BY_BUNDLE, "s", "v");
    assert_identity("{\"entry\":[" PATIENT_ENTRY "],\"identifier\":{\"value\":\"v\"}}",
                    ORDERING_BY_BUNDLE, "", "v");
    assert_identity(" { \"identifier\" : { \"use\":\"x\", \"value\" : \"a\\\"b\" } } ",
                    ORDERING_BY_BUNDLE, "", "a\\\"b");
}

static void falls_back_to_the_first_patient_that_has_an_identifier(void **state)
{
    (void)state;
    assert_identity("{\"entry\":[" PATIENT_ENTRY "]}", ORDERING_BY_PATIENT, "mrn", "7");
    assert_identity("{\"entry\":[{\"resource\":{\"resourceType\":\"Organization\",\"identifier\":"
                    "[{\"value\":\"o\"}]}}," PATIENT_ENTRY "]}",
                    ORDERING_BY_PATIENT, "mrn", "7");
    assert_identity("{\"entry\":[{\"resource\":{\"resourceType\":\"Patient\"}}," PATIENT_ENTRY "]}",
                    ORDERING_BY_PATIENT, "mrn", "7");
}

static void an_identifier_elsewhere_does_not_count(void **state)
{
    (void)state;
    assert_identity("{\"entry\":[{\"resource\":{\"resourceType\":\"Patient\",\"contact\":{"
                    "\"identifier\":[{\"value\":\"n\"}]}}}]}",
                    ORDERING_BY_INTERACTION, "", "");
    assert_identity("{\"x\":{\"identifier\":{\"value\":\"v\"}}}", ORDERING_BY_INTERACTION, "", "");
    assert_identity("{\"identifier\":{\"assigner\":{\"value\":\"v\"}}}", ORDERING_BY_INTERACTION,
                    "", "");
    assert_identity("{\"identifier\":[{\"value\":\"v\"}]}", ORDERING_BY_INTERACTION, "", "");
}

static void what_cannot_be_read_goes_by_interaction(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "",
        "null",
        "[]",
        "{",
        "{\"identifier\":",
        "{\"identifier\":{\"value\":\"v\"",
        "{\"entry\":[" PATIENT_ENTRY,
        "{\"entry\":[" PATIENT_ENTRY "]",
        "{\"a\" 1}",
        "\"text",
        "{\"identifier\":{\"value\":7}}",
        "{\"entry\":{\"resource\":1}}",
        "MSH|^~\\&|A|B",
        "{\"entry\":[" PATIENT_ENTRY "}}",
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_identity(broken[i], ORDERING_BY_INTERACTION, "", "");
}

static void depth_costs_nothing(void **state)
{
    (void)state;
    enum { DEPTH = 1000000 };
    BUF_AUTO text;
    buf_init(&text, 4 * DEPTH);
    buf_add(&text, STR("{\"x\":"));
    for (int i = 0; i < DEPTH; i++)
        buf_add_char(&text, '[');
    for (int i = 0; i < DEPTH; i++)
        buf_add_char(&text, ']');
    buf_add(&text, STR(",\"identifier\":{\"value\":\"v\"}}"));
    assert_identity(text.data, ORDERING_BY_BUNDLE, "", "v");
}

static OrderingKey key_of(const char *tenant, const char *id, const char *document)
{
    return ordering_key(STR("secret"), str_from(tenant), str_from(id), str_from(document), NULL);
}

static bool same(OrderingKey a, OrderingKey b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

static void two_versions_of_a_document_share_a_key(void **state)
{
    (void)state;
    const char *first = "{\"identifier\":{\"system\":\"s\",\"value\":\"v\"},\"timestamp\":\"1\"}";
    const char *second = "{\"timestamp\":\"2\",\"identifier\":{\"value\":\"v\",\"system\":\"s\"}}";
    assert_true(same(key_of("t", "1", first), key_of("t", "2", second)));
    assert_false(same(key_of("t", "1", first), key_of("u", "1", first)));
    assert_false(same(key_of("t", "1", "{}"), key_of("t", "2", "{}")));
    assert_true(same(key_of("t", "1", "{}"), key_of("t", "1", "not json")));
    OrderingKey other = ordering_key(STR("other"), STR("t"), STR("1"), str_from(first), NULL);
    assert_false(same(key_of("t", "1", first), other));
}

static void parts_cannot_be_shifted_into_each_other(void **state)
{
    (void)state;
    assert_false(same(key_of("t", "1", "{\"identifier\":{\"system\":\"ab\",\"value\":\"c\"}}"),
                      key_of("t", "1", "{\"identifier\":{\"system\":\"a\",\"value\":\"bc\"}}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_bundles_identifier_wherever_it_stands),
        cmocka_unit_test(falls_back_to_the_first_patient_that_has_an_identifier),
        cmocka_unit_test(an_identifier_elsewhere_does_not_count),
        cmocka_unit_test(what_cannot_be_read_goes_by_interaction),
        cmocka_unit_test(depth_costs_nothing),
        cmocka_unit_test(two_versions_of_a_document_share_a_key),
        cmocka_unit_test(parts_cannot_be_shifted_into_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
