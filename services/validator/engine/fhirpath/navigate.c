/* Navigation: from an element to its children, by property ids; what type an element has. */
#include "services/validator/engine/fhirpath/eval.h"

/* A bundle has many resources of few types: the last ones met are tried before the model's table.
 */
FhirTypeId fp_resource_type(FpEval *eval, const JsonDoc *doc, const JsonNode *node)
{
    const JsonNode *says = json_get_id(doc, node, eval->model->n_resource_type);
    if (!says || says->kind != JSON_KIND_STRING || says->text_len == 0)
        return 0;
    Str name = json_text(says);
    unsigned mixed = (unsigned char)name.ptr[0] * 7U + (unsigned char)name.ptr[name.len - 1] * 3U;
    FhirTypeId *slot = &eval->resources[(mixed + name.len) % FP_RESOURCES];
    if (!*slot || !str_eq(fhir_type_name(eval->model, *slot), name))
        *slot = fhir_type_find(eval->model, name);
    return *slot;
}

/* What a name means in a type is the same each time, so it is looked up once. */
static const FpRow *row_of(FpEval *eval, FhirTypeId type, uint16_t name)
{
    uint32_t key = (uint32_t)type << 16 | name;
    FpRow *slot = &eval->rows[(key * 2654435761U) >> 26];
    _Static_assert(FP_ROWS == 64, "the hash has six bits");
    if (slot->key == key)
        return slot;
    const FhirChild *row = fhir_element_find(eval->model, type, name);
    *slot = (FpRow){.key = key, .flags = FP_ROW_NONE};
    if (!row)
        return slot;
    slot->property = row->property;
    slot->underscored = fhir_underscore_of(eval->model, row->property);
    slot->type = row->type;
    slot->flags = 0;
    if (eval->model->types[row->type].kind == FHIR_KIND_PRIMITIVE)
        slot->flags |= FP_ROW_PRIMITIVE;
    if (row->flags & FHIR_CHILD_ARRAY)
        slot->flags |= FP_ROW_LIST;
    if (row->flags & FHIR_CHILD_RESOURCE)
        slot->flags |= FP_ROW_RESOURCE;
    if (row->flags & FHIR_CHILD_CHOICE)
        slot->flags |= FP_ROW_CHOICE;
    return slot;
}

static FhirTypeId type_of_child(FpEval *eval, const FhirChild *row, const JsonDoc *doc,
                                const JsonNode *node)
{
    if (!(row->flags & FHIR_CHILD_RESOURCE) || !node || node->kind != JSON_KIND_OBJECT)
        return row->type;
    FhirTypeId type = fp_resource_type(eval, doc, node);
    return type || eval->java ? type : row->type;
}

/* What has another JSON shape than its type says is no element: not a primitive that is an object,
 * not a complex one that is a string. So has the Java core it, and so its invariants see it. */
static const JsonNode *of_its_shape(const FpEval *eval, const FhirChild *row, const JsonNode *node)
{
    if (!node || node->kind == JSON_KIND_NULL)
        return NULL;
    if (!row)
        return node;
    bool primitive = eval->model->types[row->type].kind == FHIR_KIND_PRIMITIVE;
    bool fits = primitive ? node->kind < JSON_KIND_ARRAY : node->kind == JSON_KIND_OBJECT;
    return fits ? node : NULL;
}

/* The same for lists: an array where one value stands, one primitive where a list does. */
static const JsonNode *of_its_count(const FpEval *eval, const FhirChild *row, const JsonNode *node)
{
    if (!node || !row)
        return node;
    bool primitive = eval->model->types[row->type].kind == FHIR_KIND_PRIMITIVE;
    bool list = row->flags & FHIR_CHILD_ARRAY, array = node->kind == JSON_KIND_ARRAY;
    return array == list || (list && !primitive) ? node : NULL;
}

static bool push_node(FpEval *eval, const JsonDoc *doc, const JsonNode *node, const JsonNode *extra,
                      const FhirChild *row)
{
    node = of_its_shape(eval, row, node);
    if (extra && extra->kind != JSON_KIND_OBJECT)
        extra = NULL;
    if (!node && !extra)
        return true;
    FhirTypeId type = 0;
    if (row) {
        type = type_of_child(eval, row, doc, node);
        if (!type)
            return true; /* the Java core drops a resource of no known type */
    } else if (eval->model && node && node->kind == JSON_KIND_OBJECT)
        type = fp_resource_type(eval, doc, node);
    FhirpathItem item = fhirpath_node_item(doc, node, extra, type);
    return fp_push(eval, &item);
}

