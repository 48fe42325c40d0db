/* Equality, equivalence, order and hashes of items.
 *
 * The java dialect compares primitives by their text, as the Java core does, dates and decimals
 * apart: 1 = '1' is true there, false in the specification. */
#include "common/fhir/ucum.h"
#include "services/validator/engine/fhirpath/eval.h"
#include "services/validator/engine/fhirpath/text.h"

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

static bool same_text(FpEval *eval, Str a, Str b)
{
    if (a.len != b.len)
        return false;
    fp_spend_bytes(eval, a.len);
    return str_eq(a, b);
}

static bool equivalent_text(FpEval *eval, Str a, Str b)
{
    fp_spend_bytes(eval, a.len + b.len);
    return fp_text_equivalent(a, b);
}

/* --- JSON trees --------------------------------------------------------------------------------
 */

static bool same_number(FpEval *eval, const JsonNode *a, const JsonNode *b, bool loosely)
{
    Decimal x, y;
    if (str_eq(json_text(a), json_text(b)))
        return true;
    if (!decimal_parse(json_text(a), eval->arena, &x) ||
        !decimal_parse(json_text(b), eval->arena, &y))
        return false;
    return loosely ? decimal_equivalent(x, y) : decimal_equal(x, y);
}

static bool same_tree(FpEval *eval, const JsonDoc *da, const JsonNode *a, const JsonDoc *db,
                      const JsonNode *b, bool loosely);

static bool same_list(FpEval *eval, const JsonDoc *da, const JsonNode *a, const JsonDoc *db,
                      const JsonNode *b, bool loosely)
{
    const JsonNode *other = json_first(b);
    JSON_EACH(da, child, a)
    {
        if (!loosely) {
            if (!same_tree(eval, da, child, db, other, false))
                return false;
            other = json_next(db, other);
            continue;
        }
        bool found = false; /* ~ does not mind the order */
        for (other = json_first(b); other && !found; other = json_next(db, other))
            found = same_tree(eval, da, child, db, other, true);
        if (!found)
            return false;
    }
    return true;
}

static bool same_object(FpEval *eval, const JsonDoc *da, const JsonNode *a, const JsonDoc *db,
                        const JsonNode *b, bool loosely)
{
    JSON_EACH(da, child, a)
    {
        const JsonNode *other = json_get_str(db, b, json_key(child));
        if (!other || !same_tree(eval, da, child, db, other, loosely))
            return false;
    }
    return true;
}

static bool same_tree(FpEval *eval, const JsonDoc *da, const JsonNode *a, const JsonDoc *db,
                      const JsonNode *b, bool loosely)
{
    if (a == b)
        return true;
    if (!fp_step(eval, 1) || a->kind != b->kind || a->count != b->count)
        return false;
    switch ((JsonKind)a->kind) {
    case JSON_KIND_NUMBER:
        return same_number(eval, a, b, loosely);
    case JSON_KIND_STRING:
        return loosely ? equivalent_text(eval, json_text(a), json_text(b))
                       : same_text(eval, json_text(a), json_text(b));
    case JSON_KIND_ARRAY:
        return same_list(eval, da, a, db, b, loosely);
    case JSON_KIND_OBJECT:
        return same_object(eval, da, a, db, b, loosely);
    default:
        return true;
    }
}

static bool same_nodes(FpEval *eval, const FhirpathItem *a, const FhirpathItem *b, bool loosely)
{
    if (a->kind != FHIRPATH_NODE || b->kind != FHIRPATH_NODE)
        return a->kind == FHIRPATH_TYPE && b->kind == FHIRPATH_TYPE &&
               str_eq(a->type_name, b->type_name) && a->is_system == b->is_system;
    const JsonNode *x = a->node ? a->node : a->extra;
    const JsonNode *y = b->node ? b->node : b->extra;
    return !a->node == !b->node && same_tree(eval, a->doc, x, b->doc, y, loosely);
}

/* --- quantities --------------------------------------------------------------------------------
 */

bool fp_quantity_unit(const FhirpathQuantity *quantity, Str *ret_code)
{
    static const char *const codes[] = {NULL, NULL, "wk", "d", "h", "min", "s", "ms"};
    if (quantity->calendar) {
        const char *code = codes[quantity->calendar - 1];
        *ret_code = str_from(code);
        return code != NULL;
    }
    *ret_code = quantity->unit;
    return quantity->is_ucum;
}

enum { CONVERSION_STEPS = 30 }; /* two units are read, their factors compared */

typedef struct Scaled { /* two quantities in one unit */
    Decimal a, b;
} Scaled;

