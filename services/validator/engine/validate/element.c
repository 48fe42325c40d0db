#include "services/validator/engine/validate/element.h"

#include "common/base/check.h"
#include "services/validator/engine/validate/walk.h"

/* A property of an object that its type knows, with the value and `_` value written for it. */
typedef struct Slot {
    const FhirChild *row;
    const JsonNode *main;
    const JsonNode *extra;
} Slot;

enum {
    SLOTS_MAX = 160,        /* more properties than any R4 type has elements */
    WIDE_ELEMENT = 1 << 16, /* keys of elements, behind those of properties */
};

static bool read_object(Walk *walk, ElemId self, const JsonNode *object, FhirTypeId type,
                        bool is_resource);

static const char *kind_words(const JsonNode *node)
{
    static const char *const words[] = {
        [JSON_KIND_NULL] = "null",       [JSON_KIND_FALSE] = "a boolean",
        [JSON_KIND_TRUE] = "a boolean",  [JSON_KIND_NUMBER] = "a number",
        [JSON_KIND_STRING] = "a string", [JSON_KIND_ARRAY] = "an array",
        [JSON_KIND_OBJECT] = "an object"};
    return words[node->kind];
}

static bool is_simple(const JsonNode *node)
{
    return node->kind != JSON_KIND_NULL && node->kind < JSON_KIND_ARRAY;
}

/* A finding of the JSON form about `node`, below element `parent`. */
static Finding *shape(Walk *walk, IssueSeverity severity, Message message, ElemId parent,
                      uint16_t name, const JsonNode *node, Str arg0, Str arg1)
{
    Finding *finding = report_with(walk, severity, message, parent, arg0, arg1, STR_NONE, STR_NONE);
    if (!finding)
        return NULL;
    finding->path = FINDING_PATH_PLAIN;
    finding->suffix_name = name;
    finding->at = node->at;
    return finding;
}

/* The same about one item of a list, or about what stands where a list should. */
static Finding *shape_item(Walk *walk, Message message, ElemId parent, const FhirChild *row,
                           const JsonNode *node)
{
    Finding *finding =
        shape(walk, SEVERITY_ERROR, message, parent, row->property, node, STR_NONE, STR_NONE);
    if (finding && node->parent && json_parent(walk->doc, node)->kind == JSON_KIND_ARRAY)
        finding->suffix = arena_format(walk->arena, "[%u]", node->index);
    return finding;
}

static ElemId add_elem(Walk *walk, ElemId parent, const FhirChild *row, const JsonNode *node,
                       const JsonNode *extra)
{
    Elems *elems = &walk->elems;
    CHECK(elems->count < elems->room); /* there are no more elements than JSON values */
    ElemId id = elems->count++;
    elems->items[id] = (Elem){
        .node = node,
        .extra = extra,
        .parent = parent,
        .resource = parent ? elems->items[parent].resource : id,
        .type = row ? row->type : 0,
        .property = row ? row->property : 0,
        .element = row ? row->element : 0,
        .order = row ? row->order : 0,
        .behind = id + 1,
    };
    if (row && (row->flags & FHIR_CHILD_ARRAY))
        elems->items[id].flags |= ELEM_LIST;
    if (row && (row->flags & FHIR_CHILD_CHOICE))
        elems->items[id].flags |= ELEM_CHOICE;
    return id;
}

/* Hooks a finished child behind its elder sibling. */
static void link_child(Walk *walk, ElemId parent, ElemId child, ElemId *last)
{
    Elem *items = walk->elems.items;
    Elem *self = &items[child];
    if (*last) {
        Elem *elder = &items[*last];
        elder->next = child;
        self->index = elder->property == self->property ? elder->index + 1 : 0;
    }
    items[parent].child_count++;
    *last = child;
}

static void close_elem(Walk *walk, ElemId id)
{
    walk->elems.items[id].behind = walk->elems.count;
}

static bool is_number_type(const FhirModel *model, FhirTypeId type)
{
    return type == model->integer_type || type == model->decimal_type ||
           type == model->positive_int_type || type == model->unsigned_int_type;
}

static void check_json_kind(Walk *walk, ElemId parent, const FhirChild *row, const JsonNode *main)
{
    const FhirModel *model = walk->model;
    Message message;
    if (row->type == model->boolean_type) {
        if (main->kind == JSON_KIND_TRUE || main->kind == JSON_KIND_FALSE)
            return;
        message = MSG_MUST_BE_BOOLEAN;
    } else if (is_number_type(model, row->type)) {
        if (main->kind == JSON_KIND_NUMBER)
            return;
        message = MSG_MUST_BE_NUMBER;
    } else {
        if (main->kind == JSON_KIND_STRING)
            return;
        message = MSG_MUST_BE_STRING;
    }
    shape(walk, SEVERITY_ERROR, message, parent, row->property, main, STR_NONE, STR_NONE);
}

