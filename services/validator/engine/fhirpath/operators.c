/* Binary operators on [left) and [right) of the stack, and the sign. */
#include "services/validator/engine/fhirpath/eval.h"

typedef struct Sides {
    uint32_t left, middle; /* left operand: [left, middle), right one: [middle, top) */
    uint32_t left_count, right_count;
    FhirpathItem a, b; /* the values of single items */
} Sides;

static const char *symbol(const FpNode *node)
{
    const FpOperator *o = fp_operator_of(node->op);
    return o ? o->text : "-";
}

static bool put_empty(FpEval *eval, uint32_t base)
{
    eval->top = base;
    return true;
}
static bool put(FpEval *eval, uint32_t base, FhirpathItem item)
{
    eval->top = base;
    return fp_push(eval, &item);
}

/* --- equality, membership ----------------------------------------------------------------------
 */

static FpTri tri(bool value)
{
    return value ? FP_TRUE : FP_FALSE;
}

/* The Java core's != is true when every pair differs, the specification's when some pair does. */
static FpTri equality(FpEval *eval, const FpNode *node, const Sides *s)
{
    bool wanted = node->op == FP_EQUAL;
    if (!s->left_count || !s->right_count)
        return FP_UNKNOWN;
    if (s->left_count != s->right_count)
        return tri(!wanted);
    bool open = false, hit = false;
    FpTri stop = !wanted && eval->java ? FP_TRUE : FP_FALSE;
    for (uint32_t i = 0; i < s->left_count && !hit; i++) {
        if (!fp_step(eval, 1))
            return FP_FAILED;
        FpTri equal = fp_equal(eval, &eval->items[s->left + i], &eval->items[s->middle + i]);
        hit = equal == stop;
        open = open || equal == FP_UNKNOWN;
    }
    if (open && !hit)
        return FP_UNKNOWN;
    bool equal = stop == FP_FALSE ? !hit : hit;
    return tri(equal == wanted);
}

/* The same with a String on the right, which need not go over the stack. */
static FpTri equals_string(FpEval *eval, const FpNode *node, uint32_t left)
{
    uint32_t count = eval->top - left;
    bool wanted = node->op == FP_EQUAL;
    if (count != 1)
        return count ? tri(!wanted) : FP_UNKNOWN;
    FhirpathItem text = fp_string(fp_text(eval->code, &eval->nodes[node->right]));
    FpTri equal = fp_equal(eval, &eval->items[left], &text);
    return equal == FP_UNKNOWN ? FP_UNKNOWN : tri((equal == FP_TRUE) == wanted);
}

/* spec: FHIRPath N1 6.1.3: order does not matter; every item has a partner of its own. (The Java
 * core lets several items have the same partner.) Partners are taken out of the right side. */
static FpTri equivalence(FpEval *eval, const FpNode *node, const Sides *s)
{
    bool same = s->left_count == s->right_count;
    uint32_t end = eval->top;
    for (uint32_t i = 0; i < s->left_count && same; i++) {
        bool found = false;
        for (uint32_t j = s->middle; j < end && !found; j++) {
            if (!fp_step(eval, 1))
                return FP_FAILED;
            found = fp_equivalent(eval, &eval->items[s->left + i], &eval->items[j]);
            if (found && !eval->java)
                eval->items[j] = eval->items[--end];
        }
        same = found;
    }
    return tri(same == (node->op == FP_EQUIVALENT));
}

static FpTri membership(FpEval *eval, const FpNode *node, const Sides *s)
{
    bool in = node->op == FP_IN;
    uint32_t ones = in ? s->left_count : s->right_count;
    uint32_t others = in ? s->right_count : s->left_count;
    if (ones == 0)
        return FP_UNKNOWN;
    if (others == 0)
        return FP_FALSE;
    if (ones > 1 && (in || !eval->java)) {
        fp_throw(eval, node, "'%s' takes one item on its %s, found %u", symbol(node),
                 in ? "left" : "right", ones);
        return FP_FAILED;
    }
    bool all = true;
    for (uint32_t i = 0; i < ones && all; i++) {
        const FhirpathItem *item = &eval->items[(in ? s->left : s->middle) + i];
        all = in ? fp_contains(eval, s->middle, eval->top, item)
                 : fp_contains(eval, s->left, s->middle, item);
    }
    return eval->limit_hit ? FP_FAILED : tri(all);
}

