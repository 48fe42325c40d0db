/* lake_journal - what a lake stand-in accepted, counted by idempotency key, kept over restarts.
 *
 * A line of the file: key, sha256 of the body, processing agent, bytes, tab separated; appended
 * before the sender gets its answer, so that what was answered is in the file even after kill -9.
 * Owner:   new/free pair; texts are copied.
 * Threads: all calls may come from any thread.
 * Errors:  ERR_FATAL "journal-open", "journal-write". */
#pragma once
#include "common/base/buf.h"
#include "common/base/err.h"

typedef struct LakeJournal LakeJournal;

/* One accepted document. */
typedef struct LakeDelivery {
    Str key;
    Str sha256_hex;
    Str agent;
    uint64_t bytes;
} LakeDelivery;

typedef struct LakeTotals {
    uint64_t deliveries;    /* accepted requests */
    uint64_t keys;          /* different keys among them */
    uint64_t repeated_keys; /* keys seen more than once */
    uint64_t changed;       /* deliveries whose body differed from the first one of the same key */
} LakeTotals;

/* `path` may be NULL: then nothing outlives the process. */
bool lake_journal_new(const char *path, LakeJournal **ret_journal, Err *err) MUST_USE;
void lake_journal_free(LakeJournal *journal);
bool lake_journal_add(LakeJournal *journal, const LakeDelivery *delivery, Err *err) MUST_USE;
LakeTotals lake_journal_totals(LakeJournal *journal);
/* A JSON line per key: {"key":..,"interaction":..,"count":..,"sha256":..,"agent":..,"bytes":..}. */
void lake_journal_print(LakeJournal *journal, bool only_repeated, Buf *out);
