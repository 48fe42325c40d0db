#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#include "tests/support/cmocka.h"

static void arena_fails_past_its_limit_and_recovers_by_reset(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1000);
    assert_non_null(arena_alloc(arena, 500));
    assert_null(arena_alloc(arena, 600));
    assert_true(arena_exhausted(arena));
    assert_null(arena_alloc(arena, 1));
    arena_reset(arena);
    assert_false(arena_exhausted(arena));
    assert_non_null(arena_alloc(arena, 600));
    arena_reset(arena);
    volatile size_t absurd = SIZE_MAX - 3;
    assert_null(arena_alloc(arena, absurd));
}

static void warm_arena_takes_nothing_from_the_system(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(64 << 20);
    size_t taken = 0;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 1000; i++)
            assert_non_null(arena_zero(arena, 3000));
        if (round > 0)
            assert_int_equal(arena_blocks_taken(arena), taken);
        taken = arena_blocks_taken(arena);
        arena_reset(arena);
    }
}

static void arena_mark_gives_back_what_came_after_it(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(64 << 20);
    ArenaMark empty = arena_mark(arena);
    char *kept = arena_alloc(arena, 100);
    memset(kept, 'k', 100);
    ArenaMark mark = arena_mark(arena);
    for (int i = 0; i < 100; i++)
        memset(arena_alloc(arena, 50000), i, 50000);
    arena_release(arena, mark);
    char *next = arena_alloc(arena, 100);
    memset(next, 'n', 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(kept[i], 'k');
    arena_release(arena, empty);
    assert_int_equal(arena_used_bytes(arena), 0);
}

static void arena_join_puts_texts_behind_each_other(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(64 << 10);
    Str joined = ARENA_JOIN(arena, STR("a"), STR_NONE, STR("bc"), STR(""), STR("d"));
    assert_int_equal(joined.len, 4);
    assert_string_equal(joined.ptr, "abcd");
    assert_string_equal(arena_join(arena, NULL, 0).ptr, "");
    char long_text[70000] = {0};
    assert_null(ARENA_JOIN(arena, STR("a"), ((Str){long_text, sizeof long_text})).ptr);
}

static void arena_grow_keeps_what_was_there(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(64 << 20);
    uint32_t *numbers = NULL;
    size_t count = 0;
    for (size_t more = 1; count < 200000; count += more, more += count / 100) {
        numbers =
            arena_grow(arena, numbers, count * sizeof *numbers, (count + more) * sizeof *numbers);
        for (size_t i = count; i < count + more; i++)
            numbers[i] = (uint32_t)i;
    }
    for (size_t i = 0; i < count; i++)
        assert_int_equal(numbers[i], i);
}

static void arena_formats_text(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    assert_true(str_is(arena_format(arena, "%d %s", 7, "seven"), "7 seven"));
    assert_true(str_is(arena_copy(arena, STR("copy")), "copy"));
}

static void buf_states_its_maximum(void **state)
{
    (void)state;
    BUF_AUTO buf;
    buf_init(&buf, 10);
    assert_true(buf_add(&buf, STR("12345")));
    assert_true(buf_add_format(&buf, "%d", 678));
    assert_false(buf_add(&buf, STR("abc")));
    assert_true(buf.overflowed);
    assert_true(str_is(buf_str(&buf), "12345678"));
    assert_true(buf_add_char(&buf, '9'));
    assert_true(buf_add_char(&buf, '0'));
    assert_false(buf_add_char(&buf, '!'));
    assert_int_equal(buf.len, 10);
}

static void str_finds_cuts_and_compares(void **state)
{
    (void)state;
    Str text = STR("one,two,,three");
    Str rest = text;
    Str part;
    const char *want[] = {"one", "two", "", "three"};
    for (int i = 0; i < 4; i++) {
        assert_true(str_split(&rest, ',', &part));
        assert_true(str_is(part, want[i]));
    }
    assert_false(str_split(&rest, ',', &part));
    assert_int_equal(str_find(text, STR("two")), 4);
    assert_int_equal(str_find(text, STR("four")), SIZE_MAX);
    assert_int_equal(str_rfind_char(text, ','), 8);
    assert_true(str_compare(STR("ab"), STR("abc")) < 0);
    assert_true(str_compare(STR("b"), STR("abc")) > 0);
    assert_true(str_eq_ignore_case(STR("Accept"), STR("aCCEPT")));
    assert_true(str_is(str_trim(STR(" \t x y\r\n")), "x y"));
    assert_true(str_is(STR_NONE, ""));
}

static void str_reads_numbers_exactly(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_true(str_to_u64(STR("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_false(str_to_u64(STR("18446744073709551616"), &value));
    assert_false(str_to_u64(STR(""), &value));
    assert_false(str_to_u64(STR("-1"), &value));
    assert_false(str_to_u64(STR("1 "), &value));
    assert_true(value == UINT64_MAX);
}

static void err_is_filled_once_and_says_where(void **state)
{
    (void)state;
    Err err = {0};
    assert_false(ERR(&err, ERR_INPUT, "some-code", "line %d", 3));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_string_equal(err.code, "some-code");
    assert_string_equal(err.text, "line 3");
    assert_non_null(strstr(err.where, "base_test.c:"));
    assert_false(ERR(NULL, ERR_INPUT, "some-code", "nobody listens"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_fails_past_its_limit_and_recovers_by_reset),
        cmocka_unit_test(warm_arena_takes_nothing_from_the_system),
        cmocka_unit_test(arena_mark_gives_back_what_came_after_it),
        cmocka_unit_test(arena_join_puts_texts_behind_each_other),
        cmocka_unit_test(arena_grow_keeps_what_was_there),
        cmocka_unit_test(arena_formats_text),
        cmocka_unit_test(buf_states_its_maximum),
        cmocka_unit_test(str_finds_cuts_and_compares),
        cmocka_unit_test(str_reads_numbers_exactly),
        cmocka_unit_test(err_is_filled_once_and_says_where),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