/* --- order -------------------------------------------------------------------------------------
 */

static bool java_comparable(FpEval *eval, const FpNode *node, const Sides *s)
{
    const FhirModel *m = eval->model;
    for (uint32_t i = 0; i < 2; i++) {
        const FhirpathItem *item = &eval->items[i ? s->middle : s->left];
        if (item->kind == FHIRPATH_NODE && m && node->op == FP_LESS &&
            (item->type == m->positive_int_type || item->type == m->unsigned_int_type))
            return false;
    }
    return true;
}

static FpTri comparison(FpEval *eval, const FpNode *node, const Sides *s)
{
    if (!s->left_count || !s->right_count)
        return FP_UNKNOWN;
    if (s->left_count > 1 || s->right_count > 1) {
        if (!eval->java)
            fp_throw(eval, node, "'%s' compares one item with one", symbol(node));
        return eval->java ? FP_UNKNOWN : FP_FAILED;
    }
    const FhirpathItem *a = &eval->items[s->left], *b = &eval->items[s->middle];
    if (eval->java && (!fp_is_primitive(eval, a) || !fp_is_primitive(eval, b)) &&
        (!str_is(fp_type_name(eval->model, a), "Quantity") ||
         !str_is(fp_type_name(eval->model, b), "Quantity")))
        return FP_UNKNOWN;
    FpOrder order =
        eval->java && !java_comparable(eval, node, s) ? FP_ORDER_WRONG : fp_order(eval, a, b);
    if (order == FP_ORDER_OPEN)
        return FP_UNKNOWN;
    if (order == FP_ORDER_FAILED)
        return FP_FAILED;
    if (order == FP_ORDER_WRONG) {
        Str x = fp_type_name(eval->model, a), y = fp_type_name(eval->model, b);
        fp_throw(eval, node, "'%s' cannot compare %.*s with %.*s", symbol(node), STR_ARG(x),
                 STR_ARG(y));
        return FP_FAILED;
    }
    switch ((FpOp)node->op) {
    case FP_LESS:
        return tri(order == FP_ORDER_LESS);
    case FP_LESS_EQUAL:
        return tri(order != FP_ORDER_GREATER);
    case FP_GREATER:
        return tri(order == FP_ORDER_GREATER);
    default:
        return tri(order != FP_ORDER_LESS);
    }
}

/* --- arithmetic --------------------------------------------------------------------------------
 */

static bool is_number(const FhirpathItem *v)
{
    return v->kind == FHIRPATH_INTEGER || v->kind == FHIRPATH_DECIMAL;
}
static bool is_time(const FhirpathItem *v)
{
    return v->kind == FHIRPATH_DATE || v->kind == FHIRPATH_DATE_TIME || v->kind == FHIRPATH_TIME;
}
static Decimal number_of(FpEval *eval, const FhirpathItem *v)
{
    return v->kind == FHIRPATH_INTEGER ? decimal_from_i64(v->integer, eval->arena) : v->decimal;
}

static bool wrong_operands(FpEval *eval, const FpNode *node, const Sides *s)
{
    Str x = fp_type_name(eval->model, &s->a), y = fp_type_name(eval->model, &s->b);
    return fp_throw(eval, node, "'%s' does not take %.*s and %.*s", symbol(node), STR_ARG(x),
                    STR_ARG(y));
}

/* spec: FHIRPath N1 6.6: overflow gives {}. Integers have 32 bits, Longs 64. */
static bool put_integer(FpEval *eval, const Sides *s, bool overflow, int64_t value)
{
    bool is_long = s->a.integer != (int32_t)s->a.integer || s->b.integer != (int32_t)s->b.integer;
    if (overflow || (!is_long && value != (int32_t)value))
        return put_empty(eval, s->left);
    return put(eval, s->left, fp_integer(value));
}

