#include "tests/support/cmocka.h"

#include <unistd.h>

#include "common/base/buf.h"
#include "services/validator/engine/snapshot/snapshot.h"

/* What the interface promises. What the rules are is in tests/golden/snapshot/cases. The
 * definitions stand on the small copy of R4's types that the fuzz target uses. */

#define CORE "http://hl7.org/fhir/StructureDefinition/"
#define PROFILE(url, base, elements)                                                               \
    "{\"resourceType\":\"StructureDefinition\",\"url\":\"" url                                     \
    "\",\"kind\":\"resource\",\"type\":\"Observation\",\"derivation\":\"constraint\","             \
    "\"baseDefinition\":\"" base "\",\"differential\":{\"element\":[" elements "]}}"

enum { FILES_MAX = 4 };

typedef struct World {
    char folder[64];
    char files[FILES_MAX][96];
    Packages *packages;
    Snapshots *set;
    Arena *arena;
} World;

static int begin(void **state)
{
    World *world = calloc(1, sizeof *world);
    if (!world)
        return -1;
    snprintf(world->folder, sizeof world->folder, "/tmp/snapshot_test.XXXXXX");
    if (!mkdtemp(world->folder))
        return -1;
    world->arena = arena_new((size_t)64 * 1024 * 1024);
    *state = world;
    return 0;
}

static int end(void **state)
{
    World *world = *state;
    snapshots_free(world->set);
    packages_free(world->packages);
    arena_free(world->arena);
    for (int i = 0; i < FILES_MAX; i++)
        if (*world->files[i])
            unlink(world->files[i]);
    int rc = rmdir(world->folder);
    free(world);
    return rc;
}

/* Up to FILES_MAX definitions beside the types, ended by NULL. */
static void load(World *world, const char *const *definitions, bool remake)
{
    const char *paths[FILES_MAX + 1] = {"tests/fuzz/data/snapshot-base"};
    size_t count = 1;
    for (; definitions && definitions[count - 1]; count++) {
        char *path = world->files[count - 1];
        snprintf(path, sizeof world->files[0], "%s/%zu.json", world->folder, count);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fputs(definitions[count - 1], file);
        fclose(file);
        paths[count] = path;
    }
    PackagesOptions options = {.paths = paths, .path_count = count};
    Err err = {0};
    if (!packages_load(&options, &world->packages, &err))
        fail_msg("%s: %s", err.code, err.text);
    world->set = snapshots_new(world->packages, remake);
}

static const PackageResource *find(const World *world, const char *url)
{
    const PackageResource *r =
        packages_find(world->packages, NULL, STR("StructureDefinition"), str_from(url));
    assert_non_null(r);
    return r;
}

static const JsonDoc *snapshot_of(World *world, const char *url)
{
    const JsonDoc *doc = NULL;
    Err err = {0};
    if (!snapshots_of(world->set, find(world, url), &doc, &err))
        fail_msg("%s: %s", err.code, err.text);
    return doc;
}

static const JsonNode *element(const JsonDoc *doc, const char *id)
{
    const JsonNode *list = json_get(doc, json_get(doc, json_root(doc), "snapshot"), "element");
    if (list)
        JSON_EACH(doc, e, list)
        {
            if (str_is(json_get_text(doc, e, "id"), id))
                return e;
        }
    return NULL;
}

static void expect(const JsonDoc *doc, const char *id, const char *name, const char *value)
{
    const JsonNode *e = element(doc, id);
    if (!e)
        fail_msg("no element %s", id);
    const JsonNode *member = json_get(doc, e, name);
    if (!member || !str_is(json_text(member), value))
        fail_msg("%s.%s is %.*s, not %s", id, name, STR_ARG(member ? json_text(member) : STR("-")),
                 value);
}

static void expect_error(World *world, const char *url, const char *code)
{
    const JsonDoc *doc;
    Err err = {0};
    assert_false(snapshots_of(world->set, find(world, url), &doc, &err));
    assert_string_equal(err.code, code);
    assert_int_equal(err.kind, ERR_INPUT);
}

static bool has_issue(const World *world, const char *code, const char *at)
{
    for (size_t i = 0; i < snapshots_issue_count(world->set); i++) {
        const SnapshotIssue *issue = snapshots_issue(world->set, i);
        if (!strcmp(issue->code, code) && str_is(issue->element, at))
            return true;
    }
    return false;
}

static void hands_out_the_shipped_snapshot_as_it_is(void **state)
{
    World *world = *state;
    load(world, NULL, false);
    const JsonDoc *shipped;
    Err err = {0};
    assert_true(packages_doc(world->packages, find(world, CORE "Identifier"), &shipped, &err));
    assert_ptr_equal(snapshot_of(world, CORE "Identifier"), shipped);
    assert_int_equal(snapshots_issue_count(world->set), 0);
}

