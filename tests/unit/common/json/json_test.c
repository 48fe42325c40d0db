#include "common/json/json.h"

#include "common/base/buf.h"

#include "tests/support/cmocka.h"

static Arena *arena;
static JsonPosition at;
static Err err;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(64 * 1024 * 1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static bool reads(Str text, JsonDoc *doc)
{
    err = (Err){0};
    return json_read(text, NULL, NULL, arena, doc, &at, &err);
}

static JsonDoc good(Str text)
{
    JsonDoc doc = {0};
    if (!reads(text, &doc))
        fail_msg("refused at %u:%u: %s", at.line, at.column, err.text);
    return doc;
}

static void bad(Str text, const char *code, uint32_t line, uint32_t column)
{
    JsonDoc doc;
    assert_false(reads(text, &doc));
    assert_string_equal(err.code, code);
    assert_int_equal(at.line, line);
    assert_int_equal(at.column, column);
}

static void keeps_numbers_as_written(void **state)
{
    (void)state;
    JsonDoc doc = good(STR("[1.50, -0, 1e2, 0.010, 12345678901234567890, 1E+400]"));
    const char *want[] = {"1.50", "-0", "1e2", "0.010", "12345678901234567890", "1E+400"};
    int i = 0;
    JSON_EACH(&doc, number, json_root(&doc))
    {
        assert_int_equal(number->kind, JSON_KIND_NUMBER);
        assert_true(str_is(json_text(number), want[i]));
        assert_int_equal(number->index, i++);
    }
    assert_int_equal(i, 6);
}

static void knows_where_every_value_stands(void **state)
{
    (void)state;
    JsonDoc doc = good(STR("{\n  \"a\": [true,\r\n \"\xC3\xA9\", null], \"b\": {}\r}"));
    const JsonNode *a = json_get(&doc, json_root(&doc), "a");
    const JsonNode *null = json_next(&doc, json_next(&doc, json_first(a)));
    assert_int_equal(null->kind, JSON_KIND_NULL);
    assert_int_equal(json_position(doc.source, null->at).line, 3);
    assert_int_equal(json_position(doc.source, null->at).column, 7);
    assert_int_equal(json_position(doc.source, a->key_at).column, 3);
    const JsonNode *b = json_get(&doc, json_root(&doc), "b");
    assert_int_equal(b->count, 0);
    assert_int_equal(doc.source.ptr[a->end - 1], ']');
    assert_ptr_equal(json_parent(&doc, null), a);
    const JsonLines *lines = json_lines(doc.source, arena);
    for (uint32_t i = 0; i <= doc.source.len; i++) {
        JsonPosition slow = json_position(doc.source, i);
        JsonPosition fast = json_lines_position(lines, i);
        assert_int_equal(slow.line, fast.line);
        assert_int_equal(slow.column, fast.column);
    }
}

static void columns_on_one_long_line(void **state)
{
    (void)state;
    BUF_AUTO text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 300; i++)
        buf_add(&text, i % 97 == 0 ? STR("\xC3\xA9\r\n") : STR("ab\xE2\x82\xAC\xF0\x9F\x98\x80"));
    const JsonLines *lines = json_lines(buf_str(&text), arena);
    for (uint32_t i = 0; i <= text.len; i++) {
        JsonPosition slow = json_position(buf_str(&text), i);
        JsonPosition fast = json_lines_position(lines, i);
        assert_int_equal(slow.line, fast.line);
        assert_int_equal(slow.column, fast.column);
    }
}

static void decodes_escapes(void **state)
{
    (void)state;
    JsonDoc doc = good(STR("[\"a\\n\\u00e9\\ud83d\\ude00\\\"\\/\", \"plain\", \"\\u0000\"]"));
    const JsonNode *first = json_first(json_root(&doc));
    assert_true(str_is(json_text(first), "a\n\xC3\xA9\xF0\x9F\x98\x80\"/"));
    assert_int_equal(first->flags, JSON_FLAG_ESCAPED);
    const JsonNode *plain = json_next(&doc, first);
    assert_ptr_equal(plain->text, doc.source.ptr + plain->at + 1);
    assert_int_equal(json_next(&doc, plain)->text_len, 1);
}

static void flags_duplicate_properties(void **state)
{
    (void)state;
    JsonDoc doc = good(STR("{\"a\":1,\"b\":{\"c\":1,\"c\":2},\"\\u0061\":3}"));
    assert_int_equal(doc.duplicates, 2);
    assert_int_equal(json_root(&doc)->flags, JSON_FLAG_HAS_DUPLICATES);
    BUF_AUTO many;
    buf_init(&many, 1 << 20);
    buf_add(&many, STR("{"));
    for (int i = 0; i < 1000; i++)
        buf_add_format(&many, "\"k%d\":%d,", i % 999, i);
    buf_add(&many, STR("\"z\":0}"));
    doc = good(buf_str(&many));
    assert_int_equal(doc.duplicates, 1);
    assert_true(doc.nodes[1000].flags & JSON_FLAG_DUPLICATE);
}

static void flags_objects_with_underscored_properties(void **state)
{
    (void)state;
    JsonDoc doc = good(STR("[{\"a\":1,\"_a\":{\"b\":1}},{\"\":0,\"a_\":1},{\"\\u005fx\":1}]"));
    const bool want[] = {true, false, true};
    JSON_EACH(&doc, object, json_root(&doc))
    assert_int_equal((object->flags & JSON_FLAG_UNDERSCORED) != 0, want[object->index]);
    assert_int_equal(json_get(&doc, json_root(&doc) + 1, "_a")->flags, 0);
}

