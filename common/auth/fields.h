/* fields - a table of members -> a struct filled from JSON: how this library reads its objects.
 *
 * Rule:    what the table does not know, what is there twice and what has the wrong form is refused
 *          with its place; a member that is absent keeps its initial value.
 * Owner:   texts and lists live in `arena`.
 * Threads: pure.
 * Errors:  ERR_INPUT "auth-json", "auth-field". Texts name members, never values.
 * Limits:  FIELDS_TEXT_MAX a text, FIELDS_LINES_MAX one of lines, FIELDS_LIST_MAX a list. */
#pragma once
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/json/json.h"

enum { FIELDS_TEXT_MAX = 2000, FIELDS_LINES_MAX = 65536, FIELDS_LIST_MAX = 2000 };

typedef struct AuthTexts {
    Str *list;
    size_t count;
} AuthTexts;

typedef struct AuthPair {
    Str name, value;
} AuthPair;
typedef struct AuthPairs {
    AuthPair *list;
    size_t count;
} AuthPairs;

/* In a struct: `Thing *things; size_t thing_count;` side by side. */
typedef struct AuthList {
    void *list;
    size_t count;
} AuthList;

typedef enum FieldKind {
    FIELD_TEXT = 1, /* Str; printable characters */
    FIELD_LINES,    /* Str; line ends too, up to FIELDS_LINES_MAX: PEM */
    FIELD_TEXTS,    /* AuthTexts */
    FIELD_PAIRS,    /* AuthPairs: an object whose members are texts */
    FIELD_UINT,     /* uint64_t within min..max */
    FIELD_BOOL,     /* bool */
    FIELD_CHOICE,   /* int: index into choices, by blanks */
    FIELD_TIME,     /* int64_t: RFC 3339 -> microseconds */
    FIELD_BYTES32,  /* uint8_t[32]: 64 hexadecimal digits, colons between bytes allowed */
    FIELD_JSON,     /* Str: the value as it was written, an object */
    FIELD_GROUP,    /* the members of `fields`, in the same struct */
    FIELD_LIST,     /* AuthList of structs of item_bytes, filled by `fields` */
} FieldKind;

typedef struct Field {
    const char *name;
    FieldKind kind;
    size_t offset;
    uint64_t initial, min, max; /* FIELD_UINT */
    const char *choices;
    const struct Field *fields; /* FIELD_GROUP, FIELD_LIST: ends with an entry without name */
    size_t item_bytes;
} Field;

/* `to` is zeroed by the caller. */
bool fields_read(const Field *fields, Str json, Arena *arena, void *to, Err *err) MUST_USE;
/* The other way: one JSON object, without the members that have their initial value. */
void fields_write(const Field *fields, const void *from, Buf *out);
