/* Between the lease and the envelope: of a sender who may send some resource types alone
 * ("fhir:Bundle/Patient,Observation"), is there any other in the body?
 *
 * Rule:    every "resourceType" counts, wherever it stands (entries, contained resources, bundles
 *          in bundles, one that is written twice or with escapes); of the root: Bundle. What is no
 *          JSON holds no resource and goes on: the validator says what is wrong with it. What is
 *          too much to be read is refused.
 * Cost:    nothing for all others; for these one reading of the body on a server thread. */
#include "common/json/json.h"
#include "services/ingest/authenticate.h"
#include "services/ingest/exchange.h"

enum { NODES_MAX = 2000000, ARENA_BYTES = 256 << 20 };

static bool is_resource_type(const JsonNode *node)
{
    return node->key_len && str_is(json_key(node), "resourceType");
}

static bool may_send_all(const Caller *caller, Str category, const JsonDoc *doc)
{
    Str root_type = str_skip(category, str_find_char(category, ':') + 1);
    for (uint32_t i = 1; i < doc->count; i++) {
        const JsonNode *node = &doc->nodes[i];
        if (!is_resource_type(node))
            continue;
        bool is_text = node->kind == JSON_KIND_STRING;
        if (is_text && node->parent == 0 && str_eq(json_text(node), root_type))
            continue;
        if (!is_text || !caller_may_send_type(caller, category, json_text(node)))
            return false;
    }
    return true;
}

static bool fits(const Caller *caller, Str category, Str body)
{
    const JsonLimits limits = {.nodes = NODES_MAX};
    JsonDoc doc;
    Err err = {0};
    ARENA_AUTO arena = arena_new(ARENA_BYTES);
    if (arena && json_read(body, NULL, &limits, arena, &doc, NULL, &err))
        return may_send_all(caller, category, &doc);
    return arena && (strcmp(err.code, "json-syntax") == 0 || strcmp(err.code, "json-utf8") == 0 ||
                     strcmp(err.code, "json-bom") == 0);
}

StepNext step_kinds(Exchange *exchange)
{
    const Caller *caller = exchange->identity.caller;
    Str category = str_from(exchange->route->category);
    if (!caller || caller_may_send(caller, category) ||
        fits(caller, category, http_request_body(exchange->request)))
        return STEP_NEXT;
    return refuse_forbidden(exchange, "resource-type");
}