static bool integers(FpEval *eval, const FpNode *node, const Sides *s)
{
    int64_t a = s->a.integer, b = s->b.integer, value = 0;
    switch ((FpOp)node->op) {
    case FP_ADD: {
        bool overflow = __builtin_add_overflow(a, b, &value);
        return put_integer(eval, s, overflow, value);
    }
    case FP_SUBTRACT: {
        bool overflow = __builtin_sub_overflow(a, b, &value);
        return put_integer(eval, s, overflow, value);
    }
    case FP_MULTIPLY: {
        bool overflow = __builtin_mul_overflow(a, b, &value);
        return put_integer(eval, s, overflow, value);
    }
    case FP_DIV:
        return b == 0 || (a == INT64_MIN && b == -1) ? put_empty(eval, s->left)
                                                     : put_integer(eval, s, false, a / b);
    default:
        return b == 0 || b == -1
                   ? (b ? put(eval, s->left, fp_integer(0)) : put_empty(eval, s->left))
                   : put(eval, s->left, fp_integer(a % b));
    }
}

static bool decimals(FpEval *eval, const FpNode *node, const Sides *s)
{
    Decimal a = number_of(eval, &s->a), b = number_of(eval, &s->b), value;
    int64_t whole;
    bool ok;
    switch ((FpOp)node->op) {
    case FP_ADD:
        ok = decimal_add(a, b, eval->arena, &value);
        break;
    case FP_SUBTRACT:
        ok = decimal_subtract(a, b, eval->arena, &value);
        break;
    case FP_MULTIPLY:
        ok = decimal_multiply(a, b, eval->arena, &value);
        break;
    case FP_DIVIDE:
        ok = eval->java ? decimal_divide_java(a, b, eval->arena, &value)
                        : decimal_divide(a, b, eval->arena, &value);
        break;
    case FP_DIV:
        ok = decimal_div(a, b, eval->arena, &value);
        if (ok && decimal_to_i64(value, &whole))
            return put(eval, s->left, fp_integer(whole));
        break;
    default:
        ok = decimal_mod(a, b, eval->arena, &value);
    }
    return ok ? put(eval, s->left, fp_decimal(value)) : put_empty(eval, s->left);
}

/* A date or time and a quantity of time. */
static bool calendar(FpEval *eval, const FpNode *node, const Sides *s)
{
    const FhirpathQuantity *q = s->b.quantity;
    DateTimeUnit unit = DATETIME_YEARS;
    int64_t amount;
    Decimal whole;
    DateTime result;
    if (q->calendar)
        unit = (DateTimeUnit)(q->calendar - 1);
    else if (!datetime_unit(q->unit, true, &unit))
        return fp_throw(eval, node,
                        "'%.*s' is no calendar unit, expected years, months, weeks, days, hours, "
                        "minutes, seconds or milliseconds",
                        (int)(q->unit.len < 20 ? q->unit.len : 20), q->unit.ptr);
    if (s->a.kind == FHIRPATH_TIME && unit < DATETIME_HOURS && !eval->java)
        return fp_throw(eval, node, "a time takes hours, minutes, seconds or milliseconds");
    if (!decimal_truncate(q->value, eval->arena, &whole) || !decimal_to_i64(whole, &amount))
        return put_empty(eval, s->left);
    if (node->op == FP_SUBTRACT)
        amount = -amount;
    if (!datetime_add(&s->a.time, amount, unit, &result))
        return put_empty(eval, s->left);
    return put(eval, s->left, fp_date_time(&result));
}

static bool quantities(FpEval *eval, const FpNode *node, const Sides *s)
{
    FhirpathItem item;
    bool has;
    if (!fp_quantity_arithmetic(eval, node->op, s->a.quantity, s->b.quantity, &item, &has))
        return false;
    return has ? put(eval, s->left, item) : put_empty(eval, s->left);
}

