/* First byte: dialect, strictness. The rest: an expression. It is refused, or printed and read
 * again as the same tree, and evaluated on a resource within limits. */
#include "common/base/check.h"
#include "services/validator/engine/fhirpath/code.h"
#include "tests/fuzz/target.h"

static const char resource[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"active\":true,\"birthDate\":\"1974-12-25\","
    "\"contained\":[{\"resourceType\":\"Organization\",\"id\":\"o\"}],\"managingOrganization\":"
    "{\"reference\":\"#o\"},\"name\":[{\"use\":\"official\",\"family\":\"Chalmers\",\"given\":"
    "[\"Peter\",null],\"_given\":[null,{\"extension\":[{\"url\":\"x\",\"valueDecimal\":1.50}]}]},"
    "{\"given\":[\"Jim\"]}],\"deceasedBoolean\":false,\"extension\":[{\"url\":\"q\","
    "\"valueQuantity\":{\"value\":4,\"system\":\"http://unitsofmeasure.org\",\"code\":\"mg\"}}]}";

static void evaluate(Str code, Arena *arena)
{
    FhirpathEnvironment environment = {
        .model = fhir_model_r4(),
        .limits = {.steps = 20000, .items = 20000, .match_steps = 1000, .text_bytes = 100000},
    };
    JsonDoc doc;
    FhirpathItems items = {0};
    CHECK(json_read(STR(resource), &environment.model->names, NULL, arena, &doc, NULL, NULL));
    FhirpathItem root = fhirpath_resource_item(environment.model, &doc, json_root(&doc));
    FhirpathEval *eval = fhirpath_eval_new(&environment, arena);
    Err err = {0};
    fhirpath_eval_resource(eval, &root, &root);
    if (!fhirpath_evaluate(eval, code, &root, &items, &err))
        CHECK(err.code && err.text[0]);
    for (size_t i = 0; i < items.count; i++) {
        (void)fhirpath_item_json(environment.model, &items.items[i], arena);
        (void)fhirpath_item_type_name(environment.model, &items.items[i]);
    }
    (void)fhirpath_check(eval, code, &root, NULL);
}

static uint64_t tree_of(Str code)
{
    const FpHeader *header = (const FpHeader *)(const void *)code.ptr;
    return fp_nodes(header)[header->root].hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const FhirModel *model = fhir_model_r4();
    Str code, again;
    Err err = {0};
    if (size == 0 || size > 4000)
        return 0;
    ARENA_AUTO arena = arena_new(64U << 20);
    FhirpathCompileOptions options = {
        .model = data[0] & 8 ? NULL : model,
        .dialect = data[0] & 1 ? FHIRPATH_JAVA : FHIRPATH_SPEC,
        .context = data[0] & 2 ? fhir_type_find(model, STR("Patient")) : 0,
        .strict = data[0] & 4,
    };
    Str text = {(const char *)data + 1, size - 1};
    if (!fhirpath_compile(text, &options, arena, &code, NULL, &err)) {
        CHECK(err.code && err.text[0]);
        return 0;
    }
    CHECK(!options.model || fhirpath_code_check(code, model));
    Str print = fhirpath_print(code, arena);
    if (print.ptr && print.len < FHIRPATH_TEXT_BYTES_MAX) {
        CHECK(fhirpath_compile(print, &options, arena, &again, NULL, &err));
        CHECK(tree_of(code) == tree_of(again));
    }
    if (options.model)
        evaluate(code, arena);
    return 0;
}
