/* element - the resource as the walk sees it: FHIR elements in the order of their definition.
 *
 * Spec:    hl7.org/fhir/R4/json.html; what is misplaced, misnamed or of the wrong JSON type gets an
 *          issue here, once, and is left out (as the Java core's parser does).
 * Owner:   the table lives in the arena of the walk; nodes point into the JsonDoc.
 * Threads: one walk, one thread.
 * Errors:  an exhausted arena: the caller looks at arena_exhausted.
 *
 * Elements stand in preorder of the definition: the first child of an element is the one behind it.
 * Element 0 is none, element 1 the root. */
#pragma once
#include "common/fhir/model.h"

typedef uint32_t ElemId;
enum {
    ELEM_NONE = 0,
    ELEM_ROOT = 1,
};

enum {
    ELEM_LIST = 1,               /* its definition repeats: the path carries an index */
    ELEM_CHOICE = 2,             /* one type of element[x] */
    ELEM_RESOURCE = 4,           /* a resource of its own */
    ELEM_CONTAINED = 8,          /* in contained */
    ELEM_ENTRY = 16,             /* Bundle.entry.resource */
    ELEM_OUTCOME = 32,           /* Bundle.entry.response.outcome */
    ELEM_PARAMETER = 64,         /* Parameters.parameter.resource */
    ELEM_PRIMITIVE = 128,        /* its type is primitive */
    ELEM_VALUE = 256,            /* a primitive with a value, be it empty */
    ELEM_UNKNOWN_RESOURCE = 512, /* no or unknown resourceType: nothing below is known */
    ELEM_TYPE_CLEAN = 1024,      /* its type's own definition had nothing to say */
    ELEM_FORMAT_CLEAN = 2048,    /* a primitive whose text is as its type demands */
    ELEM_SPECIALS_DONE = 4096,
    ELEM_SPECIALS_DONE_BARE = 8192,
    ELEM_REMOVABLE = 16384, /* on it or below is a finding that may be taken back */
    ELEM_SPECIAL = ELEM_CONTAINED | ELEM_ENTRY | ELEM_OUTCOME | ELEM_PARAMETER,
};

typedef struct Elem {
    const JsonNode *node;  /* the value; NULL: only `_x` is there */
    const JsonNode *extra; /* the object of `_x`, or NULL */
    ElemId parent;         /* of the root: none */
    ElemId next;           /* sibling, or none */
    ElemId behind;         /* the first element that is not below this one */
    ElemId resource;       /* the innermost resource that it belongs to; a resource: itself */
    uint32_t index;        /* among siblings of the same property */
    uint32_t child_count;
    FhirTypeId type;
    uint16_t property; /* valueQuantity */
    uint16_t element;  /* value */
    uint16_t order;    /* position in the definition */
    uint16_t flags;
    uint32_t
        clean[3]; /* SchemaNode.same of definitions that had nothing to say of it, last first */
} Elem;

/* Where many siblings stand the first of each property is looked up. */
enum { ELEM_WIDE = 64 };

typedef struct Elems {
    const JsonDoc *doc;
    struct Memo *wide; /* (parent, its property or element) -> Elem; NULL: nowhere so many */
    Elem *items;
    uint32_t count; /* element 0 included */
    uint32_t room;
} Elems;

struct Walk;
/* Reads the whole document; false when the root cannot be understood (a fatal issue says why). */
bool elements_read(struct Walk *walk);

static inline const Elem *elem_at(const Elems *elems, ElemId id)
{
    return elems->items + id;
}
static inline ElemId elem_first(const Elems *elems, ElemId id)
{
    return elems->items[id].child_count ? id + 1 : ELEM_NONE;
}
#define ELEM_EACH(elems, child, parent)                                                            \
    /* NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a variable */                       \
    for (ElemId child = elem_first((elems), (parent)); child; child = (elems)->items[child].next)

/* The first child of that property (or element: choices), or none. */
ElemId elem_child(const Elems *elems, ElemId parent, uint16_t property);
ElemId elem_child_named(const Elems *elems, ElemId parent, const JsonNames *names,
                        const char *property);
ElemId elem_child_element(const Elems *elems, ElemId parent, uint16_t element);
/* A primitive's text as Java's primitiveValue(): strings decoded, numbers as written, true/false;
 * STR_NONE without a value. */
Str elem_text(const Elem *elem);
/* The text of a primitive child, or STR_NONE. */
Str elem_child_text(const Elems *elems, ElemId parent, const JsonNames *names,
                    const char *property);
/* Byte offset of the value (of `_x` when there is no value). */
uint32_t elem_offset(const Elem *elem);
