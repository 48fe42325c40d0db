/* Rule files: what is read, what is refused and where, what holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/rules/match.h"
#include "common/rules/path.h"

static RuleSet *read_set(const char *file)
{
    RuleSet *set = NULL;
    Err err = {0};
    if (!rules_read(str_from(file), &set, NULL, &err))
        fail_msg("%s: %s", err.code, err.text);
    return set;
}

static bool path_is_met(const char *pattern, const char *location)
{
    ARENA_AUTO arena = arena_new(1 << 16);
    const char *why;
    PathPlace place;
    const PathPattern *read = path_pattern(str_from(pattern), arena, &why);
    if (!read)
        fail_msg("%s: %s", pattern, why);
    assert_true(path_place(str_from(location), arena, &place));
    return path_fits(read, &place);
}

static void a_path_means_a_place(void **state)
{
    static const struct {
        const char *pattern, *location;
        bool fits;
    } cases[] = {
        {"Bundle.meta",                             "Bundle.meta",                                                true },
        {"Bundle.meta",                             "Bundle.meta.tag[0]",                                         false},
        {"Bundle.meta",                             "Bundle",                                                     false},
        {"Bundle.meta.**",                          "Bundle.meta.tag[0].code",                                    true },
        {"Bundle.meta.**",                          "Bundle.meta",                                                true },
        {"**.meta.lastUpdated",                     "Bundle.entry[3].resource/*Patient/a.b/c*/.meta.lastUpdated", true },
        {"**.meta.lastUpdated",                     "Bundle.meta.lastUpdated",                                    true },
        {"**.meta.lastUpdated",                     "Bundle.lastUpdated",                                         false},
        {"Bundle.entry.resource",                   "Bundle.entry[12].resource/*Patient/x*/",                     true },
        {"Bundle.entry[12].resource",               "Bundle.entry[12].resource/*Patient/x*/",                     true },
        {"Bundle.entry[2].resource",                "Bundle.entry[12].resource/*Patient/x*/",                     false},
        {"**.resource(Patient).**",                 "Bundle.entry[0].resource/*Patient/x*/.name[0]",              true },
        {"**.resource(Patient).**",                 "Bundle.entry[0].resource/*Practitioner/x*/.name[0]",         false},
        {"Bundle.*.resource",                       "Bundle.entry[0].resource",                                   true },
        {"Bundle.*.resource",                       "Bundle.entry[0].x.resource",                                 false},
        {"**",                                      "",                                                           true },
        {"**",                                      "Bundle.a.b.c",                                               true },
        {"*",                                       "",                                                           false},
        {"**.a.**.a",                               "a.b.a",                                                      true },
        {"**.a.**.a",                               "a.b",                                                        false},
        {"Observation.value.ofType(Quantity).code", "Observation.value.ofType(Quantity).code",
         true                                                                                                          },
        {"Observation.value[x]",                    "Observation.value[x]",                                       true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (path_is_met(cases[i].pattern, cases[i].location) != cases[i].fits)
            fail_msg("%s on %s", cases[i].pattern, cases[i].location);
}

static void what_is_no_path_is_refused(void **state)
{
    static const char *const cases[] = {
        "", ".", "Bundle.", ".meta", "Bundle..meta", "Bundle meta", "(Patient)", "a.***"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA_AUTO arena = arena_new(1 << 16);
        const char *why = NULL;
        if (path_pattern(str_from(cases[i]), arena, &why) || !why)
            fail_msg("%s", cases[i]);
    }
}

#define FILE_OF(rest) "{\"name\":\"t\"," rest "}"
#define DIAGNOSTIC(rest) FILE_OF("\n\"diagnostics\":[{\"id\":\"a\"," rest "}]")
#define TRANSFORM(rest) FILE_OF("\"transforms\":[{\"id\":\"a\",\"do\":[{" rest "}]}]")

