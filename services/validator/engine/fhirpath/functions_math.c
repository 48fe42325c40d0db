/* FHIRPath N1 5.7 math: exact decimals; {} where there is no number. */
#include "services/validator/engine/fhirpath/functions_inner.h"

/* The input as a number. *ret_done: the answer is on the stack. */
static bool input_number(FpEval *eval, const FpCall *call, FhirpathItem *ret_value, Decimal *ret,
                         bool *ret_done)
{
    if (!fp_input_value(eval, call, ret_value, ret_done))
        return *ret_done;
    if (ret_value->kind == FHIRPATH_INTEGER)
        *ret = decimal_from_i64(ret_value->integer, eval->arena);
    else if (ret_value->kind == FHIRPATH_DECIMAL)
        *ret = ret_value->decimal;
    else if (ret_value->kind == FHIRPATH_QUANTITY)
        *ret = ret_value->quantity->value;
    else
        return fp_wrong_input(eval, call, ret_value, "a number");
    return true;
}

static bool give(FpEval *eval, const FpCall *call, bool ok, Decimal value)
{
    return ok ? fp_return(eval, call, fp_decimal(value)) : fp_return_empty(eval, call);
}

typedef bool (*Operation)(Decimal d, Arena *arena, Decimal *ret);

/* To an Integer where it fits. */
static bool whole(FpEval *eval, const FpCall *call, Operation operation)
{
    FhirpathItem value = {0};
    Decimal d = DECIMAL_ZERO, result = DECIMAL_ZERO;
    bool done = false;
    int64_t integer;
    if (!input_number(eval, call, &value, &d, &done) || done)
        return done;
    bool ok = operation(d, eval->arena, &result);
    if (ok && value.kind == FHIRPATH_QUANTITY) {
        const FhirpathQuantity *q = value.quantity;
        return fp_make_quantity(eval, result, q->unit, q->calendar, q->is_ucum, &value) &&
               fp_return(eval, call, value);
    }
    if (ok && decimal_to_i64(result, &integer))
        return fp_return(eval, call, fp_integer(integer));
    return give(eval, call, ok, result);
}

bool fn_ceiling(FpEval *eval, const FpCall *call)
{
    return whole(eval, call, decimal_ceiling);
}
bool fn_floor(FpEval *eval, const FpCall *call)
{
    return whole(eval, call, decimal_floor);
}
bool fn_truncate(FpEval *eval, const FpCall *call)
{
    return whole(eval, call, decimal_truncate);
}

static bool real(FpEval *eval, const FpCall *call, Operation operation)
{
    FhirpathItem value = {0};
    Decimal d = DECIMAL_ZERO, result = DECIMAL_ZERO;
    bool done = false;
    if (!input_number(eval, call, &value, &d, &done) || done)
        return done;
    bool ok = operation(d, eval->arena, &result);
    return give(eval, call, ok, ok ? result : d);
}

bool fn_exp(FpEval *eval, const FpCall *call)
{
    return real(eval, call, decimal_exp);
}
bool fn_ln(FpEval *eval, const FpCall *call)
{
    return real(eval, call, decimal_ln);
}
bool fn_sqrt(FpEval *eval, const FpCall *call)
{
    return real(eval, call, decimal_sqrt);
}

/* Input and argument as numbers. */
static bool two_numbers(FpEval *eval, const FpCall *call, FhirpathItem *ret_value, Decimal *ret_a,
                        FhirpathItem *ret_other, Decimal *ret_b, bool *ret_done)
{
    uint32_t start;
    if (!input_number(eval, call, ret_value, ret_a, ret_done) || *ret_done)
        return *ret_done;
    if (!fp_argument(eval, call, 0, &start))
        return false;
    uint32_t count = eval->top - start;
    *ret_done = count == 0;
    if (count == 0)
        return fp_return_empty(eval, call);
    if (count > 1 || !fp_value(eval, &eval->items[start], ret_other) ||
        (ret_other->kind != FHIRPATH_INTEGER && ret_other->kind != FHIRPATH_DECIMAL))
        return fp_throw(eval, call->node, "%s() takes one number as argument", fp_call_name(call));
    *ret_b = ret_other->kind == FHIRPATH_INTEGER ? decimal_from_i64(ret_other->integer, eval->arena)
                                                 : ret_other->decimal;
    return true;
}

bool fn_log(FpEval *eval, const FpCall *call)
{
    FhirpathItem value = {0}, other = {0};
    Decimal a = DECIMAL_ZERO, b = DECIMAL_ZERO, result = DECIMAL_ZERO;
    bool done = false;
    if (!two_numbers(eval, call, &value, &a, &other, &b, &done) || done)
        return done;
    bool ok = decimal_log(a, b, eval->arena, &result);
    return give(eval, call, ok, ok ? result : a);
}

/* spec: FHIRPath N1 5.7.7: Integer to the power of an Integer is an Integer, where it is one. */
bool fn_power(FpEval *eval, const FpCall *call)
{
    FhirpathItem value = {0}, other = {0};
    Decimal a = DECIMAL_ZERO, b = DECIMAL_ZERO, result = DECIMAL_ZERO;
    bool done = false;
    int64_t integer;
    if (!two_numbers(eval, call, &value, &a, &other, &b, &done) || done)
        return done;
    if (!decimal_power(a, b, eval->arena, &result))
        return fp_return_empty(eval, call);
    if (value.kind == FHIRPATH_INTEGER && other.kind == FHIRPATH_INTEGER &&
        decimal_to_i64(result, &integer))
        return fp_return(eval, call, fp_integer(integer));
    return give(eval, call, true, result);
}

bool fn_abs(FpEval *eval, const FpCall *call)
{
    FhirpathItem value = {0};
    Decimal d = DECIMAL_ZERO;
    bool done = false;
    if (!input_number(eval, call, &value, &d, &done) || done)
        return done;
    if (value.kind == FHIRPATH_INTEGER && value.integer != INT64_MIN)
        return fp_return(eval, call,
                         fp_integer(value.integer < 0 ? -value.integer : value.integer));
    d = decimal_abs(d, eval->arena);
    if (value.kind != FHIRPATH_QUANTITY)
        return give(eval, call, true, d);
    const FhirpathQuantity *q = value.quantity;
    return fp_make_quantity(eval, d, q->unit, q->calendar, q->is_ucum, &value) &&
           fp_return(eval, call, value);
}

bool fn_round(FpEval *eval, const FpCall *call)
{
    FhirpathItem value = {0};
    Decimal d = DECIMAL_ZERO, result = DECIMAL_ZERO;
    bool done = false, has = false;
    int64_t digits = 0;
    if (!input_number(eval, call, &value, &d, &done) || done)
        return done;
    if (!fp_integer_argument(eval, call, 0, &digits, &has))
        return false;
    if (digits < 0 || digits > DECIMAL_SCALE_MAX)
        return fp_throw(eval, call->node, "round() takes a precision from 0 to %d",
                        DECIMAL_SCALE_MAX);
    bool ok = decimal_round(d, (int32_t)digits, eval->arena, &result);
    if (ok && value.kind == FHIRPATH_QUANTITY) {
        const FhirpathQuantity *q = value.quantity;
        return fp_make_quantity(eval, result, q->unit, q->calendar, q->is_ucum, &value) &&
               fp_return(eval, call, value);
    }
    return give(eval, call, ok, ok ? result : d);
}
