/* Golden values were worked out with Python's decimal and fractions modules. */
#include "common/fhir/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants these first */
#include <cmocka.h>

static Arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(64 << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static Decimal dec(const char *text)
{
    Decimal d;
    if (!decimal_parse(str_from(text), arena, &d))
        fail_msg("%s is no number", text);
    return d;
}

static const char *text_of(Decimal d)
{
    return decimal_print(d, arena).ptr;
}

typedef bool Binary(Decimal, Decimal, Arena *, Decimal *);
typedef bool Unary(Decimal, Arena *, Decimal *);
typedef bool Scaled(Decimal, int32_t, Arena *, Decimal *);

static const char *apply(Binary *f, const char *a, const char *b)
{
    Decimal r;
    return f(dec(a), dec(b), arena, &r) ? text_of(r) : "none";
}

static const char *apply1(Unary *f, const char *a)
{
    Decimal r;
    return f(dec(a), arena, &r) ? text_of(r) : "none";
}

static const char *apply_scaled(Scaled *f, const char *a, int32_t scale)
{
    Decimal r;
    return f(dec(a), scale, arena, &r) ? text_of(r) : "none";
}

static void prints_what_was_written(void **state)
{
    (void)state;
    static const char *const same[] = {"0",
                                       "0.0",
                                       "1.50",
                                       "-12.500",
                                       "0.010",
                                       "123456789012345678",
                                       "1234567890123456789",
                                       "-0.000000000000000000000000000000000000001",
                                       "999999999999999999999999999999.999999999"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_string_equal(text_of(dec(same[i])), same[i]);
    assert_string_equal(text_of(dec("1e3")), "1000");
    assert_string_equal(text_of(dec("1.5E-3")), "0.0015");
    assert_string_equal(text_of(dec("+007.50")), "7.50");
    assert_string_equal(text_of(dec("-0")), "0");
    assert_int_equal(decimal_precision(dec("1.58700")), 5);
    assert_int_equal(decimal_precision(dec("1e2")), 0);
}

static void refuses_what_is_no_number(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      ".",
                                      "1.",
                                      "-",
                                      ".5",
                                      "1e",
                                      "1e+",
                                      "1 ",
                                      " 1",
                                      "NaN",
                                      "0x10",
                                      "1.2.3",
                                      "--1",
                                      "1e9999999999999",
                                      "1e999999999",
                                      "1,5",
                                      "1e1.5"};
    Decimal d;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(decimal_parse(str_from(bad[i]), arena, &d));
    assert_true(decimal_is_fhir(STR("-0.50e-7")));
    assert_false(decimal_is_fhir(STR("+1")));
    assert_false(decimal_is_fhir(STR("01")));
    assert_false(decimal_is_fhir(STR("1.")));
    assert_true(decimal_is_fhir(STR("1e999999999")));
}

static void refuses_more_than_its_limit(void **state)
{
    (void)state;
    char digits[DECIMAL_DIGITS_MAX + 2];
    memset(digits, '7', sizeof digits);
    Decimal d, r;
    assert_false(decimal_parse((Str){digits, DECIMAL_DIGITS_MAX + 1}, arena, &d));
    assert_true(decimal_parse((Str){digits, DECIMAL_DIGITS_MAX}, arena, &d));
    assert_false(decimal_multiply(d, d, arena, &r));
    assert_false(decimal_add(dec("1e9999"), dec("1e-9999"), arena, &r));
    assert_int_equal(decimal_compare(dec("1e9999"), dec("1e-9999")), 1);
    assert_int_equal(decimal_compare(dec("-1e9999"), dec("1e-9999")), -1);
    assert_false(decimal_power(dec("10"), dec("99999999999"), arena, &r));
    assert_false(decimal_exp(dec("1e100"), arena, &r));
    assert_false(decimal_parse(STR("1234567890123456789"), NULL, &r));
}

static void compares_by_value(void **state)
{
    (void)state;
    static const char *const rising[] = {"-1e30",
                                         "-12345678901234567890",
                                         "-1.01",
                                         "-1",
                                         "-0.5",
                                         "0",
                                         "0.0000000000000000000000001",
                                         "0.1",
                                         "0.10000000000000000001",
                                         "1",
                                         "1e20",
                                         "100000000000000000000.5"};
    size_t n = sizeof rising / sizeof *rising;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            assert_int_equal(decimal_compare(dec(rising[i]), dec(rising[j])), (i > j) - (i < j));
    assert_true(decimal_equal(dec("1.0"), dec("1.000000000000000000000000")));
    assert_true(decimal_hash(dec("1.0")) == decimal_hash(dec("1.000000000000000000000000")));
    assert_true(decimal_hash(dec("100")) == decimal_hash(dec("1e2")));
    assert_true(decimal_hash(dec("0")) == decimal_hash(dec("0.00")));
    assert_false(decimal_hash(dec("1")) == decimal_hash(dec("-1")));
}

static void finds_equivalent_at_the_smaller_scale(void **state)
{
    (void)state;
    assert_true(decimal_equivalent(dec("0.66666667"), dec("0.67")));
    assert_true(decimal_equivalent(dec("0.67"), dec("0.66666667")));
    assert_false(decimal_equivalent(dec("0.6666"), dec("0.6")));
    assert_true(decimal_equivalent(dec("1"), dec("1.4")));
    assert_false(decimal_equivalent(dec("1"), dec("1.5")));
    assert_true(decimal_equivalent(dec("-0.4"), dec("0")));
    assert_false(decimal_equivalent(dec("1"), dec("-1.2")));
}

static void adds_exactly(void **state)
{
    (void)state;
    assert_string_equal(apply(decimal_add, "0.1", "0.2"), "0.3");
    assert_string_equal(apply(decimal_add, "999999999999999999", "1"), "1000000000000000000");
    assert_string_equal(apply(decimal_subtract, "1000000000000000000", "1"), "999999999999999999");
    assert_string_equal(apply(decimal_subtract, "1.10", "1.1"), "0.00");
    assert_string_equal(apply(decimal_add, "1e20", "1e-20"),
                        "100000000000000000000.00000000000000000001");
    assert_string_equal(apply(decimal_multiply, "1.20", "-0.5"), "-0.600");
    assert_string_equal(apply(decimal_multiply, "123456789123456789", "987654321987654321"),
                        "121932631356500531347203169112635269");
    assert_string_equal(text_of(decimal_from_i64(INT64_MIN, arena)), "-9223372036854775808");
    int64_t whole;
    assert_true(decimal_to_i64(dec("-9223372036854775808"), &whole) && whole == INT64_MIN);
    assert_false(decimal_to_i64(dec("9223372036854775808"), &whole));
    assert_true(decimal_to_i64(dec("4.00"), &whole) && whole == 4);
    assert_true(decimal_to_i64(dec("1e3"), &whole) && whole == 1000);
    assert_false(decimal_to_i64(dec("4.5"), &whole));
    assert_false(decimal_to_i64(dec("1e300"), &whole));
}

static void divides_as_fhirpath_says(void **state)
{
    (void)state;
    assert_string_equal(apply(decimal_divide, "1", "3"), "0.33333333");
    assert_string_equal(apply(decimal_divide, "-2", "3"), "-0.66666667");
    assert_string_equal(apply(decimal_divide, "1", "8"), "0.125");
    assert_string_equal(apply(decimal_divide, "4.0", "2.0"), "2");
    assert_string_equal(apply(decimal_divide, "100", "1e-2"), "10000");
    assert_string_equal(apply(decimal_divide, "1", "0"), "none");
    assert_string_equal(apply(decimal_divide, "0", "5"), "0");
    assert_string_equal(apply(decimal_div, "-7", "2"), "-3");
    assert_string_equal(apply(decimal_div, "2.2", "1.8"), "1");
    assert_string_equal(apply(decimal_mod, "2.2", "1.8"), "0.4");
    assert_string_equal(apply(decimal_mod, "-7", "2"), "-1");
    assert_string_equal(apply(decimal_mod, "7", "0.3"), "0.1");
    assert_string_equal(apply(decimal_mod, "5", "0"), "none");
    assert_string_equal(apply(decimal_div, "5", "0.00"), "none");
    assert_string_equal(apply(decimal_div, "1e-5000", "3e4000"), "0");
}

static void divides_as_the_java_core_does(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"1",      "3",    "0.3"    },
        {"2",      "3",    "0.7"    },
        {"10",     "3",    "3.3"    },
        {"1.2",    "1.8",  "0.67"   },
        {"1.0",    "3",    "0.33"   },
        {"1.000",  "3",    "0.3333" },
        {"1",      "3.00", "0.333"  },
        {"22",     "7",    "3.1"    },
        {"100",    "7",    "14.3"   },
        {"1",      "8",    "0.125"  },
        {"1",      "1000", "0.001"  },
        {"123456", "7",    "17636.6"},
        {"0.5",    "3",    "0.2"    },
        {"2.2",    "1.8",  "1.2"    },
        {"-7",     "2",    "-3.5"   },
        {"-1",     "3",    "-0.3"   },
        {"7",      "0.3",  "23"     },
        {"5",      "9",    "0.6"    }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(apply(decimal_divide_java, cases[i][0], cases[i][1]), cases[i][2]);
}

