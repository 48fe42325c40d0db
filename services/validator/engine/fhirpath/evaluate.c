/* The evaluator: walks the tree of code.h, results on a stack of items (eval.h). */
#include <stdarg.h>

#include "common/base/check.h"
#include "services/validator/engine/fhirpath/functions_inner.h"

enum { STACK_FIRST = 64 };

/* --- errors ------------------------------------------------------------------------------------
 */

bool fp_throw(FpEval *eval, const FpNode *node, const char *format, ...)
{
    if (!eval->err)
        return false;
    const FpHeader *code = eval->code;
    Str source = {(const char *)code + code->pool_at + code->source, code->source_len};
    FhirpathAt at = fp_position(source, node->at);
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ERR(eval->err, ERR_INPUT, "fhirpath-execution", "execution error at %u:%u: %s", at.line,
               at.column, text);
}

bool fp_limit(FpEval *eval, const char *what)
{
    eval->limit_hit = true;
    return ERR(eval->err, ERR_INPUT, "fhirpath-limit",
               "the evaluation needs more %s than its limit allows", what);
}

bool fp_no_memory(FpEval *eval)
{
    eval->limit_hit = true;
    return ERR(eval->err, ERR_INPUT, "memory-limit", "the evaluation needs too much memory");
}

/* --- the stack ---------------------------------------------------------------------------------
 */

bool fp_grow(FpEval *eval)
{
    uint32_t room = eval->room ? eval->room * 2 : STACK_FIRST;
    if (eval->room >= eval->limits.items)
        return fp_limit(eval, "items");
    FhirpathItem *items = arena_alloc(eval->arena, room * sizeof *items);
    if (!items)
        return fp_no_memory(eval);
    if (eval->top)
        memcpy(items, eval->items, eval->top * sizeof *items);
    eval->items = items;
    eval->room = room;
    eval->kept++;
    return true;
}

void fp_remove(FpEval *eval, uint32_t from, uint32_t to)
{
    uint32_t above = eval->top - to;
    if (above && from != to)
        memmove(eval->items + from, eval->items + to, above * sizeof *eval->items);
    eval->top = from + above;
}

/* --- arguments ---------------------------------------------------------------------------------
 */

uint32_t fp_argument_node(const FpEval *eval, const FpCall *call, uint32_t number)
{
    uint32_t node = call->node->right;
    while (node && number--)
        node = eval->nodes[node].next;
    return node;
}

/* What defineVariable() defined inside an operand or argument is not seen outside it. */
static bool eval_scoped(FpEval *eval, uint32_t node, const FpScope *scope)
{
    FpDefined *before = eval->defined;
    bool ok = fp_eval(eval, node, scope);
    eval->defined = before;
    return ok;
}

static FpScope scope_of_self(const FpScope *scope)
{
    FpScope inner = *scope;
    inner.focus = scope->self;
    inner.focus_count = scope->self ? 1 : 0;
    return inner;
}

bool fp_argument(FpEval *eval, const FpCall *call, uint32_t number, uint32_t *ret_start)
{
    uint32_t node = fp_argument_node(eval, call, number);
    *ret_start = eval->top;
    if (!node)
        return true;
    FpScope inner = scope_of_self(call->scope);
    if (eval->java && !(fp_function_at(call->node->id)->flags & FP_FN_SELF)) {
        inner.focus = eval->items + call->base;
        inner.focus_count = call->end - call->base;
    }
    return eval_scoped(eval, node, &inner);
}

bool fp_lambda(FpEval *eval, const FpCall *call, uint32_t node, const FhirpathItem *item,
               int64_t index)
{
    FpScope inner = *call->scope;
    inner.focus = item;
    inner.focus_count = 1;
    inner.self = item;
    inner.index = index;
    return eval_scoped(eval, node, &inner);
}

