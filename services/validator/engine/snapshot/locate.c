#include "services/validator/engine/snapshot/internal.h"

/* Which node an element of the differential speaks of.
 *
 * spec: elementdefinition.html#id: ids are the path with slice names,
 * "Patient.name:official.given". Where every element of a differential has such an id, and no two
 * the same, the ids lead. Else the order does: an element is below the latest one whose path its
 * own path begins with. */

enum { STEPS_MAX = 500000 };

typedef struct Step { /* by order: what the latest elements were */
    Str path;
    Node *node;
} Step;

typedef struct Locator {
    Gen *gen;
    bool by_id;
    Step trail[SNAPSHOT_PATH_MAX];
    uint32_t depth;
} Locator;

typedef struct Target {
    Node *node;
    bool made; /* a slice or child that was not there before */
} Target;

/* --- ids -----------------------------------------------------------------------------------------
 */

/* Slice names may hold dots when they are in brackets or the author is careless: a part ends at a
 * dot only if what follows is as long as the path demands; so the path's parts guide the split. */
static bool next_part(Str *id, Str path_part, bool last, Part *ret_part)
{
    Str rest = *id;
    size_t end = last ? rest.len : str_find_char(rest, '.');
    Str whole = str_cut(rest, 0, end);
    size_t colon = str_find_char(whole, ':');
    ret_part->name = str_cut(whole, 0, colon);
    ret_part->slice = str_skip(whole, colon + 1);
    *id = str_skip(rest, end + 1);
    if (str_eq(ret_part->name, path_part))
        return true;
    /* value[x]:valueQuantity for the path valueQuantity */
    size_t root = ret_part->name.len > 3 ? ret_part->name.len - 3 : 0;
    return root && str_ends(ret_part->name, STR("[x]")) && path_part.len > root &&
           str_starts(path_part, str_cut(ret_part->name, 0, root));
}

static bool split_id(Str id, Str path, Part *parts, uint32_t *ret_count)
{
    uint32_t count = 0;
    Str name;
    for (Str rest = path; str_split(&rest, '.', &name); count++)
        if (count == SNAPSHOT_PATH_MAX || !next_part(&id, name, !rest.ptr, &parts[count]))
            return false;
    *ret_count = count;
    return count > 0 && parts[0].slice.len == 0;
}

static bool id_fits(const Element *element)
{
    Part parts[SNAPSHOT_PATH_MAX];
    uint32_t count;
    Str slice = element_text(element, F_SLICE_NAME);
    if (!split_id(element_text(element, F_ID), element_text(element, F_PATH), parts, &count))
        return false;
    return !slice.len || str_eq(slice, parts[count - 1].slice);
}

static int by_text(const void *a, const void *b)
{
    return str_compare(*(const Str *)a, *(const Str *)b);
}

static bool ids_lead(const Element *elements, uint32_t count, Arena *arena)
{
    Str *ids = ARENA_ARRAY(arena, Str, count);
    if (!ids)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = element_text(&elements[i], F_ID);
        if (!ids[i].len || !id_fits(&elements[i]))
            return false;
    }
    qsort(ids, count, sizeof *ids, by_text);
    for (uint32_t i = 1; i < count; i++)
        if (str_eq(ids[i - 1], ids[i]))
            return false;
    return true;
}

/* --- stepping down -------------------------------------------------------------------------------
 */

/* A child under the name that the base gave it before an older profile renamed it: valueQuantity,
 * whose base is Observation.value[x]. */
static Node *renamed_child(const Node *node, Str name)
{
    if (!str_ends(name, STR("[x]")))
        return NULL;
    for (uint32_t i = 0; i < node->children.count; i++) {
        Node *child = node->children.items[i];
        Str base = value_text(value_get(element_value(&child->element, F_BASE), "path"));
        if (str_eq(str_skip(base, str_rfind_char(base, '.') + 1), name))
            return child;
    }
    return NULL;
}

/* Within a slice, as far as no type was opened on the way down from it. */
static bool is_in_slice(const Node *node)
{
    for (; node; node = node->parent) {
        if (node->slice.len)
            return true;
        if (node->parent && node->parent->opened)
            return false;
    }
    return false;
}

