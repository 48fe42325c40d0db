/* FHIRPath N1 5.1 existence, 5.3 subsetting, 5.4 combining, 6.5.3 not(). */
#include "services/validator/engine/fhirpath/functions_inner.h"

static bool answer(FpEval *eval, const FpCall *call, bool value)
{
    return fp_return(eval, call, fp_boolean(value));
}

static bool any_exists(FpEval *eval, const FpCall *call)
{
    bool found = false;
    for (uint32_t i = call->base; i < eval->top && !found; i++)
        found = !eval->java || fp_has_content(eval, &eval->items[i]);
    return found;
}

/* What a test says of the input, as the function's result. */
static bool give(FpEval *eval, const FpCall *call, FpTri value)
{
    eval->top = call->base;
    return fp_push_tri(eval, value);
}

FpTri fp_test_empty(FpEval *eval, const FpCall *call)
{
    return any_exists(eval, call) ? FP_FALSE : FP_TRUE;
}

bool fn_empty(FpEval *eval, const FpCall *call)
{
    return give(eval, call, fp_test_empty(eval, call));
}

bool fn_count(FpEval *eval, const FpCall *call)
{
    return fp_return(eval, call, fp_integer(fp_input_count(eval, call)));
}

FpTri fp_test_exists(FpEval *eval, const FpCall *call)
{
    if (!call->node->right)
        return any_exists(eval, call) ? FP_TRUE : FP_FALSE;
    uint32_t end = eval->top;
    FpScope inner = fp_scope_items(call);
    FpDefined *before = eval->defined;
    bool found = false;
    for (uint32_t i = call->base; i < end && (!found || eval->java); i++) {
        fp_scope_item(&inner, eval, call, i);
        FpTri one = fp_test(eval, call->node->right, &inner, call->node);
        eval->defined = before;
        if (one == FP_FAILED)
            return FP_FAILED;
        found = found || one == FP_TRUE;
    }
    return found ? FP_TRUE : FP_FALSE;
}

bool fn_exists(FpEval *eval, const FpCall *call)
{
    return give(eval, call, fp_test_exists(eval, call));
}

FpTri fp_test_all(FpEval *eval, const FpCall *call)
{
    uint32_t end = eval->top;
    FpScope inner = fp_scope_items(call);
    FpDefined *before = eval->defined;
    for (uint32_t i = call->base; i < end; i++) {
        bool value = false;
        FpTri one;
        if (call->node->right) {
            fp_scope_item(&inner, eval, call, i);
            one = fp_test(eval, call->node->right, &inner, call->node);
            eval->defined = before;
        } else {
            one = fp_is_boolean_node(eval, &eval->items[i], &value) && value ? FP_TRUE : FP_FALSE;
        }
        if (one != FP_TRUE)
            return one == FP_FAILED ? FP_FAILED : FP_FALSE;
    }
    return FP_TRUE;
}

bool fn_all(FpEval *eval, const FpCall *call)
{
    return give(eval, call, fp_test_all(eval, call));
}

/* all: no item may differ from `wanted`; any: one must be it. */
static bool booleans(FpEval *eval, const FpCall *call, bool all, bool wanted)
{
    bool result = all;
    for (uint32_t i = call->base; i < eval->top; i++) {
        bool value;
        FhirpathItem item = eval->items[i];
        if (!fp_is_boolean_node(eval, &item, &value))
            return fp_wrong_input(eval, call, &item, "Booleans");
        if (all && value != wanted)
            result = false;
        if (!all && value == wanted)
            result = true;
        if (result != all && eval->java)
            break; /* what follows is not looked at there */
    }
    return answer(eval, call, result);
}

bool fn_all_true(FpEval *eval, const FpCall *call)
{
    return booleans(eval, call, true, true);
}
bool fn_any_true(FpEval *eval, const FpCall *call)
{
    return booleans(eval, call, false, true);
}
bool fn_all_false(FpEval *eval, const FpCall *call)
{
    return booleans(eval, call, true, false);
}
bool fn_any_false(FpEval *eval, const FpCall *call)
{
    return booleans(eval, call, false, false);
}

FpTri fp_test_not(FpEval *eval, const FpCall *call)
{
    FpTri value = fp_tri(eval, call->node, call->base);
    return value == FP_TRUE ? FP_FALSE : value == FP_FALSE ? FP_TRUE : value;
}

bool fn_not(FpEval *eval, const FpCall *call)
{
    return give(eval, call, fp_test_not(eval, call));
}

bool fn_distinct(FpEval *eval, const FpCall *call)
{
    bool open = false;
    return fp_distinct(eval, call->base, &open);
}

bool fn_is_distinct(FpEval *eval, const FpCall *call)
{
    bool open = false;
    uint32_t count = fp_input_count(eval, call);
    if (!fp_distinct(eval, call->base, &open))
        return false;
    return answer(eval, call, fp_input_count(eval, call) == count);
}

