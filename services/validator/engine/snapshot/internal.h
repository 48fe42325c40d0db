/* internal - what the files of this folder share; nobody else includes it.
 *
 * A snapshot is made as a tree. The base's elements become a tree that is never touched again
 * (`pristine`), and a copy of it that the differential works on. Each element of the differential
 * is led to its node (locate.c), on the way types and content references are opened and slices made
 * (grow.c), and merged into it (merge.c). In the end the tree is read out in order (emit.c). */
#pragma once
#include "common/base/buf.h"
#include "services/validator/engine/snapshot/snapshot.h"

/* --- values: a JSON node together with its document ----------------------------------------------
 */

typedef struct Value {
    const JsonDoc *doc;
    const JsonNode *node; /* NULL: absent */
} Value;

typedef struct List {
    const Value *items;
    uint32_t count;
} List;

Value value_get(Value value, const char *name);
Str value_text(Value value);
bool value_same(Value a, Value b); /* objects regardless of order */
/* The i-th item of an array, or the value itself as the only one. */
Value value_item(Value array, uint32_t i);
uint32_t value_count(Value array);
bool value_parse(Str json, Arena *arena, Value *ret_value, Err *err);
bool value_of_text(Str text, Arena *arena, Value *ret_value, Err *err); /* a JSON string */
bool list_add(List *list, Value item, Arena *arena, Err *err);          /* copies the list */
bool list_has(const List *list, Value item);
void write_quoted(Buf *out, Str text);
/* `indent` < 0: on one line. */
void write_value(Buf *out, Value value, int indent);
void write_newline(Buf *out, int indent);

/* --- elements ------------------------------------------------------------------------------------
 */

typedef enum Field { /* in the order of the specification */
                     F_ID,
                     F_EXTENSION,
                     F_MODIFIER_EXTENSION,
                     F_PATH,
                     F_REPRESENTATION,
                     F_SLICE_NAME,
                     F_SLICE_IS_CONSTRAINING,
                     F_LABEL,
                     F_CODE,
                     F_SLICING,
                     F_SHORT,
                     F_DEFINITION,
                     F_COMMENT,
                     F_REQUIREMENTS,
                     F_ALIAS,
                     F_MIN,
                     F_MAX,
                     F_BASE,
                     F_CONTENT_REFERENCE,
                     F_TYPE,
                     F_DEFAULT_VALUE,
                     F_MEANING_WHEN_MISSING,
                     F_ORDER_MEANING,
                     F_FIXED,
                     F_PATTERN,
                     F_EXAMPLE,
                     F_MIN_VALUE,
                     F_MAX_VALUE,
                     F_MAX_LENGTH,
                     F_CONDITION,
                     F_CONSTRAINT,
                     F_MUST_SUPPORT,
                     F_IS_MODIFIER,
                     F_IS_MODIFIER_REASON,
                     F_IS_SUMMARY,
                     F_BINDING,
                     F_MAPPING,
                     FIELD_COUNT,
} Field;

typedef struct Slot {
    Str key;     /* as written: fixedUri; empty: absent */
    Value value; /* not of lists */
    Value under; /* of _key */
    List list;   /* of list fields */
} Slot;

typedef struct Element {
    Slot slots[FIELD_COUNT];
} Element;

bool element_read(Value object, Arena *arena, Element *ret_element, Err *err);
bool element_has(const Element *element, Field field);
Str element_text(const Element *element, Field field);
Value element_value(const Element *element, Field field);
const List *element_list(const Element *element, Field field);
void element_clear(Element *element, Field field);
void element_copy(Element *to, const Element *from, Field field);
/* Single values only; the key must be static or live as long as the element. */
void element_set(Element *element, Field field, Value value);
bool element_set_json(Element *element, Field field, Str json, Arena *arena, Err *err);
uint32_t element_min(const Element *element); /* absent: 0 */
uint32_t element_max(const Element *element); /* UINT32_MAX: *, or absent */
bool element_has_max(const Element *element, const char *max);
Str field_name(Field field); /* "min", "fixed[x]" */

uint32_t type_count(const Element *element);
Str type_code(const Element *element, uint32_t i); /* "Quantity"; System.String by its short name */
Str type_profile(const Element *element, uint32_t i, uint32_t n); /* n-th profile, or STR_NONE */
uint32_t type_profile_count(const Element *element, uint32_t i);
bool types_have(const Element *element, Str code);

/* --- trees ---------------------------------------------------------------------------------------
 */

typedef struct Node Node;
typedef struct NodeList {
    Node **items;
    uint32_t count, room;
} NodeList;

typedef struct Part { /* of a path or id */
    Str name;
    Str slice;
} Part;

/* What the differential says below an element that it slices: it holds in each of the slices. */
typedef struct Below {
    struct Below *next;
    const Part *parts; /* from the sliced element down */
    uint32_t count;
    const Element *derived;
} Below;