/* A number is a quantity with the unit 1. */
static bool number_and_quantity(FpEval *eval, const FpNode *node, Sides *s)
{
    FhirpathItem *number = is_number(&s->a) ? &s->a : &s->b;
    return fp_make_quantity(eval, number_of(eval, number), STR("1"), 0, true, number) &&
           quantities(eval, node, s);
}

static bool scaled_quantity(FpEval *eval, const FpNode *node, const Sides *s)
{
    bool left = s->a.kind == FHIRPATH_QUANTITY;
    const FhirpathQuantity *q = left ? s->a.quantity : s->b.quantity;
    Decimal factor = number_of(eval, left ? &s->b : &s->a), value;
    FhirpathItem item;
    bool ok = node->op == FP_MULTIPLY ? decimal_multiply(q->value, factor, eval->arena, &value)
                                      : decimal_divide(q->value, factor, eval->arena, &value);
    if (!ok)
        return put_empty(eval, s->left);
    return fp_make_quantity(eval, value, q->unit, q->calendar, q->is_ucum, &item) &&
           put(eval, s->left, item);
}

static bool joined(FpEval *eval, const Sides *s, Str a, Str b)
{
    fp_spend_bytes(eval, a.len + b.len);
    if (a.len + b.len > eval->limits.text_bytes)
        return fp_limit(eval, "bytes of text");
    char *text = arena_alloc(eval->arena, a.len + b.len);
    if (!text)
        return fp_no_memory(eval);
    if (a.len)
        memcpy(text, a.ptr, a.len);
    if (b.len)
        memcpy(text + a.len, b.ptr, b.len);
    return put(eval, s->left, fp_string((Str){text, a.len + b.len}));
}

static bool arithmetic(FpEval *eval, const FpNode *node, Sides *s)
{
    if (!s->left_count || !s->right_count)
        return put_empty(eval, s->left);
    if (s->left_count > 1 || s->right_count > 1)
        return fp_throw(eval, node, "'%s' takes one item on its %s, found %u", symbol(node),
                        s->left_count > 1 ? "left" : "right",
                        s->left_count > 1 ? s->left_count : s->right_count);
    s->a = eval->items[s->left];
    s->b = eval->items[s->middle];
    FhirpathItem a, b;
    bool has_a = fp_value(eval, &s->a, &a), has_b = fp_value(eval, &s->b, &b);
    if (!has_a || !has_b)
        return fp_is_primitive(eval, has_a ? &s->b : &s->a) ? put_empty(eval, s->left)
                                                            : wrong_operands(eval, node, s);
    s->a = a;
    s->b = b;
    bool sum = node->op == FP_ADD || node->op == FP_SUBTRACT;
    bool product = node->op == FP_MULTIPLY || node->op == FP_DIVIDE;
    if (a.kind == FHIRPATH_INTEGER && b.kind == FHIRPATH_INTEGER && node->op != FP_DIVIDE)
        return integers(eval, node, s);
    if (is_number(&a) && is_number(&b))
        return decimals(eval, node, s);
    if (node->op == FP_ADD && a.kind == FHIRPATH_STRING && b.kind == FHIRPATH_STRING)
        return joined(eval, s, a.string, b.string);
    if (sum && is_time(&a) && b.kind == FHIRPATH_QUANTITY)
        return calendar(eval, node, s);
    if ((sum || product) && a.kind == FHIRPATH_QUANTITY && b.kind == FHIRPATH_QUANTITY)
        return quantities(eval, node, s);
    if (product && ((a.kind == FHIRPATH_QUANTITY && is_number(&b)) ||
                    (node->op == FP_MULTIPLY && b.kind == FHIRPATH_QUANTITY && is_number(&a))))
        return scaled_quantity(eval, node, s);
    bool mixed = (is_number(&a) && b.kind == FHIRPATH_QUANTITY) ||
                 (a.kind == FHIRPATH_QUANTITY && is_number(&b));
    if (mixed && (sum || product) && !eval->java)
        return number_and_quantity(eval, node, s);
    return wrong_operands(eval, node, s);
}