FpTri fp_tri(FpEval *eval, const FpNode *node, uint32_t start)
{
    uint32_t count = eval->top - start;
    bool value;
    if (count == 0)
        return FP_UNKNOWN;
    if (count > 1) {
        fp_throw(eval, node, "expected one Boolean, found %u items", count);
        return FP_FAILED;
    }
    const FhirpathItem *item = &eval->items[start];
    if (fp_is_boolean_node(eval, item, &value))
        return value ? FP_TRUE : FP_FALSE;
    if (eval->model && item->kind == FHIRPATH_NODE && item->type == eval->model->boolean_type)
        return FP_UNKNOWN; /* a Boolean without a value, or with none that is one */
    return FP_TRUE;
}

/* --- paths -------------------------------------------------------------------------------------
 */

/* Replaces the items [base, top) by their elements of that name; `any`: one will do. */
static bool step_down(FpEval *eval, uint32_t base, const FpNode *step, bool any)
{
    Str text = fp_text(eval->code, step);
    uint32_t end = eval->top;
    if (end - base == 1) {
        eval->top = base;
        return fp_push_children(eval, &eval->items[base], step->id, text);
    }
    for (uint32_t i = base; i < end && !(any && eval->top > end); i++)
        if (!fp_push_children(eval, &eval->items[i], step->id, text))
            return false;
    fp_remove(eval, base, end);
    return true;
}

static bool step_from_focus(FpEval *eval, const FpScope *scope, const FpNode *step, bool any)
{
    Str text = fp_text(eval->code, step);
    uint32_t base = eval->top;
    for (uint32_t i = 0; i < scope->focus_count && !(any && eval->top > base); i++)
        if (!fp_push_children(eval, &scope->focus[i], step->id, text))
            return false;
    return true;
}

/* a.b.c, walked in a loop. */
static bool eval_child(FpEval *eval, const FpNode *node, const FpScope *scope, bool any)
{
    enum { STEPS_AT_ONCE = 8 };
    const FpNode *steps[STEPS_AT_ONCE];
    uint32_t count = 0, base = eval->top;
    for (;;) {
        uint32_t left = node->left;
        if (!left) {
            if (!step_from_focus(eval, scope, node, any && count == 0))
                return false;
            break;
        }
        steps[count++] = node;
        node = &eval->nodes[left];
        if (node->op != FP_CHILD || count == STEPS_AT_ONCE ||
            ((node->flags & FP_MEMO) && !eval->forget)) {
            if (!fp_eval(eval, left, scope))
                return false;
            break;
        }
    }
    if (!fp_step(eval, count))
        return false;
    while (count) {
        count--;
        if (!step_down(eval, base, steps[count], any && count == 0))
            return false;
    }
    return true;
}

static bool eval_root_type(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    for (uint32_t i = 0; i < scope->focus_count; i++) {
        const FhirpathItem *item = &scope->focus[i];
        bool is = item->kind == FHIRPATH_NODE
                      ? item->type && fhir_type_is_a(eval->model, item->type, node->id)
                      : str_eq(fp_text(eval->code, node), fp_type_name(eval->model, item));
        if (is && !fp_push(eval, item))
            return false;
    }
    return true;
}

static bool eval_indexer(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    uint32_t base = eval->top;
    if (!fp_eval(eval, node->left, scope))
        return false;
    uint32_t end = eval->top;
    FpScope inner = scope_of_self(scope);
    if (!eval_scoped(eval, node->right, &inner))
        return false;
    uint32_t count = eval->top - end;
    FhirpathItem index = {0};
    bool whole =
        count == 1 && fp_value(eval, &eval->items[end], &index) && index.kind == FHIRPATH_INTEGER;
    if (!whole && (count > 1 || (count == 1 && !eval->java)))
        return fp_throw(eval, node, "expected one Integer between [ and ]");
    eval->top = base;
    if (!whole || index.integer < 0 || index.integer >= (int64_t)(end - base))
        return true;
    FhirpathItem chosen = eval->items[base + (uint32_t)index.integer];
    return fp_push(eval, &chosen);
}

