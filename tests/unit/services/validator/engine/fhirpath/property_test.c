/* Laws that hold for every expression, tried on random ones. The seed of a failure is printed; run
 * with FHIRPATH_SEED=n to repeat it. */
#include "common/base/buf.h"
#include "tests/unit/services/validator/engine/fhirpath/support.h"

static uint64_t random_state;

static uint32_t pick(uint32_t below)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(random_state >> 33) % below;
}

static uint64_t first_seed(void)
{
    const char *given = getenv("FHIRPATH_SEED");
    return given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
}

#define ONE_OF(list) (list)[pick(sizeof(list) / sizeof *(list))]

static void random_expression(Buf *out, int depth);

static void random_leaf(Buf *out)
{
    static const char *const leaves[] = {
        "true",
        "false",
        "{}",
        "1",
        "-7",
        "2.50",
        "'a'",
        "'it\\'s'",
        "@2014",
        "@2014-03-01T10:30",
        "@T14:05",
        "4 days",
        "1.5 'mg'",
        "%context",
        "$this",
        "name",
        "contains",
        "`div`",
        "%`vs-x`",
        "Patient",
        "123456789012345678901.5",
    };
    buf_add(out, str_from(ONE_OF(leaves)));
}

static void random_expression(Buf *out, int depth)
{
    static const char *const operators[] = {
        "and", "or", "xor", "implies", "=", "!=", "~", "!~",  "<",   "<=", ">",
        ">=",  "|",  "+",   "-",       "*", "/",  "&", "div", "mod", "in", "contains"};
    static const char *const calls[] = {".exists()",   ".not()", ".count()", ".first()",   ".given",
                                        ".as(string)", ".is",    "[0]",      ".toString()"};
    uint32_t kind = depth == 0 ? 0 : pick(6);
    switch (kind) {
    case 0:
        random_leaf(out);
        return;
    case 1:
        buf_add_char(out, '(');
        random_expression(out, depth - 1);
        buf_add(out, STR(")"));
        buf_add(out, str_from(ONE_OF(calls)));
        return;
    case 2:
        buf_add(out, STR("(-"));
        random_expression(out, depth - 1);
        buf_add(out, STR(")"));
        return;
    case 3:
        buf_add(out, STR("("));
        random_expression(out, depth - 1);
        buf_add(out, STR(pick(2) ? " is Integer)" : " as FHIR.Patient)"));
        return;
    default:
        buf_add_char(out, '(');
        random_expression(out, depth - 1);
        buf_add_format(out, ") %s (", ONE_OF(operators));
        random_expression(out, depth - 1);
        buf_add_char(out, ')');
    }
}

static uint64_t tree_hash(Str code)
{
    const FhirpathCompileOptions *unused = NULL;
    (void)unused;
    const FpHeader *header = (const FpHeader *)(const void *)code.ptr;
    return fp_nodes(header)[header->root].hash;
}

static void printed_expressions_parse_to_the_same_tree(void **state)
{
    (void)state;
    uint64_t seed = first_seed();
    for (int i = 0; i < 4000; i++, seed++) {
        BUF_AUTO text;
        buf_init(&text, 1 << 20);
        random_state = seed;
        ArenaMark mark = arena_mark(arena);
        random_expression(&text, 1 + (int)pick(6));
        FhirpathDialect dialect = pick(2) ? FHIRPATH_JAVA : FHIRPATH_SPEC;
        Str code, again;
        if (!compiles(text.data, FHIRPATH_JAVA, &code))
            continue;
        if (!compiles(text.data, dialect, &code)) /* a semantic error of the spec dialect */
            continue;
        Str print = fhirpath_print(code, arena);
        if (!compiles(print.ptr, dialect, &again))
            fail_msg("seed %llu: %s printed as %s: %s", (unsigned long long)seed, text.data,
                     print.ptr, err.text);
        if (tree_hash(code) != tree_hash(again) || !str_eq(print, fhirpath_print(again, arena)))
            fail_msg("seed %llu: %s printed as %s", (unsigned long long)seed, text.data, print.ptr);
        arena_release(arena, mark);
    }
}

