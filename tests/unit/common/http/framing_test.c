#include "common/http/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const FramingLimits limits = {.fields_max = 5, .field_bytes_max = 200};

#define F(name, value) ((FramingField){STR(name), STR(value)})
#define CHECK_FRAMING(version, ...)                                                                \
    framing_check(STR(version), (const FramingField[]){__VA_ARGS__},                               \
                  sizeof((const FramingField[]){__VA_ARGS__}) / sizeof(FramingField), &limits)

static void takes_what_is_clear(void **state)
{
    (void)state;
    Framing f = CHECK_FRAMING("HTTP/1.1", F("Host", "x"), F("Content-Length", "42"));
    assert_int_equal(f.status, 0);
    assert_true(f.has_length);
    assert_int_equal(f.length, 42);
    f = CHECK_FRAMING("HTTP/1.1", F("host", "x"), F("Transfer-Encoding", "Chunked"));
    assert_int_equal(f.status, 0);
    assert_true(f.chunked);
    f = CHECK_FRAMING("HTTP/1.0", F("X", "y"));
    assert_int_equal(f.status, 0);
    f = CHECK_FRAMING("HTTP/1.1", F("Host", "x"), F("X", "tab\tis fine, so is \xc3\xa9"));
    assert_int_equal(f.status, 0);
}

static void refuses_two_ways_to_end(void **state)
{
    (void)state;
    const FramingField host = F("Host", "x");
    assert_int_equal(
        CHECK_FRAMING("HTTP/1.1", host, F("Content-Length", "4"), F("Transfer-Encoding", "chunked"))
            .status,
        400);
    assert_int_equal(
        CHECK_FRAMING("HTTP/1.1", host, F("Content-Length", "4"), F("content-length", "4")).status,
        400);
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", host, F("Content-Length ", "4")).status, 400);
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", host, F("Content-Length", "4, 4")).status, 400);
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", host, F("Content-Length", "+4")).status, 400);
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", host, F("Content-Length", "-1")).status, 400);
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", host, F("Content-Length", "")).status, 400);
    assert_int_equal(
        CHECK_FRAMING("HTTP/1.1", host, F("Content-Length", "99999999999999999999")).status, 400);
    assert_int_equal(CHECK_FRAMING("HTTP/1.0", F("Transfer-Encoding", "chunked")).status, 400);
}

static void refuses_other_codings(void **state)
{
    (void)state;
    const FramingField host = F("Host", "x");
    const char *const codings[] = {"gzip",     "chunked, chunked", "gzip, chunked",
                                   "identity", "xchunked",         "chunked;q=1",
                                   "",         "chunked\x0b"};
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
        FramingField coding = {STR("Transfer-Encoding"), str_from(codings[i])};
        assert_int_not_equal(CHECK_FRAMING("HTTP/1.1", host, coding).status, 0);
    }
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", host, F("Transfer-Encoding", "chunked"),
                                   F("Transfer-Encoding", "chunked"))
                         .status,
                     501);
}

static void asks_for_one_host(void **state)
{
    (void)state;
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", F("X", "y")).status, 400);
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", F("Host", "a"), F("Host", "b")).status, 400);
}

static void refuses_malformed_and_too_many_fields(void **state)
{
    (void)state;
    const FramingField host = F("Host", "x");
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", host, F("", "x")).status, 400);
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", host, F("a b", "x")).status, 400);
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", host, F("a", "x\ny")).status, 400);
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", host, F("a", "x\0y")).status, 400);
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", host, host, host, host, host, host).status, 431);
    char big[250];
    memset(big, 'a', sizeof big);
    FramingField large = {
        STR("X"), {big, sizeof big}
    };
    assert_int_equal(CHECK_FRAMING("HTTP/1.1", host, large).status, 431);
    assert_int_equal(CHECK_FRAMING("HTTP/2.0", host).status, 505);
}

static void space_around_a_value_is_no_part_of_it(void **state)
{
    (void)state;
    assert_true(str_is(framing_value(STR("Host"), STR(" \ta b\t ")), "a b"));
    assert_true(str_is(framing_value(STR("Host"), STR(" \t ")), ""));
    assert_true(str_is(framing_value(STR("X"), STR("a\xc2\xa0")), "a\xc2\xa0"));
    /* A body that the library would not read as we do. */
    assert_true(str_is(framing_value(STR("transfer-Encoding"), STR("chunked ")), "chunked "));
    assert_true(str_is(framing_value(STR("content-length"), STR("4 ")), "4 "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_clear),
        cmocka_unit_test(refuses_two_ways_to_end),
        cmocka_unit_test(refuses_other_codings),
        cmocka_unit_test(asks_for_one_host),
        cmocka_unit_test(refuses_malformed_and_too_many_fields),
        cmocka_unit_test(space_around_a_value_is_no_part_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