/* The child of that name; valueQuantity leads to a slice of value[x]. NULL in *ret_child: none. */
static bool step_down(Locator *l, Node *node, Str name, bool on_the_way, Node **ret_child, Err *err)
{
    bool open;
    Str type;
    *ret_child = NULL;
    TRY(node_open(l->gen, node, &open, err));
    Node *child = open ? node_child(node, name) : NULL;
    if (!child && open)
        child = renamed_child(node, name);
    if (child || !open) {
        *ret_child = child;
        return true;
    }
    Node *choice = node_choice(node, name, &type);
    if (!choice)
        return true;
    /* Already narrowed to that type: what is below stands below value[x]. The Java core takes
     * component:x.valueQuantity to narrow value[x] where it would slice component.valueQuantity. */
    if (!choice->slices.count &&
        (is_in_slice(choice) || (on_the_way && type_count(&choice->element) == 1))) {
        *ret_child = choice;
        return on_the_way ? node_narrow(l->gen, choice, type, err) : true;
    }
    TRY(node_make_type_slice(l->gen, choice, name, type, ret_child, err));
    (*ret_child)->touched = (*ret_child)->by_short_cut = true;
    return true;
}

static bool to_slice(Locator *l, Node *node, Str slice, Node **ret_slice, Err *err)
{
    *ret_slice = node_slice(node, slice);
    Str type;
    Node *choice = *ret_slice || !node->parent ? NULL : node_choice(node->parent, slice, &type);
    if (choice && choice == node)
        return node_make_type_slice(l->gen, choice, slice, type, ret_slice, err);
    return true;
}

/* Up to the parent of the element that `parts` end in. */
static bool walk(Locator *l, Node *from, const Part *parts, uint32_t count, Node **ret_node,
                 Err *err)
{
    Node *node = from;
    for (uint32_t i = 0; node && i < count; i++) {
        Node *child;
        TRY(step_down(l, node, parts[i].name, true, &child, err));
        if (child && parts[i].slice.len && !str_eq(child->slice, parts[i].slice))
            TRY(to_slice(l, child, parts[i].slice, &child, err));
        node = child;
    }
    *ret_node = node;
    return true;
}

/* --- the element itself --------------------------------------------------------------------------
 */

/* What holds for every element, and for every extension, holds for the new one. Types of the
 * FHIRPath system are no elements, resources neither. */
static bool inherit_constraints(Locator *l, Node *node, Err *err)
{
    Str code = type_code(&node->element, 0);
    if (!node->parent || l->gen->is_logical || str_find(code, STR("://")) != SIZE_MAX ||
        str_is(code, "Resource"))
        return true;
    TRY(element_add_root_constraints(l->gen, &node->element, STR("Element"), err));
    return !str_is(code, "Extension") ||
           element_add_root_constraints(l->gen, &node->element, code, err);
}

/* spec: a specialization may add elements; they stand behind the inherited ones */
static bool add_child(Locator *l, Node *parent, Str name, const Element *derived,
                      Target *ret_target, Err *err)
{
    Node *node = node_new(l->gen, name, STR_NONE, err);
    if (!node)
        return false;
    node->parent = parent;
    node->home = l->gen->root;
    node->source = l->gen->url;
    node->element = *derived;
    *ret_target = (Target){node, true};
    TRY(inherit_constraints(l, node, err));
    return nodes_add(&parent->children, node, l->gen->arena, err);
}

static bool make_slice(Locator *l, Node *node, Str slice, const Element *derived,
                       Target *ret_target, Err *err)
{
    Str rules = value_text(value_get(element_value(&node->element, F_SLICING), "rules"));
    bool base_slices = node->pristine && node->pristine->slices.count;
    if (str_is(rules, "closed") && base_slices && !str_ends(node->name, STR("[x]")) &&
        str_rfind_char(slice, '/') == SIZE_MAX)
        issue_add(l->gen, SNAPSHOT_ERROR, "slicing-closed", element_text(derived, F_ID),
                  "slice %.*s is added to a slicing that the base has closed", STR_ARG(slice));
    ret_target->made = true;
    return node_make_slice(l->gen, node, slice, &ret_target->node, err);
}

static bool find_below(Locator *l, Node *parent, Part last, const Element *derived,
                       Target *ret_target, Err *err)
{
    *ret_target = (Target){0};
    Node *node;
    TRY(step_down(l, parent, last.name, false, &node, err));
    if (!node && l->gen->specialises && !last.slice.len)
        return add_child(l, parent, last.name, derived, ret_target, err);
    ret_target->node = node;
    if (!node || !last.slice.len || str_eq(node->slice, last.slice))
        return true;
    if (node->by_short_cut && node->sliced)
        node = node->sliced;
    TRY(to_slice(l, node, last.slice, &ret_target->node, err));
    if (ret_target->node)
        return true;
    return make_slice(l, node, last.slice, derived, ret_target, err);
}

