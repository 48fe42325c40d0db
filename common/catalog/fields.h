/* fields - a table of members -> a struct filled from JSON: how objects of most kinds are read.
 *
 * Rule:    what the table does not know, what is there twice and what has the wrong form is refused
 *          with its place; a member that is absent keeps its initial value.
 * Owner:   texts and lists live in `arena`.
 * Threads: pure.
 * Errors:  ERR_INPUT "object-json", "object-field". Texts name members, never values.
 * Limits:  FIELDS_TEXT_MAX a text, FIELDS_LINES_MAX one of lines, FIELDS_LIST_MAX a list. */
#pragma once
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/json/json.h"

enum { FIELDS_TEXT_MAX = 2000, FIELDS_LINES_MAX = 65536, FIELDS_LIST_MAX = 2000 };

typedef struct FieldTexts {
    Str *list;
    size_t count;
} FieldTexts;

typedef struct FieldPair {
    Str name, value;
} FieldPair;
typedef struct FieldPairs {
    FieldPair *list;
    size_t count;
} FieldPairs;

/* In a struct: `Thing *things; size_t thing_count;` side by side. */
typedef struct FieldList {
    void *list;
    size_t count;
} FieldList;

typedef enum FieldKind {
    FIELD_TEXT = 1, /* Str; printable characters */
    FIELD_LINES,    /* Str; line ends too, up to FIELDS_LINES_MAX: PEM */
    FIELD_TEXTS,    /* FieldTexts */
    FIELD_PAIRS,    /* FieldPairs: an object whose members are texts */
    FIELD_UINT,     /* uint64_t within min..max */
    FIELD_BOOL,     /* bool */
    FIELD_CHOICE,   /* int: index into choices, by blanks */
    FIELD_TIME,     /* int64_t: RFC 3339 -> microseconds */
    FIELD_BYTES32,  /* uint8_t[32]: 64 hexadecimal digits, colons between bytes allowed */
    FIELD_JSON,     /* Str: the value as it was written, an object */
    FIELD_GROUP,    /* the members of `fields`, in the same struct */
    FIELD_LIST,     /* FieldList of structs of item_bytes, filled by `fields` */
} FieldKind;

typedef struct Field {
    const char *name;
    FieldKind kind;
    size_t offset;
    uint64_t initial, min, max; /* FIELD_UINT */
    const char *choices;
    /* FIELD_TEXT, each of FIELD_TEXTS: NULL, or what is expected instead; may be NULL */
    const char *(*check)(Str text);
    const struct Field *fields; /* FIELD_GROUP, FIELD_LIST: ends with an entry without name */
    size_t item_bytes;
} Field;

/* What members have that are absent: done by fields_read too. */
void fields_initial(const Field *fields, void *to);
/* `to` is zeroed by the caller. */
bool fields_read(const Field *fields, Str json, Arena *arena, void *to, Err *err) MUST_USE;
/* The other way: one JSON object, without the members that have their initial value. */
void fields_write(const Field *fields, const void *from, Buf *out);
