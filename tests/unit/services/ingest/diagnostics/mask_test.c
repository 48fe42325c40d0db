/* A masked document keeps its places and says nothing. */
#include "services/ingest/diagnostics/mask.h"

#include "tests/support/cmocka.h"

static const char *masked(const char *document, bool is_json)
{
    static Buf out;
    buf_clear(&out);
    buf_init(&out, 64 * 1024);
    mask_add(&out, str_from(document), is_json);
    assert_int_equal(out.len, strlen(document));
    return out.data;
}

static void json_keeps_names_and_what_they_name(void **state)
{
    (void)state;
    assert_string_equal(
        masked("{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"O'Neil 7\"}],\n"
               "\"n\": -12.50e3, \"b\": true}",
               true),
        "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"x'xxxx 0\"}],\n"
        "\"n\": -11.11e1, \"b\": true}");
}

static void escapes_and_characters_keep_their_width(void **state)
{
    (void)state;
    assert_string_equal(masked("{\"a\":\"\\\"x\\u00e9\",\"<b c>\":1}", true),
                        "{\"a\":\"xxxxx00x0\",\"<x x>\":1}");
    assert_string_equal(masked("{\"family\":\"\xc3\xa9\"}", true), "{\"family\":\"xx\"}");
    assert_string_equal(masked("{\"family\":\"unfinished", true), "{\"family\":\"xxxxxxxxxx");
}

static void what_is_no_json_says_nothing_either(void **state)
{
    (void)state;
    assert_string_equal(
        masked("{\"family\": O'Neil, \"b\": True, \"c\": nullify, \"d\": 12e}", true),
        "{\"family\": x'xxxx, \"b\": xxxx, \"c\": xxxxxxx, \"d\": 11x}");
    assert_string_equal(masked("{\"family\":\"Doe\"Jane\",\"e\":[1E5,true,null]}", true),
                        "{\"family\":\"xxx\"xxxx\",\"x\":[0x0,xxxx,xxxx]}");
    assert_string_equal(masked("Doe^Jane", true), "xxx^xxxx");
    assert_string_equal(masked("[1E5,true,null,2e-7]", true), "[1E1,true,null,1e-1]");
}

static void hl7_keeps_its_segments(void **state)
{
    (void)state;
    assert_string_equal(masked("MSH|^~\\&|LAB\rPID|1||123^^^MR||Doe^Jane\r", false),
                        "MSH|^~\\&|xxx\rPID|0||000^^^xx||xxx^xxxx\r");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_keeps_names_and_what_they_name),
        cmocka_unit_test(escapes_and_characters_keep_their_width),
        cmocka_unit_test(what_is_no_json_says_nothing_either),
        cmocka_unit_test(hl7_keeps_its_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