/* Two calendar durations, one of them of years or months: the Java core compares such only with
 * their like. */
static bool scale_calendar(FpEval *eval, const FhirpathQuantity *a, const FhirpathQuantity *b,
                           Scaled *ret)
{
    enum { MONTHS = DATETIME_MONTHS + 1 };
    if (a->calendar == 0 || b->calendar == 0 || (a->calendar > MONTHS && b->calendar > MONTHS) ||
        (eval->java && (a->calendar > MONTHS || b->calendar > MONTHS)))
        return false;
    uint8_t finer = a->calendar > b->calendar ? a->calendar : b->calendar;
    return fp_calendar_convert(eval, a->value, a->calendar, finer, &ret->a) &&
           fp_calendar_convert(eval, b->value, b->calendar, finer, &ret->b);
}

/* -1 0 1; 2: units that do not compare; 3: units of different dimensions. */
static int order_quantities(FpEval *eval, const FhirpathQuantity *a, const FhirpathQuantity *b)
{
    Scaled scaled;
    Str unit_a, unit_b;
    UcumUnit ua, ub;
    int order;
    if (scale_calendar(eval, a, b, &scaled))
        return decimal_compare(scaled.a, scaled.b);
    bool ucum_a = fp_quantity_unit(a, &unit_a), ucum_b = fp_quantity_unit(b, &unit_b);
    if (ucum_a != ucum_b || (a->calendar && !ucum_a) || (b->calendar && !ucum_b))
        return 2;
    if (str_eq(unit_a, unit_b))
        return !ucum_a && !str_eq(a->system, b->system) ? 2 : decimal_compare(a->value, b->value);
    fp_spend(eval, CONVERSION_STEPS);
    if (!ucum_a || !ucum_parse(unit_a, eval->arena, &ua, NULL) ||
        !ucum_parse(unit_b, eval->arena, &ub, NULL))
        return 2;
    if (!ucum_compare(a->value, &ua, b->value, &ub, eval->arena, &order))
        return 3;
    return order;
}

static FpTri equal_quantities(FpEval *eval, const FhirpathQuantity *a, const FhirpathQuantity *b)
{
    int order = order_quantities(eval, a, b);
    if (order == 3 && eval->java)
        return FP_FALSE;
    return order == 0 ? FP_TRUE : order > 1 ? FP_UNKNOWN : FP_FALSE;
}

/* ~: in the coarser of both units, rounded to the less precise number; a year is an 'a' here. */
static bool equivalent_quantities(FpEval *eval, const FhirpathQuantity *a,
                                  const FhirpathQuantity *b)
{
    Str unit_a, unit_b;
    UcumUnit ua, ub;
    Decimal one = decimal_from_i64(1, eval->arena), value;
    int order;
    Scaled scaled;
    if (scale_calendar(eval, a, b, &scaled))
        return decimal_equivalent(scaled.a, scaled.b);
    bool ucum_a = fp_quantity_unit(a, &unit_a), ucum_b = fp_quantity_unit(b, &unit_b);
    if (!ucum_a && a->calendar)
        unit_a = a->calendar == 1 ? STR("a") : STR("mo"), ucum_a = true;
    if (!ucum_b && b->calendar)
        unit_b = b->calendar == 1 ? STR("a") : STR("mo"), ucum_b = true;
    if (ucum_a != ucum_b)
        return false;
    if (str_eq(unit_a, unit_b))
        return (ucum_a || str_eq(a->system, b->system)) && decimal_equivalent(a->value, b->value);
    fp_spend(eval, CONVERSION_STEPS);
    if (!ucum_a || !ucum_parse(unit_a, eval->arena, &ua, NULL) ||
        !ucum_parse(unit_b, eval->arena, &ub, NULL) ||
        !ucum_compare(one, &ua, one, &ub, eval->arena, &order))
        return false;
    if (order >= 0)
        return ucum_convert(b->value, &ub, &ua, eval->arena, &value) &&
               decimal_equivalent(a->value, value);
    return ucum_convert(a->value, &ua, &ub, eval->arena, &value) &&
           decimal_equivalent(value, b->value);
}

/* --- equality ----------------------------------------------------------------------------------
 */

static int16_t assumed_offset(const FpEval *eval)
{
    return eval->java && eval->host ? (int16_t)eval->host->offset_min : (int16_t)DATETIME_NO_OFFSET;
}

static FpTri equal_times(const FpEval *eval, const FhirpathItem *a, const FhirpathItem *b)
{
    switch (datetime_compare(&a->time, &b->time, assumed_offset(eval))) {
    case DATETIME_EQUAL:
        return FP_TRUE;
    case DATETIME_UNKNOWN:
        return FP_UNKNOWN;
    default:
        return FP_FALSE;
    }
}