/* x.( ... ): the group sees all of x as its focus; $this stays. */
static bool eval_group_on(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    uint32_t base = eval->top;
    if (!fp_eval(eval, node->left, scope))
        return false;
    uint32_t end = eval->top;
    FpScope inner = *scope;
    inner.focus = eval->items + base;
    inner.focus_count = end - base;
    if (!eval_scoped(eval, node->right, &inner))
        return false;
    fp_remove(eval, base, end);
    return true;
}

static bool push_items(FpEval *eval, const FhirpathItem *items, size_t count)
{
    enum { ITEMS_A_STEP = 4 };
    if (!fp_step(eval, (uint32_t)(count / ITEMS_A_STEP)))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!fp_push(eval, &items[i]))
            return false;
    return true;
}

static bool eval_variable(FpEval *eval, const FpNode *node)
{
    Str name = fp_text(eval->code, node);
    for (const FpDefined *d = eval->defined; d; d = d->before)
        if (str_eq(d->name, name))
            return push_items(eval, d->items, d->count);
    for (size_t i = 0; i < eval->variable_count; i++)
        if (str_eq(eval->variables[i].name, name))
            return push_items(eval, eval->variables[i].value.items, eval->variables[i].value.count);
    switch ((FpVariable)node->id) {
    case FP_VARIABLE_RESOURCE:
        return !eval->has_resource || fp_push(eval, &eval->resource);
    case FP_VARIABLE_ROOT_RESOURCE:
        return !eval->has_resource || fp_push(eval, &eval->root_resource);
    case FP_VARIABLE_CONTEXT:
        return !eval->has_context || fp_push(eval, &eval->context);
    case FP_VARIABLE_TEXT: {
        const char *pool = (const char *)eval->code + eval->code->pool_at;
        FhirpathItem item = fp_string((Str){pool + node->extra, node->right});
        return fp_push(eval, &item);
    }
    default:
        return fp_throw(eval, node, "there is no variable %%%.*s", STR_ARG(name));
    }
}

/* --- literals ----------------------------------------------------------------------------------
 */

static bool decimal_of(FpEval *eval, const FpNode *node, Decimal *ret)
{
    if (node->op == FP_INTEGER) {
        *ret = decimal_from_i64(fp_number(node), eval->arena);
        return true;
    }
    if (node->flags & FP_WIDE)
        return decimal_parse(fp_text(eval->code, node), eval->arena, ret) || fp_no_memory(eval);
    *ret = (Decimal){.small = fp_number(node), .scale = (int32_t)node->extra};
    return true;
}

static bool eval_quantity(FpEval *eval, const FpNode *node)
{
    Decimal value;
    FhirpathItem item;
    return decimal_of(eval, &eval->nodes[node->left], &value) &&
           fp_make_quantity(eval, value, fp_text(eval->code, node), (uint8_t)node->id,
                            node->id == 0, &item) &&
           fp_push(eval, &item);
}

static bool eval_literal(FpEval *eval, const FpNode *node)
{
    FhirpathItem item;
    Decimal decimal;
    DateTime time;
    switch ((FpOp)node->op) {
    case FP_BOOLEAN:
        item = fp_boolean(node->id != 0);
        break;
    case FP_STRING:
        item = fp_string(fp_text(eval->code, node));
        break;
    case FP_INTEGER:
        item = fp_integer(fp_number(node));
        break;
    case FP_DECIMAL:
        if (!decimal_of(eval, node, &decimal))
            return false;
        item = fp_decimal(decimal);
        break;
    default:
        memcpy(&time, (const char *)eval->code + eval->code->pool_at + node->extra, sizeof time);
        item = fp_date_time(&time);
    }
    return fp_push(eval, &item);
}

/* --- types -------------------------------------------------------------------------------------
 */

/* A name in System that System does not have is the type of nothing, not an error (R4 suite). */
static bool known_type(const FpNode *type)
{
    return type->id || type->extra || (type->flags & FP_NS_SYSTEM);
}

