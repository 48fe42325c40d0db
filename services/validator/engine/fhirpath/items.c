/* Items: elements of a document seen as values, and values written as text. */
#include "services/validator/engine/fhirpath/eval.h"

FhirpathItem fhirpath_resource_item(const FhirModel *model, const JsonDoc *doc,
                                    const JsonNode *node)
{
    FhirTypeId type = 0;
    if (model)
        type = fhir_type_find(model, json_get_text(doc, node, "resourceType"));
    return fhirpath_node_item(doc, node, NULL, type);
}

FhirpathItem fhirpath_string_item(Str text)
{
    return fp_string(text);
}

FhirpathItem fp_date_time(const DateTime *value)
{
    FhirpathItem item = {.kind = FHIRPATH_DATE_TIME};
    if (value->kind == DATETIME_DATE)
        item.kind = FHIRPATH_DATE;
    else if (value->kind == DATETIME_TIME)
        item.kind = FHIRPATH_TIME;
    item.time = *value;
    return item;
}

bool fp_make_quantity(FpEval *eval, Decimal value, Str unit, uint8_t calendar, bool is_ucum,
                      FhirpathItem *ret)
{
    FhirpathQuantity *quantity = ARENA_NEW(eval->arena, FhirpathQuantity);
    if (!quantity)
        return fp_no_memory(eval);
    quantity->value = value;
    quantity->unit = unit;
    quantity->calendar = calendar;
    quantity->is_ucum = is_ucum;
    *ret = (FhirpathItem){.kind = FHIRPATH_QUANTITY, .quantity = quantity};
    return true;
}

static Str text_of(const JsonNode *member)
{
    return member && member->kind == JSON_KIND_STRING ? json_text(member) : STR_NONE;
}

/* spec: hl7.org/fhir/R4/fhirpath.html#quantity: UCUM's code, or a calendar word as the unit. */
static bool quantity_of_node(FpEval *eval, const FhirpathItem *item, FhirpathItem *ret)
{
    const FhirModel *m = eval->model;
    const JsonDoc *doc = item->doc;
    const JsonNode *number = json_get_id(doc, item->node, m->n_value);
    Decimal value;
    if (!number || number->kind != JSON_KIND_NUMBER ||
        !decimal_parse(json_text(number), eval->arena, &value))
        return false;
    Str system = text_of(json_get_id(doc, item->node, m->n_system));
    Str code = text_of(json_get_id(doc, item->node, m->n_code));
    Str unit = text_of(json_get_id(doc, item->node, m->n_unit));
    bool ucum = str_is(system, "http://unitsofmeasure.org");
    DateTimeUnit calendar;
    bool word = !code.ptr && datetime_unit(unit, false, &calendar);
    FhirpathQuantity *quantity = ARENA_NEW(eval->arena, FhirpathQuantity);
    if (!quantity)
        return false;
    quantity->value = value;
    quantity->unit = code.ptr ? code : unit.ptr ? unit : STR("");
    quantity->system = system;
    quantity->is_ucum = ucum || (!code.ptr && !unit.ptr);
    if (!code.ptr && !unit.ptr)
        quantity->unit = STR("1");
    if (word)
        quantity->calendar = (uint8_t)(calendar + 1);
    *ret = (FhirpathItem){.kind = FHIRPATH_QUANTITY, .quantity = quantity};
    return true;
}

static bool number_of_text(FpEval *eval, Str text, bool may_be_integer, FhirpathItem *ret)
{
    Decimal value;
    int64_t whole;
    if (!decimal_parse(text, eval->arena, &value))
        return false;
    bool plain = str_find_char(text, '.') == text.len && str_find_char(text, 'e') == text.len &&
                 str_find_char(text, 'E') == text.len;
    if (may_be_integer && plain && decimal_to_i64(value, &whole))
        *ret = fp_integer(whole);
    else
        *ret = fp_decimal(value);
    return true;
}

static bool time_of_text(DateTimeKind kind, Str text, FhirpathItem *ret)
{
    DateTime value;
    if (!datetime_parse_fhir(kind, text, &value, NULL) && !datetime_parse_as(kind, text, &value))
        return false;
    *ret = fp_date_time(&value);
    return true;
}

static bool value_of_text(FpEval *eval, FhirTypeId type, Str text, FhirpathItem *ret)
{
    const FhirModel *m = eval->model;
    bool ok = false;
    if (type == m->date_type)
        ok = time_of_text(DATETIME_DATE, text, ret);
    else if (type == m->date_time_type)
        ok = time_of_text(DATETIME_DATE_TIME, text, ret);
    else if (type == m->instant_type)
        ok = time_of_text(DATETIME_INSTANT, text, ret);
    else if (type == m->time_type)
        ok = time_of_text(DATETIME_TIME, text, ret);
    if (!ok)
        *ret = fp_string(text);
    return true;
}

bool fp_value(FpEval *eval, const FhirpathItem *item, FhirpathItem *ret)
{
    if (item->kind != FHIRPATH_NODE) {
        *ret = *item;
        return true;
    }
    const JsonNode *node = item->node;
    if (!node)
        return false;
    switch ((JsonKind)node->kind) {
    case JSON_KIND_TRUE:
    case JSON_KIND_FALSE:
        *ret = fp_boolean(node->kind == JSON_KIND_TRUE);
        return true;
    case JSON_KIND_NUMBER:
        return number_of_text(eval, json_text(node),
                              !eval->model || item->type != eval->model->decimal_type, ret);
    case JSON_KIND_STRING:
        if (eval->model && item->type)
            return value_of_text(eval, item->type, json_text(node), ret);
        *ret = fp_string(json_text(node));
        return true;
    case JSON_KIND_OBJECT:
        return eval->model && fhir_type_is_a(eval->model, item->type, eval->model->quantity_type) &&
               quantity_of_node(eval, item, ret);
    default:
        return false;
    }
}