static void a_file_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *file, *code, *where, *text;
    } cases[] = {
        {"{",                                                                                   "rules-json",  "",                             ""                          },
        {"[]",                                                                                  "rules-field", "",                             "an object is expected"     },
        {"{}",                                                                                  "rules-field", "",                             "\"name\" is missing"       },
        {"{\"name\":\"a b\"}",                                                                  "rules-field", "name",                         "letters"                   },
        {FILE_OF("\"nmae\":1"),                                                                 "rules-field", "",                             "\"nmae\" is not known here"},
        {FILE_OF("\"about\":\"x\",\"about\":\"y\""),                                            "rules-field", "about",                        "given twice"               },
        {FILE_OF("\"tenants\":[]"),                                                             "rules-field", "tenants",                      "empty list"                },
        {FILE_OF("\"dispositions\":[{}]"),                                                      "rules-field", "dispositions[0]",              "\"id\" is missing"         },
        {FILE_OF("\"dispositions\":[{\"id\":\"a\",\"action\":\"reject\"}]"),                    "rules-field",
         "dispositions[0]",                                                                                                                    "everything"                },
        {FILE_OF("\"dispositions\":[{\"id\":\"a\",\"action\":\"x\"}]"),                         "rules-field",
         "dispositions[0].action",                                                                                                             "accept, reject or discard" },
        {FILE_OF("\"dispositions\":[{\"id\":\"a\",\"when\":{\"payload\":\"Bundle.entyr\"},"
                 "\"action\":\"reject\"}]"),
         "rules-fhirpath",                                                                                     "dispositions[0].when.payload", "line 1, column 8"          },
        {FILE_OF("\"dispositions\":[{\"id\":\"a\",\"when\":{\"payload\":\"1 +\"},"
                 "\"action\":\"reject\"}]"),
         "rules-fhirpath",                                                                                     "dispositions[0].when.payload", "line 1, column 4"          },
        {DIAGNOSTIC("\"suppress\":true"),                                                       "rules-field", "diagnostics[0]",               "every issue"               },
        {DIAGNOSTIC("\"when\":{\"code\":\"value\"}"),                                           "rules-field", "diagnostics[0]",               "one of"                    },
        {DIAGNOSTIC("\"when\":{\"code\":\"value\"},\"suppress\":true,\"text\":\"x\""),
         "rules-field",                                                                                        "diagnostics[0]",               "one of"                    },
        {DIAGNOSTIC("\"when\":{\"path\":\"a..b\"},\"suppress\":true"),                          "rules-field",
         "diagnostics[0].when.path",                                                                                                           "a step is"                 },
        {DIAGNOSTIC("\"when\":{\"severity\":\"bad\"},\"suppress\":true"),                       "rules-field",
         "diagnostics[0].when.severity",                                                                                                       "information"               },
        {DIAGNOSTIC("\"when\":{\"disposition\":\"reject\"},\"suppress\":true"),                 "rules-field",
         "diagnostics[0].when",                                                                                                                "not known"                 },
        {DIAGNOSTIC("\"when\":{\"code\":\"value\"},\"suppress\":true,\"from\":\"2026-02-30\""),
         "rules-field",                                                                                        "diagnostics[0].from",          "a time"                    },
        {DIAGNOSTIC("\"when\":{\"code\":\"value\"},\"suppress\":true,\"from\":\"2026-02\""),
         "rules-field",                                                                                        "diagnostics[0].from",          "a time"                    },
        {DIAGNOSTIC("\"when\":{\"code\":\"value\"},\"suppress\":true,\"from\":\"2026-02-01\","
                    "\"to\":\"2026-02-01T01:00:00+01:00\""),
         "rules-field",                                                                                        "diagnostics[0]",               "not before"                },
        {DIAGNOSTIC("\"priority\":1.5,\"when\":{\"code\":\"value\"},\"suppress\":true"),
         "rules-field",                                                                                        "diagnostics[0].priority",      "whole number"              },
        {FILE_OF("\"diagnostics\":[{\"id\":\"a\",\"when\":{\"code\":\"value\"},\"suppress\":true},"
                 "{\"id\":\"a\",\"when\":{\"code\":\"value\"},\"suppress\":true}]"),
         "rules-field",                                                                                        "diagnostics",                  "two rules"                 },
        {TRANSFORM("\"op\":\"move\""),                                                          "rules-field", "transforms[0].do[0]",          "\"op\" is one of"          },
        {TRANSFORM("\"op\":\"set\",\"path\":\"Bundle\",\"name\":\"x\""),                        "rules-field",
         "transforms[0].do[0]",                                                                                                                "one of \"value\""          },
        {TRANSFORM("\"op\":\"set\",\"path\":\"Bundle\",\"name\":\"x\",\"value\":[]"),           "rules-field",
         "transforms[0].do[0].value",                                                                                                          "empty"                     },
        {TRANSFORM("\"op\":\"set\",\"path\":\"Bundle\",\"name\":\"x y\",\"value\":1"),
         "rules-field",                                                                                        "transforms[0].do[0].name",     "property"                  },
        {TRANSFORM("\"op\":\"map\",\"path\":\"Bundle\",\"conceptMap\":\"m\""),                  "rules-field",
         "transforms[0].do[0].conceptMap",                                                                                                     "no such map"               },
        {TRANSFORM("\"op\":\"addTag\",\"coding\":{\"system\":\"x\"}"),                          "rules-field",
         "transforms[0].do[0].coding",                                                                                                         "with a code"               },
        {FILE_OF("\"transforms\":[{\"id\":\"a\",\"idempotent\":true,\"do\":[{\"op\":"
                 "\"appendOutcome\"}]}]"),
         "rules-field",                                                                                        "transforms[0]",                "not idempotent"            },
        {FILE_OF("\"conceptMaps\":{\"m\":{}}"),                                                 "rules-field", "conceptMaps.m",                "ConceptMap"                },
        {FILE_OF("\"conceptMaps\":{\"m\":{\"resourceType\":\"ConceptMap\",\"group\":[{\"element\":"
                 "[],\"unmapped\":{\"mode\":\"other-map\"}}]}}"),
         "rules-field",                                                                                        "conceptMaps.m",                "other-map"                 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        RulesProblem problem = {0};
        RuleSet *set = NULL;
        Err err = {0};
        if (rules_read(str_from(cases[i].file), &set, &problem, &err))
            fail_msg("accepted: %s", cases[i].file);
        if (strcmp(err.code, cases[i].code) != 0 || strcmp(problem.where, cases[i].where) != 0 ||
            !strstr(problem.text, cases[i].text) || problem.at.line == 0)
            fail_msg("%s\n%s at \"%s\": %s", cases[i].file, err.code, problem.where, problem.text);
    }
}

