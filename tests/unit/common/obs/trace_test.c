#include "common/obs/trace.h"

#include "tests/support/cmocka.h"

#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static void what_is_parsed_is_formatted_again(void **state)
{
    (void)state;
    Trace trace;
    char text[TRACEPARENT_SIZE], hex[TRACE_ID_HEX + 1];
    assert_true(trace_parse(STR(GOOD), &trace));
    trace_format(&trace, text);
    assert_string_equal(text, GOOD);
    trace_id_hex(&trace, hex);
    assert_string_equal(hex, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_true(trace_parse(STR(" " GOOD " "), &trace));
}

static void invalid_headers_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Trace trace = {.flags = 7};
        if (trace_parse(str_from(bad[i]), &trace) || trace.flags != 7)
            fail_msg("%s", bad[i]);
    }
}

static void a_later_version_may_say_more(void **state)
{
    (void)state;
    Trace trace;
    assert_true(
        trace_parse(STR("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more"), &trace));
    assert_int_equal(trace.flags, 1);
}

static void a_child_stays_in_its_trace(void **state)
{
    (void)state;
    Trace parent = trace_new(), child = trace_child(&parent), other = trace_new(), again;
    char text[TRACEPARENT_SIZE];
    assert_memory_equal(parent.trace_id, child.trace_id, 16);
    assert_memory_not_equal(parent.span_id, child.span_id, 8);
    assert_memory_not_equal(parent.trace_id, other.trace_id, 16);
    assert_int_equal(child.flags, parent.flags);
    assert_true(trace_is_set(&parent));
    assert_false(trace_is_set(&(Trace){0}));
    trace_format(&child, text);
    assert_true(trace_parse(str_from(text), &again));
    assert_memory_equal(&again, &child, sizeof child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_parsed_is_formatted_again),
        cmocka_unit_test(invalid_headers_are_refused),
        cmocka_unit_test(a_later_version_may_say_more),
        cmocka_unit_test(a_child_stays_in_its_trace),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
