/* Texts about a document do not say what the masked document hides. */
#include "services/ingest/diagnostics/veil.h"

#include "tests/support/cmocka.h"

static const char document[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p-1\",\"gender\":\"Zebulon Quux SSN 123-45-6789\","
    "\"name\":[{\"family\":\"Quux\",\"given\":[\"Zeb\\u00fclon\"]}],\"status\":\"final\","
    "\"address\":{\"line\":[\"say \\\"hi\\\" 12 times and then some more of the same street\"]},"
    "\"valueInteger\":471100,\"<odd name>\":1,\"birthDate\":\"1980-02-31\"}";

static Arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1 << 24);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static Veil *veil_of(const char *text, bool is_json)
{
    Veil *veil = veil_new(arena);
    if (text)
        veil_learn(veil, str_from(text), is_json);
    veil_ready(veil, text != NULL);
    return veil;
}

static const char *said(Veil *veil, const char *text, bool is_json)
{
    static Buf out;
    buf_clear(&out);
    buf_init(&out, 64 * 1024);
    if (is_json)
        veil_add_json(veil, &out, str_from(text));
    else
        veil_add(veil, &out, str_from(text));
    return out.data;
}

static void values_are_masked_wherever_they_stand(void **state)
{
    (void)state;
    Veil *veil = veil_of(document, true);
    assert_string_equal(said(veil, "gender:\"Zebulon Quux SSN 123-45-6789\" is none", false),
                        "gender:\"xxxxxxx xxxx xxx 000-00-0000\" is none");
    assert_string_equal(said(veil, "of Quux, not of Quuxes; 471100 times", false),
                        "of xxxx, not of Quuxes; 000000 times");
    assert_string_equal(said(veil, "no date: '1980-02-31'", false), "no date: '0000-00-00'");
    assert_string_equal(said(veil, "Zeb\xc3\xbclon", false), "xxxxxxxx");
    assert_string_equal(said(veil, "unknown: <odd name>", false), "unknown: <xxx xxxx>");
}

static void what_names_things_stays(void **state)
{
    (void)state;
    Veil *veil = veil_of(document, true);
    const char *plain = "Patient.gender of 'http://hl7.org/fhir/x' must be \"final\", not 'code'";
    assert_string_equal(said(veil, plain, false), plain);
}

static void what_is_cut_or_a_part_is_masked(void **state)
{
    (void)state;
    Veil *veil = veil_of(document, true);
    assert_string_equal(said(veil, "line:\"say \"hi\" 12 times and...\"", false),
                        "line:\"xxx \"xx\" 00 xxxxx xxx...\"");
    assert_string_equal(said(veil, "the part '123-45' of it", false), "the part '000-00' of it");
}

static void json_is_masked_where_it_holds_texts(void **state)
{
    (void)state;
    Veil *veil = veil_of(document, true);
    assert_string_equal(
        said(veil,
             "{\"issues\":[{\"message_id\":\"Quux\",\"location\":\"Bundle.entry[0].resource"
             "/*Patient/p-1*/.name\",\"diagnostics\":\"\\\"Quux\\\"\"}],\"told\":[{\"body\":"
             "\"{\\\"a\\\":{\\\"text\\\":\\\"Quux\\\",\\\"code\\\":\\\"Quux\\\",\\\"n\\\":471100}"
             "}\"}],\"after\":{\"x\":[\"Quux\"]},\"caller\":\"Quux\"}",
             true),
        "{\"issues\":[{\"message_id\":\"Quux\",\"location\":\"Bundle.entry[0].resource"
        "/*Patient/x-0*/.name\",\"diagnostics\":\"\\\"xxxx\\\"\"}],\"told\":[{\"body\":"
        "\"{\\\"a\\\":{\\\"text\\\":\\\"xxxx\\\",\\\"code\\\":\\\"Quux\\\",\\\"n\\\":000000}"
        "}\"}],\"after\":{\"x\":[\"xxxx\"]},\"caller\":\"Quux\"}");
}

static void fields_of_lines_are_values(void **state)
{
    (void)state;
    Veil *veil = veil_of("PID|1||4711^^^H||Quux^Zebulon||19800231\rPV1|1|I", false);
    assert_string_equal(said(veil, "PID-5.2 Zebulon, 19800231 of 4711", false),
                        "PID-5.2 xxxxxxx, 00000000 of 0000");
}