static void rounds_half_away_from_zero(void **state)
{
    (void)state;
    assert_string_equal(apply_scaled(decimal_round, "3.14159", 3), "3.142");
    assert_string_equal(apply_scaled(decimal_round, "2.5", 0), "3");
    assert_string_equal(apply_scaled(decimal_round, "-2.5", 0), "-3");
    assert_string_equal(apply_scaled(decimal_round, "0.4", 0), "0");
    assert_string_equal(apply_scaled(decimal_round, "1250", -2), "1300");
    assert_string_equal(apply_scaled(decimal_round, "9.999999999999999999", 2), "10.00");
    assert_string_equal(apply_scaled(decimal_round, "999999999.5", 0), "1000000000");
    assert_string_equal(apply_scaled(decimal_round, "1", 2), "1.00");
    assert_string_equal(apply1(decimal_floor, "-1.5"), "-2");
    assert_string_equal(apply1(decimal_floor, "1.5"), "1");
    assert_string_equal(apply1(decimal_ceiling, "1.1"), "2");
    assert_string_equal(apply1(decimal_ceiling, "-1.1"), "-1");
    assert_string_equal(apply1(decimal_truncate, "-1.9"), "-1");
    assert_string_equal(apply1(decimal_truncate, "1e2"), "100");
    assert_string_equal(text_of(decimal_strip(dec("1.500"), arena)), "1.5");
    assert_string_equal(text_of(decimal_strip(dec("100"), arena)), "100");
    assert_string_equal(text_of(decimal_strip(dec("12345678901234567890.1000"), arena)),
                        "12345678901234567890.1");
}

