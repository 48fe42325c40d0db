/* grid - GET /interactions where it sorts, or filters by what only the grid knows: as fast for rare
 * filters as for common ones, at any depth (fhirbus.grid_page says how).
 *
 * Threads: a lookup thread. */
#pragma once
#include "services/ingest/lookups.h"
#include "services/ingest/read/query.h"

extern const DbStatement grid_rows, grid_total, grid_changed, grid_newest;

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
/* What changed since `after`, oldest change first. */
bool grid_changes(Db *db, const GridAsk *ask, int64_t after, Arena *arena, DbResult **ret_result,
                  Err *err) MUST_USE;
/* The newest change that is committed, anybody's: whatever comes later has a greater number. */
bool grid_last_change(Db *db, Str scope, Arena *arena, int64_t *ret_change, Err *err) MUST_USE;
/* About how many there are in all; -1: that would cost too much. */
bool grid_count(Db *db, const GridAsk *ask, Arena *arena, int64_t *ret_count, Err *err) MUST_USE;
