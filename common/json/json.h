/* json - bytes -> a flat, read-only tree that forgets nothing the sender wrote.
 *
 * Spec:    RFC 8259, RFC 3629 (UTF-8). Numbers keep their text, every value its position, duplicate
 *          properties are kept and flagged. A leading BOM is refused with its own code
 *          ("json-bom").
 * Owner:   nodes and decoded strings live in `arena`; strings without escapes point into `bytes`,
 *          which must outlive the document.
 * Threads: pure; one arena per thread. JsonNames is read-only once built.
 * Errors:  ERR_INPUT "json-syntax", "json-utf8", "json-bom", "json-depth", "json-nodes",
 *          "json-bytes", "memory-limit"; *ret_at says where and what was expected.
 * Limits:  JsonLimits; source below 4 GiB.
 *
 * The nodes stand in document order (preorder): the first child of an array or object with count >
 * 0 is the node behind it, `next` leads to its sibling. Node 0 is the root. */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

typedef enum JsonKind {
    JSON_KIND_NULL,
    JSON_KIND_FALSE,
    JSON_KIND_TRUE,
    JSON_KIND_NUMBER,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT,
} JsonKind;

enum {
    JSON_NAME_UNKNOWN = 0,        /* a property name that JsonNames does not hold */
    JSON_FLAG_DUPLICATE = 1,      /* on a member: an earlier sibling has the same name */
    JSON_FLAG_HAS_DUPLICATES = 2, /* on an object: some member is flagged DUPLICATE */
    JSON_FLAG_ESCAPED = 4,     /* on a string: written with escapes, so `text` is a decoded copy */
    JSON_FLAG_UNDERSCORED = 8, /* on an object: some member's name begins with '_' */
};

typedef struct JsonNode {
    uint8_t kind; /* JsonKind */
    uint8_t flags;
    uint16_t name;    /* interned property name of a member; JSON_NAME_UNKNOWN otherwise */
    uint32_t at;      /* byte offset of the value's first character */
    uint32_t end;     /* byte offset behind the value */
    uint32_t parent;  /* index; the root is its own parent */
    uint32_t next;    /* index of the next sibling; 0: last */
    uint32_t count;   /* children of an array or object */
    const char *text; /* string: decoded UTF-8 (may contain NUL from \u0000); number: as written */
    const char *key;  /* member: decoded property name */
    uint32_t text_len;
    uint32_t key_len;
    uint32_t key_at; /* member: byte offset of its name's opening quote */
    uint32_t index;  /* position among its siblings, from 0 */
} JsonNode;

/* Property names known in advance: text <-> id in 1..65535. A flat table that may lie in a mapped
 * file: `slots` is a power-of-two open-addressing table of ids. */
typedef struct JsonNames {
    const uint32_t *at; /* [count + 1] offsets into pool; name of id i is pool[at[i] .. at[i+1]) */
    const char *pool;
    const uint16_t *slots;
    uint32_t count; /* ids are 1..count-1; id 0 is the empty name */
    uint32_t slot_count;
} JsonNames;

uint16_t json_name_find(const JsonNames *names,
                        Str name); /* JSON_NAME_UNKNOWN if absent or names is NULL */
Str json_name_text(const JsonNames *names, uint16_t id);
/* Fills `slots` (names->slot_count of them, zeroed, a power of two above names->count) for
 * json_name_find and lets names->slots point to it. */
void json_names_index(JsonNames *names, uint16_t *slots);

typedef struct JsonLimits {
    uint32_t bytes; /* 0: no limit of its own (4 GiB) */
    uint32_t depth; /* 0: 256 */
    uint32_t nodes; /* 0: 20 million */
} JsonLimits;

typedef struct JsonDoc {
    Str source;
    const JsonNode *nodes;
    uint32_t count;
    uint32_t duplicates; /* number of members flagged JSON_FLAG_DUPLICATE */
    const JsonNames *names;
} JsonDoc;

typedef struct JsonPosition {
    uint32_t line;   /* from 1; lines end at LF, CR LF or CR */
    uint32_t column; /* from 1, in Unicode code points */
} JsonPosition;

/* Reads one JSON text. `names`, `limits` and `ret_at` may be NULL. */
bool json_read(Str bytes, const JsonNames *names, const JsonLimits *limits, Arena *arena,
               JsonDoc *ret_doc, JsonPosition *ret_at, Err *err) MUST_USE;

/* Counts lines up to a byte offset: linear, so for reported issues only. */
JsonPosition json_position(Str source, uint32_t offset);

/* Many positions of one source: a table of line starts, then a binary search each. */
typedef struct JsonLines JsonLines;
const JsonLines *json_lines(Str source, Arena *arena); /* NULL past the arena's limit */
JsonPosition json_lines_position(const JsonLines *lines, uint32_t offset);

static inline Str json_text(const JsonNode *node)
{
    return (Str){node->text, node->text_len};
}
static inline Str json_key(const JsonNode *node)
{
    return (Str){node->key, node->key_len};
}
static inline uint32_t json_index_of(const JsonDoc *doc, const JsonNode *node)
{
    return (uint32_t)(node - doc->nodes);
}
static inline const JsonNode *json_root(const JsonDoc *doc)
{
    return doc->nodes;
}
static inline const JsonNode *json_first(const JsonNode *node) /* first child, or NULL */
{
    return node->count ? node + 1 : NULL;
}
static inline const JsonNode *json_next(const JsonDoc *doc, const JsonNode *node) /* or NULL */
{
    return node->next ? doc->nodes + node->next : NULL;
}
static inline const JsonNode *json_parent(const JsonDoc *doc, const JsonNode *node)
{
    return doc->nodes + node->parent;
}
/* The first member of that name, or NULL; NULL too if `object` is NULL or no object. */
const JsonNode *json_get(const JsonDoc *doc, const JsonNode *object, const char *name);
const JsonNode *json_get_str(const JsonDoc *doc, const JsonNode *object, Str name);
const JsonNode *json_get_id(const JsonDoc *doc, const JsonNode *object, uint16_t name);
/* The member's string, or STR_NONE when absent or not a string. */
Str json_get_text(const JsonDoc *doc, const JsonNode *object, const char *name);
bool json_get_true(const JsonDoc *doc, const JsonNode *object, const char *name);

#define JSON_EACH(doc, child, node)                                                                \
    /* NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a variable */                       \
    for (const JsonNode *child = json_first(node); child; child = json_next((doc), child))
