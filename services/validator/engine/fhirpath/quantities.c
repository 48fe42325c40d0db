/* Arithmetic of quantities: units that combine, and the factors of calendar durations. */
#include "common/fhir/ucum.h"
#include "services/validator/engine/fhirpath/eval.h"

/* spec: FHIRPath N1 5.5.7, the table: a year has 12 months or 365 days, a month 30 days. */
bool fp_calendar_convert(FpEval *eval, Decimal value, uint8_t from, uint8_t to, Decimal *ret)
{
    enum { SECOND = 1000, DAY = 24 * 3600 * SECOND };
    static const int64_t ms[] = {
        0, 365LL * DAY, 30LL * DAY, 7LL * DAY, DAY, 3600 * SECOND, 60 * SECOND, SECOND, 1};
    Arena *arena = eval->arena;
    Decimal product;
    bool months = from <= DATETIME_MONTHS + 1 && to <= DATETIME_MONTHS + 1;
    int64_t times = ms[from], by = ms[to];
    if (months) {
        times = from == DATETIME_YEARS + 1 ? 12 : 1;
        by = to == DATETIME_YEARS + 1 ? 12 : 1;
    }
    if (times % by == 0) {
        times /= by;
        by = 1;
    }
    return decimal_multiply(value, decimal_from_i64(times, arena), arena, &product) &&
           (by == 1 ? (*ret = product, true)
                    : decimal_divide(product, decimal_from_i64(by, arena), arena, ret));
}

static bool add(FpEval *eval, bool plus, Decimal a, Decimal b, Decimal *ret)
{
    return plus ? decimal_add(a, b, eval->arena, ret) : decimal_subtract(a, b, eval->arena, ret);
}

/* spec: FHIRPath N1 6.6: the result is in the more granular unit of both. False: {}. */
static bool sum(FpEval *eval, bool plus, const FhirpathQuantity *a, const FhirpathQuantity *b,
                Decimal *ret, const FhirpathQuantity **ret_unit)
{
    Str ua, ub;
    UcumUnit pa, pb;
    Decimal x = a->value, y = b->value, one = decimal_from_i64(1, eval->arena);
    int order;
    bool calendar = a->calendar && b->calendar;
    *ret_unit = calendar && b->calendar > a->calendar ? b : a;
    if (calendar)
        return fp_calendar_convert(eval, x, a->calendar, (*ret_unit)->calendar, &x) &&
               fp_calendar_convert(eval, y, b->calendar, (*ret_unit)->calendar, &y) &&
               add(eval, plus, x, y, ret);
    if (a->calendar == b->calendar && a->is_ucum == b->is_ucum && str_eq(a->unit, b->unit))
        return add(eval, plus, x, y, ret);
    if (!fp_quantity_unit(a, &ua) || !fp_quantity_unit(b, &ub) ||
        !ucum_parse(ua, eval->arena, &pa, NULL) || !ucum_parse(ub, eval->arena, &pb, NULL) ||
        !ucum_compare(one, &pa, one, &pb, eval->arena, &order))
        return false;
    *ret_unit = order > 0 ? b : a;
    return (order > 0 ? ucum_convert(x, &pa, &pb, eval->arena, &x)
                      : ucum_convert(y, &pb, &pa, eval->arena, &y)) &&
           add(eval, plus, x, y, ret);
}

/* cm2 as cm and 2; false: a unit with operators, annotations or numbers inside. */
static bool split_power(Str unit, Str *ret_atom, int *ret_exponent)
{
    size_t end = unit.len;
    int sign = 1, exponent = 0, scale = 1;
    if (str_is(unit, "1")) {
        *ret_atom = STR("");
        *ret_exponent = 0;
        return true;
    }
    for (size_t i = 0; i < unit.len; i++)
        if (strchr(".(){}*^", unit.ptr[i]) || unit.ptr[i] == '/')
            return false;
    for (; end && unit.ptr[end - 1] >= '0' && unit.ptr[end - 1] <= '9' && scale <= 10; end--) {
        exponent += scale * (unit.ptr[end - 1] - '0');
        scale *= 10;
    }
    if (end && end < unit.len && (unit.ptr[end - 1] == '-' || unit.ptr[end - 1] == '+'))
        sign = unit.ptr[--end] == '-' ? -1 : 1;
    *ret_atom = str_cut(unit, 0, end);
    *ret_exponent = end == unit.len ? 1 : sign * exponent;
    return end > 0;
}

/* 12 'cm' * 3 'cm' is 36 'cm2'; STR_NONE: the units are not powers of one. */
static Str combined(FpEval *eval, bool times, Str ua, Str ub)
{
    Str atom, other;
    int exponent, more;
    if (eval->java || !split_power(ua, &atom, &exponent) || !split_power(ub, &other, &more))
        return STR_NONE;
    if (atom.len && other.len && !str_eq(atom, other))
        return STR_NONE;
    exponent += times ? more : -more;
    atom = atom.len ? atom : other;
    if (exponent == 0)
        return STR("1");
    return exponent == 1 ? atom : arena_format(eval->arena, "%.*s%d", STR_ARG(atom), exponent);
}

static bool product(FpEval *eval, bool times, const FhirpathQuantity *a, const FhirpathQuantity *b,
                    Decimal *ret, Str *ret_unit)
{
    Str ua, ub;
    UcumUnit pa, pb, pc;
    Decimal value;
    if (!fp_quantity_unit(a, &ua) || !fp_quantity_unit(b, &ub) ||
        !ucum_parse(ua, eval->arena, &pa, NULL) || !ucum_parse(ub, eval->arena, &pb, NULL))
        return false;
    bool ok = times ? ucum_multiply(&pa, &pb, eval->arena, &pc) &&
                          decimal_multiply(a->value, b->value, eval->arena, &value)
                    : ucum_divide(&pa, &pb, eval->arena, &pc) &&
                          decimal_divide(a->value, b->value, eval->arena, &value);
    if (!ok)
        return false;
    *ret_unit = combined(eval, times, ua, ub);
    if (ret_unit->ptr) {
        *ret = value;
        return true;
    }
    *ret_unit = ucum_canonical_code(&pc, eval->arena);
    if (ret_unit->len == 0)
        *ret_unit = STR("1");
    return ucum_to_canonical(value, &pc, eval->arena, ret);
}

bool fp_quantity_arithmetic(FpEval *eval, uint8_t op, const FhirpathQuantity *a,
                            const FhirpathQuantity *b, FhirpathItem *ret, bool *ret_has)
{
    Decimal value;
    Str unit;
    const FhirpathQuantity *in;
    if (op == FP_ADD || op == FP_SUBTRACT) {
        *ret_has = sum(eval, op == FP_ADD, a, b, &value, &in);
        return !*ret_has || fp_make_quantity(eval, value, in->unit, in->calendar, in->is_ucum, ret);
    }
    *ret_has = product(eval, op == FP_MULTIPLY, a, b, &value, &unit);
    return !*ret_has || fp_make_quantity(eval, value, unit, 0, true, ret);
}
