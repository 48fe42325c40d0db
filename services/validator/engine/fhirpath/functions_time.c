/* FHIRPath N1 5.9 now() and its kin; boundaries, precision and parts of dates and times (STU). */
#include "services/validator/engine/fhirpath/functions_inner.h"

bool fn_now(FpEval *eval, const FpCall *call)
{
    return fp_return(eval, call, fp_date_time(fp_now(eval)));
}

bool fn_today(FpEval *eval, const FpCall *call)
{
    const DateTime *now = fp_now(eval);
    DateTime date = {.kind = DATETIME_DATE, .precision = DATETIME_DAY};
    date.year = now->year;
    date.month = now->month;
    date.day = now->day;
    return fp_return(eval, call, fp_date_time(&date));
}

static DateTime time_of(const DateTime *moment)
{
    DateTime time = *moment;
    time.kind = DATETIME_TIME;
    time.year = 1;
    time.month = time.day = 1;
    time.has_offset = time.is_zulu = false;
    time.offset_minutes = 0;
    return time;
}

bool fn_time_of_day(FpEval *eval, const FpCall *call)
{
    DateTime time = time_of(fp_now(eval));
    return fp_return(eval, call, fp_date_time(&time));
}

static bool boundary_of_decimal(FpEval *eval, const FpCall *call, FhirpathItem *value,
                                int64_t precision, bool low)
{
    Decimal d, result;
    const FhirpathQuantity *q = value->kind == FHIRPATH_QUANTITY ? value->quantity : NULL;
    d = q                                 ? q->value
        : value->kind == FHIRPATH_INTEGER ? decimal_from_i64(value->integer, eval->arena)
                                          : value->decimal;
    bool ok = low ? decimal_low_boundary(d, (int32_t)precision, eval->arena, &result)
                  : decimal_high_boundary(d, (int32_t)precision, eval->arena, &result);
    if (!ok)
        return fp_return_empty(eval, call);
    if (!q)
        return fp_return(eval, call, fp_decimal(result));
    return fp_make_quantity(eval, result, q->unit, q->calendar, q->is_ucum, value) &&
           fp_return(eval, call, *value);
}

static bool boundary(FpEval *eval, const FpCall *call, bool low)
{
    FhirpathItem value;
    bool done, has;
    int64_t precision = -1;
    DateTime result;
    if (!fp_input_value(eval, call, &value, &done))
        return done;
    if (!fp_integer_argument(eval, call, 0, &precision, &has))
        return false;
    if (has && (precision < 0 || precision > 1000))
        return fp_return_empty(eval, call);
    switch ((FhirpathKind)value.kind) {
    case FHIRPATH_INTEGER:
    case FHIRPATH_DECIMAL:
    case FHIRPATH_QUANTITY:
        return boundary_of_decimal(eval, call, &value, precision, low);
    case FHIRPATH_DATE:
    case FHIRPATH_DATE_TIME:
    case FHIRPATH_TIME:
        if (!(low ? datetime_low_boundary(&value.time, (int)precision, &result)
                  : datetime_high_boundary(&value.time, (int)precision, &result)))
            return fp_return_empty(eval, call);
        return fp_return(eval, call, fp_date_time(&result));
    default:
        return fp_wrong_input(eval, call, &value, "a Decimal, Date, DateTime, Time or Quantity");
    }
}

bool fn_low_boundary(FpEval *eval, const FpCall *call)
{
    return boundary(eval, call, true);
}
bool fn_high_boundary(FpEval *eval, const FpCall *call)
{
    return boundary(eval, call, false);
}

bool fn_precision(FpEval *eval, const FpCall *call)
{
    FhirpathItem value;
    bool done;
    if (!fp_input_value(eval, call, &value, &done))
        return done;
    switch ((FhirpathKind)value.kind) {
    case FHIRPATH_INTEGER:
        return fp_return(eval, call, fp_integer(0));
    case FHIRPATH_DECIMAL:
        return fp_return(eval, call, fp_integer(decimal_precision(value.decimal)));
    case FHIRPATH_DATE:
    case FHIRPATH_DATE_TIME:
    case FHIRPATH_TIME:
        return fp_return(eval, call, fp_integer(datetime_digits(&value.time)));
    default:
        return fp_wrong_input(eval, call, &value, "a Decimal, Date, DateTime or Time");
    }
}

static const struct {
    const char *name;
    DateTimePrecision needs;
} parts[] = {
    {"yearOf",           DATETIME_YEAR  },
    {"monthOf",          DATETIME_MONTH },
    {"dayOf",            DATETIME_DAY   },
    {"hourOf",           DATETIME_HOUR  },
    {"minuteOf",         DATETIME_MINUTE},
    {"secondOf",         DATETIME_SECOND},
    {"millisecondOf",    DATETIME_SECOND},
    {"timezoneOffsetOf", DATETIME_HOUR  },
    {"dateOf",           DATETIME_YEAR  },
    {"timeOf",           DATETIME_HOUR  },
};

static bool give_part(FpEval *eval, const FpCall *call, const DateTime *t, size_t part)
{
    const int64_t numbers[] = {
        t->year, t->month, t->day, t->hour, t->minute, t->second, t->nanosecond / 1000000};
    DateTime result = {.kind = DATETIME_DATE, .year = t->year, .month = t->month, .day = t->day};
    if (part < 7) {
        if (part == 6 && t->fraction_digits == 0)
            return fp_return_empty(eval, call);
        return fp_return(eval, call, fp_integer(numbers[part]));
    }
    if (part == 7) {
        Decimal hours;
        if (!t->has_offset ||
            !decimal_divide(decimal_from_i64(t->offset_minutes, eval->arena),
                            decimal_from_i64(60, eval->arena), eval->arena, &hours))
            return fp_return_empty(eval, call);
        return fp_return(eval, call, fp_decimal(hours));
    }
    result.precision = t->precision < DATETIME_DAY ? t->precision : (uint8_t)DATETIME_DAY;
    if (part == 9)
        result = time_of(t);
    return fp_return(eval, call, fp_date_time(&result));
}

bool fn_time_part(FpEval *eval, const FpCall *call)
{
    FhirpathItem value;
    bool done;
    size_t part = 0;
    if (!fp_input_value(eval, call, &value, &done))
        return done;
    if (value.kind != FHIRPATH_DATE && value.kind != FHIRPATH_DATE_TIME &&
        value.kind != FHIRPATH_TIME)
        return fp_wrong_input(eval, call, &value, "a Date, DateTime or Time");
    while (strcmp(parts[part].name, fp_call_name(call)) != 0)
        part++;
    bool dated = value.kind == FHIRPATH_TIME && (part < 3 || part == 8);
    if (dated || value.time.precision < parts[part].needs)
        return fp_return_empty(eval, call);
    return give_part(eval, call, &value.time, part);
}