static void the_place_is_that_of_the_member(void **state)
{
    RulesProblem problem = {0};
    RuleSet *set = NULL;
    Err err = {0};
    (void)state;
    assert_false(rules_read(STR("{\"name\":\"t\",\n \"diagnostics\":[\n  {\"id\":\"a\",\n   "
                                "\"when\":{\"payload\":\"1 +\"}}]}"),
                            &set, &problem, &err));
    assert_int_equal(problem.at.line, 4);
    assert_int_equal(problem.at.column, 22);
    assert_non_null(strstr(err.text, "line 4, column 22: diagnostics[0].when.payload"));
}

static void too_many_rules_are_refused(void **state)
{
    BUF_AUTO file;
    RuleSet *set = NULL;
    Err err = {0};
    (void)state;
    buf_init(&file, 1 << 20);
    buf_add(&file, STR("{\"name\":\"t\",\"diagnostics\":["));
    for (int i = 0; i <= RULES_MAX; i++)
        buf_add_format(&file, "%s{\"id\":\"r%d\",\"when\":{\"code\":\"value\"},\"suppress\":true}",
                       i ? "," : "", i);
    buf_add(&file, STR("]}"));
    assert_false(rules_read(buf_str(&file), &set, NULL, &err));
    assert_string_equal(err.code, "rules-limit");
}

static void the_default_set_is_good(void **state)
{
    RuleSet *set = NULL;
    Err err = {0};
    (void)state;
    if (!rules_read_default(&set, &err))
        fail_msg("%s", err.text);
    assert_true(str_is(set->name, "default"));
    assert_int_equal(set->counts[RULES_DISPOSITIONS], 5);
    assert_int_equal(set->counts[RULES_TRANSFORMS], 1);
    assert_true(str_starts(str_from(set->stamp), STR("default@builtin#")));
    rules_free(set);
}

/* --- what holds ----------------------------------------------------------------------------- */
#define LIT(text)                                                                                  \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }
static const OutcomeIssue issues[] = {
    {LIT("error"),   LIT("structure"), LIT("Validation_VAL_Profile_Minimum"), LIT("Bundle.meta"),
     LIT("Bundle.meta"),                                                                                                           LIT("Meta.lastUpdated: at least 1"), 1, 1},
    {LIT("warning"), LIT("invariant"), LIT("http://x/P#dom-6"),
     LIT("Bundle.entry[0].resource/*Patient/1*/"),                                                LIT("Bundle.entry[0].resource"), LIT("dom-6"),                        2,
     2                                                                                                                                                                      },
    {LIT("fatal"),   LIT("invalid"),   LIT("Type_Specific_Checks_DT_Date"),
     LIT("Bundle.entry[0].resource/*Patient/1*/.birthDate"),
     LIT("Bundle.entry[0].resource.birthDate"),                                                                                    LIT("no date"),                      3, 3},
};
#define BUNDLE                                                                                     \
    "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\","         \
    "\"birthDate\":\"2001\"}}]}"

