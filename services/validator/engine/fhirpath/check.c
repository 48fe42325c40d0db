#include "services/validator/engine/fhirpath/check.h"

#include "services/validator/engine/fhirpath/functions.h"

enum { TYPES_MAX = 12 };

/* What a node may yield: any of some FHIR types and System kinds, or nobody knows. */
typedef struct Shape {
    FhirTypeId types[TYPES_MAX];
    uint8_t type_count;
    bool unknown;
    bool many;      /* may have several items */
    bool unordered; /* children(), descendants() */
    uint16_t kinds; /* bits of FhirpathKind */
} Shape;

typedef struct Checker {
    Str text;
    const FpTree *tree;
    const FhirpathCompileOptions *options;
    const FhirModel *model;
    FhirpathAt *ret_at;
    Err *err;
} Checker;

static const Shape anything = {.unknown = true, .many = true};

static Shape of_kind(FhirpathKind kind)
{
    return (Shape){.kinds = (uint16_t)(1U << kind)};
}

static Shape of_type(FhirTypeId type)
{
    return (Shape){.types = {type}, .type_count = 1};
}

static void add_type(Shape *shape, FhirTypeId type)
{
    for (uint8_t i = 0; i < shape->type_count; i++)
        if (shape->types[i] == type)
            return;
    if (shape->type_count == TYPES_MAX)
        shape->unknown = true;
    else
        shape->types[shape->type_count++] = type;
}

static bool infer(Checker *c, uint32_t index, const Shape *focus, const Shape *self, Shape *ret);

#define COMPLAIN(c, node, ...)                                                                     \
    fp_semantic((c)->text, (node)->at, (c)->ret_at, (c)->err, __VA_ARGS__)

static Str name_of(const Checker *c, const FpNode *node)
{
    return (Str){c->tree->pool + node->text, node->text_len};
}

/* --- paths -------------------------------------------------------------------------------------
 */

static bool is_resource(const Checker *c, FhirTypeId type)
{
    return type == c->model->resource_type || type == c->model->domain_resource_type;
}

/* Adds what `name` yields in a type; *ret_found stays false when it has no such element. */
static bool child_shape(Checker *c, const FpNode *node, FhirTypeId type, Shape *ret,
                        bool *ret_found)
{
    const FhirModel *m = c->model;
    const FhirChild *json = node->id ? fhir_child_find(m, type, node->id) : NULL;
    if (json && (json->flags & FHIR_CHILD_CHOICE) && json->element != node->id) {
        if (!(node->flags & FP_JSON_NAME)) {
            Str element = json_name_text(&m->names, json->element);
            return COMPLAIN(c, node, "%.*s is JSON's name, expected %.*s",
                            STR_ARG(name_of(c, node)), STR_ARG(element));
        }
        add_type(ret, json->type);
        *ret_found = true;
        return true;
    }
    const FhirType *t = &m->types[type];
    for (uint32_t i = 0; i < t->child_count; i++) {
        const FhirChild *row = &m->children[t->first_child + i];
        if (!node->id || row->element != node->id)
            continue;
        *ret_found = true;
        if (row->flags & FHIR_CHILD_RESOURCE)
            ret->unknown = true;
        add_type(ret, row->type);
        ret->many = ret->many || (row->flags & FHIR_CHILD_ARRAY);
    }
    return true;
}

static bool infer_child(Checker *c, const FpNode *node, const Shape *focus, const Shape *self,
                        Shape *ret)
{
    Shape input = *focus;
    if (node->left && !infer(c, node->left, focus, self, &input))
        return false;
    Shape result = {.many = input.many};
    bool found = false;
    if (input.kinds)
        input.unknown = true; /* Quantity and type() have parts of their own */
    for (uint8_t i = 0; i < input.type_count; i++) {
        if (is_resource(c, input.types[i]))
            input.unknown = true;
        if (!child_shape(c, node, input.types[i], &result, &found))
            return false;
    }
    if (!found && !input.unknown && c->options->strict) {
        Str type = input.type_count ? fhir_type_name(c->model, input.types[0]) : STR("{}");
        return COMPLAIN(c, node, "%.*s has no element %.*s", STR_ARG(type),
                        STR_ARG(name_of(c, node)));
    }
    result.unknown = result.unknown || input.unknown;
    *ret = result;
    return true;
}

