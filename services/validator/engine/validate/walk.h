/* walk - what one validation carries along, and the steps of the walk; internal to the engine.
 *
 * The order of things is the Java core's, because its verdicts depend on it: a resource against a
 * profile (run.c) -> an element against a definition (walk.c): children to slices (slices.c),
 * cardinality, each child: invariants, its type's own checks, its type, its profile.
 *
 * Owner:   a Walk and all that it points to live in the caller's arena.
 * Threads: one walk, one thread; image and model are shared and immutable.
 * Errors:  an exhausted arena or limit: `stopped` is set, every step returns at once. */
#pragma once
#include "services/validator/engine/fhir_validator.h"
#include "services/validator/engine/fhirpath/fhirpath.h"
#include "services/validator/engine/fhirpath/xhtml.h"
#include "services/validator/engine/schema/schema.h"
#include "services/validator/engine/validate/element.h"
#include "services/validator/engine/validate/report.h"

typedef struct Memo Memo;
typedef struct Narrative Narrative;
struct IdTable;

/* Ids of the property names that the code asks for, by the address of the literal. */
enum { NAME_CACHE_SLOTS = 128 };
typedef struct NameCache {
    const char *literals[NAME_CACHE_SLOTS];
    uint16_t ids[NAME_CACHE_SLOTS];
} NameCache;

typedef struct Walk {
    Arena *arena;
    NameCache *names;
    Str source;
    const FhirModel *model;
    const Schema *schema; /* NULL: no image, only the JSON form is checked */
    const Terminology *terminology;
    const JsonDoc *doc;
    Elems elems;
    const JsonNode *nested_nothing; /* an empty array in an array: nothing can be read */
    Findings *out;                  /* where issues go now */
    const FhirpathEnvironment *environment;
    FhirpathEval *eval;
    ElemId eval_resource, eval_root; /* what %resource and %rootResource mean now */
    ElemId narrative;                /* the last one looked at, and what was found */
    XhtmlVerdict narrative_verdict;
    Findings narrative_findings;
    bool narrative_ok;
    bool narrative_waits;                   /* nobody asked for the findings yet */
    Memo *runs;                             /* (resource, profile) -> Run */
    Memo *invariants;                       /* (element, expression) -> finding or none */
    Memo *answers;                          /* (element, binding) -> TxFindings */
    Memo *removable;                        /* (element, 0): findings that may be taken back */
    Memo *indexes;                          /* (element, IndexKind) -> what is found below it */
    const struct Questions *questionnaires; /* those that responses named */
    ElemId *elem_of_node;                   /* by JSON node */
    Arena *side;                            /* for what conformsTo() leaves, or NULL */
    unsigned rules;                         /* ValidateRule */
    bool best_practice;
    bool base_only; /* no profile was asked for: weak bindings say more */
    bool stopped;
    Str stop_reason; /* a limit, told when all is over: what runs may be a question whose findings
                        nobody keeps */
    ElemId stopped_at;
    bool met_running;  /* a resource that is being validated counted as good: it may turn out bad */
    uint32_t sequence; /* of findings */
    uint32_t depth;    /* of the recursion */
    uint32_t follows;  /* references that are being followed, one from the other */
    uint64_t steps, step_limit;
} Walk;

/* Where the walk is: which resource, and what stands around it. Passed down by value. */
typedef struct Scope {
    ElemId resource;      /* %resource */
    ElemId root_resource; /* %rootResource: of contained resources the one around them */
    ElemId grouping;      /* Bundle or Parameters around an entry, or none */
    bool check_specials;
    bool in_concept;   /* inside a CodeableConcept: its codings are checked there */
    Str extension_url; /* of the extension whose definition is walked; ptr NULL: none */
} Scope;

typedef enum IdStatus {
    ID_OPTIONAL,
    ID_REQUIRED,
} IdStatus;

