/* schema - StructureDefinitions, compiled: what the walk reads, flat, by number.
 *
 * Owner:   all tables lie in a mapped image; schema_bind points into it and checks once that every
 *          number in them stays inside (linear, no allocation).
 * Threads: immutable.
 * Errors:  ERR_INPUT "image-format".
 *
 * Number 0 means none in every table; strings are numbers into one pool. A node is an
 * ElementDefinition of a snapshot; the nodes of a profile stand in the order of its snapshot. */
#pragma once
#include "common/base/err.h"
#include "common/fhir/model.h"
#include "services/validator/engine/image/image.h"
#include "services/validator/engine/terminology/terminology.h"

typedef uint32_t SchemaText; /* offset into the pool: 32-bit length, then the bytes */
typedef uint32_t ProfileId;
typedef uint32_t NodeId;

enum { SCHEMA_MAX_MANY = UINT16_MAX }; /* max = * */

typedef struct SchemaInfo {
    SchemaText name; /* of the root package */
    SchemaText version;
    uint64_t model;     /* fingerprint of the type model that ids belong to */
    uint32_t reference; /* FhirReference: whose answers are wanted of this image */
    uint32_t unused;
} SchemaInfo;

enum {
    PROFILE_ABSTRACT = 1,
    PROFILE_CONSTRAINT = 2, /* derivation */
    PROFILE_CORE = 4,       /* canonical below http://hl7.org/fhir/StructureDefinition/ */
    PROFILE_RESOURCE = 8,
    PROFILE_LOGICAL = 16,
    PROFILE_EXTENSION = 32,
    PROFILE_MODIFIER = 64, /* an extension that modifies */
    PROFILE_NO_SNAPSHOT = 128,
};

typedef struct SchemaProfile {
    SchemaText url;
    SchemaText version;
    SchemaText versioned; /* url|version */
    SchemaText name;
    SchemaText title;
    SchemaText type_text; /* StructureDefinition.type */
    ProfileId base;
    NodeId first_node; /* the root element; 0 without a snapshot */
    uint32_t node_count;
    uint32_t contexts; /* of an extension: SchemaContext */
    uint32_t context_count;
    uint32_t invariants; /* contextInvariant: numbers of expressions */
    uint32_t invariant_count;
    uint32_t imposes; /* SchemaTarget */
    uint32_t impose_count;
    uint32_t value_types; /* of an extension: numbers, type ids of value[x] */
    uint32_t value_type_count;
    uint32_t next; /* another profile of the same url, in order of preference */
    FhirTypeId type;
    uint16_t flags;
} SchemaProfile;

enum {
    NODE_CHOICE = 1,      /* path ends in [x] */
    NODE_MODIFIER = 2,    /* isModifier */
    NODE_XHTML = 4,       /* representation xhtml */
    NODE_HAS_BASE_ID = 8, /* base.path is Resource.id */
    NODE_ROOT = 16,
    NODE_MUST_HAVE_VALUE = 32,
    NODE_MAX_ZERO = 64,
};

typedef struct SchemaNode {
    SchemaText path;
    SchemaText id;
    SchemaText slice_name;
    SchemaText label;
    SchemaText base_path;
    ProfileId profile;
    uint32_t children;    /* numbers: node ids, slices included, in order */
    uint32_t groups;      /* SchemaGroup: the children by element */
    uint32_t types;       /* SchemaType */
    uint32_t constraints; /* numbers: constraint ids */
    NodeId content;       /* where contentReference leads */
    uint32_t slicing;
    uint32_t slice; /* how an element matches this slice */
    uint32_t fixed; /* value */
    uint32_t pattern;
    uint32_t binding;
    uint32_t facets;
    uint32_t same;    /* nodes with the same number ask the same of an element */
    uint32_t counted; /* numbers: those children whose occurrences have to be counted */
    uint16_t counted_count;
    uint16_t element;  /* name id without [x] */
    uint16_t property; /* path names one type of a choice: valueQuantity; else 0 */
    uint16_t flags;
    uint16_t min;
    uint16_t max;
    uint16_t child_count;
    uint16_t group_count;
    uint16_t type_count;
    uint16_t constraint_count;
} SchemaNode;

