/* What the tests of this folder share: a document, and an expression evaluated on it as JSON. */
#pragma once
#include "services/validator/engine/fhirpath/code.h"
#include "services/validator/engine/fhirpath/fhirpath.h"
#include "tests/support/cmocka.h"

static Arena *arena;
static Err err;

static inline int set_up(void **state)
{
    (void)state;
    arena = arena_new((size_t)256 << 20);
    err = (Err){0};
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static inline FhirpathItem resource_of(const char *json)
{
    JsonDoc *doc = ARENA_NEW(arena, JsonDoc);
    JsonPosition at;
    if (!json_read(str_from(json), &fhir_model_r4()->names, NULL, arena, doc, &at, &err))
        fail_msg("%u:%u: %s", at.line, at.column, err.text);
    return fhirpath_resource_item(fhir_model_r4(), doc, json_root(doc));
}

static inline bool compiles(const char *text, FhirpathDialect dialect, Str *ret_code)
{
    FhirpathCompileOptions options = {.model = fhir_model_r4(), .dialect = dialect};
    err = (Err){0};
    return fhirpath_compile(str_from(text), &options, arena, ret_code, NULL, &err);
}

static inline Str code_of(const char *text, FhirpathDialect dialect)
{
    Str code = STR_NONE;
    if (!compiles(text, dialect, &code))
        fail_msg("%s: %s", text, err.text);
    return code;
}

/* The results as a JSON array, or the error's code. */
static inline const char *result_on(const FhirpathItem *focus, const char *text,
                                    FhirpathDialect dialect)
{
    FhirpathEnvironment environment = {.model = fhir_model_r4()};
    FhirpathEval *eval = fhirpath_eval_new(&environment, arena);
    FhirpathItems items;
    Str code, out = STR("[");
    if (!compiles(text, dialect, &code))
        return err.code;
    if (focus)
        fhirpath_eval_resource(eval, focus, focus);
    if (!fhirpath_evaluate(eval, code, focus, &items, &err))
        return err.code;
    for (size_t i = 0; i < items.count; i++) {
        Str json = fhirpath_item_json(fhir_model_r4(), &items.items[i], arena);
        out = arena_format(arena, "%.*s%s%.*s", STR_ARG(out), i ? "," : "", STR_ARG(json));
    }
    return arena_format(arena, "%.*s]", STR_ARG(out)).ptr;
}

static inline const char *result(const char *text)
{
    return result_on(NULL, text, FHIRPATH_SPEC);
}