/* The Java core's operators compare names, without case and without inheritance. */
static bool java_is(FpEval *eval, const FhirpathItem *item, const FpNode *type)
{
    Str name = fp_text(eval->code, type);
    if (type->flags & FP_NS_FHIR)
        name = str_skip(name, strlen("FHIR."));
    return str_eq_ignore_case(name, fp_type_name(eval->model, item));
}

static bool eval_is(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    uint32_t base = eval->top;
    const FpNode *type = &eval->nodes[node->right];
    if (!fp_eval(eval, node->left, scope))
        return false;
    uint32_t count = eval->top - base;
    if (!eval->java && !known_type(type))
        return fp_throw(eval, type, "there is no type %.*s", STR_ARG(fp_text(eval->code, type)));
    if (count == 0)
        return true;
    if (count > 1 && !eval->java)
        return fp_throw(eval, node, "'is' takes one item, found %u", count);
    FhirpathItem item = eval->items[base];
    bool by_name = eval->java && item.kind == FHIRPATH_NODE;
    bool is =
        count == 1 && (by_name ? java_is(eval, &item, type) : fp_is_type(eval, &item, type, false));
    eval->top = base;
    item = fp_boolean(is);
    return fp_push(eval, &item);
}

static bool eval_as(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    uint32_t base = eval->top;
    const FpNode *type = &eval->nodes[node->right];
    if (!fp_eval(eval, node->left, scope))
        return false;
    if (!known_type(type))
        return fp_throw(eval, type, "there is no type %.*s", STR_ARG(fp_text(eval->code, type)));
    if (eval->top - base > 1 && !eval->java)
        return fp_throw(eval, node, "'as' takes one item, found %u", eval->top - base);
    uint32_t kept = base;
    for (uint32_t i = base; i < eval->top; i++) {
        const FhirpathItem *item = &eval->items[i];
        if (eval->java ? java_is(eval, item, type) : fp_is_type(eval, item, type, true))
            eval->items[kept++] = *item;
    }
    eval->top = kept;
    return true;
}

/* --- calls and operators -----------------------------------------------------------------------
 */

/* count() of children() needs no items. */
static bool eval_count_fast(FpEval *eval, const FpNode *node, const FpScope *scope, bool *ret_done)
{
    const FpNode *input = &eval->nodes[node->left];
    *ret_done = false;
    if (input->op != FP_CALL || input->left || fp_function_at(input->id)->run != fn_children ||
        scope->focus_count != 1)
        return true;
    uint64_t count;
    if (!fp_count_children(eval, scope->focus, &count))
        return false;
    *ret_done = true;
    FhirpathItem item = fp_integer((int64_t)count);
    return fp_push(eval, &item);
}

/* Puts a call's input on the stack; `any`: one item of it will do. */
static bool eval_input(FpEval *eval, FpCall *call, bool any)
{
    const FpNode *node = call->node;
    const FpScope *scope = call->scope;
    call->base = eval->top;
    if (!node->left) {
        if (!push_items(eval, scope->focus, scope->focus_count))
            return false;
    } else {
        const FpNode *input = &eval->nodes[node->left];
        bool ok = any && input->op == FP_CHILD && !(input->flags & FP_MEMO)
                      ? fp_step(eval, 1) && eval_child(eval, input, scope, true)
                      : fp_eval(eval, node->left, scope);
        if (!ok)
            return false;
    }
    call->end = eval->top;
    return true;
}

static bool eval_call(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    FpCall call = {.node = node, .scope = scope};
    const FpFunction *function = fp_function_at(node->id);
    if (function->run == fn_count && node->left) {
        bool done = false;
        if (!eval_count_fast(eval, node, scope, &done))
            return false;
        if (done)
            return true;
    }
    return eval_input(eval, &call, false) && function->run(eval, &call);
}

/* --- tests: what yields true, false or {} need not go over the stack --------------------------
 */

typedef FpTri Tester(FpEval *eval, const FpCall *call);