struct Node {
    Element element;
    Str name;             /* last segment of the path: "value[x]" */
    Str slice;            /* slice name, or empty */
    Node *parent;         /* of a slice: the parent of the element that it slices */
    Node *sliced;         /* of a slice: the node in whose `slices` it is */
    const Node *pristine; /* as the base or type has it; NULL: new here */
    Str source;           /* url of the definition that the element comes from */
    Node *home;           /* root of the tree that content references lead into */
    NodeList children;
    NodeList slices;
    Below *below, *below_last;
    bool is_slicer;    /* the differential slices it, and not only by extension url */
    bool opened;       /* its children come from its type */
    bool touched;      /* the differential says something about it */
    bool slicing_made; /* slicing that the differential left out */
    bool by_short_cut; /* a slice of value[x] that the differential calls valueQuantity */
};

/* One definition's snapshot as a tree; kept for the time of one generation. */
typedef struct Tree {
    struct Tree *next;
    Str url;
    Str type;
    Str kind;
    Node *root;
} Tree;

struct Snapshots {
    Packages *packages;
    bool remake;
    Arena *arena;
    const JsonDoc **made; /* by PackageResource.index */
    bool *making;
    uint32_t depth;
    SnapshotIssue *issues;
    size_t issue_count, issue_room;
};

typedef struct Gen { /* one generation */
    Snapshots *set;
    const Package *from;
    Arena *arena;
    Value definition;
    Str url;
    Str base_url;
    bool specialises;
    bool is_logical;
    bool is_primitive; /* defines a primitive type */
    Tree *trees;
    Node *root;
    uint32_t nodes;
    uint32_t steps; /* elements applied */
} Gen;

void issue_add(Gen *gen, SnapshotSeverity severity, const char *code, Str element,
               const char *format, ...) __attribute__((format(printf, 5, 6)));

/* tree.c */
Node *node_new(Gen *gen, Str name, Str slice, Err *err);
bool nodes_add(NodeList *list, Node *node, Arena *arena, Err *err);
bool tree_build(Gen *gen, Value definition, Node **ret_root, Err *err);
Node *node_child(const Node *node, Str name);
/* "valueQuantity" below a value[x]: the choice and the rest of the name. */
Node *node_choice(const Node *node, Str name, Str *ret_type);
Node *node_slice(Node *node, Str slice); /* reslices too */
/* Copies children, too, and with `slices` the slices; the copies know `from` as pristine. */
bool node_copy(Gen *gen, const Node *from, bool slices, Node *parent, Node **ret_node, Err *err);
bool node_copy_children(Gen *gen, const Node *from, Node *to, Err *err);
Str node_path(const Node *node, Arena *arena);
Str node_id(const Node *node, Arena *arena);

bool element_fill_sources(Gen *gen, Element *element, Str url, Err *err);

/* grow.c */
/* The definition's tree, or NULL in *ret_tree when nobody knows it. */
bool tree_of(Gen *gen, Str canonical, Tree **ret_tree, Err *err);
bool tree_of_type(Gen *gen, Str code, Tree **ret_tree, Err *err);
/* Gives the node the children of its type or content reference; *ret_open: it has some now. */
bool node_open(Gen *gen, Node *node, bool *ret_open, Err *err);
bool node_make_slice(Gen *gen, Node *node, Str slice, Node **ret_slice, Err *err);
/* The slice of value[x] for `type` ("Quantity"), made when it is missing. */
bool node_make_type_slice(Gen *gen, Node *choice, Str name, Str type, Node **ret_slice, Err *err);

/* Leaves the choice this type only: "Quantity", "String". */
bool node_narrow(Gen *gen, Node *choice, Str type, Err *err);

/* merge.c */
bool element_merge(Gen *gen, Node *node, const Element *derived, Str where, Err *err);
/* min and max no wider than those of the one profile that the element's type has. */
bool element_narrow_range(Gen *gen, Node *node, Err *err);
bool element_add_constraints(Gen *gen, Element *into, const Element *from, Err *err);
/* What the definition of type `code` itself says of its root: its own differential's, since the
 * type may be the one that is being made. */
bool element_add_root_constraints(Gen *gen, Element *into, Str code, Err *err);
/* What an element gets from the root of the extension or resource profile that it is narrowed to.
 */
bool element_take_profile(Gen *gen, Node *node, const Element *derived, Err *err);
bool fill_base(Node *node, Str path, const Element *from, Arena *arena, Err *err);

/* locate.c */
bool differential_apply(Gen *gen, Err *err);
/* settle.c: after the differential */
bool tree_settle(Gen *gen, Err *err);
/* emit.c */
bool tree_emit(Gen *gen, Arena *arena, const JsonDoc **ret_doc, Err *err);

#define OUT_OF_MEMORY(err)                                                                         \
    ERR((err), ERR_INPUT, "memory-limit", "the snapshot exceeds its memory limit")