static FpTri java_equal(FpEval *eval, const FhirpathItem *a, const FhirpathItem *b,
                        const FhirpathItem *va, const FhirpathItem *vb)
{
    Str x, y;
    bool times =
        is_time(va) && is_time(vb) && va->kind != FHIRPATH_TIME && vb->kind != FHIRPATH_TIME;
    if (times)
        return equal_times(eval, va, vb);
    if ((a->kind == FHIRPATH_DECIMAL || b->kind == FHIRPATH_DECIMAL) && is_number(va) &&
        is_number(vb))
        return decimal_equal(number_of(eval, va), number_of(eval, vb)) ? FP_TRUE : FP_FALSE;
    if (!fp_primitive_text(eval, a, &x) || !fp_primitive_text(eval, b, &y))
        return FP_FALSE;
    return same_text(eval, x, y) ? FP_TRUE : FP_FALSE;
}

static bool as_quantity(FpEval *eval, FhirpathItem *value)
{
    return value->kind == FHIRPATH_QUANTITY ||
           (is_number(value) &&
            fp_make_quantity(eval, number_of(eval, value), STR("1"), 0, true, value));
}

/* spec: FHIRPath N1 5.5: a number beside a Quantity is one with the unit 1. False: no memory. */
static bool numbers_as_quantities(FpEval *eval, FhirpathItem *a, FhirpathItem *b)
{
    bool mixed = (a->kind == FHIRPATH_QUANTITY && is_number(b)) ||
                 (b->kind == FHIRPATH_QUANTITY && is_number(a));
    return !mixed || (as_quantity(eval, a) && as_quantity(eval, b));
}

/* A string, code, uri ...: what needs no conversion to be compared. */
static bool is_text_node(const FpEval *eval, const FhirpathItem *item)
{
    const FhirModel *m = eval->model;
    if (item->kind != FHIRPATH_NODE || !item->node || item->node->kind != JSON_KIND_STRING)
        return false;
    return !m || (item->type != m->date_type && item->type != m->date_time_type &&
                  item->type != m->instant_type && item->type != m->time_type);
}

/* spec: FHIRPath N1 6.1.1 */
FpTri fp_equal(FpEval *eval, const FhirpathItem *a, const FhirpathItem *b)
{
    FhirpathItem va, vb;
    if (is_text_node(eval, a) && (b->kind == FHIRPATH_STRING || is_text_node(eval, b))) {
        Str other = b->kind == FHIRPATH_STRING ? b->string : json_text(b->node);
        return same_text(eval, json_text(a->node), other) ? FP_TRUE : FP_FALSE;
    }
    bool has_a = fp_value(eval, a, &va), has_b = fp_value(eval, b, &vb);
    if (!has_a && !has_b)
        return same_nodes(eval, a, b, false) ? FP_TRUE : FP_FALSE;
    if (!has_a || !has_b)
        return FP_FALSE;
    if (va.kind == FHIRPATH_QUANTITY && vb.kind == FHIRPATH_QUANTITY)
        return eval->java && a->kind == FHIRPATH_NODE && b->kind == FHIRPATH_NODE
                   ? (same_nodes(eval, a, b, false) ? FP_TRUE : FP_FALSE)
                   : equal_quantities(eval, va.quantity, vb.quantity);
    if (eval->java)
        return java_equal(eval, a, b, &va, &vb);
    if (!numbers_as_quantities(eval, &va, &vb))
        return FP_FALSE;
    if (va.kind == FHIRPATH_QUANTITY && vb.kind == FHIRPATH_QUANTITY)
        return equal_quantities(eval, va.quantity, vb.quantity);
    if (is_number(&va) && is_number(&vb)) {
        if (va.kind == FHIRPATH_INTEGER && vb.kind == FHIRPATH_INTEGER)
            return va.integer == vb.integer ? FP_TRUE : FP_FALSE;
        return decimal_equal(number_of(eval, &va), number_of(eval, &vb)) ? FP_TRUE : FP_FALSE;
    }
    if (is_time(&va) && is_time(&vb))
        return equal_times(eval, &va, &vb);
    if (va.kind != vb.kind)
        return FP_FALSE;
    switch ((FhirpathKind)va.kind) {
    case FHIRPATH_BOOLEAN:
        return va.boolean == vb.boolean ? FP_TRUE : FP_FALSE;
    case FHIRPATH_STRING:
        return same_text(eval, va.string, vb.string) ? FP_TRUE : FP_FALSE;
    default:
        return same_nodes(eval, &va, &vb, false) ? FP_TRUE : FP_FALSE;
    }
}

