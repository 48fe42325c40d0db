#include "common/fhir/ucum.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants these first */
#include <cmocka.h>

static Arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(16 << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static UcumUnit unit(const char *code)
{
    UcumUnit u;
    UcumProblem problem = {0};
    if (!ucum_parse(str_from(code), arena, &u, &problem))
        fail_msg("%s: %s", code, problem.text);
    return u;
}

static Decimal dec(const char *text)
{
    Decimal d;
    assert_true(decimal_parse(str_from(text), arena, &d));
    return d;
}

static void accepts_units(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "1",
                                       "mg",
                                       "kg/m2",
                                       "mm[Hg]",
                                       "10*3/uL",
                                       "10*-6",
                                       "/min",
                                       "{score}",
                                       "mg{a}",
                                       "mg{a}{b}",
                                       "[in_i]",
                                       "m[H2O]",
                                       "{a}/{b}",
                                       "meq/L",
                                       "Cel",
                                       "[degF]",
                                       "%",
                                       "dB[SPL]",
                                       "(m/s)2",
                                       "g.m-1.s-2",
                                       "[CCID_50]",
                                       "mL/min/{1.73_m2}",
                                       "[iU]/mL",
                                       "dag",
                                       "m.m",
                                       "mol/kg{H2O}",
                                       "kat",
                                       "10^9/L",
                                       "ng/mL",
                                       "a_j",
                                       "mmol/mol{Hb A1c}",
                                       "[Amb'a'1'U]",
                                       "B[10.nV]"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        UcumProblem problem = {0};
        bool is_power = str_is(str_from(good[i]), "(m/s)2"); /* no exponent behind ')' */
        if (ucum_valid(str_from(good[i]), &problem) == is_power)
            fail_msg("%s: %s", good[i], problem.text);
    }
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *code, *text;
        uint32_t at;
    } bad[] = {
        {"mgs",                                   "unknown unit",                             0 },
        {"mg/foo",                                "unknown unit",                             3 },
        {"CEL",                                   "unknown unit",                             0 },
        {"k[in_i]",                               "unknown unit",                             0 },
        {"mg//dL",                                "expected a unit",                          3 },
        {"mg/",                                   "expected a unit, found the end",           3 },
        {"mg dL",                                 "unexpected character",                     2 },
        {"(mg",                                   "expected ')'",                             3 },
        {"mg)",                                   "')' without '('",                          2 },
        {"mg{a",                                  "the annotation is not closed",             2 },
        {"{a}mg",                                 "expected '.' or '/'",                      3 },
        {"[in",                                   "'[' is not closed",                        0 },
        {"m]",                                    "']' without '['",                          0 },
        {"m-",                                    "a sign without digits",                    1 },
        {"()",                                    "expected a unit",                          1 },
        {"m999",                                  "the exponent is too large",                1 },
        {"12345678901",                           "the number is too large",                  0 },
        {"µg",                                   "unexpected character",                     0 },
        {"mm{\xc3\xa4}",                          "an annotation holds printable ASCII only", 2 },
        {"((((((((((((((((((m))))))))))))))))))", "too many parentheses",                     16}
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        UcumProblem problem = {0};
        if (ucum_valid(str_from(bad[i].code), &problem))
            fail_msg("%s is none", bad[i].code);
        assert_string_equal(problem.text, bad[i].text);
        assert_int_equal(problem.at, bad[i].at);
    }
}