static void makes_a_missing_one_once(void **state)
{
    World *world = *state;
    const char *const files[] = {
        PROFILE("http://t/a", "http://t/b", "{\"path\":\"Observation.status\",\"max\":\"1\"}"),
        PROFILE("http://t/b", CORE "Observation", "{\"path\":\"Observation.subject\",\"min\":1}"),
        NULL};
    load(world, files, false);
    const JsonDoc *doc = snapshot_of(world, "http://t/a");
    expect(doc, "Observation.subject", "min", "1");
    expect(doc, "Observation.identifier", "min", "0");
    assert_ptr_equal(snapshot_of(world, "http://t/a"), doc);
    assert_true(str_is(json_get_text(doc, json_root(doc), "url"), "http://t/a"));
}

static void keeps_all_else_and_puts_the_snapshot_before_the_differential(void **state)
{
    World *world = *state;
    const char *const files[] = {PROFILE("http://t/a", CORE "Observation",
                                         "{\"path\":\"Observation\",\"min\":0,\"x\":1.50}"),
                                 NULL};
    load(world, files, false);
    const JsonDoc *doc = snapshot_of(world, "http://t/a");
    const JsonNode *snapshot = json_get(doc, json_root(doc), "snapshot");
    const JsonNode *differential = json_get(doc, json_root(doc), "differential");
    assert_true(snapshot && differential && snapshot < differential);
    assert_true(str_find(doc->source, STR("1.50")) != SIZE_MAX);
    Str shown = snapshot_print(doc, world->arena);
    assert_true(str_starts(shown, STR("{\n  \"resourceType\": \"StructureDefinition\",")));
    JsonDoc again;
    Err err = {0};
    assert_true(json_read(shown, NULL, NULL, world->arena, &again, NULL, &err));
    assert_int_equal(again.count, doc->count);
}

static void ignores_the_snapshot_when_told_to_remake(void **state)
{
    World *world = *state;
    load(world, NULL, true);
    const JsonDoc *doc = snapshot_of(world, CORE "Identifier"), *shipped;
    Err err = {0};
    assert_true(packages_doc(world->packages, find(world, CORE "Identifier"), &shipped, &err));
    assert_ptr_not_equal(doc, shipped);
    expect(doc, "Identifier.system", "max", "1");
    assert_non_null(element(doc, "Identifier.extension"));
}

static void says_that_there_is_no_base(void **state)
{
    World *world = *state;
    const char *const files[] = {PROFILE("http://t/a", "http://t/gone", ""),
                                 PROFILE("http://t/b", "http://t/a", ""),
                                 "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://t/c\","
                                 "\"derivation\":\"constraint\"}",
                                 NULL};
    load(world, files, false);
    expect_error(world, "http://t/a", "snapshot-no-base");
    expect_error(world, "http://t/b", "snapshot-no-base");
    expect_error(world, "http://t/c", "snapshot-no-base");
}

static void ends_on_definitions_that_need_each_other(void **state)
{
    World *world = *state;
    const char *const files[] = {PROFILE("http://t/a", "http://t/b", ""),
                                 PROFILE("http://t/b", "http://t/a", ""),
                                 PROFILE("http://t/c", "http://t/c", ""), NULL};
    load(world, files, false);
    expect_error(world, "http://t/a", "snapshot-no-base");
    expect_error(world, "http://t/c", "snapshot-no-base");
    assert_true(has_issue(world, "definition-unusable", "http://t/c"));
}

static void lets_an_extension_hold_itself(void **state)
{
    World *world = *state;
    const char *const files[] = {
        "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://t/"
        "x\",\"kind\":\"complex-type\","
        "\"type\":\"Extension\",\"derivation\":\"constraint\",\"baseDefinition\":\"" CORE
        "Extension\",\"differential\":{\"element\":[{\"path\":\"Extension.extension\","
        "\"sliceName\":"
        "\"again\",\"max\":\"1\",\"type\":[{\"code\":\"Extension\",\"profile\":[\"http://t/"
        "x\"]}]}]}}",
        NULL};
    load(world, files, false);
    const JsonDoc *doc = snapshot_of(world, "http://t/x");
    expect(doc, "Extension.extension:again", "max", "1");
}

static void reads_only_structure_definitions(void **state)
{
    World *world = *state;
    load(world, NULL, false);
    static const char *const texts[] = {"{\"resourceType\":\"Patient\"}", "[]", "null", "{}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        JsonDoc doc;
        const JsonDoc *made;
        Err err = {0};
        assert_true(json_read(str_from(texts[i]), NULL, NULL, world->arena, &doc, NULL, &err));
        assert_false(snapshots_generate(world->set, NULL, &doc, &made, &err));
        assert_string_equal(err.code, "snapshot-not-a-profile");
    }
}

