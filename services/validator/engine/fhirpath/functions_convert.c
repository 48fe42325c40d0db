/* FHIRPath N1 5.5 conversion. One table says what each toX() makes of each kind; convertsToX() asks
 * whether toX() would yield something. */
#include "services/validator/engine/fhirpath/functions_inner.h"

#include "common/fhir/ucum.h"

/* False: no such value. *ret is written on success only. */
typedef bool (*Convert)(FpEval *eval, const FhirpathItem *value, FhirpathItem *ret);

static bool to_boolean(FpEval *eval, const FhirpathItem *v, FhirpathItem *ret)
{
    static const char *const words[] = {"true",  "t", "yes", "y", "1", "1.0",
                                        "false", "f", "no",  "n", "0", "0.0"};
    int64_t number = 2;
    (void)eval;
    switch ((FhirpathKind)v->kind) {
    case FHIRPATH_BOOLEAN:
        *ret = *v;
        return true;
    case FHIRPATH_STRING:
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (str_eq_ignore_case(v->string, str_from(words[i]))) {
                *ret = fp_boolean(i < 6);
                return true;
            }
        return false;
    case FHIRPATH_INTEGER:
        number = v->integer;
        break;
    case FHIRPATH_DECIMAL:
        if (!decimal_to_i64(v->decimal, &number))
            return false;
        break;
    default:
        return false;
    }
    *ret = fp_boolean(number == 1);
    return number == 0 || number == 1;
}

static bool only_digits(Str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return text.len > 0;
}

static Str without_sign(Str text)
{
    return text.len && (text.ptr[0] == '-' || text.ptr[0] == '+') ? str_skip(text, 1) : text;
}

static bool to_long(FpEval *eval, const FhirpathItem *v, FhirpathItem *ret)
{
    Decimal d;
    int64_t number;
    if (v->kind == FHIRPATH_INTEGER || v->kind == FHIRPATH_BOOLEAN) {
        *ret = v->kind == FHIRPATH_BOOLEAN ? fp_integer(v->boolean) : *v;
        return true;
    }
    if (v->kind != FHIRPATH_STRING || !only_digits(without_sign(v->string)) ||
        !decimal_parse(v->string, eval->arena, &d) || !decimal_to_i64(d, &number))
        return false;
    *ret = fp_integer(number);
    return true;
}

static bool to_integer(FpEval *eval, const FhirpathItem *v, FhirpathItem *ret)
{
    FhirpathItem number;
    if (!to_long(eval, v, &number) || number.integer != (int32_t)number.integer)
        return false;
    *ret = number;
    return true;
}

/* spec: FHIRPath N1 5.5.6: (\+|-)?\d+(\.\d+)? */
static bool decimal_text(FpEval *eval, Str text, Decimal *ret)
{
    Str digits = without_sign(text);
    size_t point = str_find_char(digits, '.');
    if (!only_digits((Str){digits.ptr, point}) ||
        (point < digits.len && !only_digits(str_skip(digits, point + 1))))
        return false;
    return decimal_parse(text, eval->arena, ret);
}

static bool to_decimal(FpEval *eval, const FhirpathItem *v, FhirpathItem *ret)
{
    Decimal d;
    switch ((FhirpathKind)v->kind) {
    case FHIRPATH_DECIMAL:
        *ret = *v;
        return true;
    case FHIRPATH_INTEGER:
        *ret = fp_decimal(decimal_from_i64(v->integer, eval->arena));
        return true;
    case FHIRPATH_BOOLEAN:
        /* spec: FHIRPath N1 5.5.6: true is 1.0 */
        *ret = fp_decimal((Decimal){.small = v->boolean ? 10 : 0, .scale = 1});
        return true;
    case FHIRPATH_STRING:
        if (!decimal_text(eval, v->string, &d))
            return false;
        *ret = fp_decimal(d);
        return true;
    default:
        return false;
    }
}

static bool to_string(FpEval *eval, const FhirpathItem *v, FhirpathItem *ret)
{
    Str text = fp_to_string(eval, v);
    if (!text.ptr)
        return false;
    *ret = fp_string(text);
    return true;
}

