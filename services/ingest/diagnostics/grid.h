/* grid - GET /interactions where it sorts, or filters by what only the grid knows: as fast for rare
 * filters as for common ones, at any depth (fhirbus.grid_page says how).
 *
 * Threads: a lookup thread. */
#pragma once
#include "services/ingest/lookups.h"
#include "services/ingest/read/query.h"

extern const DbStatement grid_rows, grid_total, grid_changed, grid_newest, grid_reach;

/* Behind the columns of interactions: received_at, key, sender, verdict_ms, complete_ms, changed.
 */
enum {
    GRID_KEY = 1, /* from received_at */
    GRID_SENDER,
    GRID_VERDICT_MS,
    GRID_COMPLETE_MS,
    GRID_CHANGED,
};

typedef struct GridAsk {
    const InteractionQuery *query;
    Str scope;
    uint64_t rows;
} GridAsk;

bool grid_ask(Db *db, const GridAsk *ask, Arena *arena, DbResult **ret_result, Err *err) MUST_USE;
/* Changes that one question looks at: behind `after`, up to `reach`. */
typedef struct GridSpan {
    int64_t after, reach;
} GridSpan;

/* How far a question reaches from span->after: 10,000 changes, or (INT64_MAX) all there are. */
bool grid_span(Db *db, Str scope, GridSpan *span, Arena *arena, Err *err) MUST_USE;
/* What changed, oldest change first. */
bool grid_changes(Db *db, const GridAsk *ask, const GridSpan *span, Arena *arena,
                  DbResult **ret_result, Err *err) MUST_USE;
/* The newest change that is committed, anybody's: whatever comes later has a greater number. */
bool grid_last_change(Db *db, Str scope, Arena *arena, int64_t *ret_change, Err *err) MUST_USE;
/* About how many there are in all; -1: that would cost too much. */
bool grid_count(Db *db, const GridAsk *ask, Arena *arena, int64_t *ret_count, Err *err) MUST_USE;