static bool read_primitive(Walk *walk, ElemId parent, const FhirChild *row, const JsonNode *main,
                           const JsonNode *extra, ElemId *last)
{
    Str name = json_name_text(&walk->model->names, row->property);
    if (main && !is_simple(main)) {
        shape(walk, SEVERITY_ERROR, MSG_MUST_BE_SIMPLE, parent, row->property, main, name,
              str_from(kind_words(main)));
        return true;
    }
    if (extra && extra->kind != JSON_KIND_OBJECT) {
        shape(walk, SEVERITY_ERROR, MSG_EXTRA_MUST_BE_OBJECT, parent, row->property, extra, name,
              str_from(kind_words(extra)));
        return true;
    }
    ElemId id = add_elem(walk, parent, row, main, extra);
    walk->elems.items[id].flags |= (uint16_t)(ELEM_PRIMITIVE | (main ? ELEM_VALUE : 0));
    link_child(walk, parent, id, last);
    if (main)
        check_json_kind(walk, parent, row, main);
    if (extra && extra->count == 0)
        shape(walk, SEVERITY_ERROR, MSG_EMPTY_OBJECT, parent, row->property, extra, STR_NONE,
              STR_NONE);
    if (extra && !read_object(walk, id, extra, row->type, false))
        return false;
    close_elem(walk, id);
    return true;
}

static const JsonNode *item_at(const Walk *walk, const JsonNode **cursor)
{
    const JsonNode *item = *cursor;
    if (!item)
        return NULL;
    *cursor = json_next(walk->doc, item);
    return item->kind == JSON_KIND_NULL ? NULL : item;
}

static bool read_primitives(Walk *walk, ElemId parent, const FhirChild *row, const JsonNode *main,
                            const JsonNode *extra, ElemId *last)
{
    if (!(row->flags & FHIR_CHILD_ARRAY))
        return read_primitive(walk, parent, row, main, extra, last);
    Str name = json_name_text(&walk->model->names, row->property);
    bool ok = true;
    if (main && main->kind != JSON_KIND_ARRAY) {
        shape(walk, SEVERITY_ERROR, MSG_MUST_BE_JSON_ARRAY, parent, row->property, main, name,
              str_from(kind_words(main)));
        ok = false;
    }
    if (extra && extra->kind != JSON_KIND_ARRAY) {
        shape(walk, SEVERITY_ERROR, MSG_EXTRA_MUST_BE_ARRAY, parent, row->property, extra, name,
              str_from(kind_words(extra)));
        ok = false;
    }
    if (!ok)
        return true;
    /* The Java core lets an empty list of primitives pass: no error, but it is said. */
    if (main && main->count == 0)
        shape(walk, SEVERITY_INFORMATION, MSG_EMPTY_ARRAY, parent, row->property, main, STR_NONE,
              STR_NONE);
    const JsonNode *values = main ? json_first(main) : NULL;
    const JsonNode *extras = extra ? json_first(extra) : NULL;
    while (values || extras) {
        const JsonNode *value = item_at(walk, &values);
        const JsonNode *more = item_at(walk, &extras);
        if (!read_primitive(walk, parent, row, value, more, last))
            return false;
    }
    return true;
}

static uint16_t special_flag(const Walk *walk, ElemId parent, uint16_t element)
{
    const FhirModel *model = walk->model;
    if (element == model->n_contained)
        return ELEM_CONTAINED;
    Str type = fhir_type_name(model, walk->elems.items[parent].type);
    if (str_is(type, "Bundle.entry"))
        return ELEM_ENTRY;
    if (str_is(type, "Parameters.parameter"))
        return ELEM_PARAMETER;
    return ELEM_OUTCOME;
}

