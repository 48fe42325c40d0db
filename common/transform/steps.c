#include "common/transform/steps.h"

#include "common/base/buf.h"

enum { DEPTH_MAX = 10001, STEPS_MAX = 5000000, VALUE_BYTES_MAX = 16 << 20 };

bool draft_open(Str bundle, Arena *arena, Draft *ret_draft, Err *err)
{
    const FhirModel *model = fhir_model_r4();
    const JsonLimits limits = {.depth = DEPTH_MAX};
    JsonDoc *doc = ARENA_NEW(arena, JsonDoc);
    FhirpathEnvironment *environment = ARENA_NEW(arena, FhirpathEnvironment);
    Draft draft = {.arena = arena, .doc = doc, .edits = {.arena = arena}};
    if (!doc || !environment)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for the bundle");
    TRY(json_read(bundle, &model->names, &limits, arena, doc, NULL, err));
    if (json_root(doc)->kind != JSON_KIND_OBJECT)
        return ERR(err, ERR_INPUT, "transform-json", "the bundle is no JSON object");
    *environment = (FhirpathEnvironment){.model = model, .limits = {.steps = STEPS_MAX}};
    draft.root = fhirpath_resource_item(model, doc, json_root(doc));
    draft.eval = fhirpath_eval_new(environment, arena);
    if (!draft.eval)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for the bundle");
    fhirpath_eval_resource(draft.eval, &draft.root, &draft.root);
    *ret_draft = draft;
    return true;
}

static bool refuse(Err *err, const char *why)
{
    return ERR(err, ERR_INPUT, "transform-step", "%s", why);
}

/* --- where -------------------------------------------------------------------------------------
 */
static bool evaluate(Draft *draft, Str code, const FhirpathItem *focus, FhirpathItems *ret_items,
                     Err *err)
{
    Err why = {0};
    if (fhirpath_evaluate(draft->eval, code, focus, ret_items, &why))
        return true;
    if (why.code && strcmp(why.code, "memory-limit") == 0)
        return ERR(err, ERR_INPUT, "memory-limit", "%.200s", why.text);
    return refuse(err, why.text);
}

/* Elements of this document only; each of them once. */
static bool find(Draft *draft, Str code, FhirpathItems *ret_found, Err *err)
{
    FhirpathItems items;
    size_t count = 0;
    TRY(evaluate(draft, code, &draft->root, &items, err));
    FhirpathItem *found = ARENA_ARRAY(draft->arena, FhirpathItem, items.count + 1);
    bool *seen = ARENA_ARRAY(draft->arena, bool, draft->doc->count);
    if (!found || !seen)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %zu places", items.count);
    for (size_t i = 0; i < items.count; i++) {
        const FhirpathItem *item = &items.items[i];
        if (item->kind != FHIRPATH_NODE || item->doc != draft->doc)
            return refuse(err, "its path yields what is no element of the bundle");
        const JsonNode *node = item->node ? item->node : item->extra;
        uint32_t at = json_index_of(draft->doc, node);
        if (!seen[at])
            found[count++] = *item;
        seen[at] = true;
    }
    *ret_found = (FhirpathItems){found, count};
    return true;
}

/* --- what --------------------------------------------------------------------------------------
 */
static Str source_of(const Draft *draft, const JsonNode *node)
{
    return str_cut(draft->doc->source, node->at, node->end);
}

static Str item_json(Draft *draft, const FhirpathItem *item)
{
    if (item->kind == FHIRPATH_NODE && item->doc == draft->doc && item->node)
        return source_of(draft, item->node);
    if (item->kind == FHIRPATH_INTEGER || item->kind == FHIRPATH_DECIMAL)
        return fhirpath_item_text(item, draft->arena); /* a JSON number */
    return fhirpath_item_json(fhir_model_r4(), item, draft->arena);
}

static Str items_json(Draft *draft, const FhirpathItems *items)
{
    BUF_AUTO out;
    buf_init(&out, VALUE_BYTES_MAX);
    for (size_t i = 0; i < items->count; i++) {
        buf_add_char(&out, i ? ',' : '[');
        buf_add(&out, item_json(draft, &items->items[i]));
    }
    buf_add_char(&out, ']');
    return out.overflowed ? STR_NONE : arena_copy(draft->arena, buf_str(&out));
}

/* Empty: valueFrom found nothing, and nothing is changed. */
static bool value_for(Draft *draft, const RuleStep *step, const FhirpathItem *focus, Str *ret_value,
                      Err *err)
{
    FhirpathItems items;
    *ret_value = step->value;
    if (step->value.len)
        return true;
    TRY(evaluate(draft, step->value_from_code, focus, &items, err));
    *ret_value = items.count == 0   ? STR("")
                 : items.count == 1 ? item_json(draft, &items.items[0])
                                    : items_json(draft, &items);
    return ret_value->ptr || ERR(err, ERR_INPUT, "memory-limit", "no room for a value");
}