/* spec: FHIRPath N1 6.1.3 */
bool fp_equivalent(FpEval *eval, const FhirpathItem *a, const FhirpathItem *b)
{
    FhirpathItem va, vb;
    bool has_a = fp_value(eval, a, &va), has_b = fp_value(eval, b, &vb);
    if (!has_a && !has_b)
        return same_nodes(eval, a, b, true);
    if (!has_a || !has_b)
        return false;
    if (!eval->java && !numbers_as_quantities(eval, &va, &vb))
        return false;
    if (is_number(&va) && is_number(&vb))
        return decimal_equivalent(number_of(eval, &va), number_of(eval, &vb));
    if (is_time(&va) && is_time(&vb))
        return datetime_equivalent(&va.time, &vb.time, assumed_offset(eval));
    if (va.kind == FHIRPATH_QUANTITY && vb.kind == FHIRPATH_QUANTITY)
        return equivalent_quantities(eval, va.quantity, vb.quantity);
    if (va.kind != vb.kind)
        return false;
    if (va.kind == FHIRPATH_STRING)
        return equivalent_text(eval, va.string, vb.string);
    return fp_equal(eval, &va, &vb) == FP_TRUE;
}

/* --- order -------------------------------------------------------------------------------------
 */

static FpOrder order_of(int order)
{
    return order < 0 ? FP_ORDER_LESS : order > 0 ? FP_ORDER_GREATER : FP_ORDER_EQUAL;
}

/* spec: FHIRPath N1 6.2 */
FpOrder fp_order(FpEval *eval, const FhirpathItem *a, const FhirpathItem *b)
{
    FhirpathItem va, vb;
    if (!fp_value(eval, a, &va) || !fp_value(eval, b, &vb))
        return fp_is_primitive(eval, a) && fp_is_primitive(eval, b) ? FP_ORDER_OPEN
                                                                    : FP_ORDER_WRONG;
    if (va.kind == FHIRPATH_STRING && vb.kind == FHIRPATH_STRING) {
        fp_spend_bytes(eval, va.string.len);
        return order_of(str_compare(va.string, vb.string));
    }
    if (va.kind == FHIRPATH_INTEGER && vb.kind == FHIRPATH_INTEGER)
        return order_of((va.integer > vb.integer) - (va.integer < vb.integer));
    if (is_number(&va) && is_number(&vb))
        return order_of(decimal_compare(number_of(eval, &va), number_of(eval, &vb)));
    if (is_time(&va) && is_time(&vb)) {
        DateTimeOrder order = datetime_compare(&va.time, &vb.time, assumed_offset(eval));
        return order == DATETIME_UNRELATED ? FP_ORDER_WRONG
               : order == DATETIME_UNKNOWN ? FP_ORDER_OPEN
                                           : order_of((int)order);
    }
    if (va.kind != FHIRPATH_QUANTITY && vb.kind != FHIRPATH_QUANTITY)
        return FP_ORDER_WRONG;
    if (!as_quantity(eval, &va) || !as_quantity(eval, &vb))
        return eval->limit_hit ? FP_ORDER_FAILED : FP_ORDER_WRONG;
    int order = order_quantities(eval, va.quantity, vb.quantity);
    return order > 1 ? FP_ORDER_OPEN : order_of(order);
}

/* --- sets --------------------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t a, uint64_t b)
{
    return (a ^ (b + 0x9E3779B97F4A7C15U + (a << 6) + (a >> 2))) * 0xBF58476D1CE4E5B9U;
}

/* Documents of one model give a name the same id. */
static uint64_t hash_key(const JsonNode *member)
{
    return member->name ? member->name : str_hash(json_key(member));
}

static uint64_t hash_tree(const JsonDoc *doc, const JsonNode *node, uint32_t depth)
{
    uint64_t hash = node->kind;
    if (node->kind == JSON_KIND_STRING)
        return str_hash(json_text(node));
    if (depth == 0)
        return hash;
    JSON_EACH(doc, child, node)
    {
        uint64_t one = hash_tree(doc, child, depth - 1);
        hash = node->kind == JSON_KIND_ARRAY ? mix(hash, one) : hash + mix(hash_key(child), one);
    }
    return hash;
}

/* The Java core's texts are equal, or numbers of one value, or dates of one moment. */
static uint64_t hash_java(FpEval *eval, Str text)
{
    Decimal number;
    if (!text.len || (text.ptr[0] != '-' && (text.ptr[0] < '0' || text.ptr[0] > '9')))
        return str_hash(text);
    return decimal_parse(text, eval->arena, &number) ? decimal_hash(number) : 3;
}