static Tester *tester_of(const FpNode *node)
{
    bool (*run)(FpEval *, const FpCall *) = fp_function_at(node->id)->run;
    return run == fn_exists      ? fp_test_exists
           : run == fn_empty     ? fp_test_empty
           : run == fn_not       ? fp_test_not
           : run == fn_all       ? fp_test_all
           : run == fn_has_value ? fp_test_has_value
                                 : NULL;
}

static bool is_test(const FpNode *node)
{
    return (node->op >= FP_LESS && node->op <= FP_IMPLIES) ||
           (node->op == FP_CALL && tester_of(node) != NULL);
}

static FpTri combine(uint8_t op, FpTri left, FpTri right)
{
    switch ((FpOp)op) {
    case FP_AND:
        return left == FP_FALSE || right == FP_FALSE ? FP_FALSE
               : left == FP_TRUE && right == FP_TRUE ? FP_TRUE
                                                     : FP_UNKNOWN;
    case FP_OR:
        return left == FP_TRUE || right == FP_TRUE     ? FP_TRUE
               : left == FP_FALSE && right == FP_FALSE ? FP_FALSE
                                                       : FP_UNKNOWN;
    case FP_XOR:
        if (left == FP_UNKNOWN || right == FP_UNKNOWN)
            return FP_UNKNOWN;
        return left != right ? FP_TRUE : FP_FALSE;
    default: /* implies */
        return left == FP_FALSE || right == FP_TRUE   ? FP_TRUE
               : left == FP_TRUE && right == FP_FALSE ? FP_FALSE
                                                      : FP_UNKNOWN;
    }
}

/* The right side is not looked at when the left one decides. The Java core looks at what it
 * evaluated, unless that is a Boolean of its own or nothing, only after both sides (*ret_late: then
 * the left side stays on the stack). */
static FpTri test_left(FpEval *eval, const FpNode *node, const FpScope *scope, bool *ret_late)
{
    uint32_t base = eval->top;
    *ret_late = false;
    if (!eval->java || node->op == FP_IMPLIES || is_test(&eval->nodes[node->left]))
        return fp_test(eval, node->left, scope, node);
    if (!fp_eval(eval, node->left, scope))
        return FP_FAILED;
    uint32_t count = eval->top - base;
    *ret_late = count > 1 || (count == 1 && eval->items[base].kind != FHIRPATH_BOOLEAN);
    if (*ret_late)
        return FP_UNKNOWN;
    FpTri left = fp_tri(eval, node, base);
    eval->top = base;
    return left;
}

static FpTri test_logic(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    uint32_t base = eval->top;
    FpDefined *before = eval->defined;
    bool late;
    FpTri left = test_left(eval, node, scope, &late);
    eval->defined = before;
    if (left == FP_FAILED)
        return FP_FAILED;
    if (left == FP_FALSE && (node->op == FP_AND || node->op == FP_IMPLIES))
        return node->op == FP_AND ? FP_FALSE : FP_TRUE;
    if (left == FP_TRUE && node->op == FP_OR)
        return FP_TRUE;
    FpTri right = fp_test(eval, node->right, scope, node);
    eval->defined = before;
    if (right == FP_FAILED)
        return FP_FAILED;
    if (late) {
        left = fp_tri(eval, node, base);
        eval->top = base;
        if (left == FP_FAILED)
            return FP_FAILED;
    }
    return combine(node->op, left, right);
}

/* Of a node that is_test(): leaves the stack as it was. */
static FpTri test_node(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    if (node->op >= FP_AND && node->op <= FP_IMPLIES)
        return test_logic(eval, node, scope);
    if (node->op != FP_CALL) {
        FpDefined *before = eval->defined;
        FpTri result = fp_compare(eval, node, scope);
        eval->defined = before;
        return result;
    }
    Tester *test = tester_of(node);
    FpCall call = {.node = node, .scope = scope};
    bool any = !eval->java && !node->right && (test == fp_test_exists || test == fp_test_empty);
    if (!eval_input(eval, &call, any))
        return FP_FAILED;
    FpTri result = test(eval, &call);
    eval->top = call.base;
    return result;
}

