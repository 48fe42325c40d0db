/* Answers are in tests/golden/validator/terminology; here: the flat form, its limits, its damage.
 */
#include "services/validator/engine/terminology/terminology.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants these first */
#include <cmocka.h>

#include "common/base/check.h"

#define RESOURCES "tests/golden/validator/terminology/resources"
enum { PATHS_MAX = 100, BLOB_BYTES_MAX = 64 << 20 };

static Packages *packages;
static Buf blob;
static Terminology tx;
static Arena *arena;

static bool build(unsigned flags, Buf *out)
{
    TerminologyOptions options = {.flags = flags};
    TerminologyStats stats;
    Err err = {0};
    if (!terminology_build(packages, NULL, &options, out, &stats, &err))
        fail_msg("%s: %s", err.code, err.text);
    return stats.systems > 0 && stats.value_sets > 0;
}

static int set_up(void **state)
{
    (void)state;
    const char *paths[PATHS_MAX];
    static char names[PATHS_MAX][300];
    size_t count = 0;
    DIR *dir = opendir(RESOURCES);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (str_ends(str_from(e->d_name), STR(".json")) && count < PATHS_MAX) {
            snprintf(names[count], sizeof names[count], RESOURCES "/%s", e->d_name);
            paths[count] = names[count];
            count++;
        }
    if (dir)
        closedir(dir);
    Err err = {0};
    PackagesOptions options = {.paths = paths, .path_count = count, .no_dependencies = true};
    arena = arena_new(1 << 20);
    buf_init(&blob, BLOB_BYTES_MAX);
    if (!packages_load(&options, &packages, &err) || !build(0, &blob) ||
        !terminology_open(buf_str(&blob), &tx, &err)) {
        print_error("%s: %s\n", err.code, err.text);
        return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_clear(&blob);
    packages_free(packages);
    arena_free(arena);
    return 0;
}

static void builds_the_same_bytes_twice(void **state)
{
    (void)state;
    BUF_AUTO again;
    buf_init(&again, BLOB_BYTES_MAX);
    assert_true(build(0, &again));
    assert_int_equal(again.len, blob.len);
    assert_memory_equal(again.data, blob.data, blob.len);
}

static void looks_up_codes(void **state)
{
    (void)state;
    TxCode code;
    Str colour = STR("http://example.org/cs/colour"), shape = STR("http://example.org/cs/shape");
    assert_true(terminology_lookup(&tx, colour, STR("warm"), &code));
    assert_true(str_is(code.display, "Warm") && code.is_abstract && !code.is_inactive);
    assert_true(terminology_lookup(&tx, colour, STR("green"), &code) && code.is_inactive);
    assert_true(terminology_lookup(&tx, shape, STR("rOUND"), &code) && str_is(code.code, "Round"));
    assert_false(terminology_lookup(&tx, colour, STR("Green"), &code));
    assert_false(terminology_lookup(&tx, STR("urn:none"), STR("green"), &code));
    assert_true(terminology_display_ok(&tx, colour, STR("red"), STR("red")));
    assert_true(terminology_display_ok(&tx, colour, STR("red"), STR("  ROT ")));
    assert_false(terminology_display_ok(&tx, colour, STR("red"), STR("Blue")));
    assert_true(terminology_display_ok(&tx, shape, STR("Round"), STR("no display is known")));
}

static void knows_what_subsumes_what(void **state)
{
    (void)state;
    Str colour = STR("http://example.org/cs/colour");
    static const struct {
        const char *code, *ancestor;
        TxAnswer answer;
    } cases[] = {
        {"scarlet", "warm",    TX_YES         },
        {"purple",  "warm",    TX_YES         },
        {"warm",    "warm",    TX_YES         },
        {"warm",    "scarlet", TX_NO          },
        {"blue",    "warm",    TX_NO          },
        {"pink",    "warm",    TX_UNKNOWN_CODE},
        {"blue",    "pink",    TX_NO          }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            terminology_subsumed(&tx, colour, str_from(cases[i].code), str_from(cases[i].ancestor)),
            cases[i].answer);
    assert_int_equal(terminology_subsumed(&tx, STR("urn:none"), STR("a"), STR("b")),
                     TX_UNKNOWN_SYSTEM);
}

static void says_what_systems_are(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        TxContent content;
    } cases[] = {
        {"http://example.org/cs/colour",     TX_CONTENT_COMPLETE   },
        {"http://example.org/cs/colour|1.0", TX_CONTENT_COMPLETE   },
        {"http://example.org/cs/animal",     TX_CONTENT_FRAGMENT   },
        {"http://example.org/cs/mineral",    TX_CONTENT_NOT_PRESENT},
        {"http://unitsofmeasure.org",        TX_CONTENT_GRAMMAR    },
        {"urn:strange",                      TX_CONTENT_UNKNOWN    },
        {"urn:nowhere",                      TX_CONTENT_UNKNOWN    }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            terminology_system_content(&tx, terminology_system(&tx, str_from(cases[i].url))),
            cases[i].content);
    TxSystem colour = terminology_system(&tx, STR("http://example.org/cs/colour"));
    assert_true(str_is(terminology_system_version(&tx, colour), "1.0"));
    assert_true(str_is(terminology_system_name(&tx, colour), "Colour"));
    TxValueSet set = terminology_value_set(&tx, STR("http://example.org/vs/stranger"));
    assert_true(str_is(terminology_infer_system(&tx, set, STR("a")), "urn:strange"));
}