static void change(Draft *draft, size_t at, size_t end, Str text)
{
    edits_add(&draft->edits, at, end, text);
    draft->places++;
}

static void insert_member(Draft *draft, const JsonNode *object, const char *name, Str value)
{
    Str text =
        arena_format(draft->arena, "%s\"%s\":%.*s", object->count ? "," : "", name, STR_ARG(value));
    draft->edits.failed |= !text.ptr;
    change(draft, object->end - 1, object->end - 1, text);
}

/* --- set, replace ------------------------------------------------------------------------------
 */
static bool set_one(Draft *draft, const RuleStep *step, const FhirpathItem *parent, Err *err)
{
    Str value;
    if (!parent->node || parent->node->kind != JSON_KIND_OBJECT)
        return refuse(err, "its path yields what has no properties");
    TRY(value_for(draft, step, parent, &value, err));
    if (!value.len)
        return true;
    const JsonNode *member = json_get_str(draft->doc, parent->node, step->name);
    Str name = arena_copy(draft->arena, step->name);
    if (!name.ptr)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for a value");
    if (!member)
        insert_member(draft, parent->node, name.ptr, value);
    else if (!str_eq(source_of(draft, member), value))
        change(draft, member->at, member->end, value);
    return true;
}

static bool replace_one(Draft *draft, const RuleStep *step, const FhirpathItem *item, Err *err)
{
    Str value;
    if (!item->node)
        return true; /* no value there, only extensions */
    TRY(value_for(draft, step, item, &value, err));
    if (value.len && !str_eq(source_of(draft, item->node), value))
        change(draft, item->node->at, item->node->end, value);
    return true;
}

/* --- meta.tag, meta.security --------------------------------------------------------------------
 */
static bool has_coding(const Draft *draft, const JsonNode *list, const RuleStep *step)
{
    JSON_EACH(draft->doc, coding, list)
    if (str_eq(json_get_text(draft->doc, coding, "system"), step->coding_system) &&
        str_eq(json_get_text(draft->doc, coding, "code"), step->coding_code))
        return true;
    return false;
}

static bool label_one(Draft *draft, const RuleStep *step, const JsonNode *resource, Err *err)
{
    const char *name = step->kind == STEP_ADD_TAG ? "tag" : "security";
    if (resource->kind != JSON_KIND_OBJECT)
        return refuse(err, "its path yields what has no meta");
    const JsonNode *meta = json_get(draft->doc, resource, "meta");
    if (meta && meta->kind != JSON_KIND_OBJECT)
        return refuse(err, "meta is no object");
    const JsonNode *list = json_get(draft->doc, meta, name);
    if (list && list->kind != JSON_KIND_ARRAY)
        return refuse(err, "meta.tag or meta.security is no array");
    if (list && has_coding(draft, list, step))
        return true;
    Str coding = arena_format(draft->arena, list ? "%s%.*s" : "%s[%.*s]",
                              list && list->count ? "," : "", STR_ARG(step->coding));
    Str whole = arena_format(draft->arena, "{\"%s\":%.*s}", name, STR_ARG(coding));
    if (!coding.ptr || !whole.ptr)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for a label");
    if (list)
        change(draft, list->end - 1, list->end - 1, coding);
    else if (meta)
        insert_member(draft, meta, name, coding);
    else
        insert_member(draft, resource, "meta", whole);
    return true;
}

/* --- all ---------------------------------------------------------------------------------------
 */
static bool do_one(Draft *draft, const RuleStep *step, const FhirpathItem *item, Err *err)
{
    switch (step->kind) {
    case STEP_SET:
        return set_one(draft, step, item, err);
    case STEP_REPLACE:
        return replace_one(draft, step, item, err);
    case STEP_MAP:
        return !item->node || draft_map(draft, step, item->node, err);
    case STEP_ADD_TAG:
    case STEP_ADD_SECURITY:
        return item->node ? label_one(draft, step, item->node, err)
                          : refuse(err, "its path yields what has no meta");
    case STEP_REMOVE:
    case STEP_APPEND_OUTCOME:
        break;
    }
    return refuse(err, "no such step");
}

bool draft_step(Draft *draft, const RuleStep *step, Err *err)
{
    FhirpathItems found = {&draft->root, 1};
    if (step->path_code.len)
        TRY(find(draft, step->path_code, &found, err));
    if (step->kind == STEP_REMOVE)
        return draft_remove(draft, &found, err);
    for (size_t i = 0; i < found.count; i++)
        TRY(do_one(draft, step, &found.items[i], err));
    return true;
}