bool fp_is_quantity(FpEval *eval, const FhirpathItem *item)
{
    FhirpathItem value;
    return !is_text_node(eval, item) && fp_value(eval, item, &value) &&
           value.kind == FHIRPATH_QUANTITY;
}

uint64_t fp_hash(FpEval *eval, const FhirpathItem *item, uint32_t depth, bool beside)
{
    enum { QUANTITIES = 6 };
    FhirpathItem value;
    Str text;
    if (!eval->java && is_text_node(eval, item)) {
        fp_spend_bytes(eval, json_text(item->node).len);
        return str_hash(json_text(item->node));
    }
    if (!fp_value(eval, item, &value)) {
        const JsonNode *node = item->node ? item->node : item->extra;
        if (item->kind == FHIRPATH_NODE && node)
            fp_spend_bytes(eval, node->end - node->at);
        return item->kind == FHIRPATH_NODE && node ? hash_tree(item->doc, node, depth) : 1;
    }
    if (eval->java && value.kind != FHIRPATH_QUANTITY) {
        if (!fp_primitive_text(eval, item, &text))
            return 2;
        fp_spend_bytes(eval, text.len);
        return hash_java(eval, text);
    }
    switch ((FhirpathKind)value.kind) {
    case FHIRPATH_STRING:
        fp_spend_bytes(eval, value.string.len);
        return str_hash(value.string);
    case FHIRPATH_INTEGER:
    case FHIRPATH_DECIMAL:
        return beside ? QUANTITIES : decimal_hash(number_of(eval, &value));
    case FHIRPATH_BOOLEAN:
        return value.boolean ? 4 : 5;
    default:
        return value.kind == FHIRPATH_QUANTITY ? QUANTITIES : 7;
    }
}

enum { SMALL_SET = 12, HASH_DEPTH = 6 };

static bool distinct_small(FpEval *eval, uint32_t start, bool *ret_open)
{
    uint32_t kept = start;
    for (uint32_t i = start; i < eval->top; i++) {
        bool found = false;
        for (uint32_t j = start; j < kept && !found; j++) {
            FpTri equal = fp_equal(eval, &eval->items[j], &eval->items[i]);
            found = equal == FP_TRUE;
            *ret_open = *ret_open || equal == FP_UNKNOWN;
        }
        if (!fp_step(eval, kept - start + 1))
            return false;
        if (!found)
            eval->items[kept++] = eval->items[i];
    }
    eval->top = kept;
    return true;
}

bool fp_distinct(FpEval *eval, uint32_t start, bool *ret_open)
{
    uint32_t count = eval->top - start;
    if (count <= SMALL_SET)
        return distinct_small(eval, start, ret_open);
    uint32_t room = 32;
    while (room < count * 2)
        room *= 2;
    ArenaMark mark = arena_mark(eval->arena);
    struct Slot {
        uint64_t hash;
        uint32_t item; /* + 1 */
    } *slots = arena_zero(eval->arena, room * sizeof *slots);
    if (!slots)
        return fp_no_memory(eval);
    uint32_t kept = start;
    bool ok = true, beside = false;
    for (uint32_t i = start; i < eval->top && !beside; i++)
        beside = fp_is_quantity(eval, &eval->items[i]);
    for (uint32_t i = start; i < eval->top && ok; i++) {
        uint64_t hash = fp_hash(eval, &eval->items[i], HASH_DEPTH, beside);
        uint32_t at = (uint32_t)(hash * 0x9E3779B97F4A7C15U >> 32) & (room - 1);
        bool found = false;
        for (; ok && slots[at].item && !found; at = (at + 1) & (room - 1)) {
            ok = fp_step(eval, 1);
            if (slots[at].hash != hash)
                continue;
            FpTri equal = fp_equal(eval, &eval->items[slots[at].item - 1], &eval->items[i]);
            found = equal == FP_TRUE;
            *ret_open = *ret_open || equal == FP_UNKNOWN;
        }
        if (found)
            continue;
        slots[at].hash = hash;
        slots[at].item = kept + 1;
        eval->items[kept++] = eval->items[i];
    }
    eval->top = kept;
    arena_release(eval->arena, mark);
    return ok;
}

bool fp_contains(FpEval *eval, uint32_t from, uint32_t to, const FhirpathItem *item)
{
    for (uint32_t i = from; i < to; i++)
        if (fp_step(eval, 1) && fp_equal(eval, &eval->items[i], item) == FP_TRUE)
            return true;
    return false;
}