static RuleQuestion question(void)
{
    return (RuleQuestion){.issues = issues,
                          .issue_count = 3,
                          .bundle = STR(BUNDLE),
                          .tenant = STR("qe-a"),
                          .profile = STR("http://p/a"),
                          .now_us = 1780000000000000, /* 2026-05-28T20:26:40Z */
                          .action = ACTION_ACCEPT};
}

/* The ids of the rules of `section` that hold, in order. */
static void assert_hits(const char *file, RuleSection section, const char *want)
{
    ARENA_AUTO arena = arena_new(1 << 22);
    RuleSet *set = read_set(file);
    const RuleSet *sets[] = {set};
    const RuleBook book = {sets, 1, STR_NONE};
    const RuleQuestion asked = question();
    RuleHits hits;
    Err err = {0};
    char got[400] = "";
    Matcher *matcher = matcher_new(&book, &asked, arena);
    assert_true(matcher_hits(matcher, section, &hits, &err));
    for (size_t i = 0; i < hits.count; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i ? " " : "",
                 STR_ARG(hits.list[i].rule->id));
    assert_string_equal(got, want);
    rules_free(set);
}

#define REJECT(id, more) "{\"id\":\"" id "\",\"action\":\"reject\"," more "}"
#define WHEN(id, when) REJECT(id, "\"when\":{" when "}")

#define ID WHEN("id", "\"messageId\":\"Validation_VAL_Profile_Minimum\"")
#define OTHER WHEN("other", "\"messageId\":\"Validation\"")
#define PREFIX WHEN("prefix", "\"messageId\":[\"x\",\"Type_Specific_*\"]")
#define KEY WHEN("key", "\"invariant\":\"dom-6\"")
#define NO_KEY WHEN("no-key", "\"invariant\":\"dom-7\"")
#define CODE WHEN("code", "\"code\":[\"invalid\"]")
#define PROFILE WHEN("profile", "\"profile\":\"http://p/*\"")
#define NO_PROFILE WHEN("no-profile", "\"profile\":\"http://p\"")
#define LEAST WHEN("least", "\"severity\":\"fatal\"")
#define EXACT WHEN("exact", "\"severity\":[\"warning\"]")
#define NONE WHEN("none", "\"severity\":[\"information\"]")
#define TWO WHEN("two", "\"severity\":\"error\",\"invariant\":\"dom-6\"")
#define LIST(rules) FILE_OF("\"dispositions\":[" rules "]")

static void conditions_hold_as_they_say(void **state)
{
    (void)state;
    assert_hits(
        LIST(ID "," OTHER "," PREFIX "," KEY "," NO_KEY "," CODE "," PROFILE "," NO_PROFILE),
        RULES_DISPOSITIONS, "id prefix key code profile");
    assert_hits(LIST(LEAST "," EXACT "," NONE "," TWO), RULES_DISPOSITIONS, "least exact");
}

#define BIRTH "entry.resource.ofType(Patient).birthDate"
static void an_expression_is_asked_of_the_bundle(void **state)
{
    (void)state;
    assert_hits(
        LIST(WHEN("yes", "\"payload\":\"" BIRTH " = @2001\"") "," WHEN(
            "no", "\"payload\":\"" BIRTH
                  ".empty()\"") "," WHEN("both", "\"payload\":\"meta.empty()\",\"code\":"
                                                 "\"invalid\"") "," WHEN("not-both",
                                                                         "\"payload\":\"meta.empty("
                                                                         ")\",\"code\":\"value\"")),
        RULES_DISPOSITIONS, "yes both");
}

static void what_cannot_be_evaluated_is_told(void **state)
{
    ARENA_AUTO arena = arena_new(1 << 22);
    RuleSet *set = read_set(FILE_OF(
        "\"dispositions\":[" WHEN("throws", "\"payload\":\"(1 | 2).toString() = 'x'\"") "]"));
    const RuleSet *sets[] = {set};
    const RuleBook book = {sets, 1, STR_NONE};
    const RuleQuestion asked = question();
    RuleHits hits;
    Err err = {0};
    size_t count;
    (void)state;
    Matcher *matcher = matcher_new(&book, &asked, arena);
    assert_true(matcher_hits(matcher, RULES_DISPOSITIONS, &hits, &err));
    assert_int_equal(hits.count, 0);
    const RuleComplaint *complaints = matcher_complaints(matcher, &count);
    assert_int_equal(count, 1);
    assert_true(complaints[0].text.len > 0);
    rules_free(set);
}