bool fp_push_tri(FpEval *eval, FpTri value)
{
    if (value == FP_UNKNOWN)
        return true;
    FhirpathItem item = fp_boolean(value == FP_TRUE);
    return value != FP_FAILED && fp_push(eval, &item);
}

static bool eval_unary(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    uint32_t base = eval->top;
    return eval_scoped(eval, node->left, scope) && fp_negate(eval, node, base);
}

static bool eval_operation(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    switch ((FpOp)node->op) {
    case FP_NEGATE:
    case FP_PLUS_SIGN:
        return eval_unary(eval, node, scope);
    case FP_IS:
        return eval_is(eval, node, scope);
    case FP_AS:
        return eval_as(eval, node, scope);
    case FP_TYPE_NAME:
    case FP_NONE:
        return fp_throw(eval, node, "a type is no value");
    case FP_ZONED_TIME:
        return fp_throw(eval, node, "a time has no offset");
    default: {
        if (is_test(node))
            return fp_push_tri(eval, test_node(eval, node, scope));
        FpDefined *before = eval->defined;
        bool ok = fp_binary(eval, node, scope);
        eval->defined = before;
        return ok;
    }
    }
}

static inline bool eval_node(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    FhirpathItem item;
    switch ((FpOp)node->op) {
    case FP_CHILD:
        return eval_child(eval, node, scope, false);
    case FP_CALL:
        return eval_call(eval, node, scope);
    case FP_THIS:
        return !scope->self || fp_push(eval, scope->self);
    case FP_STRING:
    case FP_INTEGER:
    case FP_BOOLEAN:
    case FP_DECIMAL:
    case FP_DATE_TIME:
        return eval_literal(eval, node);
    case FP_EMPTY:
        return true;
    case FP_QUANTITY:
        return eval_quantity(eval, node);
    case FP_VARIABLE:
        return eval_variable(eval, node);
    case FP_INDEX:
        item = fp_integer(scope->index);
        return scope->index < 0 || fp_push(eval, &item);
    case FP_TOTAL:
        return push_items(eval, scope->total, scope->total_count);
    case FP_ROOT_TYPE:
        return eval_root_type(eval, node, scope);
    case FP_INDEXER:
        return eval_indexer(eval, node, scope);
    case FP_GROUP_ON:
        return eval_group_on(eval, node, scope);
    default:
        return eval_operation(eval, node, scope);
    }
}

/* --- remembering --------------------------------------------------------------------------------
 * A bundle profile asks for entry.resource.ofType(Task) in dozens of invariants. What depends on
 * its focus alone is remembered by (hash of the expression, focus) while %resource stays. */

static FpMemo *memo_slot(FpEval *eval, uint64_t hash, const JsonNode *node)
{
    uint64_t at = (hash ^ (uintptr_t)node >> 4) * 0x9E3779B97F4A7C15U;
    for (uint32_t i = (uint32_t)(at >> 32);; i++) {
        FpMemo *memo = &eval->memos[i & (eval->memo_room - 1)];
        if (!memo->hash || memo->epoch != eval->epoch || (memo->hash == hash && memo->node == node))
            return memo;
    }
}

static bool memo_grow(FpEval *eval)
{
    uint32_t room = eval->memo_room ? eval->memo_room * 2 : FP_MEMOS_FIRST;
    FpMemo *old = eval->memos;
    uint32_t old_room = eval->memo_room;
    FpMemo *memos = ARENA_ARRAY(eval->arena, FpMemo, room);
    if (!memos)
        return fp_no_memory(eval);
    eval->memos = memos;
    eval->memo_room = room;
    eval->kept++;
    for (uint32_t i = 0; i < old_room; i++)
        if (old[i].hash && old[i].epoch == eval->epoch)
            *memo_slot(eval, old[i].hash, old[i].node) = old[i];
    return true;
}

