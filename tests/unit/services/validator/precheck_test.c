#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/validator/precheck.h"

#define PROFILES "http://a/p, http://b/q"

static Precheck check(Arena *arena, const char *document, const char *allowed)
{
    Precheck result = {0};
    Err err = {0};
    assert_true(precheck(str_from(document), allowed, NULL, arena, &result, &err));
    return result;
}

static void assert_code(const char *document, const char *code)
{
    ARENA_AUTO arena = arena_new(1 << 20);
    Precheck got = check(arena, document, PROFILES);
    assert_int_equal(got.passed, code == NULL);
    if (!code)
        return;
    assert_true(str_is(got.code, code));
    assert_true(str_starts(got.message, str_from(code)));
}

static void an_allowed_profile_passes(void **state)
{
    (void)state;
    assert_code("{\"meta\":{\"profile\":[\"http://a/p\"]}}", NULL);
    assert_code("{\"meta\":{\"profile\":[\"http://x\",\"http://b/q|1.8.1\"]}}", NULL);
}

static void unreadable_json_is_1000_and_says_where(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    static const char *const broken[] = {"",     "{",    "{\"a\":}",      "nonsense",
                                         "\xff", "{} x", "\xef\xbb\xbf{}"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_code(broken[i], "TECHBD-1000");
    Precheck got = check(arena, "{\n \"a\": ,", PROFILES);
    assert_int_equal(got.line, 2);
    assert_int_equal(got.column, 7);
    assert_true(str_find(got.message, STR("line 2, column 7")) != SIZE_MAX);
}

static void the_first_profile_is_kept_as_written(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    Precheck got =
        check(arena, "{\"meta\":{\"profile\":[\"\",\"http://x|1\",\"http://a/p\"]}}", PROFILES);
    assert_true(got.passed && str_is(got.profile, "http://x|1"));
    got = check(arena, "{\"meta\":{\"profile\":[\"http://x\"]}}", PROFILES);
    assert_true(!got.passed && str_is(got.profile, "http://x"));
}

static void no_profile_is_1002(void **state)
{
    (void)state;
    static const char *const bare[] = {"{}",
                                       "[]",
                                       "7",
                                       "{\"meta\":{}}",
                                       "{\"meta\":{\"profile\":[]}}",
                                       "{\"meta\":{\"profile\":\"http://a/p\"}}",
                                       "{\"meta\":{\"profile\":[\"\",7]}}",
                                       "{\"meta\":[]}"};
    for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++)
        assert_code(bare[i], "TECHBD-1002");
}

static void another_profile_is_1001(void **state)
{
    (void)state;
    assert_code("{\"meta\":{\"profile\":[\"http://a/pp\"]}}", "TECHBD-1001");
    assert_code("{\"meta\":{\"profile\":[\"http://a\"]}}", "TECHBD-1001");
}

static void a_star_allows_any(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    assert_true(check(arena, "{\"meta\":{\"profile\":[\"urn:x\"]}}", "*").passed);
    assert_false(check(arena, "{}", "*").passed);
}

static void too_deep_is_unreadable_and_too_large_is_an_error(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    ARENA_AUTO small = arena_new(64);
    const JsonLimits limits = {.depth = 3};
    Precheck got;
    Err err = {0};
    assert_true(precheck(STR("[[[[]]]]"), PROFILES, &limits, arena, &got, &err));
    assert_true(str_is(got.code, "TECHBD-1000"));
    assert_true(str_is(got.message, "TECHBD-1000: Invalid or partial JSON: nested deeper than "
                                    "allowed (line 1, column 4)"));
    assert_false(precheck(STR("{\"a\":[1,2,3,4,5,6,7,8]}"), PROFILES, NULL, small, &got, &err));
    assert_string_equal(err.code, "memory-limit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allowed_profile_passes),
        cmocka_unit_test(unreadable_json_is_1000_and_says_where),
        cmocka_unit_test(the_first_profile_is_kept_as_written),
        cmocka_unit_test(no_profile_is_1002),
        cmocka_unit_test(another_profile_is_1001),
        cmocka_unit_test(a_star_allows_any),
        cmocka_unit_test(too_deep_is_unreadable_and_too_large_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
