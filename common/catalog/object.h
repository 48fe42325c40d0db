/* object - one versioned thing that administration published: bytes <-> struct.
 *
 * Spec:    {"id":"rules/nyec","version":4,"publishedAt":"2026-11-23T04:00:00.000Z",
 *          "publishedBy":"...","comment":"...","data":{...}}; `data` is kept as it was written.
 * Owner:   an object owns its text; its Strs point into it.
 * Threads: immutable once read.
 * Errors:  ERR_INPUT "object-json", "object-field", "object-id", "object-bytes".
 * Limits:  OBJECT_BYTES_MAX, OBJECT_ID_BYTES_MAX. */
#pragma once
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/str.h"

enum { OBJECT_BYTES_MAX = 1 << 20, OBJECT_ID_BYTES_MAX = 200, OBJECT_STAMP_BYTES = 256 };

typedef struct CatalogObject {
    Str id;           /* "rules/nyec" */
    Str kind;         /* "rules" */
    Str name;         /* "nyec" */
    uint64_t version; /* of this id, from 1; removing starts anew */
    Str published_at; /* as written; RFC 3339, UTC */
    int64_t published_us;
    Str published_by;
    Str comment;
    Str data; /* JSON, as the administrator wrote it */
    /* "nyec@4#1a2b3c4d": name, version, start of the hash of `data`. */
    char stamp[OBJECT_STAMP_BYTES];
} CatalogObject;

/* kind: lower-case letters, digits, '-'; name: these, capitals, '.' and '_' too. */
bool object_id_valid(Str id);
/* NULL is never returned on success; free with object_free. `key` must be the id. */
bool object_read(Str key, Str value, CatalogObject **ret_object, Err *err) MUST_USE;
void object_free(CatalogObject *object); /* NULL is fine */

typedef struct ObjectDraft {
    Str id;
    uint64_t version;
    int64_t published_us;
    Str published_by, comment;
    Str data; /* JSON */
} ObjectDraft;
/* The record's value; `out` decides the limit. */
bool object_write(const ObjectDraft *draft, Buf *out, Err *err) MUST_USE;