static bool related(const Checker *c, const Shape *input, FhirTypeId type)
{
    for (uint8_t i = 0; i < input->type_count; i++)
        if (fhir_type_is_a(c->model, input->types[i], type) ||
            fhir_type_is_a(c->model, type, input->types[i]))
            return true;
    return false;
}

static bool infer_root_type(Checker *c, const FpNode *node, const Shape *focus, Shape *ret)
{
    bool known = !focus->unknown && focus->kinds == 0;
    if (known && c->options->strict && !related(c, focus, node->id))
        return COMPLAIN(c, node, "the input is no %.*s", STR_ARG(name_of(c, node)));
    *ret = of_type(node->id);
    ret->many = focus->many;
    return true;
}

/* --- types -------------------------------------------------------------------------------------
 */

static Shape type_shape(const FpNode *type)
{
    Shape shape = {0};
    if (type->id)
        add_type(&shape, type->id);
    if (type->extra)
        shape.kinds = (uint16_t)(1U << (type->extra - 1));
    shape.unknown = !type->id && !type->extra;
    return shape;
}

/* Evaluating it would throw. */
static bool check_type(Checker *c, const FpNode *type)
{
    return type->id || type->extra || !c->options->strict ||
           COMPLAIN(c, type, "there is no type %.*s", STR_ARG(name_of(c, type)));
}

static bool infer_cast(Checker *c, const FpNode *node, const FpNode *type, const Shape *input,
                       Shape *ret)
{
    Shape wanted = type_shape(type);
    if (!check_type(c, type))
        return false;
    bool known = !input->unknown && input->kinds == 0 && !wanted.unknown && wanted.kinds == 0;
    if (known && c->options->strict && input->type_count && !related(c, input, type->id))
        return COMPLAIN(c, node, "the input can never be %.*s", STR_ARG(name_of(c, type)));
    wanted.many = input->many;
    wanted.unordered = input->unordered;
    *ret = wanted;
    return true;
}

static bool may_be_kind(const Checker *c, const Shape *shape, FhirpathKind kind)
{
    const FhirModel *m = c->model;
    if (shape->unknown || (shape->kinds & 1U << kind))
        return true;
    for (uint8_t i = 0; i < shape->type_count; i++) {
        FhirTypeId t = shape->types[i];
        bool number = fhir_type_is_a(m, t, m->integer_type) || t == m->decimal_type;
        bool time = t == m->date_type || t == m->date_time_type || t == m->instant_type ||
                    t == m->time_type;
        bool primitive = m->types[t].kind == FHIR_KIND_PRIMITIVE;
        bool text = primitive && !number && !time && t != m->boolean_type;
        bool fits = kind == FHIRPATH_STRING    ? text
                    : kind == FHIRPATH_BOOLEAN ? t == m->boolean_type
                    : kind == FHIRPATH_INTEGER ? number
                    : kind == FHIRPATH_DATE    ? time
                                               : false;
        if (fits || t == m->element_type)
            return true;
    }
    return false;
}

/* --- functions ---------------------------------------------------------------------------------
 */