static bool find_by_id(Locator *l, const Element *derived, Target *ret_target, Err *err)
{
    Part parts[SNAPSHOT_PATH_MAX];
    uint32_t count;
    Node *parent;
    split_id(element_text(derived, F_ID), element_text(derived, F_PATH), parts, &count);
    if (count == 1) {
        *ret_target = (Target){l->gen->root, false};
        return true;
    }
    TRY(walk(l, l->gen->root, parts + 1, count - 2, &parent, err));
    *ret_target = (Target){0};
    return parent ? find_below(l, parent, parts[count - 1], derived, ret_target, err) : true;
}

static bool is_below(Str path, Str above)
{
    return str_starts(path, above) && path.len > above.len && path.ptr[above.len] == '.';
}

/* Below component.valueQuantity, which was led to value[x] itself. */
static bool narrow_as_stated(Locator *l, const Step *above, Err *err)
{
    Node *node = above->node;
    Str last = str_skip(above->path, str_rfind_char(above->path, '.') + 1);
    if (node->slice.len || !str_ends(node->name, STR("[x]")) || str_ends(last, STR("[x]")))
        return true;
    return node_narrow(l->gen, node, str_skip(last, node->name.len - 3), err);
}

static bool find_by_order(Locator *l, const Element *derived, Target *ret_target, Err *err)
{
    Str path = element_text(derived, F_PATH), name;
    *ret_target = (Target){0};
    while (l->depth > 1 && !is_below(path, l->trail[l->depth - 1].path))
        l->depth--;
    if (str_find_char(path, '.') == path.len) {
        ret_target->node = l->gen->root;
        return true;
    }
    Str rest = str_skip(path, l->trail[l->depth - 1].path.len + 1);
    Node *parent = l->trail[l->depth - 1].node;
    TRY(narrow_as_stated(l, &l->trail[l->depth - 1], err));
    Part last = {.slice = element_text(derived, F_SLICE_NAME)};
    while (parent && str_split(&rest, '.', &name)) {
        if (!rest.ptr) {
            last.name = name;
            TRY(find_below(l, parent, last, derived, ret_target, err));
            break;
        }
        TRY(step_down(l, parent, name, true, &parent, err));
    }
    if (ret_target->node && l->depth < SNAPSHOT_PATH_MAX)
        l->trail[l->depth++] = (Step){path, ret_target->node};
    return true;
}

/* --- applying ------------------------------------------------------------------------------------
 */

/* spec: profiling.html#slice-cardinality: the slices share the min of what they slice, so each may
 * be empty unless it says otherwise. The only value of an extension keeps its min. */
static bool settle_min(Gen *gen, Node *slice, const Element *derived, Err *err)
{
    if (element_has(derived, F_MIN))
        return true;
    return element_set_json(&slice->element, F_MIN, STR("0"), gen->arena, err);
}

/* A slice has no more items than all of them together. */
static void settle_max(Node *slice)
{
    if (slice->sliced && element_max(&slice->element) > element_max(&slice->sliced->element))
        element_copy(&slice->element, &slice->sliced->element, F_MAX);
}

static bool is_extension_slicing(const Node *node)
{
    return str_is(node->name, "extension") || str_is(node->name, "modifierExtension");
}

/* Remembers the element at each sliced element above it. */
static bool remember(Locator *l, Node *target, const Element *derived, Err *err)
{
    Part parts[SNAPSHOT_PATH_MAX];
    uint32_t count = 0;
    for (Node *node = target; node->parent && count < SNAPSHOT_PATH_MAX; node = node->parent) {
        if (node != target && node->is_slicer && !node->slice.len) {
            Below *below = ARENA_NEW(l->gen->arena, Below);
            Part *copy = ARENA_ARRAY(l->gen->arena, Part, count);
            if (!below || !copy)
                return OUT_OF_MEMORY(err);
            for (uint32_t i = 0; i < count; i++)
                copy[i] = parts[count - 1 - i];
            *below = (Below){NULL, copy, count, derived};
            *(node->below_last ? &node->below_last->next : &node->below) = below;
            node->below_last = below;
        }
        parts[count++] = (Part){node->name, node->slice};
    }
    return true;
}

/* What a primitive type says of its value's range replaces what its base says: positiveInt has none
 * of integer's bounds. */
