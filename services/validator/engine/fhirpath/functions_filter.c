/* FHIRPath N1 5.2 filtering and projection, 5.5.1 iif, 5.8 the tree, 7.1 aggregate; sort(). */
#include "services/validator/engine/fhirpath/functions_inner.h"

bool fn_where(FpEval *eval, const FpCall *call)
{
    uint32_t end = eval->top, kept = call->base;
    FpScope inner = fp_scope_items(call);
    FpDefined *before = eval->defined;
    for (uint32_t i = call->base; i < end; i++) {
        fp_scope_item(&inner, eval, call, i);
        FpTri holds = fp_test(eval, call->node->right, &inner, call->node);
        eval->defined = before;
        if (holds == FP_FAILED)
            return false;
        if (holds == FP_TRUE)
            eval->items[kept++] = eval->items[i];
    }
    eval->top = kept;
    return true;
}

bool fn_select(FpEval *eval, const FpCall *call)
{
    uint32_t end = eval->top;
    FpScope inner = fp_scope_items(call);
    FpDefined *before = eval->defined;
    for (uint32_t i = call->base; i < end; i++) {
        fp_scope_item(&inner, eval, call, i);
        bool ok = fp_eval(eval, call->node->right, &inner);
        eval->defined = before;
        if (!ok)
            return false;
    }
    fp_remove(eval, call->base, end);
    return true;
}

/* Breadth first: what was found is looked at in turn, after the input. */
static bool repeat(FpEval *eval, const FpCall *call, bool all)
{
    uint32_t end = eval->top;
    FpSeen seen = {0};
    for (uint32_t next = call->base; next < eval->top; next++) {
        FhirpathItem item = eval->items[next];
        uint32_t kept = eval->top;
        if (!fp_step(eval, 1) ||
            !fp_lambda(eval, call, call->node->right, &item, next - call->base))
            return false;
        for (uint32_t i = kept; i < eval->top; i++) {
            bool is_new = true;
            if (!all && !fp_seen_add(eval, &seen, i, &is_new))
                return false;
            if (is_new)
                eval->items[kept++] = eval->items[i];
        }
        eval->top = kept;
    }
    fp_remove(eval, call->base, end);
    return true;
}

bool fn_repeat(FpEval *eval, const FpCall *call)
{
    return repeat(eval, call, false);
}
bool fn_repeat_all(FpEval *eval, const FpCall *call)
{
    return repeat(eval, call, true);
}

bool fn_children(FpEval *eval, const FpCall *call)
{
    uint32_t end = eval->top;
    for (uint32_t i = call->base; i < end; i++) {
        FhirpathItem item = eval->items[i];
        if (!fp_push_all_children(eval, &item))
            return false;
    }
    fp_remove(eval, call->base, end);
    return true;
}

bool fn_descendants(FpEval *eval, const FpCall *call)
{
    uint32_t end = eval->top;
    for (uint32_t next = call->base; next < eval->top; next++) {
        FhirpathItem item = eval->items[next];
        if (!fp_push_all_children(eval, &item))
            return false;
    }
    fp_remove(eval, call->base, end);
    return true;
}

/* spec: FHIRPath N1 5.5.1: the branch not taken is not evaluated. */
bool fn_iif(FpEval *eval, const FpCall *call)
{
    uint32_t count = fp_input_count(eval, call), end = eval->top;
    FhirpathItem item;
    FpScope inner = *call->scope;
    if (count > 1)
        return fp_throw(eval, call->node, "iif() takes at most one item, found %u", count);
    if (count) {
        item = eval->items[call->base];
        inner.focus = inner.self = &item;
        inner.focus_count = 1;
    } else if (call->node->left) {
        inner.focus_count = 0;
    }
    FpDefined *before = eval->defined;
    if (!fp_eval(eval, call->node->right, &inner))
        return false;
    FpTri holds = fp_tri(eval, call->node, end);
    eval->defined = before;
    if (holds == FP_FAILED)
        return false;
    eval->top = end;
    uint32_t branch = fp_argument_node(eval, call, holds == FP_TRUE ? 1 : 2);
    bool ok = !branch || fp_eval(eval, branch, &inner);
    eval->defined = before;
    fp_remove(eval, call->base, end);
    return ok;
}

bool fn_coalesce(FpEval *eval, const FpCall *call)
{
    uint32_t end = eval->top;
    for (uint32_t node = call->node->right; node; node = eval->nodes[node].next) {
        FpScope inner = *call->scope;
        FhirpathItem item;
        if (end - call->base == 1) {
            item = eval->items[call->base];
            inner.focus = inner.self = &item;
            inner.focus_count = 1;
        }
        if (!fp_eval(eval, node, &inner))
            return false;
        if (eval->top > end)
            break;
    }
    fp_remove(eval, call->base, end);
    return true;
}