/* A member and its `_member`: each an array or not; both arrays go in step. */
static bool push_member(FpEval *eval, const JsonDoc *doc, const JsonNode *base,
                        const JsonNode *extra, const FhirChild *row)
{
    base = of_its_count(eval, row, base);
    extra = of_its_count(eval, row, extra);
    bool list = base && base->kind == JSON_KIND_ARRAY;
    bool extra_list = extra && extra->kind == JSON_KIND_ARRAY;
    if (!list && !extra_list)
        return push_node(eval, doc, base, extra, row);
    const JsonNode *value = list ? json_first(base) : NULL;
    const JsonNode *beside = extra_list ? json_first(extra) : NULL;
    while (value || beside) {
        if (!fp_step(eval, 1) || !push_node(eval, doc, value, beside, row))
            return false;
        value = value ? json_next(doc, value) : NULL;
        beside = beside ? json_next(doc, beside) : NULL;
    }
    return true;
}

/* Where the members of an item are: a primitive has its id and extensions in `_x`. */
static const JsonNode *members_of(const FhirpathItem *item)
{
    const JsonNode *object = item->node;
    if (!object || object->kind != JSON_KIND_OBJECT)
        object = item->extra;
    return object && object->kind == JSON_KIND_OBJECT ? object : NULL;
}

static bool push_by_id(FpEval *eval, const FhirpathItem *item, const JsonNode *object,
                       const FhirChild *row)
{
    const JsonDoc *doc = item->doc;
    const JsonNode *base = NULL, *extra = NULL;
    uint32_t extra_name = fhir_underscore_of(eval->model, row->property);
    JSON_EACH(doc, member, object)
    {
        if (member->name == row->property && !base)
            base = member;
        else if (extra_name && member->name == extra_name && !extra)
            extra = member;
    }
    if (!base && !extra)
        return true;
    return push_member(eval, doc, base, extra, row);
}

/* value[x]: whichever alternative the object has. */
static bool push_choice(FpEval *eval, const FhirpathItem *item, const JsonNode *object,
                        uint16_t name)
{
    JSON_EACH(item->doc, member, object)
    {
        uint16_t plain = fhir_without_underscore(eval->model, member->name);
        const FhirChild *row =
            member->name ? fhir_child_find(eval->model, item->type, plain ? plain : member->name)
                         : NULL;
        if (!row || row->element != name)
            continue;
        bool alone = plain && json_get_id(item->doc, object, plain) == NULL;
        if (alone && !push_member(eval, item->doc, NULL, member, row))
            return false;
        if (!plain && !push_by_id(eval, item, object, row))
            return false;
    }
    return true;
}

/* Without a model, or in an element that it does not know: by the property's text. */
static bool push_by_text(FpEval *eval, const FhirpathItem *item, const JsonNode *object, Str text)
{
    const JsonNode *base = NULL, *extra = NULL;
    JSON_EACH(item->doc, member, object)
    {
        Str key = json_key(member);
        if (!base && str_eq(key, text))
            base = member;
        else if (!extra && key.len && key.ptr[0] == '_' && str_eq(str_skip(key, 1), text))
            extra = member;
    }
    return push_member(eval, item->doc, base, extra, NULL);
}

static bool push_of_value(FpEval *eval, const FhirpathItem *item, Str text)
{
    FhirpathItem child;
    if (item->kind == FHIRPATH_TYPE) {
        if (str_is(text, "name"))
            child = fp_string(item->type_name);
        else if (str_is(text, "namespace"))
            child = fp_string(item->is_system ? STR("System") : STR("FHIR"));
        else
            return true;
        return fp_push(eval, &child);
    }
    if (item->kind != FHIRPATH_QUANTITY)
        return true;
    if (str_is(text, "value"))
        child = fp_decimal(item->quantity->value);
    else if (str_is(text, "unit") || (str_is(text, "code") && item->quantity->is_ucum))
        child = fp_string(item->quantity->unit);
    else if (str_is(text, "system") && item->quantity->is_ucum)
        child = fp_string(STR("http://unitsofmeasure.org"));
    else
        return true;
    return fp_push(eval, &child);
}