static bool is_named(const FpFunction *function, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(function->name, names[i]) == 0)
            return true;
    return false;
}
#define NAMED(function, ...)                                                                       \
    is_named(function, (const char *const[]){__VA_ARGS__},                                         \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static Shape result_shape(const FpFunction *f, const Shape *input)
{
    Shape same = *input;
    if (NAMED(f, "where", "tail", "skip", "take", "distinct", "trace", "exclude", "intersect",
              "checkModifiers", "defineVariable", "sort"))
        return same;
    same.many = false;
    if (NAMED(f, "first", "last", "single"))
        return same;
    if (NAMED(f, "exists", "empty", "all", "allTrue", "anyTrue", "allFalse", "anyFalse", "not",
              "subsetOf", "supersetOf", "isDistinct", "is", "startsWith", "endsWith", "contains",
              "matches", "matchesFull", "hasValue", "memberOf", "toBoolean", "htmlChecks",
              "conformsTo", "comparable", "subsumes", "subsumedBy") ||
        strncmp(f->name, "convertsTo", 10) == 0)
        return of_kind(FHIRPATH_BOOLEAN);
    if (NAMED(f, "count", "indexOf", "lastIndexOf", "length", "toInteger", "toLong"))
        return of_kind(FHIRPATH_INTEGER);
    if (NAMED(f, "upper", "lower", "substring", "replace", "replaceMatches", "trim", "toString",
              "join", "encode", "decode", "escape", "unescape"))
        return of_kind(FHIRPATH_STRING);
    if (NAMED(f, "today", "toDate"))
        return of_kind(FHIRPATH_DATE);
    if (NAMED(f, "now", "toDateTime"))
        return of_kind(FHIRPATH_DATE_TIME);
    Shape unknown = anything;
    unknown.unordered = NAMED(f, "children", "descendants");
    return unknown;
}

static bool infer_iif(Checker *c, const FpNode *node, const Shape *criteria)
{
    const FpNode *first = &c->tree->nodes[node->right];
    bool system_only = !criteria->unknown && criteria->type_count == 0 && criteria->kinds;
    if (system_only && !(criteria->kinds & 1U << FHIRPATH_BOOLEAN))
        return COMPLAIN(c, first, "iif() takes a Boolean as its first argument");
    return true;
}

static bool infer_arguments(Checker *c, const FpNode *node, const FpFunction *f, const Shape *input,
                            const Shape *self, Shape *ret_first)
{
    Shape item = *input;
    bool lambda = f->flags & FP_FN_LAMBDA;
    item.many = false;
    bool nothing_known = NAMED(f, "repeat", "repeatAll", "aggregate", "defineVariable");
    for (uint32_t a = node->right, n = 0; a; a = c->tree->nodes[a].next, n++) {
        Shape shape = anything;
        const Shape *focus = nothing_known ? &anything : lambda ? &item : self;
        if (!infer(c, a, focus, focus, &shape))
            return false;
        if (n == 0)
            *ret_first = shape;
        if (n == 0 && strcmp(f->name, "iif") == 0 && !infer_iif(c, node, &shape))
            return false;
    }
    return true;
}

static bool infer_call(Checker *c, const FpNode *node, const Shape *focus, const Shape *self,
                       Shape *ret)
{
    const FpFunction *f = fp_function_at(node->id);
    Shape input = *focus, first = anything;
    if (node->left && !infer(c, node->left, focus, self, &input))
        return false;
    bool empty = !input.unknown && !input.type_count && !input.kinds;
    if ((f->flags & FP_FN_TEXT) && !empty && !may_be_kind(c, &input, FHIRPATH_STRING))
        return COMPLAIN(c, node, "%s() takes a String", f->name);
    if ((f->flags & FP_FN_ORDER) && input.unordered && c->options->strict)
        return COMPLAIN(c, node, "%s() needs an order, its input has none", f->name);
    if (f->flags & FP_FN_TYPE) {
        const FpNode *type = &c->tree->nodes[node->right];
        if (NAMED(f, "as", "ofType"))
            return infer_cast(c, node, type, &input, ret);
        *ret = result_shape(f, &input);
        return check_type(c, type);
    }
    if (!infer_arguments(c, node, f, &input, self, &first))
        return false;
    *ret = result_shape(f, &input);
    if (strcmp(f->name, "select") == 0) {
        *ret = first;
        ret->many = first.many || input.many;
    }
    return true;
}

/* Of an expression that defines variables nobody knows here which are seen where. */
static bool check_variable(Checker *c, const FpNode *node)
{
    bool known = node->id != FP_VARIABLE_OTHER || !c->options->no_variables;
    for (uint32_t i = 1; i < c->tree->count && !known; i++) {
        const FpNode *call = &c->tree->nodes[i];
        known = call->op == FP_CALL && NAMED(fp_function_at(call->id), "defineVariable");
    }
    return known || COMPLAIN(c, node, "there is no variable %%%.*s", STR_ARG(name_of(c, node)));
}

/* --- operators ---------------------------------------------------------------------------------
 */

static Shape both(const Shape *a, const Shape *b)
{
    Shape shape = *a;
    for (uint8_t i = 0; i < b->type_count; i++)
        add_type(&shape, b->types[i]);
    shape.kinds |= b->kinds;
    shape.unknown = a->unknown || b->unknown;
    shape.unordered = a->unordered || b->unordered;
    shape.many = true;
    return shape;
}

/* A number may not be added to a date: it takes a Quantity of time. */
static bool check_sum(Checker *c, const FpNode *node, const Shape *a, const Shape *b)
{
    uint16_t numbers = 1U << FHIRPATH_INTEGER | 1U << FHIRPATH_DECIMAL;
    uint16_t times = 1U << FHIRPATH_DATE | 1U << FHIRPATH_DATE_TIME | 1U << FHIRPATH_TIME;
    bool time = !a->unknown && !a->type_count && a->kinds && !(a->kinds & ~times);
    bool number = !b->unknown && !b->type_count && b->kinds && !(b->kinds & ~numbers);
    return !time || !number ||
           COMPLAIN(c, node, "a date takes a Quantity of time, not a number: 7 days");
}

static bool infer_operator(Checker *c, const FpNode *node, const Shape *focus, const Shape *self,
                           Shape *ret)
{
    Shape a = anything, b = anything;
    if (node->left && !infer(c, node->left, focus, self, &a))
        return false;
    if (node->op == FP_AS)
        return infer_cast(c, node, &c->tree->nodes[node->right], &a, ret);
    if (node->op == FP_IS) {
        *ret = of_kind(FHIRPATH_BOOLEAN);
        return check_type(c, &c->tree->nodes[node->right]);
    }
    const Shape *right_focus = node->op == FP_GROUP_ON ? &a : focus;
    if (node->right &&
        !infer(c, node->right, node->op == FP_INDEXER ? self : right_focus, self, &b))
        return false;
    switch ((FpOp)node->op) {
    case FP_UNION:
        *ret = both(&a, &b);
        return true;
    case FP_GROUP_ON:
        *ret = b;
        return true;
    case FP_INDEXER:
        if (a.unordered && c->options->strict)
            return COMPLAIN(c, node, "[ ] needs an order, its input has none");
        *ret = a;
        ret->many = false;
        return true;
    case FP_ADD:
    case FP_SUBTRACT:
        *ret = anything;
        return check_sum(c, node, &a, &b);
    case FP_NEGATE:
    case FP_PLUS_SIGN:
        *ret = a;
        return true;
    case FP_MULTIPLY:
    case FP_DIVIDE:
    case FP_DIV:
    case FP_MOD:
        *ret = anything;
        return true;
    case FP_CONCATENATE:
        *ret = of_kind(FHIRPATH_STRING);
        return true;
    default:
        *ret = of_kind(FHIRPATH_BOOLEAN);
        return true;
    }
}

static bool infer(Checker *c, uint32_t index, const Shape *focus, const Shape *self, Shape *ret)
{
    const FpNode *node = &c->tree->nodes[index];
    switch ((FpOp)node->op) {
    case FP_CHILD:
        return infer_child(c, node, focus, self, ret);
    case FP_ROOT_TYPE:
        return infer_root_type(c, node, focus, ret);
    case FP_CALL:
        return infer_call(c, node, focus, self, ret);
    case FP_THIS:
        *ret = *self;
        return true;
    case FP_EMPTY:
        *ret = (Shape){0};
        return true;
    case FP_BOOLEAN:
        *ret = of_kind(FHIRPATH_BOOLEAN);
        return true;
    case FP_STRING:
        *ret = of_kind(FHIRPATH_STRING);
        return true;
    case FP_INTEGER:
    case FP_INDEX:
        *ret = of_kind(FHIRPATH_INTEGER);
        return true;
    case FP_DECIMAL:
        *ret = of_kind(FHIRPATH_DECIMAL);
        return true;
    case FP_QUANTITY:
        *ret = of_kind(FHIRPATH_QUANTITY);
        return true;
    case FP_DATE_TIME: {
        DateTime value;
        memcpy(&value, c->tree->pool + node->extra, sizeof value);
        *ret = of_kind(value.kind == DATETIME_DATE   ? FHIRPATH_DATE
                       : value.kind == DATETIME_TIME ? FHIRPATH_TIME
                                                     : FHIRPATH_DATE_TIME);
        return true;
    }
    case FP_VARIABLE:
        *ret = anything;
        return check_variable(c, node);
    case FP_TOTAL:
    case FP_ZONED_TIME:
    case FP_TYPE_NAME:
        *ret = anything;
        return true;
    default:
        return infer_operator(c, node, focus, self, ret);
    }
}

bool fp_check(Str text, const FpTree *tree, const FhirpathCompileOptions *options,
              FhirpathAt *ret_at, Err *err)
{
    Checker c = {text, tree, options, options->model, ret_at, err};
    Shape ignored, focus = anything;
    if (!options->model || options->dialect == FHIRPATH_JAVA)
        return true;
    if (options->context)
        focus = of_type(options->context);
    if (options->context && is_resource(&c, options->context))
        focus.unknown = true;
    return infer(&c, tree->root, &focus, &focus, &ignored);
}