/* $total must outlive the stack's movements: two buffers, one read, one written. */
static bool keep_total(FpEval *eval, uint32_t start, FhirpathItem **buffer, uint32_t *room,
                       uint32_t *ret_count)
{
    uint32_t count = eval->top - start;
    if (count > *room) {
        *buffer = arena_alloc(eval->arena, count * 2 * sizeof **buffer);
        if (!*buffer)
            return fp_no_memory(eval);
        *room = count * 2;
    }
    if (count && *buffer)
        memcpy(*buffer, eval->items + start, count * sizeof **buffer);
    *ret_count = count;
    eval->top = start;
    return true;
}

bool fn_aggregate(FpEval *eval, const FpCall *call)
{
    FhirpathItem *buffers[2] = {NULL, NULL};
    uint32_t rooms[2] = {0, 0}, count = 0, turn = 0, start, end = eval->top;
    if (!fp_argument(eval, call, 1, &start) ||
        !keep_total(eval, start, &buffers[0], &rooms[0], &count))
        return false;
    for (uint32_t i = call->base; i < end; i++) {
        FhirpathItem item = eval->items[i];
        FpScope outer = *call->scope;
        outer.total = buffers[turn];
        outer.total_count = count;
        FpCall inner = {call->node, &outer, call->base, call->end};
        if (!fp_lambda(eval, &inner, call->node->right, &item, i - call->base))
            return false;
        turn = !turn;
        if (!keep_total(eval, end, &buffers[turn], &rooms[turn], &count))
            return false;
    }
    eval->top = call->base;
    for (uint32_t i = 0; i < count; i++)
        if (!fp_push(eval, &buffers[turn][i]))
            return false;
    return true;
}

/* --- types -------------------------------------------------------------------------------------
 */

static const FpNode *type_of_call(const FpEval *eval, const FpCall *call)
{
    return &eval->nodes[call->node->right];
}

static bool need_known_type(FpEval *eval, const FpNode *type)
{
    if (type->id || type->extra || (type->flags & FP_NS_SYSTEM))
        return true;
    return fp_throw(eval, type, "there is no type %.*s", STR_ARG(fp_text(eval->code, type)));
}

bool fn_is(FpEval *eval, const FpCall *call)
{
    uint32_t count = fp_input_count(eval, call);
    const FpNode *type = type_of_call(eval, call);
    if (!eval->java && !need_known_type(eval, type))
        return false;
    if (count > 1 && !eval->java)
        return fp_throw(eval, call->node, "is() takes one item, found %u", count);
    if (count != 1)
        return fp_return_empty(eval, call);
    FhirpathItem item = eval->items[call->base];
    return fp_return(eval, call, fp_boolean(fp_is_type(eval, &item, type, false)));
}

static bool keep_type(FpEval *eval, const FpCall *call)
{
    const FpNode *type = type_of_call(eval, call);
    uint32_t kept = call->base;
    for (uint32_t i = call->base; i < eval->top; i++)
        if (fp_is_type(eval, &eval->items[i], type, true))
            eval->items[kept++] = eval->items[i];
    eval->top = kept;
    return true;
}

bool fn_as(FpEval *eval, const FpCall *call)
{
    uint32_t count = fp_input_count(eval, call);
    if (!need_known_type(eval, type_of_call(eval, call)))
        return false;
    if (count > 1 && !eval->java)
        return fp_throw(eval, call->node, "as() takes one item, found %u", count);
    return keep_type(eval, call);
}

bool fn_of_type(FpEval *eval, const FpCall *call)
{
    return need_known_type(eval, type_of_call(eval, call)) && keep_type(eval, call);
}

bool fn_type(FpEval *eval, const FpCall *call)
{
    static const char *const names[] = {"",         "Boolean",       "Integer",  "Decimal",
                                        "String",   "Date",          "DateTime", "Time",
                                        "Quantity", "SimpleTypeInfo"};
    for (uint32_t i = call->base; i < eval->top; i++) {
        FhirpathItem *item = &eval->items[i];
        bool system = item->kind != FHIRPATH_NODE;
        FhirpathItem type = {.kind = FHIRPATH_TYPE};
        type.type_name = system ? str_from(names[item->kind]) : fp_type_name(eval->model, item);
        type.is_system = system;
        *item = type;
    }
    return true;
}

/* --- sort --------------------------------------------------------------------------------------
 */

typedef struct SortKeys {
    FpEval *eval;
    const FpCall *call;
    FhirpathItem *keys; /* [items][per_item] */
    bool *has;
    bool *descending;
    uint32_t per_item;
    bool failed;
} SortKeys;

