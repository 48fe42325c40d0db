/* The bytes are a resource. Whatever they are, the answer keeps its promises: issues with a place,
 * a verdict that agrees with them, an OperationOutcome that is JSON, the same answer again.
 *
 * The image holds the R4 package where `make deps` has brought it, and a small guide that slices,
 * fixes, binds and refers in every way. */
#include <unistd.h>

#include "common/base/check.h"
#include "common/json/json.h"
#include "services/validator/engine/fhir_validator.h"
#include "tests/fuzz/target.h"
#include "tests/support/small_image.h"

static const char core[] = "build/packages/hl7.fhir.r4.core-4.0.1.tgz";
static const char base[] = "tests/fuzz/data/snapshot-base";
enum { ARENA_BYTES = 256 << 20, STEPS_MAX = 3000000, ISSUES_MAX = 200 };

static FhirValidator *validator;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    const char *packages[] = {"tests/fuzz/data/small-ig", access(core, R_OK) == 0 ? core : base,
                              NULL};
    Str image = small_image(packages);
    CHECK(fhir_validator_over(&image, 1, &validator, NULL));
    return 0;
}

static void check_issues(const Verdict *verdict, Str source)
{
    uint32_t count = 0;
    for (const Issue *issue = verdict->issues; issue; issue = issue->next, count++) {
        CHECK(issue->severity <= SEVERITY_FATAL && issue->code.len && issue->text.len);
        CHECK(issue->line <= source.len + 1 && issue->column <= source.len + 1);
        CHECK(verdict->valid ? issue->severity < SEVERITY_ERROR : true);
    }
    CHECK(count == verdict->issue_count && count <= ISSUES_MAX + 1);
    CHECK(verdict->valid == (verdict->errors == 0));
}

static Str answer(Str source, Arena *arena)
{
    ValidateOptions options = {
        .image = SIZE_MAX, .limits = {.steps = STEPS_MAX, .issues = ISSUES_MAX}
    };
    Verdict verdict;
    Err err = {0};
    if (!fhir_validate(validator, source, &options, arena, &verdict, &err)) {
        CHECK(strcmp(err.code, "memory-limit") == 0);
        return STR_NONE;
    }
    check_issues(&verdict, source);
    return fhir_verdict_outcome(&verdict, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str source = {(const char *)data, size};
    ARENA_AUTO arena = arena_new(ARENA_BYTES);
    Str first = answer(source, arena);
    if (first.ptr) {
        JsonDoc doc;
        Err err = {0};
        CHECK(json_read(first, NULL, NULL, arena, &doc, NULL, &err) && doc.duplicates == 0);
    }
    if (size % 8 == 0) {
        ARENA_AUTO other = arena_new(ARENA_BYTES);
        Str second = answer(source, other);
        CHECK(str_eq(first, second));
    }
    return 0;
}
