#include "services/validator/engine/fhir_validator.h"

#include "services/validator/engine/validate/walk.h"

enum {
    BYTES_DEFAULT = 64 << 20,
    DEPTH_DEFAULT = 256,
    NODES_DEFAULT = 5000000,
    ISSUES_DEFAULT = 10000
};

struct FhirValidator {
    size_t count;
};

bool fhir_validator_open(const char *const *image_paths, size_t count,
                         FhirValidator **ret_validator, Err *err)
{
    if (count > 0)
        return ERR(err, ERR_INPUT, "image-format", "%s: images are not supported yet",
                   image_paths[0]);
    FhirValidator *validator = calloc(1, sizeof *validator);
    if (!validator)
        return ERR(err, ERR_FATAL, "memory", "no memory for the validator");
    *ret_validator = validator;
    return true;
}

void fhir_validator_close(FhirValidator *validator)
{
    free(validator);
}

size_t fhir_validator_image_count(const FhirValidator *validator)
{
    return validator->count;
}

Str fhir_validator_image_name(const FhirValidator *validator, size_t index)
{
    (void)validator, (void)index;
    return STR_NONE;
}

Str fhir_validator_image_version(const FhirValidator *validator, size_t index)
{
    (void)validator, (void)index;
    return STR_NONE;
}

size_t fhir_validator_image_of_profile(const FhirValidator *validator, Str canonical)
{
    (void)validator, (void)canonical;
    return SIZE_MAX;
}

/* One fatal issue at a place of the source: it could not be read to the end. */
static bool unreadable(Walk *walk, Message message, const JsonPosition *at, const Err *why,
                       Verdict *verdict)
{
    Issue *issue = ARENA_NEW(walk->arena, Issue);
    if (!issue)
        return false;
    Finding *finding =
        report_with(walk, SEVERITY_FATAL, message, ELEM_NONE,
                    arena_copy(walk->arena, str_from(why->text)), STR_NONE, STR_NONE, STR_NONE);
    if (!finding)
        return false;
    finding->path = FINDING_PATH_TEXT;
    if (!report_finish(walk, walk->out, 1, verdict) || !verdict->issues)
        return false;
    *issue = *verdict->issues;
    issue->line = at->line;
    issue->column = at->column;
    verdict->issues = issue;
    return true;
}

static bool read_source(Walk *walk, const ValidateLimits *limits, JsonDoc *doc, JsonPosition *at,
                        Err *why)
{
    size_t bytes = limits->bytes ? limits->bytes : BYTES_DEFAULT;
    if (walk->source.len > bytes || walk->source.len >= UINT32_MAX)
        return ERR(why, ERR_INPUT, "json-bytes", "the resource has more than %zu bytes", bytes);
    JsonLimits json = {.depth = limits->depth ? limits->depth : DEPTH_DEFAULT,
                       .nodes = limits->nodes ? limits->nodes : NODES_DEFAULT};
    return json_read(walk->source, &walk->model->names, &json, walk->arena, doc, at, why);
}

/* What was exceeded is not wrong in the JSON: another code for the sender. */
static Message message_of(const Err *why)
{
    static const char *const limits[] = {"json-depth", "json-nodes", "json-bytes", "memory-limit"};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (str_is(str_from(why->code), limits[i]))
            return MSG_LIMIT;
    return MSG_JSON_SYNTAX;
}

bool fhir_validate(const FhirValidator *validator, Str resource, const ValidateOptions *options,
                   Arena *arena, Verdict *ret_verdict, Err *err)
{
    (void)validator;
    static const ValidateOptions defaults = {.image = SIZE_MAX};
    const ValidateOptions *o = options ? options : &defaults;
    Findings findings = {0};
    Walk *walk = ARENA_NEW(arena, Walk);
    JsonDoc *doc = ARENA_NEW(arena, JsonDoc);
    if (!walk || !doc)
        return ERR(err, ERR_INPUT, "memory-limit", "the memory limit of the message is reached");
    *walk = (Walk){.arena = arena,
                   .source = resource,
                   .model = fhir_model_r4(),
                   .doc = doc,
                   .out = &findings,
                   .best_practice = !o->no_best_practice};
    Verdict verdict = {0};
    JsonPosition at = {0};
    Err why = {0};
    bool done;
    if (!read_source(walk, &o->limits, doc, &at, &why)) {
        done = unreadable(walk, message_of(&why), &at, &why, &verdict);
    } else {
        verdict.readable = elements_read(walk);
        if (verdict.readable)
            verdict.resource_type =
                fhir_type_name(walk->model, elem_at(&walk->elems, ELEM_ROOT)->type);
        done = !arena_exhausted(arena) &&
               report_finish(walk, &findings, o->limits.issues ? o->limits.issues : ISSUES_DEFAULT,
                             &verdict);
    }
    if (!done || arena_exhausted(arena))
        return ERR(err, ERR_INPUT, "memory-limit", "the memory limit of the message is reached");
    *ret_verdict = verdict;
    return true;
}