static bool sort_key(SortKeys *s, uint32_t slot, uint32_t node, const FhirpathItem *item,
                     int64_t index)
{
    FpEval *eval = s->eval;
    uint32_t start = eval->top;
    if (!node) {
        s->keys[slot] = *item;
        s->has[slot] = true;
        return true;
    }
    if (eval->nodes[node].flags & FP_DESCENDING)
        node = eval->nodes[node].left;
    if (!fp_lambda(eval, s->call, node, item, index))
        return false;
    if (eval->top - start > 1)
        return fp_throw(eval, &eval->nodes[node], "a sort key is one item, found %u",
                        eval->top - start);
    s->has[slot] = eval->top > start;
    if (s->has[slot])
        s->keys[slot] = eval->items[start];
    eval->top = start;
    return true;
}

/* No key sorts behind all keys, before them when descending, as in the Java core. */
static int compare_keys(SortKeys *s, uint32_t a, uint32_t b)
{
    for (uint32_t k = 0; k < s->per_item && !s->failed; k++) {
        uint32_t x = a * s->per_item + k, y = b * s->per_item + k;
        int order;
        bool p, q;
        if (!s->has[x] || !s->has[y]) {
            order = (int)!s->has[x] - (int)!s->has[y];
        } else if (fp_is_boolean_node(s->eval, &s->keys[x], &p) &&
                   fp_is_boolean_node(s->eval, &s->keys[y], &q)) {
            order = (int)p - (int)q;
        } else {
            FpOrder o = fp_order(s->eval, &s->keys[x], &s->keys[y]);
            order = o == FP_ORDER_LESS ? -1 : o == FP_ORDER_GREATER ? 1 : 0;
            if (o == FP_ORDER_WRONG || o == FP_ORDER_FAILED) {
                s->failed = true;
                if (o == FP_ORDER_WRONG)
                    fp_throw(s->eval, s->call->node, "sort() cannot compare these items");
            }
        }
        if (order)
            return s->descending[k] ? -order : order;
    }
    return 0;
}

/* Stable, bottom-up. `to` ends up sorted or swapped with `from`; yields the sorted one. */
static uint32_t *merge_sort(SortKeys *s, uint32_t *from, uint32_t *to, uint32_t count)
{
    for (uint32_t width = 1; width < count && !s->failed; width *= 2) {
        for (uint32_t low = 0; low < count; low += 2 * width) {
            uint32_t middle = low + width < count ? low + width : count;
            uint32_t high = low + 2 * width < count ? low + 2 * width : count;
            uint32_t i = low, j = middle;
            for (uint32_t k = low; k < high; k++) {
                bool left = i < middle && (j >= high || compare_keys(s, from[i], from[j]) <= 0);
                to[k] = left ? from[i++] : from[j++];
            }
        }
        if (!fp_step(s->eval, count))
            s->failed = true;
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

bool fn_sort(FpEval *eval, const FpCall *call)
{
    uint32_t count = fp_input_count(eval, call), per_item = 0, k = 0;
    for (uint32_t node = call->node->right; node; node = eval->nodes[node].next)
        per_item++;
    SortKeys s = {.eval = eval, .call = call, .per_item = per_item ? per_item : 1};
    size_t slots = (size_t)count * s.per_item;
    s.keys = ARENA_ARRAY(eval->arena, FhirpathItem, slots + 1);
    s.has = ARENA_ARRAY(eval->arena, bool, slots + 1);
    s.descending = ARENA_ARRAY(eval->arena, bool, s.per_item);
    uint32_t *order = ARENA_ARRAY(eval->arena, uint32_t, count + 1);
    uint32_t *other = ARENA_ARRAY(eval->arena, uint32_t, count + 1);
    FhirpathItem *copy = ARENA_ARRAY(eval->arena, FhirpathItem, count + 1);
    if (!s.keys || !s.has || !s.descending || !order || !other || !copy)
        return fp_no_memory(eval);
    for (uint32_t node = call->node->right; node; node = eval->nodes[node].next)
        s.descending[k++] = (eval->nodes[node].flags & FP_DESCENDING) != 0;
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
        copy[i] = eval->items[call->base + i];
        uint32_t node = call->node->right;
        for (k = 0; k < s.per_item; k++, node = node ? eval->nodes[node].next : 0)
            if (!sort_key(&s, i * s.per_item + k, node, &copy[i], i))
                return false;
    }
    order = merge_sort(&s, order, other, count);
    for (uint32_t i = 0; i < count && !s.failed; i++)
        eval->items[call->base + i] = copy[order[i]];
    return !s.failed;
}