static void takes_roots_and_logarithms(void **state)
{
    (void)state;
    assert_string_equal(apply1(decimal_sqrt, "81"), "9");
    assert_string_equal(apply1(decimal_sqrt, "2"), "1.4142135623730950488");
    assert_string_equal(apply1(decimal_sqrt, "0.0001"), "0.01");
    assert_string_equal(apply1(decimal_sqrt, "1e40"), "100000000000000000000");
    assert_string_equal(apply1(decimal_sqrt, "-1"), "none");
    assert_string_equal(apply1(decimal_sqrt, "0.00"), "0");
    assert_string_equal(apply1(decimal_exp, "0"), "1");
    assert_string_equal(apply1(decimal_exp, "1"), "2.7182818284590452354");
    assert_string_equal(apply1(decimal_exp, "-1.5"), "0.22313016014842982893");
    assert_string_equal(apply1(decimal_exp, "100"), "26881171418161354484000000000000000000000000");
    assert_string_equal(apply1(decimal_ln, "1.0"), "0");
    assert_string_equal(apply1(decimal_ln, "2"), "0.69314718055994530942");
    assert_string_equal(apply1(decimal_ln, "0.001"), "-6.9077552789821370521");
    assert_string_equal(apply1(decimal_ln, "0"), "none");
    assert_string_equal(apply(decimal_log, "16", "2"), "4");
    assert_string_equal(apply(decimal_log, "100.0", "10.0"), "2");
    assert_string_equal(apply(decimal_log, "5", "1"), "none");
    assert_string_equal(apply(decimal_log, "-5", "2"), "none");
    assert_string_equal(apply(decimal_power, "2", "3"), "8");
    assert_string_equal(apply(decimal_power, "2.5", "2"), "6.25");
    assert_string_equal(apply(decimal_power, "2", "-2"), "0.25");
    assert_string_equal(apply(decimal_power, "4", "0.5"), "2");
    assert_string_equal(apply(decimal_power, "-1", "0.5"), "none");
    assert_string_equal(apply(decimal_power, "0", "0"), "1");
    assert_string_equal(apply(decimal_power, "0", "-1"), "none");
    assert_string_equal(apply(decimal_power, "-1", "123456789012345678"), "1");
    assert_string_equal(apply(decimal_power, "1.0000001", "1000000"), "1.1051709125497934166");
    assert_string_equal(apply(decimal_power, "2", "100"), "1267650600228229401496703205376");
}

static void finds_boundaries(void **state)
{
    (void)state;
    static const struct {
        const char *number;
        int32_t precision;
        const char *low, *high;
    } cases[] = {
        {"1.587",  -1, "1.58650000",  "1.58750000" },
        {"1.587",  6,  "1.586500",    "1.587500"   },
        {"1.587",  2,  "1.58",        "1.59"       },
        {"1.587",  0,  "1",           "2"          },
        {"1.587",  32, "none",        "none"       },
        {"-1.587", -1, "-1.58750000", "-1.58650000"},
        {"-1.587", 2,  "-1.59",       "-1.58"      },
        {"-1.587", 0,  "-2",          "-1"         },
        {"1",      -1, "0.50000000",  "1.50000000" },
        {"1",      0,  "0",           "2"          },
        {"12.500", 4,  "12.4995",     "12.5005"    },
        {"120",    2,  "119.50",      "120.50"     },
        {"-120",   2,  "-120.50",     "-119.50"    },
        {"0.0034", 1,  "0.0",         "0.0"        },
        {"0",      -1, "-0.50000000", "0.50000000" }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(apply_scaled(decimal_low_boundary, cases[i].number, cases[i].precision),
                            cases[i].low);
        assert_string_equal(
            apply_scaled(decimal_high_boundary, cases[i].number, cases[i].precision),
            cases[i].high);
    }
    assert_string_equal(apply_scaled(decimal_low_boundary, "1", -2), "none");
}

