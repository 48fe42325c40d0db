/* Transforms on whatever a sender may call a bundle: every kind of step, and what comes of it is
 * JSON. */
#include "common/base/check.h"
#include "common/json/json.h"
#include "common/transform/transform.h"
#include "tests/fuzz/target.h"

static const char rules[] =
    "{\"name\":\"f\",\"conceptMaps\":{\"m\":{\"resourceType\":\"ConceptMap\",\"group\":[{"
    "\"source\":"
    "\"urn:l\",\"target\":\"urn:t\",\"element\":[{\"code\":\"a\",\"target\":[{\"code\":\"A\","
    "\"equivalence\":\"equal\"}]}],\"unmapped\":{\"mode\":\"provided\"}}]}},\"transforms\":["
    "{\"id\":\"tag\",\"do\":[{\"op\":\"addTag\",\"path\":\"Bundle.entry.resource\",\"coding\":{"
    "\"system\":\"s\",\"code\":\"c\"}}]},"
    "{\"id\":\"set\",\"do\":[{\"op\":\"set\",\"path\":\"Bundle.entry.resource\",\"name\":\"id\","
    "\"valueFrom\":\"meta | extension\"}]},"
    "{\"id\":\"remove\",\"do\":[{\"op\":\"remove\",\"path\":\"Bundle.descendants().where($this is "
    "string)\"}]},"
    "{\"id\":\"map\",\"do\":[{\"op\":\"map\",\"path\":\"Bundle.descendants().where($this is "
    "CodeableConcept)\",\"conceptMap\":\"m\",\"keep\":true}]},"
    "{\"id\":\"coding\",\"do\":[{\"op\":\"map\",\"path\":\"Bundle.descendants().where($this is "
    "Coding)"
    "\",\"conceptMap\":\"m\"}]},"
    "{\"id\":\"replace\",\"do\":[{\"op\":\"replace\",\"path\":\"Bundle.descendants().where($this "
    "is "
    "date)\",\"valueFrom\":\"toString().substring(0, 4)\"}]},"
    "{\"id\":\"outcome\",\"do\":[{\"op\":\"appendOutcome\"}]}]}";

/* One rule at a time, so that one that is refused does not hide the others. */
static void apply(const RuleSet *set, Str bundle)
{
    ARENA_AUTO arena = arena_new((size_t)64 << 20);
    const RuleBook book = {&set, 1, STR("f")};
    const Outcome outcome = {.operation_outcome = STR("{\"issue\":[{\"severity\":\"error\"}]}")};
    const Disposition disposition = {ACTION_ACCEPT, STR("[]"), {0}};
    const TransformInput input = {.book = &book,
                                  .bundle = bundle,
                                  .outcome = &outcome,
                                  .disposition = &disposition,
                                  .destination = STR("lake"),
                                  .severity_level = STR("error")};
    const JsonLimits limits = {.depth = 10002};
    Transformed made;
    JsonDoc doc;
    Err err = {0};
    if (!transform_apply(&input, arena, &made, &err)) {
        CHECK(err.kind == ERR_INPUT && err.text[0]);
        return;
    }
    CHECK(json_read(made.body, NULL, &limits, arena, &doc, NULL, &err) ||
          strcmp(err.code, "memory-limit") == 0);
    CHECK(made.steps_json.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static RuleSet *all;
    Err err = {0};
    JsonDoc doc;
    ARENA_AUTO arena = arena_new((size_t)64 << 20);
    Str bundle = {(const char *)data, size};
    if (!all)
        CHECK(rules_read(STR(rules), &all, NULL, &err));
    if (!json_read(bundle, NULL, NULL, arena, &doc, NULL, &err))
        return 0; /* the validator lets no such document through */
    for (size_t i = 0; i < all->counts[RULES_TRANSFORMS]; i++) {
        RuleSet one = *all;
        Rule rule = all->rules[RULES_TRANSFORMS][i];
        rule.order = 0;
        one.rules[RULES_TRANSFORMS] = &rule;
        one.counts[RULES_TRANSFORMS] = 1;
        apply(&one, bundle);
    }
    return 0;
}
