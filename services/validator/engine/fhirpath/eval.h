/* eval - what the parts of the evaluator share.
 *
 * All collections lie on one stack of items. Evaluating a node leaves its result on top; a function
 * finds its input at [call->base, eval->top) and leaves its result there. So a single item costs no
 * allocation. When the stack grows, the old block stays readable (arenas free nothing), therefore a
 * focus may be a pointer into it; all else goes by index. */
#pragma once
#include "services/validator/engine/fhirpath/functions.h"

typedef struct FhirpathEval FpEval;

typedef struct FpScope {
    const FhirpathItem *focus; /* what names are looked up in */
    uint32_t focus_count;
    uint32_t total_count;
    const FhirpathItem *self; /* $this; NULL: none */
    const FhirpathItem *total;
    int64_t index; /* $index; -1: none */
} FpScope;

typedef struct FpCall {
    const FpNode *node;
    const FpScope *scope;
    uint32_t base; /* the input is [base, end) on the stack */
    uint32_t end;
} FpCall;

typedef struct FpDefined { /* defineVariable() */
    struct FpDefined *before;
    Str name;
    const FhirpathItem *items;
    uint32_t count;
} FpDefined;

enum { FP_ROWS = 64, FP_MEMBER_ROWS = 256, FP_RESOURCES = 64, FP_MEMOS_FIRST = 64 };

enum {
    FP_ROW_NONE = 1,
    FP_ROW_PRIMITIVE = 2,
    FP_ROW_LIST = 4,
    FP_ROW_RESOURCE = 8,
    FP_ROW_CHOICE = 16,
    FP_ROW_EXTRA = 32 /* the name has a '_' before it */
};

typedef struct FpRow { /* what a name means in a type */
    uint32_t key;      /* type << 16 | name; 0: free */
    uint16_t property, underscored, element;
    FhirTypeId type;
    uint16_t flags;
} FpRow;

typedef struct FpMemo {
    uint64_t hash;
    const JsonNode *node;
    const FhirpathItem *items;
    uint32_t count;
    uint32_t epoch;
} FpMemo;

struct FhirpathEval {
    const FhirModel *model;
    const FhirpathHost *host;
    FhirpathLimits limits;
    const FhirpathVariable *variables;
    size_t variable_count;
    Arena *arena;

    const FpHeader *code; /* what runs now */
    const FpNode *nodes;
    FhirpathItem *items; /* the stack */
    uint32_t top, room;
    uint32_t depth;
    uint64_t steps; /* left */
    FhirpathItem resource, root_resource, context;
    bool has_resource, has_context, java, json_names, limit_hit;
    Err *err;
    FpDefined *defined;
    DateTime now;
    bool now_known;

    uint32_t kept; /* counts what was allocated to outlive an evaluation */
    void *regexes; /* regex.c */
    FpMemo *memos;
    uint32_t memo_room, memo_count, epoch;
    bool forget;
    FpRow rows[FP_ROWS], members[FP_MEMBER_ROWS];
    FhirTypeId resources[FP_RESOURCES]; /* types of resources met, by their name */
};