/* --- properties --- */

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static Decimal any(void)
{
    char text[160];
    size_t whole = 1 + next() % (next() % 4 ? 12 : 60), fraction = next() % (next() % 4 ? 8 : 70);
    size_t at = 0;
    if (next() % 2)
        text[at++] = '-';
    for (size_t i = 0; i < whole; i++)
        text[at++] = (char)('0' + (next() % 3 ? next() % 10 : next() % 2 * 9));
    if (fraction)
        text[at++] = '.';
    for (size_t i = 0; i < fraction; i++)
        text[at++] = (char)('0' + (next() % 3 ? next() % 10 : next() % 2 * 9));
    Decimal d;
    assert_true(decimal_parse((Str){text, at}, arena, &d));
    return d;
}

static void same(Decimal a, Decimal b, uint64_t at)
{
    if (decimal_compare(a, b))
        fail_msg("seed %llx: %s is not %s", (unsigned long long)at, text_of(a), text_of(b));
}

static void arithmetic_keeps_its_laws(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint64_t at = seed;
        Decimal a = any(), b = any(), c = any(), x, y, z;
        same(dec(text_of(a)), a, at);
        assert_true(decimal_add(a, b, arena, &x) && decimal_add(b, a, arena, &y));
        same(x, y, at);
        assert_true(decimal_subtract(x, b, arena, &y));
        same(y, a, at);
        assert_true(decimal_multiply(a, x, arena, &y) && decimal_multiply(a, a, arena, &z) &&
                    decimal_multiply(a, b, arena, &x) && decimal_add(z, x, arena, &z));
        same(y, z, at); /* a(a + b) = aa + ab */
        if (decimal_sign(b)) {
            assert_true(decimal_multiply(a, b, arena, &x) &&
                        decimal_divide_scale(x, b, a.scale, arena, &y));
            same(y, a, at);
            assert_true(decimal_div(a, b, arena, &x) && decimal_mod(a, b, arena, &y) &&
                        decimal_multiply(x, b, arena, &x) && decimal_add(x, y, arena, &x));
            same(x, a, at); /* (a div b) b + a mod b = a */
            assert_true(decimal_compare(decimal_abs(y, arena), decimal_abs(b, arena)) < 0);
        }
        assert_true(decimal_compare(a, b) == -decimal_compare(b, a));
        if (decimal_compare(a, b) < 0 && decimal_compare(b, c) < 0)
            assert_true(decimal_compare(a, c) < 0);
        if (decimal_equal(a, b))
            assert_true(decimal_hash(a) == decimal_hash(b));
        assert_true(decimal_floor(a, arena, &x) && decimal_ceiling(a, arena, &y));
        assert_true(decimal_compare(x, a) <= 0 && decimal_compare(a, y) <= 0);
        assert_true(decimal_multiply(a, a, arena, &x) && decimal_sqrt(x, arena, &y));
        if (decimal_digits(a) <= DECIMAL_ROOT_DIGITS)
            same(y, decimal_abs(a, arena), at);
        arena_reset(arena);
    }
}

static void logarithms_undo_exponentials(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        Decimal x = {.small = (int64_t)(next() % 4000000) - 2000000, .scale = 4}, y, z;
        assert_true(decimal_exp(x, arena, &y) && decimal_ln(y, arena, &z));
        assert_true(decimal_round(z, 12, arena, &z));
        same(z, x, (uint64_t)i);
        arena_reset(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_what_was_written),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(refuses_more_than_its_limit),
        cmocka_unit_test(compares_by_value),
        cmocka_unit_test(finds_equivalent_at_the_smaller_scale),
        cmocka_unit_test(adds_exactly),
        cmocka_unit_test(divides_as_fhirpath_says),
        cmocka_unit_test(divides_as_the_java_core_does),
        cmocka_unit_test(rounds_half_away_from_zero),
        cmocka_unit_test(takes_roots_and_logarithms),
        cmocka_unit_test(finds_boundaries),
        cmocka_unit_test(arithmetic_keeps_its_laws),
        cmocka_unit_test(logarithms_undo_exponentials),
    };
    return cmocka_run_group_tests_name("decimal", tests, set_up, tear_down);
}