/* A random expression of true, false, {} and the logical operators. */
static void random_logic(Buf *out, int depth)
{
    static const char *const leaves[] = {"true",    "false",    "{}",
                                         "(1 = 1)", "(1 < {})", "'x'.empty()"};
    static const char *const operators[] = {" and ", " or ", " xor ", " implies "};
    if (depth == 0 || pick(4) == 0) {
        buf_add(out, str_from(ONE_OF(leaves)));
        return;
    }
    buf_add_char(out, '(');
    random_logic(out, depth - 1);
    buf_add(out, str_from(ONE_OF(operators)));
    random_logic(out, depth - 1);
    buf_add(out, pick(3) ? STR(")") : STR(").not()"));
}

static void random_set(Buf *out)
{
    static const char *const leaves[] = {"1",        "2",      "3",      "1.0",  "'a'",
                                         "'b'",      "'A'",    "{}",     "true", "@2014",
                                         "@2014-01", "1 'cm'", "10 'mm'"};
    buf_add_char(out, '(');
    buf_add(out, str_from(ONE_OF(leaves)));
    for (uint32_t i = pick(6); i > 0; i--)
        buf_add_format(out, ").combine(%s", ONE_OF(leaves));
    buf_add_char(out, ')');
}

/* Both sides, with %A, %B standing for random operands, must give the same. */
typedef struct Law {
    const char *left, *right;
    bool sets;
} Law;

static const Law laws[] = {
    {"(A and B)",                                         "(B and A)",                       false},
    {"(A or B)",                                          "(B or A)",                        false},
    {"(A xor B)",                                         "(B xor A)",                       false},
    {"(A and B).not()",                                   "(A.not() or B.not())",            false},
    {"(A or B).not()",                                    "(A.not() and B.not())",           false},
    {"(A implies B)",                                     "(A.not() or B)",                  false},
    {"A.not().not()",                                     "A",                               false},
    {"(A and (A or B))",                                  "(A and (B or A))",                false},
    {"(A | B).count()",                                   "(B | A).count()",                 true },
    {"A.union(B).count()",                                "A.combine(B).distinct().count()", true },
    {"A.intersect(B).count()",                            "B.intersect(A).count()",          true },
    {"A.exclude(B).combine(A.where($this in B)).count()", "A.count()",                       true },
    {"A.distinct().isDistinct()",                         "true",                            true },
    {"A.subsetOf(A | B)",                                 "true",                            true },
    {"(A ~ B)",                                           "(B ~ A)",                         true },
    {"A.skip(1).count()",                                 "A.tail().count()",                true },
    {"A.take(2).combine(A.skip(2)) = A",                  "A = A",                           true },
    {"A.where(true)",                                     "A.select($this)",                 true },
    {"A.exists()",                                        "A.empty().not()",                 true },
    {"A.count() > 0",                                     "A.exists()",                      true },
};

static Str filled(const char *law, Str a, Str b)
{
    BUF_AUTO out;
    buf_init(&out, 1 << 20);
    for (const char *c = law; *c; c++) {
        bool name = (c[0] == 'A' || c[0] == 'B') && (c == law || strchr("( ", c[-1]));
        if (name)
            buf_add(&out, *c == 'A' ? a : b);
        else
            buf_add_char(&out, *c);
    }
    return arena_copy(arena, buf_str(&out));
}

static void laws_of_logic_and_of_sets_hold(void **state)
{
    (void)state;
    uint64_t seed = first_seed();
    for (int i = 0; i < 4000; i++, seed++) {
        const Law *law = &laws[(size_t)i % (sizeof laws / sizeof *laws)];
        BUF_AUTO a, b;
        buf_init(&a, 1 << 16);
        buf_init(&b, 1 << 16);
        random_state = seed;
        ArenaMark mark = arena_mark(arena);
        if (law->sets) {
            random_set(&a);
            random_set(&b);
        } else {
            random_logic(&a, 4);
            random_logic(&b, 4);
        }
        const char *left = filled(law->left, buf_str(&a), buf_str(&b)).ptr;
        const char *right = filled(law->right, buf_str(&a), buf_str(&b)).ptr;
        const char *x = result(left), *y = result(right);
        if (strcmp(x, y) != 0)
            fail_msg("seed %llu: %s gives %s, %s gives %s", (unsigned long long)seed, left, x,
                     right, y);
        arena_release(arena, mark);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(printed_expressions_parse_to_the_same_tree, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(laws_of_logic_and_of_sets_hold, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