/* Second keys of walk->indexes. */
typedef enum IndexKind {
    INDEX_BUNDLE,     /* bundle_index.c */
    INDEX_CONTAINED,  /* IdTable of contained resources */
    INDEX_PARAMETERS, /* IdTable of Type/id */
    INDEX_ELEMENTS,   /* IdTable of elements */
    INDEX_TARGETS,    /* IdTable of what a narrativeLink may mean */
} IndexKind;

/* --- run.c ------------------------------------------------------------------------------------ */

/* A resource against a profile, its meta.profile and what those impose. */
bool run_resource(Walk *walk, const Scope *scope, ElemId elem, ProfileId profile, IdStatus id,
                  bool for_reference);
/* A resource against exactly this profile, once: the second time its findings are handed out. */
bool run_profile(Walk *walk, const Scope *scope, ElemId elem, ProfileId profile, bool specials);
/* contained, entry.resource, parameter.resource: against the type that the element allows. */
bool run_inner_resource(Walk *walk, const Scope *scope, ElemId elem, const SchemaNode *node,
                        ProfileId parent_profile);
/* What only code knows of a resource type; `form` is the path that its findings get. */
bool check_specials(Walk *walk, const Scope *scope, ElemId elem, FindingPath form);

/* --- walk.c ----------------------------------------------------------------------------------- */

bool walk_element(Walk *walk, const Scope *scope, NodeId definition, ElemId elem,
                  FhirTypeId actual_type);

/* --- slices.c --------------------------------------------------------------------------------- */

/* A child and the definition that it was found to be: the element or a slice of it. */
typedef struct Child {
    ElemId elem;
    NodeId definition; /* 0: not allowed here */
    NodeId slicer;     /* the sliced element, when `definition` is a slice */
    bool additional;   /* matches no slice of a sliced element */
} Child;

/* The children of a definition: its own, else those of the type. */
typedef struct Definitions {
    NodeId own;  /* node with children, or 0 */
    NodeId type; /* root of the type's definition, or 0: for what `own` does not say */
} Definitions;

bool assign_children(Walk *walk, const Scope *scope, const Definitions *definitions,
                     ProfileId profile, ElemId parent, Child *children, uint32_t count);
bool check_cardinality(Walk *walk, const Definitions *definitions, ProfileId profile, ElemId parent,
                       const Child *children, uint32_t count);

/* --- the rest --------------------------------------------------------------------------------- */

bool check_constraints(Walk *walk, const Scope *scope, NodeId definition, ElemId elem);
FhirpathVerdict evaluate_expression(Walk *walk, const Scope *scope, uint32_t expression,
                                    ElemId elem);
/* The same for code that is not the image's. */
FhirpathVerdict evaluate_code(Walk *walk, const Scope *scope, Str code, ElemId elem);
bool check_primitive(Walk *walk, const Scope *scope, const SchemaNode *node, ProfileId profile,
                     ElemId elem, FhirTypeId type);
bool check_fixed(Walk *walk, ProfileId profile, const SchemaNode *node, ElemId elem);
bool check_identifier(Walk *walk, ElemId elem);
bool check_attachment(Walk *walk, const SchemaNode *node, ElemId elem);
bool check_quantity(Walk *walk, const Scope *scope, const SchemaNode *node, ElemId elem);
bool check_coding(Walk *walk, const Scope *scope, const SchemaNode *node, ElemId elem);
bool check_concept(Walk *walk, const Scope *scope, const SchemaNode *node, ElemId elem);
bool check_code(Walk *walk, const SchemaNode *node, ElemId elem, FhirTypeId type);
bool check_reference(Walk *walk, const Scope *scope, const SchemaNode *node, ProfileId profile,
                     ElemId elem);
/* Makes the indexes of what is contained in a resource, and of the resources of Parameters. */
bool contained_prepare(Walk *walk, ElemId resource);
bool parameters_prepare(Walk *walk, ElemId parameter);
/* Is a resource with that id contained in `resource`? */
bool has_contained(const Walk *walk, ElemId resource, Str id);
/* The resource that a reference standing at `from` means, in the document; or none. */
ElemId resolve_quietly(Walk *walk, Str reference, ElemId from);
bool check_extension(Walk *walk, const Scope *scope, const SchemaNode *node, ProfileId profile,
                     ElemId parent, ElemId elem);