/* The children with one path: the element, then its slices. */
typedef struct SchemaGroup {
    uint16_t element;
    uint16_t count;
    uint32_t first; /* index into numbers */
} SchemaGroup;

enum {
    AGGREGATION_CONTAINED = 1,
    AGGREGATION_REFERENCED = 2,
    AGGREGATION_BUNDLED = 4,
};

typedef struct SchemaType {
    SchemaText code;   /* as Java's working code: string, Reference, ... */
    uint32_t profiles; /* SchemaTarget */
    uint32_t targets;  /* SchemaTarget */
    uint16_t profile_count;
    uint16_t target_count;
    FhirTypeId type;
    uint16_t aggregation;
} SchemaType;

typedef struct SchemaTarget {
    SchemaText url;
    ProfileId profile; /* 0: not in the packages */
} SchemaTarget;

enum {
    CONSTRAINT_ERROR = 1, /* else warning */
    CONSTRAINT_BEST_PRACTICE = 2,
    CONSTRAINT_SOURCE = 4, /* has a source of its own */
};

/* Invariants that are checked by code of ours, not by an expression. */
typedef enum NativeInvariant {
    NATIVE_NONE,
    NATIVE_ELE_1,
    NATIVE_EXT_1,
    NATIVE_TXT_1,
    NATIVE_TXT_2,
    /* those below are only seen to hold at a glance; else their expression is evaluated */
    NATIVE_GLANCE,
    NATIVE_REF_1 = NATIVE_GLANCE,
    NATIVE_NO_CONTAINED, /* dom-2, dom-4, dom-5 */
    NATIVE_DOM_6,
    NATIVE_BDL_5,
    NATIVE_BDL_8,
    NATIVE_OBS_7,
    NATIVE_PER_1,
    NATIVE_SKIP, /* dom-3: checked with the contained resources */
} NativeInvariant;

typedef struct SchemaConstraint {
    SchemaText key;
    SchemaText human;
    SchemaText id; /* source#key */
    uint32_t expression;
    uint16_t flags;
    uint16_t native; /* NativeInvariant */
} SchemaConstraint;

typedef struct SchemaExpression {
    SchemaText text;
    SchemaText problem; /* why it could not be compiled; then code_bytes is 0 */
    uint32_t code;      /* offset into the code section, 8-byte aligned */
    uint32_t code_bytes;
} SchemaExpression;

typedef enum SlicingRules {
    SLICING_OPEN,
    SLICING_CLOSED,
    SLICING_OPEN_AT_END,
} SlicingRules;

typedef struct SchemaSlicing {
    uint8_t rules;
    uint8_t ordered;
    uint8_t has_discriminator;
    uint8_t by_profile;
} SchemaSlicing;

typedef enum SliceTest {
    SLICE_EXPRESSION,
    SLICE_EXTENSION_URL, /* value:url with fixedUri */
    SLICE_TYPE,          /* type:$this with one type */
    SLICE_NEVER,         /* no discriminator */
    SLICE_CODING,        /* a CodeableConcept has a coding of that system and code */
    SLICE_MEMBER,        /* in the value set of the binding */
    SLICE_PROFILE,       /* conforms to one of the profiles, itself or what it refers to */
    SLICE_UNKNOWN,       /* the discriminator cannot be evaluated: problem says why */
} SliceTest;

typedef struct SchemaSlice {
    uint32_t test; /* SliceTest */
    uint32_t expression;
    SchemaText text;  /* SLICE_EXTENSION_URL: the url; SLICE_CODING: the system, or none;
                         SLICE_UNKNOWN: the problem */
    SchemaText code;  /* SLICE_CODING */
    uint32_t binding; /* SLICE_MEMBER */
    uint32_t type;    /* SLICE_TYPE */
    uint32_t targets; /* SLICE_PROFILE: SchemaTarget */
    uint16_t target_count;
    uint16_t by_reference; /* SLICE_PROFILE: of the resource that it refers to */
} SchemaSlice;

/* A fixed or pattern value: preorder, the first child is the next one. */
typedef struct SchemaValue {
    SchemaText text;
    uint32_t next; /* sibling, or 0 */
    uint16_t property;
    FhirTypeId type;
    uint16_t count; /* children */
    uint8_t kind;   /* JsonKind */
    uint8_t is_list;
} SchemaValue;