bool fp_is_primitive(const FpEval *eval, const FhirpathItem *item)
{
    if (item->kind != FHIRPATH_NODE)
        return item->kind != FHIRPATH_QUANTITY && item->kind != FHIRPATH_TYPE;
    if (eval->model && item->type)
        return eval->model->types[item->type].kind == FHIR_KIND_PRIMITIVE;
    return item->node && item->node->kind < JSON_KIND_ARRAY && item->node->kind != JSON_KIND_NULL;
}

bool fp_is_boolean_node(const FpEval *eval, const FhirpathItem *item, bool *ret_value)
{
    if (item->kind == FHIRPATH_BOOLEAN) {
        *ret_value = item->boolean;
        return true;
    }
    if (item->kind != FHIRPATH_NODE || !item->node)
        return false;
    uint8_t kind = item->node->kind;
    if (kind == JSON_KIND_TRUE || kind == JSON_KIND_FALSE) {
        *ret_value = kind == JSON_KIND_TRUE;
        return true;
    }
    if (!eval->model || item->type != eval->model->boolean_type || kind != JSON_KIND_STRING)
        return false;
    *ret_value = str_is(json_text(item->node), "true");
    return *ret_value || str_is(json_text(item->node), "false");
}

bool fp_primitive_text(FpEval *eval, const FhirpathItem *item, Str *ret)
{
    if (item->kind != FHIRPATH_NODE) {
        if (item->kind == FHIRPATH_QUANTITY || item->kind == FHIRPATH_TYPE)
            return false;
        *ret = fp_to_string(eval, item);
        return ret->ptr != NULL;
    }
    const JsonNode *node = item->node;
    if (!node)
        return false;
    switch ((JsonKind)node->kind) {
    case JSON_KIND_TRUE:
        *ret = STR("true");
        return true;
    case JSON_KIND_FALSE:
        *ret = STR("false");
        return true;
    case JSON_KIND_NUMBER:
    case JSON_KIND_STRING:
        *ret = json_text(node);
        return true;
    default:
        return false;
    }
}

static Str quantity_text(const FhirpathQuantity *quantity, Arena *arena)
{
    Str number = decimal_print(quantity->value, arena);
    if (!number.ptr)
        return STR_NONE;
    const char *quote = quantity->calendar && !quantity->is_ucum ? "" : "'";
    return arena_format(arena, "%.*s %s%.*s%s", STR_ARG(number), quote, STR_ARG(quantity->unit),
                        quote);
}

static Str integer_text(int64_t n, Arena *arena)
{
    char digits[24];
    char *at = digits + sizeof digits;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (n < 0)
        *--at = '-';
    return arena_copy(arena, (Str){at, (size_t)(digits + sizeof digits - at)});
}

static Str value_text(const FhirpathItem *value, Arena *arena)
{
    char time[DATETIME_TEXT_MAX];
    switch ((FhirpathKind)value->kind) {
    case FHIRPATH_BOOLEAN:
        return value->boolean ? STR("true") : STR("false");
    case FHIRPATH_INTEGER:
        return integer_text(value->integer, arena);
    case FHIRPATH_DECIMAL:
        return decimal_print(value->decimal, arena);
    case FHIRPATH_STRING:
        return value->string.ptr ? value->string : STR("");
    case FHIRPATH_DATE:
    case FHIRPATH_DATE_TIME:
    case FHIRPATH_TIME:
        return arena_copy(arena, datetime_print(&value->time, time));
    case FHIRPATH_QUANTITY:
        return quantity_text(value->quantity, arena);
    default:
        return STR_NONE;
    }
}

Str fp_to_string(FpEval *eval, const FhirpathItem *value)
{
    return value_text(value, eval->arena);
}

Str fhirpath_item_text(const FhirpathItem *item, Arena *arena)
{
    if (item->kind != FHIRPATH_NODE)
        return value_text(item, arena);
    if (!item->node)
        return STR_NONE;
    switch ((JsonKind)item->node->kind) {
    case JSON_KIND_TRUE:
        return STR("true");
    case JSON_KIND_FALSE:
        return STR("false");
    case JSON_KIND_NUMBER:
    case JSON_KIND_STRING:
        return json_text(item->node);
    default:
        return STR_NONE;
    }
}

Str fp_type_name(const FhirModel *model, const FhirpathItem *item)
{
    static const char *const names[] = {"",     "boolean",  "integer", "decimal",  "string",
                                        "date", "dateTime", "time",    "Quantity", "ClassInfo"};
    if (item->kind == FHIRPATH_TYPE && item->is_system)
        return STR("SimpleTypeInfo");
    if (item->kind != FHIRPATH_NODE)
        return str_from(names[item->kind]);
    if (model && item->type)
        return fhir_type_says(model, item->type);
    if (!item->node)
        return STR("Element");
    switch ((JsonKind)item->node->kind) {
    case JSON_KIND_TRUE:
    case JSON_KIND_FALSE:
        return STR("boolean");
    case JSON_KIND_NUMBER:
        return STR("decimal");
    case JSON_KIND_STRING:
        return STR("string");
    default:
        return STR("Element");
    }
}

Str fhirpath_item_type_name(const FhirModel *model, const FhirpathItem *item)
{
    return fp_type_name(model, item);
}