static bool to_date(FpEval *eval, const FhirpathItem *v, FhirpathItem *ret)
{
    DateTime time;
    (void)eval;
    if (v->kind == FHIRPATH_STRING) {
        if (!datetime_parse_as(DATETIME_DATE, v->string, &time)) {
            if (!datetime_parse_as(DATETIME_DATE_TIME, v->string, &time))
                return false;
        }
    } else if (v->kind == FHIRPATH_DATE || v->kind == FHIRPATH_DATE_TIME) {
        time = v->time;
    } else {
        return false;
    }
    DateTime date = {
        .kind = DATETIME_DATE, .year = time.year, .month = time.month, .day = time.day};
    date.precision = time.precision < DATETIME_DAY ? time.precision : (uint8_t)DATETIME_DAY;
    *ret = fp_date_time(&date);
    return true;
}

static bool to_date_time(FpEval *eval, const FhirpathItem *v, FhirpathItem *ret)
{
    DateTime time;
    (void)eval;
    if (v->kind == FHIRPATH_STRING) {
        if (!datetime_parse_as(DATETIME_DATE_TIME, v->string, &time))
            return false;
    } else if (v->kind == FHIRPATH_DATE || v->kind == FHIRPATH_DATE_TIME) {
        time = v->time;
    } else {
        return false;
    }
    time.kind = DATETIME_DATE_TIME;
    *ret = fp_date_time(&time);
    return true;
}

static bool to_time(FpEval *eval, const FhirpathItem *v, FhirpathItem *ret)
{
    DateTime time;
    (void)eval;
    if (v->kind == FHIRPATH_TIME) {
        *ret = *v;
        return true;
    }
    if (v->kind != FHIRPATH_STRING || !datetime_parse_as(DATETIME_TIME, v->string, &time))
        return false;
    *ret = fp_date_time(&time);
    return true;
}

/* spec: FHIRPath N1 5.5.7: number, white space, then 'unit' in quotes or a calendar word. */
static bool quantity_text(FpEval *eval, Str text, FhirpathItem *ret)
{
    Decimal value;
    size_t end = 0;
    DateTimeUnit unit;
    text = str_trim(text);
    while (end < text.len && strchr("+-.0123456789", text.ptr[end]) && text.ptr[end])
        end++;
    if (!decimal_text(eval, (Str){text.ptr, end}, &value))
        return false;
    Str rest = str_trim(str_skip(text, end));
    if (rest.len == 0)
        return fp_make_quantity(eval, value, STR("1"), 0, true, ret);
    if (rest.len > 2 && rest.ptr[0] == '\'' && rest.ptr[rest.len - 1] == '\'')
        return fp_make_quantity(eval, value, str_cut(rest, 1, rest.len - 1), 0, true, ret);
    if (!datetime_unit(rest, false, &unit))
        return false;
    return fp_make_quantity(eval, value, rest, (uint8_t)(unit + 1), false, ret);
}

static bool to_quantity(FpEval *eval, const FhirpathItem *v, FhirpathItem *ret)
{
    switch ((FhirpathKind)v->kind) {
    case FHIRPATH_QUANTITY:
        *ret = *v;
        return true;
    case FHIRPATH_INTEGER:
        return fp_make_quantity(eval, decimal_from_i64(v->integer, eval->arena), STR("1"), 0, true,
                                ret);
    case FHIRPATH_DECIMAL:
        return fp_make_quantity(eval, v->decimal, STR("1"), 0, true, ret);
    case FHIRPATH_BOOLEAN:
        return fp_make_quantity(eval, (Decimal){.small = v->boolean ? 10 : 0, .scale = 1}, STR("1"),
                                0, true, ret);
    case FHIRPATH_STRING:
        return quantity_text(eval, v->string, ret);
    default:
        return false;
    }
}

static const struct {
    const char *name; /* behind "to" and "convertsTo" */
    Convert convert;
} conversions[] = {
    {"Boolean",  to_boolean  },
    {"Date",     to_date     },
    {"DateTime", to_date_time},
    {"Decimal",  to_decimal  },
    {"Integer",  to_integer  },
    {"Long",     to_long     },
    {"Quantity", to_quantity },
    {"String",   to_string   },
    {"Time",     to_time     },
};