static bool push_complex(FpEval *eval, const JsonDoc *doc, const JsonNode *node, const FpRow *row)
{
    FhirTypeId type = row->type;
    if (node->kind != JSON_KIND_OBJECT)
        return true; /* no such element: see of_its_shape */
    if (row->flags & FP_ROW_RESOURCE) {
        FhirTypeId says = fp_resource_type(eval, doc, node);
        if (!says && eval->java)
            return true; /* the Java core drops a resource of no known type */
        type = says ? says : type;
    }
    FhirpathItem item = fhirpath_node_item(doc, node, NULL, type);
    return fp_push(eval, &item);
}

/* The common case, straight: an element that is no choice, found by its id. Same result as
 * push_by_id for it. */
static bool push_plain(FpEval *eval, const JsonDoc *doc, const JsonNode *object, const FpRow *row,
                       FhirTypeId holder)
{
    const JsonNode *base = NULL, *extra = NULL;
    bool primitive = row->flags & FP_ROW_PRIMITIVE;
    uint16_t property = row->property, underscored = row->underscored;
    for (const JsonNode *m = object + 1;; m = doc->nodes + m->next) {
        if (m->name == property) {
            base = base ? base : m;
            if (!primitive || extra)
                break;
        } else if (primitive && m->name == underscored && underscored) {
            extra = extra ? extra : m;
            if (base)
                break;
        }
        if (!m->next)
            break;
    }
    if (!base && !extra)
        return true;
    if (!primitive && base->kind == JSON_KIND_ARRAY && (row->flags & FP_ROW_LIST)) {
        JSON_EACH(doc, node, base)
        if (!fp_step(eval, 1) || !push_complex(eval, doc, node, row))
            return false;
        return true;
    }
    if (!primitive)
        return push_complex(eval, doc, base, row);
    if (extra || (row->flags & FP_ROW_LIST))
        return push_member(eval, doc, base, extra, fhir_child_find(eval->model, holder, property));
    if (base->kind >= JSON_KIND_ARRAY || base->kind == JSON_KIND_NULL)
        return true;
    FhirpathItem item = fhirpath_node_item(doc, base, NULL, row->type);
    return fp_push(eval, &item);
}

bool fp_push_children(FpEval *eval, const FhirpathItem *item, uint16_t name, Str text)
{
    if (!fp_step(eval, 1))
        return false;
    if (item->kind != FHIRPATH_NODE)
        return push_of_value(eval, item, text);
    const JsonNode *object = members_of(item);
    if (!object || object->count == 0)
        return true;
    if (!eval->model || !item->type)
        return push_by_text(eval, item, object, text);
    if (!name)
        return true;
    const FpRow *row = row_of(eval, item->type, name);
    if (row->flags & FP_ROW_NONE) {
        const FhirChild *json =
            eval->json_names ? fhir_child_find(eval->model, item->type, name) : NULL;
        return !json || push_by_id(eval, item, object, json);
    }
    if (row->flags & FP_ROW_CHOICE)
        return push_choice(eval, item, object, name);
    return push_plain(eval, item->doc, object, row, item->type);
}

typedef struct Member { /* one step of a walk over an object's elements */
    const JsonNode *base, *extra;
    const FhirChild *row;
} Member;

static const JsonNode *sibling_extra(FpEval *eval, const JsonDoc *doc, const JsonNode *object,
                                     const JsonNode *member)
{
    if (eval->model && member->name) {
        uint16_t extra = fhir_underscore_of(eval->model, member->name);
        return extra ? json_get_id(doc, object, extra) : NULL;
    }
    JSON_EACH(doc, other, object)
    {
        Str key = json_key(other);
        if (key.len && key.ptr[0] == '_' && str_eq(str_skip(key, 1), json_key(member)))
            return other;
    }
    return NULL;
}

/* What member means; false: it is no element (resourceType, `_x` beside x, unknown to the type). */
static bool read_member(FpEval *eval, const FhirpathItem *item, const JsonNode *object,
                        const JsonNode *member, Member *ret)
{
    Str key = json_key(member);
    bool underscored = key.len && key.ptr[0] == '_';
    if (!eval->model || !item->type) {
        if (str_is(key, "resourceType") ||
            (underscored && json_get_str(item->doc, object, str_skip(key, 1))))
            return false;
        *ret = underscored ? (Member){NULL, member, NULL}
                           : (Member){member, sibling_extra(eval, item->doc, object, member), NULL};
        return true;
    }
    uint16_t name = underscored ? fhir_without_underscore(eval->model, member->name) : member->name;
    const FhirChild *row = name ? fhir_child_find(eval->model, item->type, name) : NULL;
    if (!row)
        return false;
    if (underscored) {
        *ret = (Member){NULL, member, row};
        return json_get_id(item->doc, object, name) == NULL;
    }
    bool primitive = eval->model->types[row->type].kind == FHIR_KIND_PRIMITIVE;
    *ret = (Member){member, primitive ? sibling_extra(eval, item->doc, object, member) : NULL, row};
    return true;
}

