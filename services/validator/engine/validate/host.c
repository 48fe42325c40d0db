/* What expressions ask of the world: value sets, profiles. References in the document FHIRPath
 * finds by itself. */
#include "services/validator/engine/validate/walk.h"

/* --- memberOf --------------------------------------------------------------------------------- */

static bool contains(const Walk *walk, TxValueSet set, Str system, Str code, bool *ret_known)
{
    if (code.len == 0)
        return false;
    TxAnswer answer = terminology_contains(walk->terminology, set, system, code);
    *ret_known = *ret_known || answer == TX_YES || answer == TX_NO || answer == TX_UNKNOWN_CODE;
    return answer == TX_YES;
}

static bool coding_in(const Walk *walk, TxValueSet set, const FhirpathItem *item,
                      const JsonNode *coding, bool *ret_known)
{
    Str system = json_get_text(item->doc, coding, "system");
    return contains(walk, set, system.ptr ? system : STR(""),
                    json_get_text(item->doc, coding, "code"), ret_known);
}

static bool concept_in(const Walk *walk, TxValueSet set, const FhirpathItem *item, bool *ret_known)
{
    const JsonNode *list = json_get(item->doc, item->node, "coding");
    if (!list || list->kind != JSON_KIND_ARRAY)
        return false;
    JSON_EACH(item->doc, coding, list)
    if (coding_in(walk, set, item, coding, ret_known))
        return true;
    return false;
}

static bool member_of(void *self, const FhirpathItem *item, Str value_set, bool *ret_member)
{
    const Walk *walk = self;
    TxValueSet set = terminology_value_set(walk->terminology, value_set);
    if (set == TX_NONE)
        return false;
    bool known = false;
    bool member = false;
    if (item->kind == FHIRPATH_STRING) {
        member = contains(walk, set, STR_NONE, item->string, &known);
    } else if (item->kind == FHIRPATH_NODE && item->node) {
        if (item->node->kind == JSON_KIND_STRING)
            member = contains(walk, set, STR_NONE, json_text(item->node), &known);
        else if (item->type == walk->model->codeable_concept_type)
            member = concept_in(walk, set, item, &known);
        else
            member = coding_in(walk, set, item, item->node, &known);
    }
    *ret_member = member;
    return true;
}

/* --- conformsTo ------------------------------------------------------------------------------- */

/* The element that a JSON value became; none when it was left out. */
static ElemId elem_of(Walk *walk, const JsonNode *node)
{
    if (!walk->elem_of_node) {
        walk->elem_of_node = ARENA_ARRAY(walk->arena, ElemId, walk->doc->count);
        if (!walk->elem_of_node)
            return ELEM_NONE;
        for (ElemId id = ELEM_ROOT; id < walk->elems.count; id++)
            if (walk_elem(walk, id)->node)
                walk->elem_of_node[json_index_of(walk->doc, walk_elem(walk, id)->node)] = id;
    }
    return walk->elem_of_node[json_index_of(walk->doc, node)];
}

/* Tried without being heard; the invariants' scope is put back afterwards. */
static bool conforms_to(void *self, const FhirpathItem *item, Str profile, bool *ret_conforms)
{
    Walk *walk = self;
    ProfileId id = schema_find(walk->schema, profile);
    ElemId elem = item->kind == FHIRPATH_NODE && item->node ? elem_of(walk, item->node) : ELEM_NONE;
    if (!id || !elem)
        return false;
    const Elem *e = walk_elem(walk, elem);
    Scope scope = {.resource = e->resource, .root_resource = e->resource};
    Findings *out = walk->out;
    Findings own = {0};
    ElemId resource = walk->eval_resource;
    ElemId root = walk->eval_root;
    FhirpathEval *eval = walk->eval;
    walk->eval = fhirpath_eval_new(walk->environment, walk->arena);
    walk->eval_resource = walk->eval_root = ELEM_NONE;
    walk->out = &own;
    if (walk->eval && (e->flags & ELEM_RESOURCE))
        run_resource(walk, &scope, elem, id, ID_OPTIONAL, true);
    else if (walk->eval)
        walk_element(walk, &scope, walk->schema->profiles[id].first_node, elem, e->type);
    walk->out = out;
    walk->eval = eval;
    walk->eval_resource = resource;
    walk->eval_root = root;
    *ret_conforms = own.errors == 0;
    return true;
}

FhirpathHost host_for(Walk *walk)
{
    return (FhirpathHost){.self = walk, .member_of = member_of, .conforms_to = conforms_to};
}
