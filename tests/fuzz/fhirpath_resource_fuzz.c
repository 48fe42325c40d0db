/* A random resource: expressions of published invariants are evaluated on it and all its parts. */
#include "common/base/check.h"
#include "services/validator/engine/fhirpath/fhirpath.h"
#include "tests/fuzz/target.h"

static const char *const texts[] = {
    "hasValue() or (children().count() > id.count())",
    "extension.exists() != value.exists()",
    "contained.where(('#'+id in (%resource.descendants().reference)).not()).empty()",
    "reference.startsWith('#').not() or (reference.substring(1) in %rootResource.contained.id)",
    "entry.where(fullUrl.exists()).select(fullUrl & resource.meta.versionId).isDistinct()",
    "entry.resource.ofType(Observation).where(value is Quantity).value.toQuantity() > 1 'mg'",
    "descendants().resolve().id | descendants().where($this is dateTime).highBoundary()",
    "descendants().distinct().count() = descendants().repeat(children()).count()",
    "name.given.join(',').upper().matches('^[A-Z]+$') implies birthDate <= today()",
    "text.`div`.htmlChecks() and descendants().select(toString()).sort().exists()",
    "children().aggregate($total + $this.toString().length(), 0) ~ children()",
    "descendants().type().name | descendants().ofType(string).trim().length()",
};

static void evaluate(const FhirpathItem *root, FhirpathDialect dialect, Arena *arena)
{
    FhirpathEnvironment environment = {
        .model = fhir_model_r4(),
        .limits = {.steps = 50000, .items = 20000, .match_steps = 1000, .text_bytes = 100000},
    };
    FhirpathCompileOptions options = {.model = environment.model, .dialect = dialect};
    FhirpathEval *eval = fhirpath_eval_new(&environment, arena);
    if (!eval)
        return;
    fhirpath_eval_resource(eval, root, root);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Str code;
        FhirpathItems items = {0};
        Err err = {0};
        if (!fhirpath_compile(str_from(texts[i]), &options, arena, &code, NULL, &err))
            continue; /* the arena is used up */
        if (!fhirpath_evaluate(eval, code, root, &items, &err))
            CHECK(err.code && err.text[0]);
        for (size_t j = 0; j < items.count; j++)
            (void)fhirpath_item_json(environment.model, &items.items[j], arena);
        (void)fhirpath_check(eval, code, root, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    JsonDoc doc;
    ARENA_AUTO arena = arena_new(64U << 20);
    Str bytes = {(const char *)data, size};
    if (!json_read(bytes, &fhir_model_r4()->names, NULL, arena, &doc, NULL, NULL))
        return 0;
    FhirpathItem root = fhirpath_resource_item(fhir_model_r4(), &doc, json_root(&doc));
    evaluate(&root, FHIRPATH_SPEC, arena);
    evaluate(&root, FHIRPATH_JAVA, arena);
    return 0;
}