typedef enum BindingStrength {
    BINDING_EXAMPLE,
    BINDING_PREFERRED,
    BINDING_EXTENSIBLE,
    BINDING_REQUIRED,
} BindingStrength;

typedef struct SchemaBinding {
    SchemaText value_set;
    SchemaText max_value_set;
    uint32_t strength; /* BindingStrength */
    TxBinding tx;      /* the same as the image's terminology knows it */
} SchemaBinding;

/* What few elements have. */
typedef struct SchemaFacets {
    uint32_t max_length; /* 0: none */
    uint32_t min_length;
    SchemaText regex;
    uint32_t min_value; /* value */
    uint32_t max_value;
    uint32_t max_decimals_plus_1;
    SchemaText max_size;
    uint32_t unused;
} SchemaFacets;

typedef enum ContextKind {
    CONTEXT_ELEMENT,
    CONTEXT_EXTENSION,
    CONTEXT_FHIRPATH,
} ContextKind;

typedef struct SchemaContext {
    uint32_t kind;
    SchemaText expression;
    uint32_t compiled; /* expression id of CONTEXT_FHIRPATH */
    uint32_t unused;
} SchemaContext;

/* A definition kept whole, as its file has it: what is asked of it is too rare to be compiled. */
typedef struct SchemaResource {
    SchemaText type; /* Questionnaire, Measure */
    SchemaText url;
    SchemaText version;
    SchemaText json;
} SchemaResource;

/* A package that the image was made of, in the order of loading. */
typedef struct SchemaPackage {
    SchemaText name;
    SchemaText version;
} SchemaPackage;

typedef struct Schema {
    const FhirModel *model;
    const char *strings;
    const uint32_t *numbers;
    const SchemaProfile *profiles;
    const uint32_t *profile_index; /* open addressing by str_hash of the url */
    const uint32_t *type_profiles; /* by type id */
    const SchemaNode *nodes;
    const SchemaGroup *groups;
    const SchemaType *types;
    const SchemaTarget *targets;
    const SchemaConstraint *constraints;
    const SchemaExpression *expressions;
    const char *code;
    const SchemaSlicing *slicings;
    const SchemaSlice *slices;
    const SchemaValue *values;
    const SchemaBinding *bindings;
    const SchemaFacets *facets;
    const SchemaContext *contexts;
    const SchemaResource *resources;
    const SchemaPackage *packages;
    uint32_t strings_bytes, number_count, profile_count, index_count, type_profile_count,
        node_count, group_count, type_count, target_count, constraint_count, expression_count,
        code_bytes, slicing_count, slice_count, value_count, binding_count, facet_count,
        context_count, resource_count, package_count;
    const SchemaInfo *info;
} Schema;

bool schema_bind(const Image *image, const FhirModel *model, Schema *ret_schema, Err *err) MUST_USE;

static inline Str schema_text(const Schema *schema, SchemaText text)
{
    uint32_t len;
    memcpy(&len, schema->strings + text, sizeof len);
    return (Str){schema->strings + text + sizeof len, len};
}
static inline const SchemaNode *schema_node(const Schema *schema, NodeId id)
{
    return schema->nodes + id;
}
static inline const SchemaProfile *schema_profile(const Schema *schema, ProfileId id)
{
    return schema->profiles + id;
}
static inline Str schema_code(const Schema *schema, uint32_t expression)
{
    const SchemaExpression *e = schema->expressions + expression;
    return (Str){schema->code + e->code, e->code_bytes};
}
/* The profile that a canonical means; |version is honoured; 0: none. */
ProfileId schema_find(const Schema *schema, Str canonical);
/* Has the code system a property of that name whose values are codings? */
bool schema_has_coding_property(const Schema *schema, Str system, Str property);
/* The JSON of a definition that the image keeps whole, |version is honoured; or STR_NONE. */
Str schema_resource(const Schema *schema, Str type, Str canonical);
/* The definition of a type or resource itself. */
static inline ProfileId schema_of_type(const Schema *schema, FhirTypeId type)
{
    return type < schema->type_profile_count ? schema->type_profiles[type] : 0;
}
/* Is `ancestor` among the bases of `profile` (itself included)? */
bool schema_derives(const Schema *schema, ProfileId profile, ProfileId ancestor);
uint64_t schema_model_fingerprint(const FhirModel *model);
