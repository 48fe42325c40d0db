/* lake - the document as it went to a destination, made again: of the bundle, of what its sender
 * was told, and of the rules; whether it is the same, its recorded hash says.
 *
 * Rule:    what was sent is not kept. Sets that were changed or retired since make another document
 *          of it: then it is told, and not verified.
 * Owner:   results lie in `arena`.
 * Threads: a lookup thread.
 * Errors:  ERR_INPUT "memory-limit", "catalog" (the rules are not read yet: ERR_RETRY). */
#pragma once
#include "common/db/db.h"
#include "services/ingest/ingest.h"

/* $1 id, $2 tenant, $3 received_at, $4 destination or NULL: the latest attempt, and its verdict. */
extern const DbStatement lake_rows;

typedef struct LakeDocument {
    bool sent;     /* else nothing was: the rest is empty */
    bool purged;   /* what it was made of is gone */
    bool verified; /* its hash is the recorded one */
    Str destination, body;
} LakeDocument;

/* `row` is of lake_rows. */
bool lake_make(const Ingest *ingest, Str interaction_id, Str tenant, const DbResult *row,
               Arena *arena, LakeDocument *ret_document, Err *err) MUST_USE;