/* The type that resourceType names, or 0 with a fatal finding. */
static FhirTypeId resource_type_of(Walk *walk, ElemId self, const JsonNode *object)
{
    const FhirModel *model = walk->model;
    const JsonNode *name = json_get_id(walk->doc, object, model->n_resource_type);
    Message message = MSG_NO_RESOURCE_TYPE;
    const JsonNode *at = object;
    Str arg = STR_NONE;
    if (name && name->kind != JSON_KIND_STRING) {
        message = MSG_RESOURCE_TYPE_KIND;
        arg = str_from(kind_words(name));
    } else if (name) {
        FhirTypeId type = fhir_type_find(model, json_text(name));
        if (type && model->types[type].kind == FHIR_KIND_RESOURCE)
            return type;
        message = MSG_UNKNOWN_INNER_RESOURCE;
        arg = json_text(name);
    }
    shape(walk, SEVERITY_FATAL, message, self, 0, at, arg, STR_NONE);
    return 0;
}

static bool read_inner_resource(Walk *walk, ElemId id, const JsonNode *object)
{
    Elem *self = &walk->elems.items[id];
    self->flags |= (uint16_t)(ELEM_RESOURCE | special_flag(walk, self->parent, self->element));
    self->resource = id;
    FhirTypeId type = resource_type_of(walk, id, object);
    self = &walk->elems.items[id];
    if (!type) {
        self->flags |= ELEM_UNKNOWN_RESOURCE;
        self->type = walk->model->resource_type;
        return true;
    }
    self->type = type;
    return read_object(walk, id, object, type, true);
}

/* An empty array as an item of an array: the Java core cannot even read that. */
static bool is_nested_nothing(const Walk *walk, const JsonNode *node)
{
    return node->kind == JSON_KIND_ARRAY && node->count == 0 && node->parent &&
           json_parent(walk->doc, node)->kind == JSON_KIND_ARRAY;
}

static bool read_complex(Walk *walk, ElemId parent, const FhirChild *row, const JsonNode *node,
                         ElemId *last)
{
    if (is_nested_nothing(walk, node)) {
        walk->nested_nothing = node;
        return false;
    }
    if (node->kind != JSON_KIND_OBJECT) {
        Str name = json_name_text(&walk->model->names, row->property);
        Str expected =
            row->flags & FHIR_CHILD_ARRAY ? STR("an array of objects") : STR("an object");
        Finding *finding = shape_item(walk, MSG_MUST_BE_OBJECT, parent, row, node);
        if (finding) {
            finding->args[0] = name;
            finding->args[1] = expected;
            finding->args[2] = str_from(kind_words(node));
        }
        return finding != NULL;
    }
    ElemId id = add_elem(walk, parent, row, node, NULL);
    link_child(walk, parent, id, last);
    if (node->count == 0)
        shape_item(walk, MSG_EMPTY_OBJECT, parent, row, node);
    bool ok = row->flags & FHIR_CHILD_RESOURCE ? read_inner_resource(walk, id, node)
                                               : read_object(walk, id, node, row->type, false);
    close_elem(walk, id);
    return ok;
}

static bool read_complexes(Walk *walk, ElemId parent, const FhirChild *row, const JsonNode *node,
                           ElemId *last)
{
    if (!(row->flags & FHIR_CHILD_ARRAY))
        return read_complex(walk, parent, row, node, last);
    if (node->kind != JSON_KIND_ARRAY) {
        shape(walk, SEVERITY_ERROR, MSG_MUST_BE_JSON_ARRAY, parent, row->property, node,
              json_name_text(&walk->model->names, row->property), str_from(kind_words(node)));
        return read_complex(walk, parent, row, node, last);
    }
    if (node->count == 0)
        shape(walk, SEVERITY_ERROR, MSG_EMPTY_ARRAY, parent, row->property, node, STR_NONE,
              STR_NONE);
    JSON_EACH(walk->doc, item, node)
    if (!read_complex(walk, parent, row, item, last))
        return false;
    return true;
}

static void unknown_property(Walk *walk, ElemId self, const JsonNode *member)
{
    shape(walk, SEVERITY_ERROR, MSG_UNKNOWN_PROPERTY, self, 0, member, json_key(member), STR_NONE);
}

/* Puts the slot where the definition has it; members mostly come in that order already. */
static void insert_slot(Slot *slots, uint32_t count, Slot slot)
{
    uint32_t i = count;
    while (i > 0 && slots[i - 1].row->order > slot.row->order) {
        slots[i] = slots[i - 1];
        i--;
    }
    slots[i] = slot;
}

static Slot *find_slot(Slot *slots, uint32_t count, const FhirChild *row)
{
    for (uint32_t i = count; i > 0; i--)
        if (slots[i - 1].row == row)
            return &slots[i - 1];
    return NULL;
}

