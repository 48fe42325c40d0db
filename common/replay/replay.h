/* replay - documents published again, of the store, of a topic's offsets or of the dead letters:
 * asked once, worked off page by page.
 *
 * Rule:    bytes and headers are those that were received; the ordering key too, so that versions
 * of a document never overtake each other. How far one goes (`go_to`) travels with each document:
 * `validate` leaves nothing but the replay's own record, `store` a verdict beside the old one,
 * `submit` hands on what the lake has not accepted (resubmit: even that). What is past a topic's
 * retention is taken from the store by the offsets kept there. Threads: one ReplayWorker, with its
 * Db and producer (own_thread), per thread. Errors:  as db.h and bus.h; ERR_RETRY "replay-taken":
 * another worker is at it; ERR_INPUT "replay-offsets", "replay-unknown". Limits:  REPLAY_IDS_MAX
 * ids, REPLAY_RANGES_MAX partitions, REPLAY_PAGE_BYTES read at once. */
#pragma once
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/bus/bus.h"
#include "common/db/db.h"
#include "common/vault/vault.h"

enum { REPLAY_IDS_MAX = 1000, REPLAY_RANGES_MAX = 512, REPLAY_PAGE_BYTES = 16 << 20 };

typedef struct ReplayAsk {
    Str tenant; /* empty: all */
    int64_t from_us, to_us;
    Str of_state; /* empty: any */
    const Str *ids;
    size_t id_count; /* 0: any */
    Str from_topic;  /* intake, intake.bulk; empty: the store, or */
    bool from_dlq;
    Str offsets; /* of that topic, as written; empty: all */
    Str go_to;   /* validate, store, submit */
    bool include_superseded, resubmit;
    uint32_t rate; /* documents per second; 0: no limit */
    Str asked_by;
} ReplayAsk;

/* --- words: the same after "--" on a command line and in a query ------------------------------ */
typedef struct ReplayWords {
    ReplayAsk ask;
    Str ids[REPLAY_IDS_MAX];
    bool dry_run;
} ReplayWords;
extern const char replay_words_help[];

void replay_words_init(ReplayWords *words);
/* Whether a word stands alone, without a value. */
bool replay_word_is_flag(Str name);
bool replay_word_is_known(Str name);
const char *replay_word_name(size_t i); /* NULL behind the last one */
/* NULL: fine; else what is wrong with it. `value` is borrowed; of a flag: empty, "true" or "false".
 */
const char *replay_word(ReplayWords *words, Str name, Str value);
/* All are read: NULL, or what is missing. */
const char *replay_words_check(const ReplayWords *words);

/* --- asking ----------------------------------------------------------------------------------- */
typedef struct ReplayProgress {
    char state[16];  /* running, done, cancelled */
    char go_to[16];  /* validate, store, submit */
    char source[80]; /* "store", "topic intake", "dlq" */
    int64_t total;   /* documents of the store, records of a topic */
    int64_t published, superseded, accepted, purged, skipped, unreadable;
    int64_t from_store; /* of published: past the topic's retention */
    int64_t redriven;   /* of published: dead letters that are no documents, back on their topic */
    int64_t past;       /* records that were past retention when it began, or since */
    int64_t rate;
    char tenant[256]; /* whose documents alone; empty: all */
} ReplayProgress;

int64_t replay_looked_at(const ReplayProgress *progress); /* of total */
/* {"replay_id":..,"state":..,...} */
void replay_write_json(const ReplayProgress *progress, Str id, Buf *out);

extern const DbStatement *const replay_statements[]; /* all of them, NULL-terminated */

/* The id is the caller's: a new UUIDv7. Counts; a replay of nothing is done at once. */
bool replay_ask(Db *db, const BusConfig *bus, Str id, const ReplayAsk *ask, Arena *arena,
                ReplayProgress *ret_progress, Err *err) MUST_USE;
bool replay_look(Db *db, Str id, Arena *arena, ReplayProgress *ret_progress, bool *ret_found,
                 Err *err) MUST_USE;
bool replay_cancel(Db *db, Str id, Arena *arena, bool *ret_found, Err *err) MUST_USE;
/* One that ingest was asked for, is running, and nobody works on; empty: none. */
bool replay_orphan(Db *db, Arena *arena, Str *ret_id, Err *err) MUST_USE;
/* How many of the published documents have their verdict, or failed. */
bool replay_judged(Db *db, Str id, Arena *arena, int64_t *ret_count, Err *err) MUST_USE;

/* --- working it off --------------------------------------------------------------------------- */
typedef struct ReplayWorker ReplayWorker;
/* `name`: of this worker; two never work on one replay. NULL without memory. */
ReplayWorker *replay_worker_new(Db *db, BusProducer *producer, const BusConfig *bus, Str name,
                                Vault *vault);
void replay_worker_free(ReplayWorker *worker); /* NULL is fine */
/* One page of at most `most` documents, and of no more than its rate allows in a second. */
bool replay_step(ReplayWorker *worker, Str id, size_t most, Arena *arena,
                 ReplayProgress *ret_progress, Err *err) MUST_USE;
/* What it would be about: reads, counts, and leaves nothing behind. A topic of more than `most`
 * records is ERR_INPUT "replay-offsets"; 0: no limit. */
bool replay_dry_run(ReplayWorker *worker, Str id, const ReplayAsk *ask, int64_t most, Arena *arena,
                    ReplayProgress *ret_progress, Err *err) MUST_USE;

/* --- what it found ---------------------------------------------------------------------------- */
typedef struct ReplayReport {
    int64_t judged, failed, changed, now_invalid, now_valid, other_action, added, gone;
} ReplayReport;
/* What is told of each document whose verdict differs: `text` is lines, the first about it, then
 * one for each issue that came ("+") or went ("-"). */
typedef void (*ReplayTell)(void *context, Str text);
bool replay_report(Db *db, Str id, size_t most_told, ReplayTell tell, void *context, Arena *arena,
                   ReplayReport *ret_report, Err *err) MUST_USE;
