/* code - what an expression is after parsing and what the evaluator runs: one flat tree.
 *
 * Owner:   position-independent bytes: FpHeader, then nodes, then a pool of text and values.
 * Rule:    a node refers to others by index (0: none) and to the pool by offset. Children have
 *          smaller indexes than their parent, so the tree cannot contain a cycle. */
#pragma once
#include "services/validator/engine/fhirpath/fhirpath.h"

enum {
    FP_CODE_VERSION = 1,
    FP_CODE_MAGIC = 0x50464846, /* "FHFP" */
    FP_HEIGHT_MAX = 1000,       /* longest way from the root: the evaluator recurses along it */
};

typedef enum FpOp {
    FP_NONE,
    FP_EMPTY,
    FP_BOOLEAN,    /* id: 0 or 1 */
    FP_STRING,     /* text */
    FP_INTEGER,    /* number */
    FP_DECIMAL,    /* number, extra: scale; FP_WIDE: read text */
    FP_DATE_TIME,  /* extra: pool offset of a DateTime */
    FP_ZONED_TIME, /* @T10:00Z: an error when it is evaluated */
    FP_QUANTITY,   /* left: its number; text: unit; id: DateTimeUnit + 1 or 0 */
    FP_VARIABLE,   /* text: name; id: FpVariable */
    FP_THIS,
    FP_INDEX,
    FP_TOTAL,
    FP_CHILD,     /* left: input (0: the focus), id: name (0: unknown to the model), text */
    FP_ROOT_TYPE, /* Patient at the start of a path: id is the type */
    FP_INDEXER,   /* left[right] */
    FP_CALL,      /* left.function(right, next of right, ...): id is the function's index */
    FP_GROUP_ON,  /* left.(right): java dialect */
    FP_TYPE_NAME, /* id: FHIR type, extra: system FhirpathKind + 1, flags; text as written */
    FP_NEGATE,
    FP_PLUS_SIGN,
    FP_MULTIPLY,
    FP_DIVIDE,
    FP_DIV,
    FP_MOD,
    FP_ADD,
    FP_SUBTRACT,
    FP_CONCATENATE,
    FP_IS,
    FP_AS,
    FP_UNION,
    FP_LESS,
    FP_LESS_EQUAL,
    FP_GREATER,
    FP_GREATER_EQUAL,
    FP_EQUAL,
    FP_NOT_EQUAL,
    FP_EQUIVALENT,
    FP_NOT_EQUIVALENT,
    FP_IN,
    FP_CONTAINS,
    FP_AND,
    FP_OR,
    FP_XOR,
    FP_IMPLIES,
    FP_OP_COUNT,
} FpOp;

typedef enum FpVariable {
    FP_VARIABLE_OTHER, /* the environment's or defineVariable's */
    FP_VARIABLE_RESOURCE,
    FP_VARIABLE_ROOT_RESOURCE,
    FP_VARIABLE_CONTEXT,
    FP_VARIABLE_TEXT, /* extra, extra_len: what it stands for */
} FpVariable;

enum {                     /* flags */
       FP_WIDE = 1,        /* number with more than 18 digits: in text */
       FP_DELIMITED = 2,   /* an identifier written in back-ticks */
       FP_NS_SYSTEM = 4,   /* type name written System.x */
       FP_NS_FHIR = 8,     /* type name written FHIR.x */
       FP_MEMO = 16,       /* depends on its focus alone and is worth remembering */
       FP_DESCENDING = 64, /* sort key with a minus before it */
       FP_JSON_NAME = 128, /* valueQuantity may mean value of that type */
};

typedef struct FpNode {
    uint8_t op; /* FpOp */
    uint8_t flags;
    uint16_t id;
    uint32_t left;
    uint32_t right;
    uint32_t next; /* the next argument of the same call */
    uint32_t at;   /* byte in the expression */
    uint32_t text; /* offset in the pool */
    uint32_t text_len;
    uint32_t extra;
    uint64_t hash; /* of what it means: equal expressions have equal hashes */
} FpNode;

typedef struct FpHeader {
    uint32_t magic;
    uint16_t version;
    uint8_t dialect;
    uint8_t json_names;  /* valueQuantity may mean value of that type */
    uint32_t bytes;      /* of all */
    uint32_t node_count; /* node 0 is unused */
    uint32_t root;
    uint32_t pool_at;
    uint32_t source; /* pool offset of the expression's text, for messages */
    uint32_t source_len;
    uint32_t functions; /* fp_functions_hash of the program that wrote this */
    uint32_t unused_too;
} FpHeader;

static inline const FpNode *fp_nodes(const FpHeader *code)
{
    return (const FpNode *)(const void *)(code + 1);
}
static inline Str fp_text(const FpHeader *code, const FpNode *node)
{
    return (Str){(const char *)code + code->pool_at + node->text, node->text_len};
}
static inline int64_t fp_number(const FpNode *node)
{
    return (int64_t)((uint64_t)node->right << 32 | node->left);
}

typedef struct FpOperator {
    const char *text;
    uint8_t op;            /* FpOp */
    uint8_t precedence[2]; /* by dialect; a higher one binds tighter */
    bool is_word;
} FpOperator;
extern const FpOperator fp_operators[];
const FpOperator *fp_operator_of(uint8_t op); /* NULL: no binary operator */

enum { FP_PRECEDENCE_UNARY = 12, FP_PRECEDENCE_TERM = 20 };

/* Line and column of a byte in an expression. */
FhirpathAt fp_position(Str source, uint32_t offset);
