#include "services/validator/engine/snapshot/internal.h"

/* What can be said only when the whole differential is in the tree: the slicing of choices, the
 * sums of slices, the base of new elements. */

/* --- choices -------------------------------------------------------------------------------------
 */

static bool is_by_type(const Node *node)
{
    Value slicing = element_value(&node->element, F_SLICING);
    Value list = value_get(slicing, "discriminator");
    Value first = value_item(list, 0);
    return value_count(list) == 1 && str_is(value_text(value_get(first, "type")), "type") &&
           str_is(value_text(value_get(first, "path")), "$this");
}

static Node *slice_for(const Node *choice, Str code)
{
    for (uint32_t i = 0; i < choice->slices.count; i++) {
        Node *slice = choice->slices.items[i];
        if (type_count(&slice->element) == 1 && str_eq(type_code(&slice->element, 0), code))
            return slice;
    }
    return NULL;
}

typedef bool (*TypeTest)(const Node *choice, Str code);

static bool is_possible(const Node *choice, Str code)
{
    const Node *slice = slice_for(choice, code);
    return !slice || !element_has_max(&slice->element, "0");
}

static bool is_sliced(const Node *choice, Str code)
{
    return slice_for(choice, code) != NULL;
}

static bool is_required(const Node *choice, Str code)
{
    const Node *slice = slice_for(choice, code);
    return slice && element_min(&slice->element) > 0;
}

static bool keep_types(Gen *gen, Node *choice, TypeTest test, Err *err)
{
    const List *types = element_list(&choice->element, F_TYPE);
    List kept = {0};
    for (uint32_t i = 0; i < types->count; i++)
        if (test(choice, type_code(&choice->element, i)))
            TRY(list_add(&kept, types->items[i], gen->arena, err));
    if (kept.count)
        choice->element.slots[F_TYPE].list = kept;
    return true;
}

static bool any_type(const Node *choice, TypeTest test, bool wanted)
{
    for (uint32_t i = 0; i < type_count(&choice->element); i++)
        if (test(choice, type_code(&choice->element, i)) == wanted)
            return true;
    return false;
}

static bool any_slice(const Node *node, bool (*test)(const Node *))
{
    for (uint32_t i = 0; i < node->slices.count; i++)
        if (test(node->slices.items[i]))
            return true;
    return false;
}

static bool is_touched(const Node *node)
{
    return node->touched;
}

static bool is_short_cut(const Node *node)
{
    return node->by_short_cut;
}

static void touched_first(NodeList *list)
{
    for (uint32_t i = 0, front = 0; i < list->count; i++) {
        Node *node = list->items[i];
        if (!node->touched)
            continue;
        memmove(list->items + front + 1, list->items + front, (i - front) * sizeof(Node *));
        list->items[front++] = node;
    }
}

/* spec: profiling.html: slices of a choice are by type; closed only if every type has its slice.
 * The Java core closes the slicing, and puts the slices it was told of first, when the base has
 * slices already. */
static bool settle_choice(Gen *gen, Node *choice, Err *err)
{
    if (!any_slice(choice, is_touched) || !(choice->slicing_made || is_by_type(choice)))
        return true;
    if (any_type(choice, is_required, true)) {
        TRY(element_set_json(&choice->element, F_MIN, STR("1"), gen->arena, err));
        TRY(keep_types(gen, choice, is_required, err));
    }
    bool open = any_type(choice, is_sliced, false) && !element_has_max(&choice->element, "0");
    bool of_extension = choice->parent && str_ends(choice->parent->name, STR("xtension"));
    if (choice->pristine && choice->pristine->slices.count) {
        touched_first(&choice->slices);
        open = false;
    }
    if (open && of_extension && any_slice(choice, is_short_cut)) {
        TRY(keep_types(gen, choice, is_sliced, err));
        open = false;
    }
    Str json = arena_format(gen->arena,
                            "{\"discriminator\":[{\"type\":\"type\",\"path\":\"$this\"}],"
                            "\"ordered\":false,\"rules\":\"%s\"}",
                            open ? "open" : "closed");
    if (!json.ptr)
        return OUT_OF_MEMORY(err);
    TRY(element_set_json(&choice->element, F_SLICING, json, gen->arena, err));
    return any_type(choice, is_possible, false) ? keep_types(gen, choice, is_possible, err) : true;
}

/* --- sums ----------------------------------------------------------------------------------------
 */

static Str element_name(const Node *node, Gen *gen)
{
    return node_id(node, gen->arena);
}

static bool settle_sums(Gen *gen, Node *node, Err *err)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < node->slices.count; i++)
        sum += element_min(&node->slices.items[i]->element);
    Value base = element_value(&node->element, F_BASE);
    if (sum <= element_min(&node->element) || str_is(value_text(value_get(base, "max")), "1"))
        return true;
    if (sum > element_max(&node->element)) {
        issue_add(gen, SNAPSHOT_WARNING, "slices-above-max", element_name(node, gen),
                  "the slices need %llu items, and max is %.*s", (unsigned long long)sum,
                  STR_ARG(element_text(&node->element, F_MAX)));
        return true;
    }
    if (node->touched || !any_slice(node, is_touched)) {
        issue_add(gen, SNAPSHOT_NOTE, "slices-above-min", element_name(node, gen),
                  "the slices need %llu items, and min is %u", (unsigned long long)sum,
                  element_min(&node->element));
        return true;
    }
    Str json = arena_format(gen->arena, "%llu", (unsigned long long)sum);
    return json.ptr ? element_set_json(&node->element, F_MIN, json, gen->arena, err)
                    : OUT_OF_MEMORY(err);
}

static void check_range(Gen *gen, const Node *node)
{
    if (node->touched && element_min(&node->element) > element_max(&node->element))
        issue_add(gen, SNAPSHOT_ERROR, "min-above-max", element_name(node, gen),
                  "min %u is above max %.*s", element_min(&node->element),
                  STR_ARG(element_text(&node->element, F_MAX)));
}

static bool settle_node(Gen *gen, Node *node, Err *err);

static bool settle_list(Gen *gen, const NodeList *list, Err *err)
{
    for (uint32_t i = 0; i < list->count; i++)
        TRY(settle_node(gen, list->items[i], err));
    return true;
}

static bool settle_node(Gen *gen, Node *node, Err *err)
{
    TRY(settle_list(gen, &node->children, err));
    TRY(settle_list(gen, &node->slices, err));
    if (node->slices.count && str_ends(node->name, STR("[x]")))
        TRY(settle_choice(gen, node, err));
    else if (node->slices.count)
        TRY(settle_sums(gen, node, err));
    check_range(gen, node);
    if (element_has(&node->element, F_BASE))
        return true;
    return fill_base(node, node_path(node, gen->arena), &node->element, gen->arena, err);
}

bool tree_settle(Gen *gen, Err *err)
{
    return settle_node(gen, gen->root, err);
}