/* --- evaluate.c --- */
bool fp_eval(FpEval *eval, uint32_t node, const FpScope *scope);
/* Throws: fills the error with the place, yields false. */
bool fp_throw(FpEval *eval, const FpNode *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool fp_limit(FpEval *eval, const char *what);
bool fp_no_memory(FpEval *eval);
bool fp_grow(FpEval *eval);
/* Evaluates the argument of a call as a function of $this (not of each item). The result is
 * [*ret_start, top). `number` counts from 0; absent: *ret_start = top. */
bool fp_argument(FpEval *eval, const FpCall *call, uint32_t number, uint32_t *ret_start);
uint32_t fp_argument_node(const FpEval *eval, const FpCall *call, uint32_t number); /* 0: absent */
/* Evaluates `node` with one item as focus and $this. */
bool fp_lambda(FpEval *eval, const FpCall *call, uint32_t node, const FhirpathItem *item,
               int64_t index);

typedef enum FpTri {
    FP_FALSE,
    FP_TRUE,
    FP_UNKNOWN, /* {} */
    FP_FAILED,  /* an error was raised */
} FpTri;
/* [start, top) where a Boolean is wanted: a single item that is none counts as true. */
FpTri fp_tri(FpEval *eval, const FpNode *node, uint32_t start);
/* A node where a Boolean is wanted: fp_eval and fp_tri, without the way over the stack where that
 * can be. The stack is as before. `at`: who wants it, for messages. */
FpTri fp_test(FpEval *eval, uint32_t node, const FpScope *scope, const FpNode *at);
bool fp_push_tri(FpEval *eval, FpTri value);
/* The scope of a function's argument that is evaluated for each item: fp_scope_item for each. */
static inline FpScope fp_scope_items(const FpCall *call)
{
    FpScope inner = *call->scope;
    inner.focus_count = 1;
    return inner;
}
static inline void fp_scope_item(FpScope *inner, const FpEval *eval, const FpCall *call, uint32_t i)
{
    inner->focus = inner->self = &eval->items[i];
    inner->index = i - call->base;
}

static inline bool fp_push(FpEval *eval, const FhirpathItem *item)
{
    if (eval->top == eval->room && !fp_grow(eval))
        return false;
    eval->items[eval->top++] = *item;
    return true;
}
/* Room for `count` more items: they may then be written at items[top]. */
static inline bool fp_reserve(FpEval *eval, uint32_t count)
{
    while (eval->room - eval->top < count)
        if (!fp_grow(eval))
            return false;
    return true;
}
static inline bool fp_step(FpEval *eval, uint32_t steps)
{
    if (eval->steps < steps)
        return fp_limit(eval, "steps");
    eval->steps -= steps;
    return true;
}
/* Work that grows with a text or a document costs steps as well. What cannot fail itself spends
 * them; the next fp_step() then fails. */
enum { FP_STEP_BYTES = 16 };
static inline void fp_spend(FpEval *eval, size_t steps)
{
    eval->steps -= steps < eval->steps ? steps : eval->steps;
}
static inline void fp_spend_bytes(FpEval *eval, size_t bytes)
{
    fp_spend(eval, bytes / FP_STEP_BYTES);
}
/* The result of a function: its input is taken off, one item put there. */
static inline bool fp_return(FpEval *eval, const FpCall *call, FhirpathItem item)
{
    eval->top = call->base;
    return fp_push(eval, &item);
}
static inline bool fp_return_empty(FpEval *eval, const FpCall *call)
{
    eval->top = call->base;
    return true;
}
static inline uint32_t fp_input_count(const FpEval *eval, const FpCall *call)
{
    return eval->top - call->base;
}
/* Takes away [from, to), moving what is above down. */
void fp_remove(FpEval *eval, uint32_t from, uint32_t to);

/* --- items.c --- */
static inline FhirpathItem fp_boolean(bool value)
{
    return (FhirpathItem){.kind = FHIRPATH_BOOLEAN, .boolean = value};
}
static inline FhirpathItem fp_integer(int64_t value)
{
    return (FhirpathItem){.kind = FHIRPATH_INTEGER, .integer = value};
}
static inline FhirpathItem fp_string(Str text)
{
    return (FhirpathItem){.kind = FHIRPATH_STRING, .string = text};
}
static inline FhirpathItem fp_decimal(Decimal value)
{
    return (FhirpathItem){.kind = FHIRPATH_DECIMAL, .decimal = value};
}
FhirpathItem fp_date_time(const DateTime *value);
/* A primitive element's value, or a Quantity element's, as a System item; a System item is itself.
 * False: it has none (no error). */
bool fp_value(FpEval *eval, const FhirpathItem *item, FhirpathItem *ret);
bool fp_is_primitive(const FpEval *eval, const FhirpathItem *item); /* a System value counts too */
/* "true", the number as written, the string; false for nodes without a value. */
bool fp_primitive_text(FpEval *eval, const FhirpathItem *item, Str *ret);
/* toString() of a System item; STR_NONE: none, or no memory. */
Str fp_to_string(FpEval *eval, const FhirpathItem *value);
bool fp_make_quantity(FpEval *eval, Decimal value, Str unit, uint8_t calendar, bool is_ucum,
                      FhirpathItem *ret);
bool fp_is_boolean_node(const FpEval *eval, const FhirpathItem *item, bool *ret_value);

/* --- navigate.c --- */
FhirTypeId fp_resource_type(FpEval *eval, const JsonDoc *doc, const JsonNode *node);
/* Pushes the elements called `name` (text when name is 0) of an item, which may lie where the
 * first of them will. */
bool fp_push_children(FpEval *eval, const FhirpathItem *item, uint16_t name, Str text);
bool fp_push_all_children(FpEval *eval, const FhirpathItem *item);
bool fp_count_children(FpEval *eval, const FhirpathItem *item, uint64_t *ret_count);
/* Has it a value, or a child that has? The Java core says of others that they do not exist. */
bool fp_has_content(FpEval *eval, const FhirpathItem *item);
/* Is the item of that FP_TYPE_NAME? exact: a primitive is only what it says it is. */
bool fp_is_type(FpEval *eval, const FhirpathItem *item, const FpNode *type, bool exact);
Str fp_type_name(const FhirModel *model,
                 const FhirpathItem *item); /* fhirType() of the Java core */

/* --- compare.c --- */
FpTri fp_equal(FpEval *eval, const FhirpathItem *a, const FhirpathItem *b);
bool fp_equivalent(FpEval *eval, const FhirpathItem *a, const FhirpathItem *b);
/* Equal items: equal hashes. A number equals a Quantity of a unit without dimension, so beside
 * Quantities all numbers are as one; `beside`: there are some. */
uint64_t fp_hash(FpEval *eval, const FhirpathItem *item, uint32_t depth, bool beside);
bool fp_is_quantity(FpEval *eval, const FhirpathItem *item); /* a Quantity element as well */
/* Removes what is equal to something before it in [start, top). *ret_open: some pair was {}. */
bool fp_distinct(FpEval *eval, uint32_t start, bool *ret_open);
/* Is an equal item in [from, to)? */
bool fp_contains(FpEval *eval, uint32_t from, uint32_t to, const FhirpathItem *item);

typedef enum FpOrder {
    FP_ORDER_LESS = -1,
    FP_ORDER_EQUAL = 0,
    FP_ORDER_GREATER = 1,
    FP_ORDER_OPEN,   /* {} */
    FP_ORDER_WRONG,  /* not to be compared */
    FP_ORDER_FAILED, /* an error was raised */
} FpOrder;
FpOrder fp_order(FpEval *eval, const FhirpathItem *a, const FhirpathItem *b);
/* UCUM unit codes of both, calendar words translated. False: one of them means only itself. */
bool fp_quantity_unit(const FhirpathQuantity *quantity, Str *ret_code);

/* --- operators.c --- */
bool fp_binary(FpEval *eval, const FpNode *node, const FpScope *scope);
FpTri fp_compare(FpEval *eval, const FpNode *node,
                 const FpScope *scope); /* FP_LESS to FP_CONTAINS */
bool fp_negate(FpEval *eval, const FpNode *node, uint32_t start);

/* --- quantities.c --- */
/* Between calendar durations, DateTimeUnit + 1. */
bool fp_calendar_convert(FpEval *eval, Decimal value, uint8_t from, uint8_t to, Decimal *ret);
/* FP_ADD, FP_SUBTRACT, FP_MULTIPLY, FP_DIVIDE; *ret_has false: {}. */
bool fp_quantity_arithmetic(FpEval *eval, uint8_t op, const FhirpathQuantity *a,
                            const FhirpathQuantity *b, FhirpathItem *ret, bool *ret_has);

/* --- regex.c --- */
bool fp_regex_match(FpEval *eval, const FpNode *node, Str text, Str pattern, bool full,
                    bool *ret_match);
bool fp_regex_replace(FpEval *eval, const FpNode *node, Str text, Str pattern, Str substitute,
                      Str *ret_text);

/* --- resolve.c --- */
/* The resource a reference means, looked for in the resource and the bundle; then by the host. */
bool fp_resolve(FpEval *eval, const FhirpathItem *from, Str reference, FhirpathItem *ret,
                bool *ret_found);
const DateTime *fp_now(FpEval *eval);