static bool concatenation(FpEval *eval, const FpNode *node, const Sides *s)
{
    Str text[2] = {STR(""), STR("")};
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t count = i ? s->right_count : s->left_count;
        FhirpathItem value;
        if (count > 1)
            return fp_throw(eval, node, "'&' takes one item on its %s, found %u",
                            i ? "right" : "left", count);
        if (count == 0 || !fp_value(eval, &eval->items[i ? s->middle : s->left], &value))
            continue;
        if (value.kind != FHIRPATH_STRING) {
            Str type = fp_type_name(eval->model, &value);
            return fp_throw(eval, node, "'&' takes Strings, found %.*s", STR_ARG(type));
        }
        text[i] = value.string;
    }
    return joined(eval, s, text[0], text[1]);
}

/* Both operands onto the stack. */
static bool operands(FpEval *eval, const FpNode *node, const FpScope *scope, Sides *s)
{
    FpDefined *before = eval->defined;
    s->left = eval->top;
    if (!fp_eval(eval, node->left, scope))
        return false;
    eval->defined = before;
    s->middle = eval->top;
    if (!fp_eval(eval, node->right, scope))
        return false;
    s->left_count = s->middle - s->left;
    s->right_count = eval->top - s->middle;
    return true;
}

static FpTri compare(FpEval *eval, const FpNode *node, const Sides *s)
{
    switch ((FpOp)node->op) {
    case FP_EQUAL:
    case FP_NOT_EQUAL:
        return equality(eval, node, s);
    case FP_EQUIVALENT:
    case FP_NOT_EQUIVALENT:
        return equivalence(eval, node, s);
    case FP_IN:
    case FP_CONTAINS:
        return membership(eval, node, s);
    default:
        return comparison(eval, node, s);
    }
}

FpTri fp_compare(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    Sides s;
    FpTri result = FP_FAILED;
    uint32_t base = eval->top;
    if ((node->op == FP_EQUAL || node->op == FP_NOT_EQUAL) &&
        eval->nodes[node->right].op == FP_STRING) {
        if (fp_eval(eval, node->left, scope))
            result = equals_string(eval, node, base);
    } else if (operands(eval, node, scope, &s)) {
        result = compare(eval, node, &s);
    }
    eval->top = base;
    return result;
}

bool fp_binary(FpEval *eval, const FpNode *node, const FpScope *scope)
{
    Sides s;
    bool open = false;
    if (!operands(eval, node, scope, &s))
        return false;
    switch ((FpOp)node->op) {
    case FP_UNION:
        return fp_distinct(eval, s.left, &open);
    case FP_CONCATENATE:
        return concatenation(eval, node, &s);
    default:
        return arithmetic(eval, node, &s);
    }
}

bool fp_negate(FpEval *eval, const FpNode *node, uint32_t start)
{
    uint32_t count = eval->top - start;
    if (count == 0)
        return true;
    FhirpathItem value;
    if (count > 1)
        return fp_throw(eval, node, "a sign takes one item, found %u", count);
    if (!fp_value(eval, &eval->items[start], &value))
        return put_empty(eval, start);
    bool minus = node->op == FP_NEGATE;
    if (value.kind == FHIRPATH_INTEGER) {
        if (minus && value.integer == INT64_MIN)
            return put_empty(eval, start);
        return put(eval, start, fp_integer(minus ? -value.integer : value.integer));
    }
    if (value.kind == FHIRPATH_DECIMAL)
        return put(eval, start,
                   fp_decimal(minus ? decimal_negate(value.decimal, eval->arena) : value.decimal));
    if (value.kind == FHIRPATH_QUANTITY) {
        const FhirpathQuantity *q = value.quantity;
        Decimal number = minus ? decimal_negate(q->value, eval->arena) : q->value;
        return fp_make_quantity(eval, number, q->unit, q->calendar, q->is_ucum, &value) &&
               put(eval, start, value);
    }
    Str type = fp_type_name(eval->model, &value);
    return fp_throw(eval, node, "a sign takes a number, found %.*s", STR_ARG(type));
}