static bool eval_memo(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    const JsonNode *focus = scope->focus->node;
    if ((!eval->memo_room || eval->memo_count * 2 >= eval->memo_room) && !memo_grow(eval))
        return false;
    FpMemo *memo = memo_slot(eval, node->hash, focus);
    if (memo->hash == node->hash && memo->node == focus && memo->epoch == eval->epoch)
        return fp_step(eval, 1) && push_items(eval, memo->items, memo->count);
    uint32_t base = eval->top;
    if (!eval_node(eval, node, scope))
        return false;
    uint32_t count = eval->top - base;
    FhirpathItem *items = arena_alloc(eval->arena, (count ? count : 1) * sizeof *items);
    if (!items)
        return fp_no_memory(eval);
    if (count)
        memcpy(items, eval->items + base, count * sizeof *items);
    eval->kept++;
    if (eval->memo_count * 2 >= eval->memo_room) /* inner ones came meanwhile */
        return true;
    *memo_slot(eval, node->hash, focus) = (FpMemo){node->hash, focus, items, count, eval->epoch};
    eval->memo_count++;
    return true;
}

static bool worth_a_memo(const FpEval *eval, const FpScope *scope)
{
    enum { BYTES_MIN = 2000 };
    const FhirpathItem *focus = scope->focus;
    return scope->focus_count == 1 && focus->kind == FHIRPATH_NODE && focus->node && focus->type &&
           scope->self && scope->self->kind == FHIRPATH_NODE && scope->self->node == focus->node &&
           eval->model->types[focus->type].kind == FHIR_KIND_RESOURCE &&
           focus->node->end - focus->node->at >= BYTES_MIN;
}

bool fp_eval(FpEval *eval, uint32_t index, const FpScope *scope)
{
    const FpNode *node = &eval->nodes[index];
    if (!fp_step(eval, 1))
        return false;
    if (++eval->depth > eval->limits.depth)
        return fp_limit(eval, "depth");
    bool ok = (node->flags & FP_MEMO) && !eval->forget && eval->model && worth_a_memo(eval, scope)
                  ? eval_memo(eval, node, scope)
                  : eval_node(eval, node, scope);
    eval->depth--;
    return ok;
}

FpTri fp_test(FpEval *eval, uint32_t index, const FpScope *scope, const FpNode *at)
{
    const FpNode *node = &eval->nodes[index];
    uint32_t base = eval->top;
    FpTri result;
    if (is_test(node) && (!(node->flags & FP_MEMO) || eval->forget)) {
        if (!fp_step(eval, 1))
            return FP_FAILED;
        if (++eval->depth > eval->limits.depth)
            return fp_limit(eval, "depth"), FP_FAILED;
        result = test_node(eval, node, scope);
        eval->depth--;
        return result;
    }
    if (!fp_eval(eval, index, scope))
        return FP_FAILED;
    result = fp_tri(eval, at, base);
    eval->top = base;
    return result;
}

/* --- the door ----------------------------------------------------------------------------------
 */

static FhirpathLimits limits_of(FhirpathLimits given)
{
    static const FhirpathLimits usual = {5000000, 2000, 1 << 20, 1000000, 16 << 20};
    if (!given.steps)
        given.steps = usual.steps;
    if (!given.depth)
        given.depth = usual.depth;
    if (!given.items)
        given.items = usual.items;
    if (!given.match_steps)
        given.match_steps = usual.match_steps;
    if (!given.text_bytes)
        given.text_bytes = usual.text_bytes;
    return given;
}

FhirpathEval *fhirpath_eval_new(const FhirpathEnvironment *environment, Arena *arena)
{
    FpEval *eval = ARENA_NEW(arena, FpEval);
    if (!eval)
        return NULL;
    eval->model = environment->model;
    eval->host = environment->host;
    eval->limits = limits_of(environment->limits);
    eval->variables = environment->variables;
    eval->variable_count = environment->variable_count;
    eval->arena = arena;
    eval->epoch = 1;
    eval->forget = environment->forget;
    return fp_grow(eval) ? eval : NULL;
}