static Convert conversion_of(const FpCall *call, size_t skip)
{
    const char *name = fp_call_name(call) + skip;
    for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++)
        if (strcmp(conversions[i].name, name) == 0)
            return conversions[i].convert;
    return NULL;
}

/* toQuantity('unit'): in that unit, or {}. */
static bool in_unit(FpEval *eval, const FpCall *call, FhirpathItem *io, bool *io_ok)
{
    Str unit, own, code;
    bool has;
    UcumUnit from, to;
    Decimal value;
    DateTimeUnit calendar;
    if (io->kind != FHIRPATH_QUANTITY || !fp_argument_node(eval, call, 0))
        return true;
    const FhirpathQuantity *q = io->quantity;
    if (!fp_text_argument(eval, call, 0, &unit, &has))
        return false;
    if (!has || str_eq(unit, q->unit))
        return true;
    FhirpathQuantity wanted = {.unit = unit, .is_ucum = true};
    if (datetime_unit(unit, false, &calendar)) {
        wanted.calendar = (uint8_t)(calendar + 1);
        wanted.is_ucum = false;
    }
    if (q->calendar && wanted.calendar)
        *io_ok = fp_calendar_convert(eval, q->value, q->calendar, wanted.calendar, &value);
    else
        *io_ok = fp_quantity_unit(&wanted, &code) && fp_quantity_unit(q, &own) &&
                 ucum_parse(own, eval->arena, &from, NULL) &&
                 ucum_parse(code, eval->arena, &to, NULL) &&
                 ucum_convert(q->value, &from, &to, eval->arena, &value);
    return !*io_ok || fp_make_quantity(eval, value, unit, wanted.calendar, wanted.is_ucum, io);
}

/* The Java core converts its own values, but of elements only Quantities, and their texts to
 * Integer, Decimal and String; of all elements it says that they convert to String. */
static bool java_input(FpEval *eval, const FpCall *call, size_t skip, FhirpathItem *ret)
{
    const char *name = fp_call_name(call) + skip;
    FhirpathItem item = eval->items[call->base];
    bool string = strcmp(name, "String") == 0;
    bool text =
        skip == strlen("to") && (strcmp(name, "Integer") == 0 || strcmp(name, "Decimal") == 0);
    if (!fp_value(eval, &item, ret))
        return false;
    return item.kind != FHIRPATH_NODE || string || text || ret->kind == FHIRPATH_QUANTITY;
}

static bool convert(FpEval *eval, const FpCall *call, size_t skip, FhirpathItem *ret, bool *ret_ok)
{
    FhirpathItem value;
    uint32_t count = fp_input_count(eval, call);
    if (count > 1) {
        if (!eval->java || strcmp(fp_call_name(call), "toString") == 0)
            return fp_throw(eval, call->node, "%s() takes one item, found %u", fp_call_name(call),
                            count);
        *ret_ok = false; /* several texts joined by commas are no number */
        return true;
    }
    if (count == 0) {
        *ret_ok = false;
        return true;
    }
    if (eval->java) {
        *ret_ok = java_input(eval, call, skip, &value);
    } else {
        FhirpathItem item = eval->items[call->base];
        *ret_ok = fp_value(eval, &item, &value);
    }
    if (*ret_ok && value.kind == FHIRPATH_STRING)
        fp_spend_bytes(eval, value.string.len);
    *ret_ok = *ret_ok && conversion_of(call, skip)(eval, &value, ret);
    if (*ret_ok && !in_unit(eval, call, ret, ret_ok))
        return false;
    return !eval->limit_hit;
}

bool fn_to(FpEval *eval, const FpCall *call)
{
    FhirpathItem result;
    bool ok = false;
    if (!convert(eval, call, strlen("to"), &result, &ok))
        return false;
    return ok ? fp_return(eval, call, result) : fp_return_empty(eval, call);
}

bool fn_converts_to(FpEval *eval, const FpCall *call)
{
    FhirpathItem result;
    bool ok = false;
    if (fp_input_count(eval, call) == 0)
        return eval->java ? fp_return(eval, call, fp_boolean(false)) : fp_return_empty(eval, call);
    if (!convert(eval, call, strlen("convertsTo"), &result, &ok))
        return false;
    return fp_return(eval, call, fp_boolean(ok));
}
