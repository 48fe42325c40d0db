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
static void describe(const FhirModel *model, const FhirChild *child, FpRow *row)
{
    row->property = child->property;
    row->underscored = fhir_underscore_of(model, child->property);
    row->element = child->element;
    row->type = child->type;
    if (model->types[child->type].kind == FHIR_KIND_PRIMITIVE)
        row->flags |= FP_ROW_PRIMITIVE;
    if (child->flags & FHIR_CHILD_ARRAY)
        row->flags |= FP_ROW_LIST;
    if (child->flags & FHIR_CHILD_RESOURCE)
        row->flags |= FP_ROW_RESOURCE;
    if (child->flags & FHIR_CHILD_CHOICE)
        row->flags |= FP_ROW_CHOICE;
}

/* By the name in an expression: value. */
static const FpRow *row_of(FpEval *eval, FhirTypeId type, uint16_t name)
{
    uint32_t key = (uint32_t)type << 16 | name;
    FpRow *slot = &eval->rows[(key * 2654435761U) >> 26];
    _Static_assert(FP_ROWS == 64, "the hash has six bits");
    if (slot->key == key)
        return slot;
    const FhirChild *child = fhir_element_find(eval->model, type, name);
    *slot = (FpRow){.key = key, .flags = child ? 0 : FP_ROW_NONE};
    if (child)
        describe(eval->model, child, slot);
    return slot;
}

/* By the name of a JSON property: valueQuantity, _birthDate. The row is overwritten by the next
 * ones that are looked up. */
static const FpRow *member_row(FpEval *eval, FhirTypeId type, uint16_t name)
{
    uint32_t key = (uint32_t)type << 16 | name;
    FpRow *slot = &eval->members[(key * 2654435761U) >> 24];
    _Static_assert(FP_MEMBER_ROWS == 256, "the hash has eight bits");
    if (slot->key == key)
        return slot;
    uint16_t plain = fhir_without_underscore(eval->model, name);
    const FhirChild *child = fhir_child_find(eval->model, type, plain ? plain : name);
    *slot = (FpRow){.key = key, .flags = child && name ? 0 : FP_ROW_NONE};
    if (!child || !name)
        return slot;
    describe(eval->model, child, slot);
    if (plain)
        slot->flags |= FP_ROW_EXTRA;
    return slot;
}

static FhirTypeId type_of_child(FpEval *eval, const FpRow *row, const JsonDoc *doc,
                                const JsonNode *node)
{
    if (!(row->flags & FP_ROW_RESOURCE) || !node || node->kind != JSON_KIND_OBJECT)
        return row->type;
    FhirTypeId type = fp_resource_type(eval, doc, node);
    return type || eval->java ? type : row->type;
}

/* What has another JSON shape than its type says is no element: not a primitive that is an object,
 * not a complex one that is a string. So has the Java core it, and so its invariants see it. */
static inline bool has_shape(const FpRow *row, const JsonNode *node)
{
    return row->flags & FP_ROW_PRIMITIVE
               ? node->kind < JSON_KIND_ARRAY && node->kind != JSON_KIND_NULL
               : node->kind == JSON_KIND_OBJECT;
}

static const JsonNode *of_its_shape(const FpRow *row, const JsonNode *node)
{
    if (!node || node->kind == JSON_KIND_NULL)
        return NULL;
    return !row || has_shape(row, node) ? node : NULL;
}

/* The same for lists: an array where one value stands, one primitive where a list does. */
static const JsonNode *of_its_count(const FpRow *row, const JsonNode *node)
{
    if (!node || !row)
        return node;
    bool list = row->flags & FP_ROW_LIST, array = node->kind == JSON_KIND_ARRAY;
    return array == list || (list && !(row->flags & FP_ROW_PRIMITIVE)) ? node : NULL;
}