static void knows_canonical_forms(void **state)
{
    (void)state;
    static const char *const cases[][4] = {
        {"1",    "[in_i]",  "0.0254",                              "m"        },
        {"5",    "mg/dL",   "50",                                  "g.m-3"    },
        {"1",    "10*3/uL", "1000000000000",                       "m-3"      },
        {"180",  "[lb_av]", "81646.6266",                          "g"        },
        {"1",    "%",       "0.01",                                ""         },
        {"60",   "min",     "3600",                                "s"        },
        {"1",    "a",       "31557600",                            "s"        },
        {"1",    "mo",      "2629800",                             "s"        },
        {"1",    "mm[Hg]",  "133322",                              "g.m-1.s-2"},
        {"1",    "{score}", "1",                                   ""         },
        {"37",   "Cel",     "310.15",                              "K"        },
        {"98.6", "[degF]",  "310.15",                              "K"        },
        {"1",    "/min",    "0.0166666666666666666666666666667",   "s-1"      },
        {"2",    "Cel/h",   "0.000555555555555555555555555555556", "K.s-1"    },
        {"7",    "[pH]",    "7",                                   "[pH]"     },
        {"1",    "m0",      "1",                                   ""         },
        {"1",    "/mg.mL",  "0.001",                               "g-1.m3"   }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        UcumUnit u = unit(cases[i][1]);
        Decimal value;
        assert_true(ucum_to_canonical(dec(cases[i][0]), &u, arena, &value));
        assert_string_equal(decimal_print(value, arena).ptr, cases[i][2]);
        assert_string_equal(ucum_canonical_code(&u, arena).ptr, cases[i][3]);
    }
}

static void compares_across_units(void **state)
{
    (void)state;
    static const struct {
        const char *a, *unit_a, *b, *unit_b;
        int order; /* 9: not commensurable */
    } cases[] = {
        {"12",   "[in_i]", "1",      "[ft_i]",  0 },
        {"1",    "/min",   "60",     "/h",      0 },
        {"4",    "g",      "4000",   "mg",      0 },
        {"4",    "g",      "4040",   "mg",      -1},
        {"37.0", "Cel",    "98.6",   "[degF]",  0 },
        {"7",    "d",      "1",      "wk",      0 },
        {"1",    "g",      "1",      "m",       9 },
        {"7",    "[pH]",   "7",      "[pH]",    0 },
        {"7",    "[pH]",   "7",      "1",       9 },
        {"1",    "dB",     "0.1",    "B",       0 },
        {"1",    "mL",     "1",      "cm3",     0 },
        {"1",    "N",      "1",      "kg.m/s2", 0 },
        {"0",    "Cel",    "273.15", "K",       0 },
        {"-40",  "Cel",    "-40",    "[degF]",  0 }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        UcumUnit a = unit(cases[i].unit_a), b = unit(cases[i].unit_b);
        int order = 9;
        if (!ucum_compare(dec(cases[i].a), &a, dec(cases[i].b), &b, arena, &order))
            assert_int_equal(order, 9);
        if (order != cases[i].order)
            fail_msg("%s %s: %d", cases[i].unit_a, cases[i].unit_b, order);
    }
    UcumUnit f = unit("[degF]"), c = unit("Cel");
    Decimal value;
    assert_true(ucum_convert(dec("98.6"), &f, &c, arena, &value));
    assert_true(decimal_equal(value, dec("37")));
}

static void multiplies_and_divides(void **state)
{
    (void)state;
    UcumUnit g = unit("g"), m = unit("m"), quotient, product, direct = unit("g/m");
    assert_true(ucum_divide(&g, &m, arena, &quotient) && ucum_commensurable(&quotient, &direct));
    assert_true(ucum_multiply(&quotient, &m, arena, &product) && ucum_commensurable(&product, &g));
    assert_string_equal(ucum_annotation(STR("10*3{cells}/uL{x}")).ptr, "{cells}/uL{x}");
    assert_int_equal(ucum_annotation(STR("10*3{cells}/uL{x}")).len, 7);
    assert_null(ucum_annotation(STR("mg")).ptr);
}

static void survives_extreme_powers(void **state)
{
    (void)state;
    UcumUnit u;
    UcumProblem problem;
    assert_true(ucum_valid(STR("Ym99.Ym99.Ym99"), NULL));
    assert_false(ucum_parse(STR("Ym99.Ym99"), arena, &u, &problem)); /* exponent 198 */
    assert_false(ucum_parse(STR("[pi]99.[pi]99.[pi]99"), arena, &u, &problem));
    assert_string_equal(problem.text, "the unit is too large to be computed");
    assert_false(ucum_parse(STR("m/0"), arena, &u, &problem));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_units),          cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(knows_canonical_forms),  cmocka_unit_test(compares_across_units),
        cmocka_unit_test(multiplies_and_divides), cmocka_unit_test(survives_extreme_powers),
    };
    return cmocka_run_group_tests_name("ucum", tests, set_up, tear_down);
}