#define ANY(id, more) REJECT(id, more "\"when\":{\"code\":\"invalid\"}")
static void period_tenant_and_priority_decide(void **state)
{
    (void)state;
    assert_hits(
        LIST(ANY("low", "") "," ANY("from", "\"from\":\"2026-05-28T20:26:40Z\",") "," ANY(
            "to",
            "\""
            "to"
            "\""
            ":"
            "\""
            "20"
            "26"
            "-0"
            "5-"
            "28"
            "T1"
            "6:"
            "26"
            ":4"
            "0-"
            "04"
            ":0"
            "0"
            "\""
            ",") "," ANY("still",
                         "\"to\":\"2026-05-29\",") "," ANY("later",
                                                           "\"from\":\"2026-05-"
                                                           "29\",") "," ANY("high",
                                                                            "\"prior"
                                                                            "ity\":"
                                                                            "10,") "," ANY("below",
                                                                                           "\"prior"
                                                                                           "ity\":-"
                                                                                           "1,") "," ANY("ours",
                                                                                                         "\"tenants\":[\"qe-a\"],") "," ANY("theirs",
                                                                                                                                            "\"tenants\":[\"qe-b\"],")),
        RULES_DISPOSITIONS, "high low from still ours below");
}

static void for_each_issue_the_strongest_rule_counts(void **state)
{
    ARENA_AUTO arena = arena_new(1 << 22);
    RuleSet *a = read_set("{\"name\":\"a\",\"diagnostics\":["
                          "{\"id\":\"s1\",\"when\":{\"path\":\"**\"},\"severity\":\"warning\"},"
                          "{\"id\":\"t1\",\"when\":{\"invariant\":\"dom-6\"},\"text\":\"x\"},"
                          "{\"id\":\"s2\",\"priority\":5,\"when\":{\"code\":\"invalid\"},"
                          "\"severity\":\"error\"}]}");
    RuleSet *b = read_set("{\"name\":\"b\",\"diagnostics\":["
                          "{\"id\":\"s1\",\"when\":{\"path\":\"**\"},\"severity\":\"fatal\"},"
                          "{\"id\":\"x\",\"priority\":1,\"when\":{\"invariant\":\"dom-6\"},"
                          "\"suppress\":true}]}");
    const RuleSet *sets[] = {a, b};
    const RuleBook book = {sets, 2, STR_NONE};
    const RuleQuestion asked = question();
    const IssueRules *rules;
    Err err = {0};
    (void)state;
    Matcher *matcher = matcher_new(&book, &asked, arena);
    assert_true(matcher_issue_rules(matcher, &rules, &err));
    assert_true(str_is(rules[0].severity.rule->id, "s1") && rules[0].severity.set == a);
    assert_null(rules[0].suppress.rule);
    assert_true(str_is(rules[1].suppress.rule->id, "x"));
    assert_true(str_is(rules[1].text.rule->id, "t1"));
    assert_true(str_is(rules[2].severity.rule->id, "s2"));
    rules_free(a);
    rules_free(b);
}

static void a_text_takes_in_the_issue(void **state)
{
    ARENA_AUTO arena = arena_new(1 << 16);
    (void)state;
    Str got = match_text(STR("{severity} at {path}: {text} {unknown} {"), &issues[0], arena);
    assert_true(str_is(got, "error at Bundle.meta: Meta.lastUpdated: at least 1 {unknown} {"));
    assert_true(str_is(match_text(STR("a{text}b"), NULL, arena), "ab"));
}

static bool publish(Catalog *catalog, const char *id, const char *file, Err *err)
{
    BUF_AUTO value;
    buf_init(&value, OBJECT_BYTES_MAX);
    const ObjectDraft draft = {.id = str_from(id), .version = 3, .data = str_from(file)};
    assert_true(object_write(&draft, &value, err));
    return catalog_apply(catalog, str_from(id), buf_str(&value), err);
}