static bool push_node(FpEval *eval, const JsonDoc *doc, const JsonNode *node, const JsonNode *extra,
                      const FpRow *row)
{
    node = of_its_shape(row, node);
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
                        const JsonNode *extra, const FpRow *row)
{
    base = of_its_count(row, base);
    extra = of_its_count(row, extra);
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

/* push_member for the common case: a known element without a `_member`, which holds no resource. */
static inline bool push_plain(FpEval *eval, const JsonDoc *doc, const JsonNode *base,
                              const FpRow *row)
{
    const JsonNode *node = base;
    uint32_t count = 1;
    if (base->kind == JSON_KIND_ARRAY) {
        count = row->flags & FP_ROW_LIST ? base->count : 0;
        node = base + 1;
    } else if ((row->flags & (FP_ROW_LIST | FP_ROW_PRIMITIVE)) ==
               (FP_ROW_LIST | FP_ROW_PRIMITIVE)) {
        count = 0;
    }
    if (!fp_step(eval, count) || !fp_reserve(eval, count))
        return false;
    FhirpathItem *to = eval->items + eval->top;
    for (; count; count--, node = doc->nodes + node->next)
        if (has_shape(row, node))
            *to++ = fhirpath_node_item(doc, node, NULL, row->type);
    eval->top = (uint32_t)(to - eval->items);
    return true;
}

static inline bool push_row(FpEval *eval, const JsonDoc *doc, const JsonNode *base,
                            const JsonNode *extra, const FpRow *row)
{
    if (extra || (row->flags & FP_ROW_RESOURCE))
        return push_member(eval, doc, base, extra, row);
    return push_plain(eval, doc, base, row);
}

/* Where the members of an item are: a primitive has its id and extensions in `_x`. */
static inline const JsonNode *members_of(const FhirpathItem *item)
{
    const JsonNode *object = item->node;
    if (!object || object->kind != JSON_KIND_OBJECT)
        object = item->extra;
    return object && object->kind == JSON_KIND_OBJECT && object->count ? object : NULL;
}

/* The `_x` beside a property x; most objects have none at all, and say so. */
static inline const JsonNode *extra_of(const JsonDoc *doc, const JsonNode *object, const FpRow *row)
{
    if (!(object->flags & JSON_FLAG_UNDERSCORED) || !(row->flags & FP_ROW_PRIMITIVE))
        return NULL;
    return json_get_id(doc, object, row->underscored);
}

static bool push_by_id(FpEval *eval, const JsonDoc *doc, const JsonNode *object, const FpRow *row)
{
    const JsonNode *extra = extra_of(doc, object, row);
    uint16_t property = row->property;
    for (const JsonNode *m = object + 1;; m = doc->nodes + m->next) {
        if (m->name == property)
            return push_row(eval, doc, m, extra, row);
        if (!m->next)
            break;
    }
    return !extra || push_member(eval, doc, NULL, extra, row);
}

/* value[x]: whichever alternative the object has. */
static bool push_choice(FpEval *eval, const JsonDoc *doc, const JsonNode *object, FhirTypeId type,
                        uint16_t name)
{
    JSON_EACH(doc, member, object)
    {
        const FpRow *row = member_row(eval, type, member->name);
        if ((row->flags & FP_ROW_NONE) || row->element != name)
            continue;
        if (!(row->flags & FP_ROW_EXTRA)) {
            if (!push_row(eval, doc, member, extra_of(doc, object, row), row))
                return false;
        } else if (!json_get_id(doc, object, row->property)) {
            if (!push_member(eval, doc, NULL, member, row))
                return false;
        }
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

bool fp_push_children(FpEval *eval, const FhirpathItem *item, uint16_t name, Str text)
{
    if (!fp_step(eval, 1))
        return false;
    if (item->kind != FHIRPATH_NODE)
        return push_of_value(eval, item, text);
    const JsonNode *object = members_of(item);
    if (!object)
        return true;
    if (!eval->model || !item->type)
        return push_by_text(eval, item, object, text);
    if (!name)
        return true;
    const FpRow *row = row_of(eval, item->type, name);
    if (row->flags & FP_ROW_NONE) {
        if (!eval->json_names)
            return true;
        row = member_row(eval, item->type, name);
        return (row->flags & (FP_ROW_NONE | FP_ROW_EXTRA)) ||
               push_by_id(eval, item->doc, object, row);
    }
    if (row->flags & FP_ROW_CHOICE)
        return push_choice(eval, item->doc, object, item->type, name);
    return push_by_id(eval, item->doc, object, row);
}

typedef struct Member { /* one step of a walk over an object's elements */
    const JsonNode *base, *extra;
    const FpRow *row; /* NULL: not known */
} Member;

static bool read_by_text(const JsonDoc *doc, const JsonNode *object, const JsonNode *member,
                         Member *ret)
{
    Str key = json_key(member);
    const JsonNode *extra = NULL;
    if (str_is(key, "resourceType"))
        return false;
    if (key.len && key.ptr[0] == '_') {
        *ret = (Member){NULL, member, NULL};
        return !json_get_str(doc, object, str_skip(key, 1));
    }
    if (object->flags & JSON_FLAG_UNDERSCORED)
        JSON_EACH(doc, other, object)
        {
            Str it = json_key(other);
            if (!extra && it.len && it.ptr[0] == '_' && str_eq(str_skip(it, 1), key))
                extra = other;
        }
    *ret = (Member){member, extra, NULL};
    return true;
}

/* What member means; false: it is no element (resourceType, `_x` beside x, unknown to the type). */
static inline bool read_member(FpEval *eval, const FhirpathItem *item, const JsonNode *object,
                               const JsonNode *member, Member *ret)
{
    if (!eval->model || !item->type)
        return read_by_text(item->doc, object, member, ret);
    const FpRow *row = member_row(eval, item->type, member->name);
    if (row->flags & FP_ROW_NONE)
        return false;
    if (row->flags & FP_ROW_EXTRA) {
        *ret = (Member){NULL, member, row};
        return json_get_id(item->doc, object, row->property) == NULL;
    }
    *ret = (Member){member, extra_of(item->doc, object, row), row};
    return true;
}

bool fp_push_all_children(FpEval *eval, const FhirpathItem *item)
{
    if (!fp_step(eval, 1))
        return false;
    const JsonNode *object = item->kind == FHIRPATH_NODE ? members_of(item) : NULL;
    if (!object)
        return true;
    const JsonDoc *doc = item->doc; /* the item may lie on the stack, which grows */
    FhirpathItem holder = *item;
    JSON_EACH(doc, member, object)
    {
        Member m;
        if (!read_member(eval, &holder, object, member, &m))
            continue;
        bool ok = m.row && m.base ? push_row(eval, doc, m.base, m.extra, m.row)
                                  : push_member(eval, doc, m.base, m.extra, m.row);
        if (!ok)
            return false;
    }
    return true;
}

/* Elements that push_member would push, if that can be told without pushing them. */
static bool count_member(const Member *m, uint64_t *ret_count)
{
    const JsonNode *base = of_its_count(m->row, m->base);
    const JsonNode *extra = of_its_count(m->row, m->extra);
    if ((base && base->kind == JSON_KIND_ARRAY) || (extra && extra->kind == JSON_KIND_ARRAY) ||
        (m->row && (m->row->flags & FP_ROW_RESOURCE)))
        return false;
    *ret_count += of_its_shape(m->row, base) || (extra && extra->kind == JSON_KIND_OBJECT);
    return true;
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
            if (!read_member(eval, item, object, member, &m) || count_member(&m, &count))
                continue;
            if (!push_member(eval, item->doc, m.base, m.extra, m.row))
                return false;
            count += eval->top - start; /* lists may hold nulls: count what is there */
            eval->top = start;
        }
    *ret_count = count;
    return true;
}

static bool member_has_content(FpEval *eval, const JsonDoc *doc, const Member *m)
{
    FpRow row = m->row ? *m->row : (FpRow){0}; /* what is below looks up others */
    const JsonNode *base = of_its_count(m->row, m->base);
    if (m->extra)
        return true;
    bool list = base && base->kind == JSON_KIND_ARRAY;
    for (const JsonNode *n = list ? json_first(base) : base; n;
         n = list ? json_next(doc, n) : NULL) {
        const JsonNode *node = of_its_shape(row.key ? &row : NULL, n);
        if (!node)
            continue;
        FhirTypeId type = row.key ? type_of_child(eval, &row, doc, node) : 0;
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