static void forget_range(Gen *gen, Element *element)
{
    if (!gen->is_primitive)
        return;
    element_clear(element, F_MAX_LENGTH);
    element_clear(element, F_MIN_VALUE);
    element_clear(element, F_MAX_VALUE);
}

static bool base_is_sliced(const Node *slice)
{
    const Node *base = slice->sliced ? slice->sliced->pristine : NULL;
    return base && element_has(&base->element, F_SLICING);
}

static bool merge_into(Locator *l, Target target, const Element *derived, Str where, Err *err)
{
    if (++l->gen->steps > STEPS_MAX)
        return ERR(err, ERR_INPUT, "snapshot-too-large", "more than %d steps to make a snapshot",
                   STEPS_MAX);
    if (target.made && !target.node->slice.len) {
        target.node->touched = true;
        return true;
    }
    /* A slice that joins those of the base narrows the range of its profile; any other one begins
     * as its profile does. */
    forget_range(l->gen, &target.node->element);
    bool joins = target.made && base_is_sliced(target.node);
    if (!joins)
        TRY(element_take_profile(l->gen, target.node, derived, err));
    if (target.made)
        TRY(settle_min(l->gen, target.node, derived, err));
    TRY(element_merge(l->gen, target.node, derived, where, err));
    if (joins)
        TRY(element_narrow_range(l->gen, target.node, err));
    if (target.made)
        settle_max(target.node);
    return true;
}

/* spec: profiling.html#slicing: what is said of the sliced element holds for each slice */
static bool repeat_below(Locator *l, Node *slice, Err *err)
{
    for (const Below *b = slice->sliced->below; b; b = b->next) {
        Node *parent;
        Target target = {0};
        TRY(walk(l, slice, b->parts, b->count - 1, &parent, err));
        if (parent)
            TRY(find_below(l, parent, b->parts[b->count - 1], b->derived, &target, err));
        if (target.node)
            TRY(merge_into(l, target, b->derived, node_id(target.node, l->gen->arena), err));
    }
    return true;
}

static bool is_too_deep(Str path)
{
    uint32_t parts = 1;
    for (size_t i = 0; i < path.len; i++)
        parts += path.ptr[i] == '.';
    return parts > SNAPSHOT_PATH_MAX;
}

static bool apply(Locator *l, const Element *derived, Err *err)
{
    Target target = {0};
    Str where = element_text(derived, F_ID);
    if (!where.len)
        where = element_text(derived, F_PATH);
    if (is_too_deep(element_text(derived, F_PATH)))
        return ERR(err, ERR_INPUT, "snapshot-too-large", "a path of more than %d parts",
                   SNAPSHOT_PATH_MAX);
    TRY(l->by_id ? find_by_id(l, derived, &target, err) : find_by_order(l, derived, &target, err));
    if (!target.node) {
        issue_add(l->gen, SNAPSHOT_ERROR, "no-element", where, "the base has no element %.*s",
                  STR_ARG(where));
        return true;
    }
    TRY(merge_into(l, target, derived, where, err));
    target.node->is_slicer |= element_has(derived, F_SLICING) && !is_extension_slicing(target.node);
    if (!element_has(derived, F_SLICING))
        TRY(remember(l, target.node, derived, err));
    return target.node->sliced ? repeat_below(l, target.node, err) : true;
}

bool differential_apply(Gen *gen, Err *err)
{
    Value list = value_get(value_get(gen->definition, "differential"), "element");
    uint32_t count = list.node && list.node->kind == JSON_KIND_ARRAY ? list.node->count : 0;
    if (count > SNAPSHOT_ELEMENTS_MAX)
        return ERR(err, ERR_INPUT, "snapshot-too-large", "a differential of more than %d elements",
                   SNAPSHOT_ELEMENTS_MAX);
    Element *elements = ARENA_ARRAY(gen->arena, Element, count);
    if (!elements)
        return OUT_OF_MEMORY(err);
    if (count)
        JSON_EACH(list.doc, object, list.node)
        {
            TRY(element_read((Value){list.doc, object}, gen->arena, &elements[object->index], err));
        }
    Locator locator = {.gen = gen, .by_id = ids_lead(elements, count, gen->arena)};
    locator.trail[locator.depth++] = (Step){gen->root->name, gen->root};
    for (uint32_t i = 0; i < count; i++)
        TRY(apply(&locator, &elements[i], err));
    return true;
}