bool fp_push_all_children(FpEval *eval, const FhirpathItem *item)
{
    if (!fp_step(eval, 1))
        return false;
    const JsonNode *object = item->kind == FHIRPATH_NODE ? members_of(item) : NULL;
    if (!object)
        return true;
    JSON_EACH(item->doc, member, object)
    {
        Member m;
        if (read_member(eval, item, object, member, &m) &&
            !push_member(eval, item->doc, m.base, m.extra, m.row))
            return false;
    }
    return true;
}

/* Elements that push_member would push. */
static uint64_t count_member(const FpEval *eval, const Member *m)
{
    const JsonNode *base = of_its_count(eval, m->row, m->base);
    const JsonNode *extra = of_its_count(eval, m->row, m->extra);
    if ((base && base->kind == JSON_KIND_ARRAY) || (extra && extra->kind == JSON_KIND_ARRAY))
        return UINT64_MAX;
    return of_its_shape(eval, m->row, base) || (extra && extra->kind == JSON_KIND_OBJECT);
}

bool fp_count_children(FpEval *eval, const FhirpathItem *item, uint64_t *ret_count)
{
    const JsonNode *object = item->kind == FHIRPATH_NODE ? members_of(item) : NULL;
    uint64_t count = 0;
    uint32_t start = eval->top;
    if (!fp_step(eval, 1))
        return false;
    if (object)
        JSON_EACH(item->doc, member, object)
        {
            Member m;
            if (!read_member(eval, item, object, member, &m))
                continue;
            uint64_t more = count_member(eval, &m);
            if (more == UINT64_MAX) { /* lists may hold nulls: count what is there */
                if (!push_member(eval, item->doc, m.base, m.extra, m.row))
                    return false;
                more = eval->top - start;
                eval->top = start;
            }
            count += more;
        }
    *ret_count = count;
    return true;
}

static bool member_has_content(FpEval *eval, const JsonDoc *doc, const Member *m)
{
    const JsonNode *base = of_its_count(eval, m->row, m->base);
    if (m->extra)
        return true;
    bool list = base && base->kind == JSON_KIND_ARRAY;
    for (const JsonNode *n = list ? json_first(base) : base; n;
         n = list ? json_next(doc, n) : NULL) {
        const JsonNode *node = of_its_shape(eval, m->row, n);
        if (!node)
            continue;
        FhirTypeId type = m->row ? type_of_child(eval, m->row, doc, node) : 0;
        FhirpathItem child = fhirpath_node_item(doc, node, NULL, type);
        if (fp_has_content(eval, &child))
            return true;
    }
    return false;
}

bool fp_has_content(FpEval *eval, const FhirpathItem *item)
{
    if (item->kind != FHIRPATH_NODE || item->extra || !item->node ||
        item->node->kind != JSON_KIND_OBJECT)
        return true;
    JSON_EACH(item->doc, member, item->node)
    {
        Member m;
        if (read_member(eval, item, item->node, member, &m) &&
            member_has_content(eval, item->doc, &m))
            return true;
    }
    return false;
}

/* spec: FHIRPath N1 6.3 and the R4 suite: `is` follows inheritance (code is a string), while as()
 * and ofType() take a primitive only by its own name. */
bool fp_is_type(FpEval *eval, const FhirpathItem *item, const FpNode *type, bool exact)
{
    if (item->kind != FHIRPATH_NODE) {
        if (item->kind == FHIRPATH_TYPE)
            return false;
        return type->extra == item->kind + 1U;
    }
    if (!type->id || !eval->model)
        return false;
    if (item->type == type->id)
        return true;
    if (exact && eval->model->types[item->type].kind == FHIR_KIND_PRIMITIVE)
        return false;
    return fhir_type_is_a(eval->model, item->type, type->id);
}