static void survives_a_full_arena(void **state)
{
    (void)state;
    TxBinding binding =
        terminology_bind(&tx, STR("http://example.org/vs/some-colours"), TX_REQUIRED, STR_NONE);
    TxCoding coding = {.system = STR("http://example.org/cs/colour"), .code = STR("pink")};
    bool worked = false;
    for (size_t limit = 64; limit < 8192 && !worked; limit += 64) {
        ARENA_AUTO small = arena_new(limit);
        TxFindings findings;
        worked = terminology_check_concept(&tx, &binding, NULL, &coding, 1, small, &findings);
        if (worked)
            assert_int_equal(findings.count, 2);
    }
    assert_true(worked);
}

/* Whatever terminology_open accepts can be asked without harm. */
static void ask_everything(const Terminology *damaged)
{
    static const char *const codes[] = {"red", "Round", "a", "mg", "en", ""};
    static const char *const urls[] = {"http://example.org/cs/colour", "urn:strange",
                                       "http://unitsofmeasure.org", "http://example.org/cs/shape"};
    TxValueSet set = terminology_value_set(damaged, STR("http://example.org/vs/mixed"));
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        TxCode code;
        Str text = str_from(codes[i]);
        for (size_t j = 0; j < sizeof urls / sizeof *urls; j++) {
            (void)terminology_lookup(damaged, str_from(urls[j]), text, &code);
            (void)terminology_subsumed(damaged, str_from(urls[j]), text, STR("warm"));
            (void)terminology_display_ok(damaged, str_from(urls[j]), text, STR("Red"));
        }
        if (set != TX_NONE) {
            (void)terminology_contains(damaged, set, STR_NONE, text);
            (void)terminology_infer_system(damaged, set, text);
        }
    }
}

static void refuses_or_survives_damage(void **state)
{
    (void)state;
    char *copy = aligned_alloc(8, (blob.len + 7) / 8 * 8);
    uint64_t seed = 88172645463325252ULL;
    int refused = 0, accepted = 0;
    for (int i = 0; i < 4000; i++) {
        memcpy(copy, blob.data, blob.len);
        size_t len = blob.len;
        for (int hits = 1 + i % 4; hits > 0; hits--) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            size_t at = i % 3 ? seed % 400 : seed % blob.len; /* the header and first rows more */
            copy[at] = (char)(seed >> 32);
        }
        if (i % 50 == 0)
            len = seed % blob.len;
        Terminology damaged;
        Err err = {0};
        if (terminology_open((Str){copy, len}, &damaged, &err)) {
            accepted++;
            ask_everything(&damaged);
        } else {
            refused++;
            assert_string_equal(err.code, "terminology-damaged");
        }
    }
    free(copy);
    assert_true(refused > 100 && accepted > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_the_same_bytes_twice), cmocka_unit_test(looks_up_codes),
        cmocka_unit_test(knows_what_subsumes_what),    cmocka_unit_test(says_what_systems_are),
        cmocka_unit_test(survives_a_full_arena),       cmocka_unit_test(refuses_or_survives_damage),
    };
    return cmocka_run_group_tests_name("terminology", tests, set_up, tear_down);
}
