/* fhirpath - text -> compact code -> a collection of items.
 *
 * Spec:    hl7.org/fhirpath/N1 and hl7.org/fhir/R4/fhirpath.html; the dialect `java` is what the
 *          HL7 Java core makes of expressions in published implementation guides.
 * Owner:   code is one run of bytes without pointers (32-bit offsets; names as ids of the model it
 *          was compiled with): it may lie in a mapped file. Results live in the evaluator's arena.
 * Threads: code, model and environment are read-only; one FhirpathEval per thread. The cache of
 *          regular expressions is the process's and takes its own lock.
 * Errors:  ERR_INPUT "fhirpath-syntax", "fhirpath-semantic" (compile), "fhirpath-execution",
 *          "fhirpath-limit", "memory-limit" (evaluate); the text names the place in the expression
 *          and what was expected there.
 * Limits:  FhirpathLimits; FHIRPATH_TEXT_BYTES_MAX, FHIRPATH_NESTING_MAX when compiling. */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/fhir/datetime.h"
#include "common/fhir/decimal.h"
#include "common/fhir/model.h"

enum {
    FHIRPATH_TEXT_BYTES_MAX = 256 * 1024,
    FHIRPATH_NESTING_MAX = 256, /* parentheses, operands, arguments inside each other */
};

/* --- items: what an expression yields --------------------------------------------------------- */

typedef enum FhirpathKind {
    FHIRPATH_NODE, /* an element of a resource; `type` is its FHIR type */
    FHIRPATH_BOOLEAN,
    FHIRPATH_INTEGER,
    FHIRPATH_DECIMAL,
    FHIRPATH_STRING,
    FHIRPATH_DATE,
    FHIRPATH_DATE_TIME,
    FHIRPATH_TIME,
    FHIRPATH_QUANTITY,
    FHIRPATH_TYPE, /* what type() yields: {namespace, name} */
} FhirpathKind;

/* A number with a unit. calendar is a DateTimeUnit + 1 for a calendar duration (4 days), 0 for a
 * UCUM unit; system and code are those of a FHIR Quantity that is no UCUM one. */
typedef struct FhirpathQuantity {
    Decimal value;
    Str unit;   /* UCUM code, calendar word as written, or what a foreign system calls it */
    Str system; /* empty: UCUM or calendar */
    uint8_t calendar;
    bool is_ucum; /* false with calendar 0: the unit means only itself */
} FhirpathQuantity;

typedef struct FhirpathItem {
    uint8_t kind; /* FhirpathKind */
    uint8_t unused;
    FhirTypeId type; /* node: its type, 0 if the model does not know it */
    uint32_t unused_too;
    union {
        struct {
            const JsonDoc *doc;
            const JsonNode *node;  /* NULL: only extra is there, or null in an array */
            const JsonNode *extra; /* the `_x` sibling of a primitive, or NULL */
        };
        bool boolean;
        int64_t integer; /* Integer and Long */
        Decimal decimal;
        Str string;
        DateTime time; /* Date, DateTime, Time */
        const FhirpathQuantity *quantity;
        struct {
            Str type_name;
            uint64_t is_system; /* namespace System, else FHIR */
        };
    };
} FhirpathItem;

typedef struct FhirpathItems {
    const FhirpathItem *items;
    size_t count;
} FhirpathItems;

/* The item for a node of a document: the root of a resource (type from resourceType), or any
 * element whose type the caller knows. */
static inline FhirpathItem fhirpath_node_item(const JsonDoc *doc, const JsonNode *node,
                                              const JsonNode *extra, FhirTypeId type)
{
    FhirpathItem item;
    item.kind = FHIRPATH_NODE;
    item.unused = 0;
    item.type = type;
    item.unused_too = 0;
    item.doc = doc;
    item.node = node;
    item.extra = extra;
    return item;
}
FhirpathItem fhirpath_resource_item(const FhirModel *model, const JsonDoc *doc,
                                    const JsonNode *node);
FhirpathItem fhirpath_string_item(Str text);
/* The type's name as type() gives it: "Boolean" ..., "HumanName", "code". */
Str fhirpath_item_type_name(const FhirModel *model, const FhirpathItem *item);
/* A primitive or system value as toString() gives it; STR_NONE for anything else. */
Str fhirpath_item_text(const FhirpathItem *item, Arena *arena);
/* FHIR JSON of an item as the command line prints it: numbers as written, dates without '@',
 * Quantity and complex types as FHIR JSON; STR_NONE past the arena's limit. */
Str fhirpath_item_json(const FhirModel *model, const FhirpathItem *item, Arena *arena);

/* --- compile ---------------------------------------------------------------------------------- */

typedef enum FhirpathDialect {
    FHIRPATH_SPEC,
    FHIRPATH_JAVA,
} FhirpathDialect;

typedef struct FhirpathCompileOptions {
    const FhirModel *model; /* NULL: no types are known, names are compared as text */
    FhirpathDialect dialect;
    FhirTypeId context; /* type of the focus; 0: unknown, nothing is checked against it */
    bool strict;        /* refuse paths and casts that can never yield anything, types that there
                           are not, and functions of order on unordered collections */
    bool no_variables;  /* there will be none of the environment: refuse what names one */
    bool polymorphic_json_names; /* let Observation.valueQuantity mean value.ofType(Quantity) */
} FhirpathCompileOptions;

