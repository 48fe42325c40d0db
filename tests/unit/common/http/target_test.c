#include "common/http/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static Arena *arena;

static bool parse(const char *raw, HttpTarget *target)
{
    Err err = {0};
    return http_target_parse(str_from(raw), arena, target, &err);
}

static void decodes_the_path_once_and_leaves_the_query(void **state)
{
    (void)state;
    HttpTarget t;
    assert_true(parse("/Bundle/%24validate/?a=%41", &t));
    assert_true(str_is(t.path, "/Bundle/$validate/"));
    assert_true(str_is(t.query, "a=%41"));
    assert_true(parse("/a%2524", &t));
    assert_true(str_is(t.path, "/a%24"));
    assert_true(parse("/a+b", &t));
    assert_true(str_is(t.path, "/a+b"));
    assert_true(parse("/%C3%A9", &t));
    assert_true(str_is(t.path, "/\xc3\xa9"));
}

static void takes_the_absolute_form(void **state)
{
    (void)state;
    HttpTarget t;
    assert_true(parse("https://example.org:8443/metadata?_format=json", &t));
    assert_true(str_is(t.path, "/metadata"));
    assert_true(str_is(t.query, "_format=json"));
    assert_true(parse("HTTP://example.org", &t));
    assert_true(str_is(t.path, "/"));
}

static void refuses_what_is_malformed(void **state)
{
    (void)state;
    HttpTarget t;
    const char *const bad[] = {"",       "Bundle",   "/a%",       "/a%2",    "/a%zz",
                               "/a%00b", "/a%0d%0a", "/a b",      "/a\x01",  "/a#b",
                               "*",      "/a?b c",   "ftp://x/y", "/a?\x7f", "/%7f"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parse(bad[i], &t))
            fail_msg("took \"%s\"", bad[i]);
}

static Str get(const char *query, const char *name)
{
    return http_query_get(str_from(query), str_from(name), arena);
}

static void finds_query_parameters(void **state)
{
    (void)state;
    assert_true(str_is(get("immediate=false&x=1", "immediate"), "false"));
    assert_true(
        str_is(get("x=1&%5Fformat=application%2Ffhir%2Bjson", "_format"), "application/fhir+json"));
    assert_true(str_is(get("a=b+c", "a"), "b c"));
    assert_true(get("flag", "flag").ptr != NULL);
    assert_int_equal(get("flag", "flag").len, 0);
    assert_null(get("a=%zz", "a").ptr);
    assert_null(get("", "a").ptr);
    assert_true(str_is(get("a=1&a=2", "a"), "1"));
    assert_true(str_is(get("&&=&a=1", "a"), "1"));
}

static int make_arena(void **state)
{
    (void)state;
    arena = arena_new(1024 * 1024);
    return 0;
}

static int drop_arena(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_the_path_once_and_leaves_the_query),
        cmocka_unit_test(takes_the_absolute_form),
        cmocka_unit_test(refuses_what_is_malformed),
        cmocka_unit_test(finds_query_parameters),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