static void builds_a_logical_model(void **state)
{
    World *world = *state;
    const char *const files[] = {
        "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://t/Visit\",\"kind\":\"logical\","
        "\"type\":\"http://t/Visit\",\"derivation\":\"specialization\",\"baseDefinition\":\"" CORE
        "Element\",\"differential\":{\"element\":[{\"id\":\"Visit\",\"path\":\"Visit\"},"
        "{\"id\":\"Visit.room\",\"path\":\"Visit.room\",\"min\":1,\"max\":\"*\",\"type\":[{"
        "\"code\":"
        "\"BackboneElement\"}]},{\"id\":\"Visit.room.bed\",\"path\":\"Visit.room.bed\",\"min\":0,"
        "\"max\":\"1\",\"type\":[{\"code\":\"string\"}]},{\"id\":\"Visit.room.part\",\"path\":"
        "\"Visit.room.part\",\"min\":0,\"max\":\"*\",\"contentReference\":\"#Visit.room\"}]}}",
        "{\"resourceType\":\"StructureDefinition\",\"url\":\"http://t/mine\",\"kind\":\"logical\","
        "\"type\":\"http://t/Visit\",\"derivation\":\"constraint\",\"baseDefinition\":"
        "\"http://t/"
        "Visit\",\"differential\":{\"element\":[{\"id\":\"Visit.room.part.bed\",\"path\":"
        "\"Visit.room.part.bed\",\"min\":1}]}}",
        NULL};
    load(world, files, false);
    const JsonDoc *doc = snapshot_of(world, "http://t/Visit");
    assert_non_null(element(doc, "Visit.extension"));
    assert_non_null(element(doc, "Visit.room.modifierExtension"));
    expect(doc, "Visit.room.part", "contentReference", "#Visit.room");
    const JsonNode *base = json_get(doc, element(doc, "Visit.room.bed"), "base");
    assert_true(str_is(json_get_text(doc, base, "path"), "Visit.room.bed"));
    doc = snapshot_of(world, "http://t/mine");
    expect(doc, "Visit.room.part.bed", "min", "1");
    expect(doc, "Visit.room.part.part", "contentReference", "#Visit.room");
    expect(doc, "Visit.room.bed", "min", "0");
}

static void reports_and_goes_on(void **state)
{
    World *world = *state;
    const char *const files[] = {
        PROFILE("http://t/a", CORE "Observation",
                "{\"id\":\"Observation.nothing\",\"path\":\"Observation.nothing\"},"
                "{\"id\":\"Observation.code\",\"path\":\"Observation.code\",\"max\":\"5\"},"
                "{\"id\":\"Observation.subject\",\"path\":\"Observation.subject\",\"min\":1},"
                "{\"path\":7},{},null,\"x\""),
        NULL};
    load(world, files, false);
    const JsonDoc *doc = snapshot_of(world, "http://t/a");
    expect(doc, "Observation.subject", "min", "1");
    assert_true(has_issue(world, "no-element", "Observation.nothing"));
    assert_true(has_issue(world, "max-above-base", "Observation.code"));
    assert_string_equal(snapshot_severity_name(snapshots_issue(world->set, 0)->severity), "error");
    assert_true(str_is(snapshots_issue(world->set, 0)->profile, "http://t/a"));
}

/* Each element of the differential opens the type below the last one: the depth of paths ends it.
 */
static void limits_the_depth_of_paths(void **state)
{
    World *world = *state;
    BUF_AUTO text;
    buf_init(&text, 1 << 20);
    buf_add(&text, STR("{\"resourceType\":\"StructureDefinition\",\"url\":\"http://t/a\",\"type\":"
                       "\"Observation\",\"derivation\":\"constraint\",\"baseDefinition\":\"" CORE
                       "Observation\",\"differential\":{\"element\":[{\"path\":\"Observation"));
    for (int i = 0; i < 5000; i++)
        buf_add(&text, STR(".extension"));
    buf_add(&text, STR("\"}]}}"));
    const char *const files[] = {text.data, NULL};
    load(world, files, false);
    const JsonDoc *doc;
    Err err = {0};
    assert_false(snapshots_of(world->set, find(world, "http://t/a"), &doc, &err));
    assert_string_equal(err.code, "snapshot-too-large");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hands_out_the_shipped_snapshot_as_it_is),
        TEST(makes_a_missing_one_once),
        TEST(keeps_all_else_and_puts_the_snapshot_before_the_differential),
        TEST(ignores_the_snapshot_when_told_to_remake),
        TEST(says_that_there_is_no_base),
        TEST(ends_on_definitions_that_need_each_other),
        TEST(lets_an_extension_hold_itself),
        TEST(reads_only_structure_definitions),
        TEST(builds_a_logical_model),
        TEST(reports_and_goes_on),
        TEST(limits_the_depth_of_paths),
    };
    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