typedef struct FhirpathAt {
    uint32_t offset; /* byte in the expression */
    uint32_t line;   /* from 1 */
    uint32_t column; /* from 1, code points */
} FhirpathAt;

/* *ret_code: 8-byte aligned, lies in `arena`, copy it where you like (8-byte aligned there too).
 * `ret_at` may be NULL. */
bool fhirpath_compile(Str text, const FhirpathCompileOptions *options, Arena *arena, Str *ret_code,
                      FhirpathAt *ret_at, Err *err) MUST_USE;
/* For code that will run together: forgets which parts of expressions depend on their focus alone
 * where no other expression has the same part. Verdicts stay as they are. False: no memory. */
bool fhirpath_forget_unshared(char *const *codes, size_t count);
/* Can the regular expressions that stand in it as literals be compiled, and do they end in time on
 * short texts made of their own characters? Else ERR_INPUT "fhirpath-pattern". For expressions that
 * somebody is about to save. `ret_at` may be NULL. */
bool fhirpath_check_patterns(Str code, FhirpathAt *ret_at, Err *err) MUST_USE;
/* Are these bytes whole: every offset inside, every operation known? Linear; for code from files.
 * `name_count` and `type_count` are the model's: ids beyond them are refused. */
bool fhirpath_code_check(Str code, const FhirModel *model);
/* The expression as it would be written with the fewest parentheses; parses to the same tree. */
Str fhirpath_print(Str code, Arena *arena);

/* Some invariants of published definitions are wrong as written; the Java core evaluates others in
 * their place, and so must who wants its verdicts. The expression to compile for an invariant. */
Str fhirpath_invariant_expression(Str key, Str expression);

/* --- evaluate --------------------------------------------------------------------------------- */

typedef struct FhirpathVariable {
    Str name; /* without '%' */
    FhirpathItems value;
} FhirpathVariable;

/* The world outside the resource. Every function may be NULL: then resolve() finds only contained
 * resources and entries of the root bundle, memberOf, subsumes and conformsTo are execution errors,
 * trace is silent, now() is the time of the first use in this evaluator. */
typedef struct FhirpathHost {
    void *self;
    /* The resource that `reference` means, seen from `from`; false: not found. */
    bool (*resolve)(void *self, Str reference, const FhirpathItem *from, FhirpathItem *ret_item);
    /* Is the code, Coding, CodeableConcept (or string) in the value set? false: cannot be told. */
    bool (*member_of)(void *self, const FhirpathItem *item, Str value_set, bool *ret_member);
    bool (*subsumes)(void *self, const FhirpathItem *a, const FhirpathItem *b, bool *ret_subsumes);
    bool (*conforms_to)(void *self, const FhirpathItem *item, Str profile, bool *ret_conforms);
    void (*trace)(void *self, Str name, FhirpathItems items);
    int64_t (*now_ms)(void *self); /* milliseconds since 1970 UTC */
    int32_t offset_min;            /* local time zone of now() and of dates without one */
} FhirpathHost;

typedef struct FhirpathLimits { /* 0: the default in brackets */
    uint64_t steps;             /* operations and items looked at, per evaluation (5 million);
                                    work on texts counts by its bytes */
    uint32_t depth;             /* nested evaluations (2000) */
    uint32_t items;             /* in all collections alive at one time (1 million) */
    uint32_t match_steps;       /* PCRE2 match limit per call (1 million) */
    uint32_t text_bytes;        /* of one string made by the expression (16 MiB) */
} FhirpathLimits;

typedef struct FhirpathEnvironment {
    const FhirModel *model; /* the one that the code was compiled with */
    const FhirpathHost *host;
    FhirpathLimits limits;
    const FhirpathVariable *variables;
    size_t variable_count;
    bool
        forget; /* remember no part of an expression's result for later ones on the same resource */
} FhirpathEnvironment;

/* An evaluator: scratch space and memory of what was looked up, for one thread and one set of
 * documents (usually one message). It lies in `arena`; nothing is freed but by the arena. */
typedef struct FhirpathEval FhirpathEval;
FhirpathEval *fhirpath_eval_new(const FhirpathEnvironment *environment, Arena *arena);
/* What %resource and %rootResource mean from now on (usually when the walk enters a resource). */
void fhirpath_eval_resource(FhirpathEval *eval, const FhirpathItem *resource,
                            const FhirpathItem *root_resource);

/* %context is the focus. The items stay valid as long as the arena. */
bool fhirpath_evaluate(FhirpathEval *eval, Str code, const FhirpathItem *focus,
                       FhirpathItems *ret_items, Err *err) MUST_USE;

typedef enum FhirpathVerdict {
    FHIRPATH_FALSE,
    FHIRPATH_TRUE,
    FHIRPATH_THREW, /* the expression cannot be evaluated: the invariant fails */
    FHIRPATH_LIMIT, /* steps, depth, items or memory ran out: one fatal issue, not a verdict */
} FhirpathVerdict;

/* An invariant's verdict as the Java core gives it: empty is false, a Boolean is itself, anything
 * else is true. Leaves nothing in the arena but memory of what was looked up. err may be NULL. */
FhirpathVerdict fhirpath_check(FhirpathEval *eval, Str code, const FhirpathItem *focus, Err *err);
