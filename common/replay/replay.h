/* replay - documents of the store, published again: asked once, worked off page by page.
 *
 * Rule:    the bytes and what the sender said are those of the store; the ordering key too, so that
 *          versions of a document never overtake each other. Validate and store keep the verdict
 * under the replay's id and hand nothing on; submit hands on what the lake has not accepted. Header
 * fields that the store does not keep (severity level, address, IG version) are not replayed.
 * Threads: one Db and one producer (own_thread) per caller.
 * Errors:  as db.h and bus.h; ERR_RETRY "replay-taken": another worker is at it. */
#pragma once
#include "common/base/arena.h"
#include "common/bus/bus.h"
#include "common/db/db.h"

typedef struct ReplayAsk {
    Str tenant; /* empty: all */
    int64_t from_us, to_us;
    Str of_state; /* empty: any */
    const Str *ids;
    size_t id_count; /* 0: any */
    Str go_to;       /* validate, store, submit */
    bool include_superseded, resubmit;
    uint32_t rate; /* documents per second; 0: no limit */
    Str asked_by;
} ReplayAsk;

typedef struct ReplayProgress {
    char state[16]; /* running, done, cancelled */
    int64_t total, published, superseded, accepted, purged;
    int64_t rate;
} ReplayProgress;

extern const DbStatement replay_insert, replay_count, replay_take, replay_page, replay_move,
    replay_read, replay_stop, replay_find;
/* All of these, NULL-terminated. */
extern const DbStatement *const replay_statements[];

/* The id is the caller's: a new UUIDv7. Counts; a replay of nothing is done at once. */
bool replay_ask(Db *db, Str id, const ReplayAsk *ask, Arena *arena, ReplayProgress *ret_progress,
                Err *err) MUST_USE;
/* What it would be about, and nothing is kept. */
bool replay_dry_run(Db *db, Str id, const ReplayAsk *ask, Arena *arena,
                    ReplayProgress *ret_progress, Err *err) MUST_USE;
/* One page of at most `most` documents. `worker` names the caller: two never work on one replay. */
bool replay_step(Db *db, BusProducer *producer, Str id, Str worker, size_t most, Arena *arena,
                 ReplayProgress *ret_progress, Err *err) MUST_USE;
bool replay_look(Db *db, Str id, Arena *arena, ReplayProgress *ret_progress, bool *ret_found,
                 Err *err) MUST_USE;
bool replay_cancel(Db *db, Str id, Arena *arena, bool *ret_found, Err *err) MUST_USE;
/* One that is running and that nobody works on; empty: none. */
bool replay_orphan(Db *db, Str asked_by, Arena *arena, Str *ret_id, Err *err) MUST_USE;