/* Sorts the members of an object into slots; what its type does not know is reported. */
static uint32_t collect_slots(Walk *walk, ElemId self, const JsonNode *object, FhirTypeId type,
                              bool is_resource, Slot slots[static SLOTS_MAX])
{
    const FhirModel *model = walk->model;
    uint32_t count = 0;
    JSON_EACH(walk->doc, member, object)
    {
        bool names_type = is_resource && member->name == model->n_resource_type;
        if (names_type && !(member->flags & JSON_FLAG_DUPLICATE))
            continue;
        uint16_t plain = fhir_without_underscore(model, member->name);
        const FhirChild *row = member->name == JSON_NAME_UNKNOWN
                                   ? NULL
                                   : fhir_child_find(model, type, plain ? plain : member->name);
        bool primitive = row && model->types[row->type].kind == FHIR_KIND_PRIMITIVE;
        if (!names_type && (!row || (plain && !primitive) || count == SLOTS_MAX)) {
            unknown_property(walk, self, member);
            continue;
        }
        if (member->flags & JSON_FLAG_DUPLICATE) {
            shape(walk, SEVERITY_ERROR, MSG_DUPLICATE_PROPERTY, self, 0, member, json_key(member),
                  STR_NONE);
            continue;
        }
        Slot *slot = object->count > 1 ? find_slot(slots, count, row) : NULL;
        if (!slot) {
            insert_slot(slots, count++, (Slot){.row = row});
            slot = find_slot(slots, count, row);
        }
        if (plain)
            slot->extra = member;
        else
            slot->main = member;
    }
    return count;
}

/* Is there a member of unknown name that begins like the choice and stands before `node`? */
static bool is_shadowed(const Walk *walk, const JsonNode *object, const JsonNode *node, Str base)
{
    JSON_EACH(walk->doc, member, object)
    {
        if (member >= node)
            return false;
        if (member->name == JSON_NAME_UNKNOWN && str_starts(json_key(member), base))
            return true;
    }
    return false;
}

/* spec: hl7.org/fhir/R4/formats.html#choice: one type of a choice only. The Java core takes the
 * first property that begins like the choice and calls the others unknown. */
static bool loses_choice(const Walk *walk, const JsonNode *object, const Slot *slots,
                         uint32_t count, uint32_t i)
{
    const Slot *slot = &slots[i];
    if (!(slot->row->flags & FHIR_CHILD_CHOICE))
        return false;
    const JsonNode *first = slot->main ? slot->main : slot->extra;
    for (uint32_t k = 0; k < count; k++) {
        const Slot *other = &slots[k];
        const JsonNode *node = other->main ? other->main : other->extra;
        if (k != i && other->row->element == slot->row->element && node < first)
            return true;
    }
    return is_shadowed(walk, object, first,
                       json_name_text(&walk->model->names, slot->row->element));
}

static bool read_object(Walk *walk, ElemId self, const JsonNode *object, FhirTypeId type,
                        bool is_resource)
{
    Slot slots[SLOTS_MAX];
    uint32_t count = collect_slots(walk, self, object, type, is_resource, slots);
    ElemId last = ELEM_NONE;
    for (uint32_t i = 0; i < count; i++) {
        const Slot *slot = &slots[i];
        if (loses_choice(walk, object, slots, count, i)) {
            if (slot->main)
                unknown_property(walk, self, slot->main);
            if (slot->extra)
                unknown_property(walk, self, slot->extra);
            continue;
        }
        bool ok = walk->model->types[slot->row->type].kind == FHIR_KIND_PRIMITIVE
                      ? read_primitives(walk, self, slot->row, slot->main, slot->extra, &last)
                      : read_complexes(walk, self, slot->row, slot->main, &last);
        if (!ok)
            return false;
    }
    return true;
}

static void root_fatal(Walk *walk, Message message, const JsonNode *root, Str path, Str arg)
{
    Finding *finding =
        report_with(walk, SEVERITY_FATAL, message, ELEM_NONE, arg, STR_NONE, STR_NONE, STR_NONE);
    if (!finding)
        return;
    finding->path = FINDING_PATH_TEXT;
    finding->suffix = path;
    finding->at = root->at;
}