/* Are all items of [from, to) among [in, until)? */
static bool all_among(FpEval *eval, uint32_t from, uint32_t to, uint32_t in, uint32_t until,
                      bool *ret)
{
    FpSeen seen = {0};
    bool ignored;
    for (uint32_t i = in; i < until; i++)
        if (!fp_seen_add(eval, &seen, i, &ignored))
            return false;
    *ret = true;
    for (uint32_t i = from; i < to && *ret; i++)
        *ret = fp_seen_has(eval, &seen, &eval->items[i]);
    return !eval->limit_hit;
}

bool fn_subset_of(FpEval *eval, const FpCall *call)
{
    uint32_t start;
    bool all = true;
    return fp_argument(eval, call, 0, &start) &&
           all_among(eval, call->base, start, start, eval->top, &all) && answer(eval, call, all);
}

bool fn_superset_of(FpEval *eval, const FpCall *call)
{
    uint32_t start;
    bool all = true;
    return fp_argument(eval, call, 0, &start) &&
           all_among(eval, start, eval->top, call->base, start, &all) && answer(eval, call, all);
}

/* --- subsetting --------------------------------------------------------------------------------
 */

static bool keep(FpEval *eval, const FpCall *call, uint32_t from, uint32_t to)
{
    uint32_t end = eval->top;
    if (to < end)
        eval->top = to;
    fp_remove(eval, call->base, from);
    return true;
}

bool fn_single(FpEval *eval, const FpCall *call)
{
    uint32_t count = fp_input_count(eval, call);
    if (count > 1 || (count == 0 && eval->java))
        return fp_throw(eval, call->node, "single() takes one item, found %u", count);
    return true;
}

bool fn_first(FpEval *eval, const FpCall *call)
{
    if (eval->top > call->base)
        eval->top = call->base + 1;
    return true;
}

bool fn_last(FpEval *eval, const FpCall *call)
{
    return eval->top == call->base || keep(eval, call, eval->top - 1, eval->top);
}

bool fn_tail(FpEval *eval, const FpCall *call)
{
    return eval->top == call->base || keep(eval, call, call->base + 1, eval->top);
}

static bool number_of_items(FpEval *eval, const FpCall *call, uint32_t *ret)
{
    int64_t number = 0;
    bool has;
    if (!fp_integer_argument(eval, call, 0, &number, &has))
        return false;
    if (!has)
        return fp_throw(eval, call->node, "%s() takes an Integer as argument, found none",
                        fp_call_name(call));
    uint32_t count = fp_input_count(eval, call);
    *ret = number < 0 ? 0 : number > count ? count : (uint32_t)number;
    return true;
}

bool fn_skip(FpEval *eval, const FpCall *call)
{
    uint32_t number = 0;
    return number_of_items(eval, call, &number) && keep(eval, call, call->base + number, eval->top);
}

bool fn_take(FpEval *eval, const FpCall *call)
{
    uint32_t number = 0;
    return number_of_items(eval, call, &number) &&
           keep(eval, call, call->base, call->base + number);
}

bool fn_item(FpEval *eval, const FpCall *call)
{
    int64_t number = 0;
    bool has;
    if (!fp_integer_argument(eval, call, 0, &number, &has))
        return false;
    if (!has || number < 0 || number >= fp_input_count(eval, call))
        return fp_return_empty(eval, call);
    return keep(eval, call, call->base + (uint32_t)number, call->base + (uint32_t)number + 1);
}

/* Keeps the input's items that are (or are not) in the argument. */
static bool sift(FpEval *eval, const FpCall *call, bool wanted)
{
    uint32_t start;
    FpSeen seen = {0};
    bool ignored;
    if (!fp_argument(eval, call, 0, &start))
        return false;
    for (uint32_t i = start; i < eval->top; i++)
        if (!fp_seen_add(eval, &seen, i, &ignored))
            return false;
    uint32_t kept = call->base;
    for (uint32_t i = call->base; i < start; i++)
        if (fp_seen_has(eval, &seen, &eval->items[i]) == wanted)
            eval->items[kept++] = eval->items[i];
    eval->top = kept;
    return !eval->limit_hit;
}

bool fn_intersect(FpEval *eval, const FpCall *call)
{
    bool open = false;
    return sift(eval, call, true) && fp_distinct(eval, call->base, &open);
}

bool fn_exclude(FpEval *eval, const FpCall *call)
{
    return sift(eval, call, false);
}

bool fn_union(FpEval *eval, const FpCall *call)
{
    uint32_t start;
    bool open = false;
    return fp_argument(eval, call, 0, &start) && fp_distinct(eval, call->base, &open);
}

bool fn_combine(FpEval *eval, const FpCall *call)
{
    uint32_t start;
    return fp_argument(eval, call, 0, &start);
}
