/* What expressions ask of the world: value sets, profiles. References in the document FHIRPath
 * finds by itself. */
#include "services/validator/engine/validate/walk.h"

static const size_t SIDE_BYTES_MAX = (size_t)256 << 20;

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

/* --- resolve ---------------------------------------------------------------------------------- */

static bool prepare_indexes(Walk *walk)
{
    for (ElemId id = ELEM_ROOT; id < walk->elems.count; id++) {
        const Elem *e = walk_elem(walk, id);
        if ((e->type == walk->model->bundle_type && !bundle_prepare(walk, id)) ||
            ((e->flags & ELEM_CONTAINED) && !contained_prepare(walk, e->parent)) ||
            ((e->flags & ELEM_PARAMETER) && !parameters_prepare(walk, id)))
            return false;
    }
    return true;
}

bool host_prepare(Walk *walk)
{
    if (walk->elem_of_node)
        return true;
    ElemId *elem_of_node = ARENA_ARRAY(walk->arena, ElemId, walk->doc->count);
    if (!elem_of_node)
        return false;
    for (ElemId id = ELEM_ROOT; id < walk->elems.count; id++)
        if (walk_elem(walk, id)->node)
            elem_of_node[json_index_of(walk->doc, walk_elem(walk, id)->node)] = id;
    walk->elem_of_node = elem_of_node;
    return prepare_indexes(walk);
}

/* The element that a JSON value became; none when it was left out. */
static ElemId elem_of(const Walk *walk, const FhirpathItem *item)
{
    if (item->kind != FHIRPATH_NODE || !item->node || item->doc != walk->doc)
        return ELEM_NONE;
    return walk->elem_of_node[json_index_of(walk->doc, item->node)];
}

static bool resolve(void *self, Str reference, const FhirpathItem *from, FhirpathItem *ret_item)
{
    Walk *walk = self;
    ElemId elem = elem_of(walk, from);
    ElemId target = resolve_quietly(walk, reference, elem ? elem : walk->eval_resource);
    if (!target)
        return false;
    *ret_item = walk_item(walk, target);
    return true;
}

/* --- conformsTo ------------------------------------------------------------------------------- */

bool conforms(Walk *walk, ElemId elem, ProfileId profile)
{
    const Elem *e = walk_elem(walk, elem);
    Scope scope = {.resource = e->resource, .root_resource = e->resource};
    Findings *out = walk->out;
    Findings own = {.counting = true};
    walk->out = &own;
    if (e->flags & ELEM_RESOURCE)
        run_resource(walk, &scope, elem, profile, ID_OPTIONAL, true);
    else if (walk->schema->profiles[profile].first_node)
        walk_element(walk, &scope, walk->schema->profiles[profile].first_node, elem, e->type);
    walk->out = out;
    return own.errors == 0;
}

static void use_arena(Walk *walk, Arena *arena)
{
    walk->arena = arena;
    memo_use(walk->runs, arena);
    memo_use(walk->invariants, arena);
    memo_use(walk->removable, arena);
    memo_use(walk->answers, arena);
    memo_use(walk->indexes, arena);
}

/* In the middle of an expression: what it leaves in the arena goes when the expression ends. So the
 * walk works in an arena of its own, with an evaluator of its own. */
static bool conforms_to(void *self, const FhirpathItem *item, Str url, bool *ret_conforms)
{
    Walk *walk = self;
    ProfileId profile = schema_find(walk->schema, url);
    ElemId elem = elem_of(walk, item);
    if (!profile || !elem)
        return false;
    if (!walk->side)
        walk->side = arena_new(SIDE_BYTES_MAX);
    Walk before = *walk;
    FhirpathEval *eval = walk->side ? fhirpath_eval_new(walk->environment, walk->side) : NULL;
    if (!eval) {
        walk->stopped = true;
        return false;
    }
    use_arena(walk, walk->side);
    walk->eval = eval;
    walk->eval_resource = walk->eval_root = ELEM_NONE;
    *ret_conforms = conforms(walk, elem, profile);
    use_arena(walk, before.arena);
    walk->eval = before.eval;
    walk->eval_resource = before.eval_resource;
    walk->eval_root = before.eval_root;
    return !walk->stopped;
}

FhirpathHost host_for(Walk *walk)
{
    return (FhirpathHost){
        .self = walk, .resolve = resolve, .member_of = member_of, .conforms_to = conforms_to};
}