bool check_narrative(Walk *walk, ElemId elem);
/* The ids of elements below a resource; NULL: no memory. */
const struct IdTable *element_ids(Walk *walk, ElemId resource);
XhtmlVerdict narrative_verdict(Walk *walk, ElemId elem); /* for txt-1 and txt-2 */
bool check_bundle(Walk *walk, const Scope *scope, ElemId bundle, FindingPath form);
bool check_observation(Walk *walk, ElemId elem, FindingPath form);
bool check_resource_rules(Walk *walk, ElemId elem);
bool check_contained(Walk *walk, ElemId resource);

/* --- bundle_index.c --------------------------------------------------------------------------- */

/* The entries of a bundle with that fullUrl, in order; NULL-terminated by 0. */
const ElemId *bundle_by_full_url(Walk *walk, ElemId bundle, Str full_url);
bool bundle_prepare(Walk *walk, ElemId bundle); /* makes its index */
const ElemId *bundle_by_type_id(Walk *walk, ElemId bundle, Str type, Str id);

/* --- host.c ----------------------------------------------------------------------------------- */

/* What expressions may ask of the walk. */
FhirpathHost host_for(Walk *walk);
/* Tables that expressions need: while one is evaluated nothing that stays may be allocated. */
bool host_prepare(Walk *walk);
/* Is the element what the profile says? Tried without being heard. */
bool conforms(Walk *walk, ElemId elem, ProfileId profile);

/* --- small things ----------------------------------------------------------------------------- */

FhirpathItem walk_item(const Walk *walk, ElemId elem);
static inline const Elem *walk_elem(const Walk *walk, ElemId id)
{
    return elem_at(&walk->elems, id);
}
/* `property` must be a literal: its address stands for it. */
static inline uint16_t walk_name(const Walk *walk, const char *property)
{
    NameCache *cache = walk->names;
    size_t slot = ((uintptr_t)property ^ (uintptr_t)property >> 7) % NAME_CACHE_SLOTS;
    if (cache->literals[slot] != property) {
        cache->ids[slot] = json_name_find(&walk->model->names, str_from(property));
        cache->literals[slot] = property;
    }
    return cache->ids[slot];
}
static inline ElemId walk_child(const Walk *walk, ElemId parent, const char *property)
{
    uint16_t name = walk_name(walk, property);
    return name ? elem_child(&walk->elems, parent, name) : ELEM_NONE;
}
static inline Str walk_text(const Walk *walk, ElemId parent, const char *property)
{
    ElemId child = walk_child(walk, parent, property);
    return child ? elem_text(walk_elem(walk, child)) : STR_NONE;
}
static inline Str walk_versioned(const Walk *walk, ProfileId profile)
{
    return schema_text(walk->schema, walk->schema->profiles[profile].versioned);
}
/* A limit is reached: nothing more is walked, and the verdict has a fatal issue that says why. */
void walk_stop(Walk *walk, ElemId elem, Str reason);
/* Counts steps; false when the walk is to end. A step is worth some nanoseconds: what takes longer
 * and may be asked for as often as a sender likes counts for more. */
bool walk_steps(Walk *walk, uint32_t count);
static inline bool walk_step(Walk *walk)
{
    return walk_steps(walk, 1);
}
bool is_absolute_url(Str url);

/* --- memo.c ----------------------------------------------------------------------------------- */

/* A table from pairs of numbers to pointers. */
Memo *memo_new(Arena *arena);
void *memo_get(const Memo *memo, uint32_t a, uint32_t b); /* NULL: unknown */
bool memo_put(Memo *memo, uint32_t a, uint32_t b, void *value);
void memo_use(Memo *memo, Arena *arena); /* grows there from now on */
