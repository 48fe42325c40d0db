#include "common/obs/log.h"

#include <jansson.h>
#include <math.h>
#include <unistd.h>

#include "tests/support/cmocka.h"

static int ends[2];
static char line[LOG_LINE_MAX * 2];

static int set_up(void **state)
{
    (void)state;
    return pipe(ends);
}

static int tear_down(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static json_t *read_line(void)
{
    ssize_t len = read(ends[0], line, sizeof line - 1);
    assert_true(len > 1 && len <= LOG_LINE_MAX);
    line[len] = '\0';
    assert_int_equal(line[len - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + len - 1);
    json_error_t at;
    json_t *root = json_loads(line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &at);
    if (!root)
        fail_msg("%s: %s", at.text, line);
    return root;
}

static const char *text_of(json_t *root, const char *name)
{
    return json_string_value(json_object_get(root, name));
}

static void a_line_carries_typed_fields(void **state)
{
    (void)state;
    Log *log = log_new(ends[1], "tester", LOG_INFO);
    Trace trace;
    assert_true(
        trace_parse(STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), &trace));
    log_info(log, "thing.happened", LOG_TRACE(&trace), LOG_TEXT("id", "a\"b\\c\n\x01"),
             LOG_U64("count", INT64_MAX), LOG_I64("delta", -5), LOG_F64("ratio", 0.5),
             LOG_F64("odd", NAN), LOG_BOOL("done", true));
    json_t *root = read_line();
    assert_string_equal(text_of(root, "level"), "info");
    assert_string_equal(text_of(root, "service"), "tester");
    assert_string_equal(text_of(root, "event"), "thing.happened");
    assert_string_equal(text_of(root, "trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_string_equal(text_of(root, "span_id"), "00f067aa0ba902b7");
    assert_string_equal(text_of(root, "id"), "a\"b\\c\n\x01");
    assert_non_null(strstr(line, "\"count\":9223372036854775807"));
    assert_int_equal(json_integer_value(json_object_get(root, "delta")), -5);
    assert_true(json_is_null(json_object_get(root, "odd")));
    assert_true(json_is_true(json_object_get(root, "done")));
    assert_int_equal(strlen(text_of(root, "ts")), strlen("2026-01-02T03:04:05.678Z"));
    json_decref(root);
    log_free(log);
}

static void less_than_the_level_is_not_written(void **state)
{
    (void)state;
    Log *log = log_new(ends[1], "tester", LOG_WARN);
    log_info(log, "quiet");
    log_info(NULL, "quieter", LOG_U64("n", 1));
    log_error(log, "loud");
    json_t *root = read_line();
    assert_string_equal(text_of(root, "event"), "loud");
    json_decref(root);
    assert_false(log_enabled(log, LOG_INFO));
    log_free(log);
}

static void an_error_tells_code_kind_and_place(void **state)
{
    (void)state;
    Log *log = log_new(ends[1], "tester", LOG_DEBUG);
    Err err = {0};
    assert_false(ERR(&err, ERR_RETRY, "db-away", "after %d ms", 5));
    log_warn(log, "store.waits", LOG_ERR(&err));
    json_t *root = read_line();
    assert_string_equal(text_of(root, "error"), "db-away");
    assert_string_equal(text_of(root, "error_kind"), "retry");
    assert_string_equal(text_of(root, "error_text"), "after 5 ms");
    assert_non_null(strstr(text_of(root, "where"), "log_test.c:"));
    json_decref(root);
    log_free(log);
}

static void hostile_text_stays_one_line_of_json(void **state)
{
    (void)state;
    Log *log = log_new(ends[1], "tester", LOG_DEBUG);
    char all[256], big[20000];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (char)i;
    memset(big, '\x01', sizeof big);
    log_info(log, "hostile", LOG_STR("all", ((Str){all, sizeof all})),
             LOG_STR("utf8", STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0\x80\xc0\xaf")));
    json_t *root = read_line();
    assert_string_equal(text_of(root, "utf8"), "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd"
                                               "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(root);
    log_info(log, "big", LOG_STR("a", ((Str){big, sizeof big})),
             LOG_STR("b", ((Str){big, sizeof big})), LOG_STR("c", ((Str){big, sizeof big})));
    root = read_line();
    assert_true(json_is_true(json_object_get(root, "truncated")));
    json_decref(root);
    memset(big, 'x', sizeof big);
    log_info(log, "big", LOG_STR("a", ((Str){big, sizeof big})), LOG_U64("n", 1));
    root = read_line();
    assert_int_equal(strlen(text_of(root, "a")), LOG_TEXT_MAX + 3);
    assert_int_equal(json_integer_value(json_object_get(root, "n")), 1);
    json_decref(root);
    log_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_carries_typed_fields),
        cmocka_unit_test(less_than_the_level_is_not_written),
        cmocka_unit_test(an_error_tells_code_kind_and_place),
        cmocka_unit_test(hostile_text_stays_one_line_of_json),
    };
    return cmocka_run_group_tests_name("log", tests, set_up, tear_down);
}