static void without_the_document_what_is_quoted_is_masked(void **state)
{
    (void)state;
    Veil *veil = veil_of(NULL, true);
    assert_string_equal(said(veil, "it doesn't fit: \"Quux\", see 'http://a.b/c' or 'x1'", false),
                        "it doesn't fit: \"xxxx\", see 'http://a.b/c' or 'x0'");
    assert_string_equal(
        said(veil, "{\"response\":\"{\\\"given\\\":\\\"Quux\\\",\\\"code\\\":\\\"c\\\"}\"}", true),
        "{\"response\":\"{\\\"given\\\":\\\"xxxx\\\",\\\"code\\\":\\\"c\\\"}\"}");
}

static void without_the_document_what_no_quote_closes_is_masked(void **state)
{
    (void)state;
    Veil *veil = veil_of(NULL, true);
    assert_string_equal(said(veil, "it doesn't fit: 'Zebulon Quux\nthe next", false),
                        "it doesn't fit: 'xxxxxxx xxxx\nthe next");
    const char *address = "the 'http://a.b/' is no 4";
    assert_string_equal(said(veil, address, false), address);
    assert_string_equal(said(veil, "code 'http://a.b/c#Quux' of 'http://a.b/c|4.0.1'", false),
                        "code 'http://a.b/c#xxxx' of 'http://a.b/c|4.0.1'");
    veil = veil_new(arena);
    veil_learn(veil, STR("{\"a\":\"Quux\"}"), true);
    veil_ready(veil, false);
    assert_string_equal(said(veil, "of 'Quux Zebulon'", false), "of 'xxxx xxxxxxx'");
}

static void paths_of_others_are_masked(void **state)
{
    (void)state;
    Veil *veil = veil_of(document, true);
    assert_string_equal(said(veil,
                             "{\"response\":\"{\\\"location\\\":[\\\"Quux\\\","
                             "\\\"Patient/*Patient/p-1*/.name\\\"]}\"}",
                             true),
                        "{\"response\":\"{\\\"location\\\":[\\\"xxxx\\\","
                        "\\\"Patient/*Patient/x-0*/.name\\\"]}\"}");
}

/* Nobody knows how others quote; of ourselves that is known. */
static void without_the_document_what_others_say_is_masked(void **state)
{
    (void)state;
    Veil *veil = veil_of(NULL, true);
    assert_string_equal(said(veil,
                             "{\"response\":\"{\\\"location\\\":[\\\"Quux.Zebulon\\\"],"
                             "\\\"diagnostics\\\":\\\"no Quux here\\\",\\\"code\\\":\\\"c\\\","
                             "\\\"n\\\":4711,\\\"ok\\\":true}\"}",
                             true),
                        "{\"response\":\"{\\\"location\\\":[\\\"xxxx.xxxxxxx\\\"],"
                        "\\\"diagnostics\\\":\\\"xx xxxx xxxx\\\",\\\"code\\\":\\\"c\\\","
                        "\\\"n\\\":0000,\\\"ok\\\":true}\"}");
    assert_string_equal(
        said(veil, "{\"response\":\"Quux is unknown\",\"error_text\":\"HTTP 404\"}", true),
        "{\"response\":\"xxxx xx xxxxxxx\",\"error_text\":\"HTTP 404\"}");
    assert_string_equal(
        said(veil, "{\"response_headers\":{\"Location\":\"/Patient/Quux\"},\"attempt\":1}", true),
        "{\"response_headers\":{\"Location\":\"/xxxxxxx/xxxx\"},\"attempt\":1}");
    assert_string_equal(said(veil,
                             "{\"told\":[{\"body\":\"{\\\"diagnostics\\\":\\\"it has 'Quux'\\\","
                             "\\\"location\\\":[\\\"Patient.name\\\"]}\"}]}",
                             true),
                        "{\"told\":[{\"body\":\"{\\\"diagnostics\\\":\\\"it has 'xxxx'\\\","
                        "\\\"location\\\":[\\\"Patient.name\\\"]}\"}]}");
}

static void without_room_to_learn_all_is_masked(void **state)
{
    (void)state;
    Veil *veil = veil_new(arena);
    veil_learn(veil, STR("{\"a\":\"Quux\"}"), true);
    assert_null(arena_alloc(arena, 1 << 25));
    veil_learn(veil, STR("{\"a\":\"Zeb\\u00fclon\"}"), true);
    veil_ready(veil, true);
    assert_string_equal(said(veil, "of 4711", false), "xx 0000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_are_masked_wherever_they_stand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_names_things_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_cut_or_a_part_is_masked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_is_masked_where_it_holds_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fields_of_lines_are_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_the_document_what_is_quoted_is_masked, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_the_document_what_no_quote_closes_is_masked, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(paths_of_others_are_masked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_the_document_what_others_say_is_masked, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_room_to_learn_all_is_masked, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