/* The root's type, or 0 with a fatal finding. */
static FhirTypeId root_type(Walk *walk, const JsonNode *root)
{
    if (root->kind != JSON_KIND_OBJECT) {
        root_fatal(walk, MSG_NOT_AN_OBJECT, root, STR_NONE, str_from(kind_words(root)));
        return 0;
    }
    const JsonNode *name = json_get_id(walk->doc, root, walk->model->n_resource_type);
    if (!name) {
        root_fatal(walk, MSG_NO_RESOURCE_TYPE, root, STR("$"), STR_NONE);
        return 0;
    }
    if (name->kind != JSON_KIND_STRING) {
        root_fatal(walk, MSG_RESOURCE_TYPE_KIND, root, STR("$"), str_from(kind_words(name)));
        return 0;
    }
    FhirTypeId type = fhir_type_find(walk->model, json_text(name));
    if (type && walk->model->types[type].kind == FHIR_KIND_RESOURCE)
        return type;
    root_fatal(walk, MSG_UNKNOWN_RESOURCE, root, json_text(name), json_text(name));
    return 0;
}

/* Of parents with many children, so that nobody walks past a thousand of one kind to find another
 * one. */
static bool index_wide(Elems *elems, Arena *arena)
{
    for (ElemId id = ELEM_ROOT; id < elems->count; id++) {
        if (elems->items[id].child_count <= ELEM_WIDE)
            continue;
        if (!elems->wide && !(elems->wide = memo_new(arena)))
            return false;
        ELEM_EACH(elems, child, id)
        {
            Elem *e = &elems->items[child];
            if ((!memo_get(elems->wide, id, e->property) &&
                 !memo_put(elems->wide, id, e->property, e)) ||
                (!memo_get(elems->wide, id, WIDE_ELEMENT + e->element) &&
                 !memo_put(elems->wide, id, WIDE_ELEMENT + e->element, e)))
                return false;
        }
    }
    return true;
}

bool elements_read(Walk *walk)
{
    const JsonNode *root = json_root(walk->doc);
    walk->elems = (Elems){.doc = walk->doc, .room = walk->doc->count + 2, .count = 1};
    walk->elems.items = arena_alloc(walk->arena, walk->elems.room * sizeof(Elem));
    if (!walk->elems.items)
        return false;
    walk->elems.items[0] = (Elem){0};
    FhirTypeId type = root_type(walk, root);
    if (!type)
        return false;
    ElemId id = add_elem(walk, ELEM_NONE, NULL, root, NULL);
    walk->elems.items[id].type = type;
    walk->elems.items[id].flags = ELEM_RESOURCE;
    bool ok = read_object(walk, id, root, type, true);
    close_elem(walk, id);
    if (walk->nested_nothing) {
        *walk->out = (Findings){0}; /* this one says it all */
        root_fatal(walk, MSG_NESTED_ARRAY, walk->nested_nothing, STR_NONE, STR_NONE);
    }
    return ok && index_wide(&walk->elems, walk->arena);
}

static ElemId wide_child(const Elems *elems, ElemId parent, uint32_t key)
{
    const Elem *found = memo_get(elems->wide, parent, key);
    return found ? (ElemId)(found - elems->items) : ELEM_NONE;
}

ElemId elem_child(const Elems *elems, ElemId parent, uint16_t property)
{
    if (elems->wide && elems->items[parent].child_count > ELEM_WIDE)
        return wide_child(elems, parent, property);
    ELEM_EACH(elems, child, parent)
    if (elems->items[child].property == property)
        return child;
    return ELEM_NONE;
}

ElemId elem_child_named(const Elems *elems, ElemId parent, const JsonNames *names,
                        const char *property)
{
    uint16_t id = json_name_find(names, str_from(property));
    return id ? elem_child(elems, parent, id) : ELEM_NONE;
}

ElemId elem_child_element(const Elems *elems, ElemId parent, uint16_t element)
{
    if (elems->wide && elems->items[parent].child_count > ELEM_WIDE)
        return wide_child(elems, parent, WIDE_ELEMENT + element);
    ELEM_EACH(elems, child, parent)
    if (elems->items[child].element == element)
        return child;
    return ELEM_NONE;
}

Str elem_text(const Elem *elem)
{
    if (!elem->node)
        return STR_NONE;
    switch ((JsonKind)elem->node->kind) {
    case JSON_KIND_STRING:
    case JSON_KIND_NUMBER:
        return json_text(elem->node);
    case JSON_KIND_TRUE:
        return STR("true");
    case JSON_KIND_FALSE:
        return STR("false");
    default:
        return STR_NONE;
    }
}

Str elem_child_text(const Elems *elems, ElemId parent, const JsonNames *names, const char *property)
{
    ElemId child = elem_child_named(elems, parent, names, property);
    return child ? elem_text(elem_at(elems, child)) : STR_NONE;
}

uint32_t elem_offset(const Elem *elem)
{
    return elem->node ? elem->node->at : elem->extra ? elem->extra->at : 0;
}
