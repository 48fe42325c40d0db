/* From an envelope to a verdict, with the engine as it is without definitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/rules/source.h"
#include "services/validator/judge.h"

static const ValidatorConfig config = {.allowed_profiles = "http://a/p",
                                       .depth_max = 100,
                                       .nodes_max = 100000,
                                       .issues_max = 3,
                                       .best_practice = true};

typedef struct Bench {
    Images *images;
    RuleSource *rules;
    RuleHold hold;
    Arena *arena;
} Bench;

static int bench_up(void **state)
{
    static Bench bench;
    Err err;
    bench.arena = arena_new(1 << 24);
    *state = &bench;
    bool fine = images_open(NULL, NULL, &bench.images, &err) &&
                rule_source_open(NULL, &bench.rules, &err) &&
                rule_source_hold(bench.rules, STR("t"), bench.arena, &bench.hold, &err);
    return fine ? 0 : -1;
}

static int bench_down(void **state)
{
    Bench *bench = *state;
    rule_source_release(bench->rules, &bench->hold);
    rule_source_close(bench->rules);
    images_close(bench->images);
    arena_free(bench->arena);
    return 0;
}

static Judge judge_of(const Bench *bench)
{
    return (Judge){&config, bench->images, &bench->hold.book, 0};
}

static Validated judged(Bench *bench, const char *payload)
{
    const Envelope envelope = {.interaction_id = STR("i"), .payload = str_from(payload)};
    Validated validated = {0};
    Err err = {0};
    const Judge by = judge_of(bench);
    if (!judge(&by, &envelope, bench->arena, &validated, &err))
        fail_msg("%s: %s", err.code, err.text);
    return validated;
}

static void a_bundle_is_judged_and_kept_as_it_is(void **state)
{
    const char *bundle = "{\"resourceType\":\"Bundle\",\"meta\":{\"profile\":[\"http://a/p\"]},"
                         "\"type\":\"collection\"}";
    Validated got = judged(*state, bundle);
    assert_true(got.bundle_is_payload);
    assert_ptr_equal(got.bundle.ptr, bundle);
    assert_null(got.envelope.payload.ptr);
    assert_int_equal(got.outcome.precheck_code.len, 0);
    assert_int_equal(got.disposition.action, ACTION_ACCEPT);
    assert_true(str_is(got.outcome.profile_url, "http://a/p")); /* asked for, though unknown */
    assert_true(
        str_starts(got.outcome.operation_outcome, STR("{\"resourceType\":\"OperationOutcome\"")));
    assert_true(got.outcome.finished_at_us >= got.outcome.started_at_us);
    assert_true(got.outcome.engine_started_at_us > 0);
}

static void a_failed_precheck_is_a_verdict_too(void **state)
{
    Validated got = judged(*state, "{\"a\"");
    assert_false(got.outcome.valid);
    assert_true(str_is(got.outcome.precheck_code, "TECHBD-1000"));
    assert_int_equal(got.disposition.action, ACTION_DISCARD);
    assert_int_equal(got.outcome.issue_count, 1);
    assert_true(str_is(got.outcome.issues[0].severity, "fatal"));
    assert_int_equal(got.outcome.issues[0].line, 1);
    assert_true(str_find(got.outcome.operation_outcome, STR("TECHBD-1000")) != SIZE_MAX);
    got = judged(*state, "{}");
    assert_true(str_is(got.outcome.precheck_code, "TECHBD-1002"));
}

/* JSON allows it in a string; a text on the topics may not have it. */
static void a_nul_in_a_document_does_not_keep_its_verdict_back(void **state)
{
    Bench *bench = *state;
    Validated got = judged(*state, "{\"resourceType\":\"Bundle\",\"meta\":{\"profile\":"
                                   "[\"http://a/\\u0000p\"]},\"a\\u0000b\":1}");
    Str bytes;
    Err err = {0};
    assert_true(str_is(got.outcome.profile_url, "http://a/?p"));
    if (!validated_encode(&got, bench->arena, &bytes, &err))
        fail_msg("%s: %s", err.code, err.text);
}

static void an_unknown_source_type_and_a_small_arena_can_never_be_judged(void **state)
{
    Bench *bench = *state;
    ARENA_AUTO small = arena_new(512);
    Envelope envelope = {
        .interaction_id = STR("i"), .payload = STR("MSH|"), .source_type = STR("X12")};
    Validated validated;
    Err err = {0};
    const Judge by = judge_of(bench);
    assert_false(judge(&by, &envelope, bench->arena, &validated, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_string_equal(err.code, "source-type");
    envelope.source_type = STR("FHIR");
    envelope.payload = STR("{\"meta\":{\"profile\":[\"http://a/p\"]},\"a\":[1,2,3,4,5,6,7,8,9]}");
    assert_false(judge(&by, &envelope, small, &validated, &err));
    assert_string_equal(err.code, "memory-limit");
}

/* Services that convert post what they made, and say what it was. */
static void a_bundle_is_judged_as_such_whatever_it_was_made_of(void **state)
{
    Bench *bench = *state;
    Envelope envelope = {.interaction_id = STR("i"),
                         .payload = STR("{}"),
                         .source_type = STR("CSV"),
                         .content_type = STR("application/fhir+json")};
    Validated validated;
    Err err = {0};
    const Judge by = judge_of(bench);
    assert_true(judge(&by, &envelope, bench->arena, &validated, &err));
    assert_true(str_is(validated.outcome.precheck_code, "TECHBD-1002"));
    assert_true(str_is(validated.envelope.source_type, "CSV"));
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_broken_image_is_refused_and_the_engine_in_use_stays(void **state)
{
    (void)state;
    char folder[] = "/tmp/fhirbus-images-XXXXXX", path[64];
    Images *images = NULL;
    Err err = {0};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.image", folder);
    assert_true(images_open(folder, NULL, &images, &err)); /* none yet */
    const FhirValidator *before = images_engine(images);
    assert_false(images_refresh(images, false)); /* nothing changed */
    write_file(path, "this is no image");
    assert_false(images_refresh(images, false));
    assert_ptr_equal(images_engine(images), before);
    unlink(path);
    assert_true(images_refresh(images, false)); /* gone again: that is a change */
    assert_true(images_refresh(images, true));
    images_close(images);
    write_file(path, "this is no image");
    assert_false(images_open(folder, NULL, &images, &err));
    unlink(path);
    rmdir(folder);
    assert_false(images_open(folder, NULL, &images, &err));
    assert_string_equal(err.code, "image-missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundle_is_judged_and_kept_as_it_is),
        cmocka_unit_test(a_failed_precheck_is_a_verdict_too),
        cmocka_unit_test(a_nul_in_a_document_does_not_keep_its_verdict_back),
        cmocka_unit_test(an_unknown_source_type_and_a_small_arena_can_never_be_judged),
        cmocka_unit_test(a_bundle_is_judged_as_such_whatever_it_was_made_of),
        cmocka_unit_test(a_broken_image_is_refused_and_the_engine_in_use_stays),
    };
    return cmocka_run_group_tests(tests, bench_up, bench_down);
}