static void refuses_what_rfc_8259_refuses(void **state)
{
    (void)state;
    bad(STR(""), "json-syntax", 1, 1);
    bad(STR("  \n "), "json-syntax", 2, 2);
    bad(STR("{\"a\":1,}"), "json-syntax", 1, 8);
    bad(STR("[1,]"), "json-syntax", 1, 4);
    bad(STR("[1 2]"), "json-syntax", 1, 4);
    bad(STR("[01]"), "json-syntax", 1, 3);
    bad(STR("[1.]"), "json-syntax", 1, 4);
    bad(STR("[.5]"), "json-syntax", 1, 2);
    bad(STR("[+1]"), "json-syntax", 1, 2);
    bad(STR("[-]"), "json-syntax", 1, 3);
    bad(STR("[1e]"), "json-syntax", 1, 4);
    bad(STR("[NaN]"), "json-syntax", 1, 2);
    bad(STR("[tru]"), "json-syntax", 1, 2);
    bad(STR("{a:1}"), "json-syntax", 1, 2);
    bad(STR("{'a':1}"), "json-syntax", 1, 2);
    bad(STR("{\"a\" 1}"), "json-syntax", 1, 6);
    bad(STR("{\"a\":1 // no\n}"), "json-syntax", 1, 8);
    bad(STR("[1]]"), "json-syntax", 1, 4);
    bad(STR("{]"), "json-syntax", 1, 2);
    bad(STR("[\"a"), "json-syntax", 1, 4);
    bad(STR("[\"a\\"), "json-syntax", 1, 5);
    bad(STR("[\"a\nb\"]"), "json-syntax", 1, 4);
    bad(STR("[\"\\x\"]"), "json-syntax", 1, 3);
    bad(STR("[\"\\u12\"]"), "json-syntax", 1, 3);
    bad(STR("{\"a\":"), "json-syntax", 1, 6);
    bad(STR("\xEF\xBB\xBF{}"), "json-bom", 1, 1);
}

static void refuses_bad_utf8(void **state)
{
    (void)state;
    bad(STR("[\"\x80\"]"), "json-utf8", 1, 3);
    bad(STR("[\"\xC0\xAF\"]"), "json-utf8", 1, 3);
    bad(STR("[\"\xE0\x80\x80\"]"), "json-utf8", 1, 3);
    bad(STR("[\"\xED\xA0\x80\"]"), "json-utf8", 1, 3);
    bad(STR("[\"\xF4\x90\x80\x80\"]"), "json-utf8", 1, 3);
    bad(STR("[\"abc\xF0\x9F\x98\"]"), "json-utf8", 1, 6);
    bad(STR("[\"\\ud800\"]"), "json-utf8", 1, 3);
    bad(STR("[\"\\ud800\\u0041\"]"), "json-utf8", 1, 3);
    bad(STR("[\"\\udc00\"]"), "json-utf8", 1, 3);
    bad(STR("[\"\\n\x80\"]"), "json-utf8", 1, 5);
    bad(STR("[\"\\n\x01\"]"), "json-syntax", 1, 5);
}

static void refuses_more_than_its_limits(void **state)
{
    (void)state;
    char deep[600];
    memset(deep, '[', 300);
    memset(deep + 300, ']', 300);
    bad((Str){deep, 600}, "json-depth", 1, 257);
    good((Str){deep + 50, 500});
    JsonDoc doc;
    JsonLimits few = {.nodes = 3};
    assert_false(json_read(STR("[1,2,3]"), NULL, &few, arena, &doc, &at, &err));
    assert_string_equal(err.code, "json-nodes");
    assert_true(json_read(STR("[1,2]"), NULL, &few, arena, &doc, &at, &err));
    JsonLimits small = {.bytes = 4};
    assert_false(json_read(STR("[1,2]"), NULL, &small, arena, &doc, &at, &err));
    assert_string_equal(err.code, "json-bytes");
}

static void reports_an_exhausted_arena_for_every_limit(void **state)
{
    (void)state;
    Str text = STR("{\"a\":[1,2,\"\\u0041\",{\"b\":null,\"c\":[true,false]}]}");
    bool done = false;
    for (size_t limit = 16; !done; limit += 16) {
        ARENA_AUTO small = arena_new(limit);
        JsonDoc doc;
        err = (Err){0};
        done = json_read(text, NULL, NULL, small, &doc, &at, &err);
        if (!done)
            assert_string_equal(err.code, "memory-limit");
    }
}

static void finds_names_by_id(void **state)
{
    (void)state;
    static const char pool[] = "idnameresourceType";
    static const uint32_t starts[] = {0, 0, 2, 6, 18};
    uint16_t slots[8] = {0};
    JsonNames names = {.at = starts, .pool = pool, .count = 4, .slot_count = 8};
    json_names_index(&names, slots);
    JsonDoc doc;
    assert_true(json_read(STR("{\"x\":1,\"name\":2,\"na\":3,\"resourceType\":\"P\"}"), &names, NULL,
                          arena, &doc, &at, &err));
    assert_true(str_is(json_text(json_get_id(&doc, json_root(&doc), 2)), "2"));
    assert_true(str_is(json_text(json_get_id(&doc, json_root(&doc), 3)), "P"));
    assert_null(json_get_id(&doc, json_root(&doc), 1));
    assert_true(str_is(json_name_text(&names, 3), "resourceType"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(keeps_numbers_as_written),
        TEST(knows_where_every_value_stands),
        TEST(columns_on_one_long_line),
        TEST(decodes_escapes),
        TEST(flags_duplicate_properties),
        TEST(flags_objects_with_underscored_properties),
        TEST(refuses_what_rfc_8259_refuses),
        TEST(refuses_bad_utf8),
        TEST(refuses_more_than_its_limits),
        TEST(reports_an_exhausted_arena_for_every_limit),
        TEST(finds_names_by_id),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
