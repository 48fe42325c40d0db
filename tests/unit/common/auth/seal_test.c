#include "common/auth/seal.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"

#define SECRET STR("0123456789abcdef0123456789abcdef")
#define OTHER STR("0123456789abcdef0123456789abcdeF")

static void opens_what_it_closed(void **state)
{
    ARENA_AUTO arena = arena_new(1 << 20);
    Str sealed = seal_close(SECRET, "test", STR("a session"), arena), text;
    (void)state;
    assert_true(seal_open(SECRET, "test", sealed, arena, &text));
    assert_true(str_is(text, "a session"));
    assert_false(str_eq(sealed, seal_close(SECRET, "test", STR("a session"), arena)));
    assert_int_equal(str_find(sealed, STR("session")), SIZE_MAX);
}

static void opens_nothing_else(void **state)
{
    ARENA_AUTO arena = arena_new(1 << 20);
    Str sealed = seal_close(SECRET, "test", STR("a session"), arena), text;
    (void)state;
    assert_false(seal_open(OTHER, "test", sealed, arena, &text));
    assert_false(seal_open(SECRET, "another purpose", sealed, arena, &text));
    assert_false(seal_open(SECRET, "test", STR(""), arena, &text));
    assert_false(seal_open(SECRET, "test", STR("AAAA"), arena, &text));
    for (size_t i = 0; i < sealed.len; i++) { /* any letter changed, any cut */
        Str changed = arena_copy(arena, sealed);
        char *letters = arena_alloc(arena, sealed.len);
        memcpy(letters, changed.ptr, sealed.len);
        letters[i] = letters[i] == 'A' ? 'B' : 'A';
        assert_false(seal_open(SECRET, "test", (Str){letters, sealed.len}, arena, &text));
        assert_false(seal_open(SECRET, "test", str_cut(sealed, 0, i), arena, &text));
    }
}

/* spec: RFC 7636, appendix B */
static void digests_as_pkce_does(void **state)
{
    ARENA_AUTO arena = arena_new(1 << 16);
    (void)state;
    assert_true(str_is(seal_digest(STR("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), arena),
                       "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
    assert_int_equal(seal_token(arena).len, 43);
    assert_false(seal_same(seal_token(arena), seal_token(arena)));
    assert_true(seal_same(STR("a"), STR("a")));
    assert_false(seal_same(STR("a"), STR("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_it_closed),
        cmocka_unit_test(opens_nothing_else),
        cmocka_unit_test(digests_as_pkce_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