static void a_book_holds_what_concerns_the_tenant(void **state)
{
    ARENA_AUTO arena = arena_new(1 << 20);
    const CatalogOptions options = {.kinds = &rules_catalog_kind, .kind_count = 1};
    Catalog *catalog = NULL;
    RuleSet *defaults = NULL;
    RuleBook book;
    Err err = {0};
    (void)state;
    assert_true(rules_read_default(&defaults, &err));
    assert_true(catalog_open_detached(&options, &catalog, &err));
    assert_true(publish(catalog, "rules/all", "{\"name\":\"all\"}", &err));
    assert_true(publish(catalog, "rules/b", "{\"name\":\"b\",\"tenants\":[\"qe-b\"]}", &err));
    assert_false(publish(catalog, "rules/c", "{\"name\":\"d\"}", &err));
    assert_string_equal(err.code, "rules-name");
    assert_false(publish(catalog, "rules/c", "{\"name\":\"c\",\"x\":1}", &err));
    const CatalogView *view = catalog_acquire(catalog);
    assert_true(rule_book(view, defaults, STR("qe-a"), arena, &book, &err));
    assert_int_equal(book.count, 2);
    assert_true(str_starts(book.stamp, STR("all@3#")));
    assert_true(str_find(book.stamp, STR(", default@builtin#")) != SIZE_MAX);
    assert_true(rule_book(view, defaults, STR("qe-b"), arena, &book, &err));
    assert_int_equal(book.count, 3);
    catalog_release(catalog, view);
    assert_true(publish(catalog, "rules/default", "{\"name\":\"default\"}", &err));
    view = catalog_acquire(catalog);
    assert_true(rule_book(view, defaults, STR("qe-a"), arena, &book, &err));
    assert_int_equal(book.count, 2); /* the published one replaces the built-in */
    assert_true(str_find(book.stamp, STR("default@3#")) != SIZE_MAX);
    catalog_release(catalog, view);
    catalog_close(catalog);
    rules_free(defaults);
}

/* 5000 issues, 500 rules that name ids and 100 that name none: the bound is a hundred times what it
 * takes here, and far below what asking every rule about every issue takes. */
static void many_rules_and_issues_are_no_matter(void **state)
{
    ARENA_AUTO arena = arena_new((size_t)1 << 28);
    BUF_AUTO file;
    OutcomeIssue *many = ARENA_ARRAY(arena, OutcomeIssue, 5000);
    (void)state;
    buf_init(&file, 1 << 20);
    buf_add(&file, STR("{\"name\":\"t\",\"diagnostics\":["));
    for (int i = 0; i < 600; i++)
        buf_add_format(&file,
                       "%s{\"id\":\"r%d\",\"when\":{%s%d\",\"severity\":\"warning\"},"
                       "\"severity\":\"information\"}",
                       i ? "," : "", i, i < 500 ? "\"messageId\":\"m" : "\"path\":\"**.p", i);
    buf_add(&file, STR("]}"));
    for (int i = 0; i < 5000; i++) {
        many[i] = issues[2];
        many[i].message_id = arena_format(arena, "m%d", i % 1000);
    }
    RuleSet *set = read_set(file.data);
    const RuleSet *sets[] = {set};
    const RuleBook book = {sets, 1, STR_NONE};
    RuleQuestion asked = question();
    const IssueRules *rules;
    Err err = {0};
    asked.issues = many;
    asked.issue_count = 5000;
    Matcher *matcher = matcher_new(&book, &asked, arena);
    int64_t start = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
    assert_true(matcher_issue_rules(matcher, &rules, &err));
    int64_t spent_us = (clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / 1000;
    print_message("# figure: 600 rules on 5000 issues take %lld us of CPU\n", (long long)spent_us);
    assert_true(spent_us < 2000000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(rules[i].severity.rule != NULL, i % 1000 < 500);
    rules_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_means_a_place),
        cmocka_unit_test(what_is_no_path_is_refused),
        cmocka_unit_test(a_file_is_refused_with_its_place),
        cmocka_unit_test(the_place_is_that_of_the_member),
        cmocka_unit_test(too_many_rules_are_refused),
        cmocka_unit_test(the_default_set_is_good),
        cmocka_unit_test(conditions_hold_as_they_say),
        cmocka_unit_test(an_expression_is_asked_of_the_bundle),
        cmocka_unit_test(what_cannot_be_evaluated_is_told),
        cmocka_unit_test(period_tenant_and_priority_decide),
        cmocka_unit_test(for_each_issue_the_strongest_rule_counts),
        cmocka_unit_test(a_text_takes_in_the_issue),
        cmocka_unit_test(a_book_holds_what_concerns_the_tenant),
        cmocka_unit_test(many_rules_and_issues_are_no_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