void fhirpath_eval_resource(FhirpathEval *eval, const FhirpathItem *resource,
                            const FhirpathItem *root_resource)
{
    if (eval->has_resource && eval->resource.node == resource->node &&
        eval->root_resource.node == root_resource->node)
        return;
    eval->resource = *resource;
    eval->root_resource = *root_resource;
    eval->has_resource = true;
    eval->epoch++;
    eval->memo_count = 0;
}

typedef struct Saved { /* a host function may evaluate with the evaluator that called it */
    const FpHeader *code;
    const FpNode *nodes;
    FhirpathItem context;
    Err *err;
    FpDefined *defined;
    uint64_t steps;
    uint32_t top, depth;
    bool has_context, java, json_names, limit_hit;
} Saved;

static Saved save(const FpEval *e)
{
    return (Saved){e->code, e->nodes, e->context,     e->err,  e->defined,    e->steps,
                   e->top,  e->depth, e->has_context, e->java, e->json_names, e->limit_hit};
}

static void restore(FpEval *e, const Saved *s)
{
    e->code = s->code;
    e->nodes = s->nodes;
    e->context = s->context;
    e->err = s->err;
    e->defined = s->defined;
    e->steps = s->code ? s->steps : 0;
    e->top = s->top;
    e->depth = s->depth;
    e->has_context = s->has_context;
    e->java = s->java;
    e->json_names = s->json_names;
    e->limit_hit = s->limit_hit;
}

static bool run(FpEval *eval, Str code, const FhirpathItem *focus, Err *err)
{
    const FpHeader *header = (const FpHeader *)(const void *)code.ptr;
    CHECK(code.len >= sizeof *header && header->magic == FP_CODE_MAGIC &&
          header->functions == fp_functions_hash());
    if (!eval->code)
        eval->steps = eval->limits.steps;
    eval->code = header;
    eval->nodes = fp_nodes(header);
    eval->java = header->dialect == FHIRPATH_JAVA;
    eval->json_names = header->json_names;
    eval->err = err;
    eval->defined = NULL;
    eval->limit_hit = false;
    eval->has_context = focus != NULL;
    if (focus)
        eval->context = *focus;
    FpScope scope = {.focus = focus, .focus_count = focus ? 1 : 0, .self = focus, .index = -1};
    return fp_eval(eval, header->root, &scope);
}

bool fhirpath_evaluate(FhirpathEval *eval, Str code, const FhirpathItem *focus,
                       FhirpathItems *ret_items, Err *err)
{
    Saved before = save(eval);
    FhirpathItem *items = NULL;
    bool ok = run(eval, code, focus, err);
    size_t count = ok ? eval->top - before.top : 0;
    if (ok && count) {
        items = arena_alloc(eval->arena, count * sizeof *items);
        ok = items || fp_no_memory(eval);
        if (items)
            memcpy(items, eval->items + before.top, count * sizeof *items);
    }
    restore(eval, &before);
    if (ok)
        *ret_items = (FhirpathItems){items, count};
    return ok;
}

FhirpathVerdict fhirpath_check(FhirpathEval *eval, Str code, const FhirpathItem *focus, Err *err)
{
    Saved before = save(eval);
    ArenaMark mark = arena_mark(eval->arena);
    uint32_t kept = eval->kept;
    FhirpathVerdict verdict = FHIRPATH_THREW;
    if (run(eval, code, focus, err)) {
        uint32_t count = eval->top - before.top;
        bool value = true;
        if (count == 1)
            (void)fp_is_boolean_node(eval, &eval->items[before.top], &value);
        verdict = count && value ? FHIRPATH_TRUE : FHIRPATH_FALSE;
    } else if (eval->limit_hit) {
        verdict = FHIRPATH_LIMIT;
    }
    restore(eval, &before);
    if (kept == eval->kept)
        arena_release(eval->arena, mark);
    return verdict;
}
