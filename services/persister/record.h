/* record - one message of a topic -> what it adds to the database.
 *
 * Rule:    pure of the database: bytes in, rows out (as parameters of one statement, the state
 *          events, and the registration of the interaction's month). Equal messages give equal
 * rows. Owner:   everything lives in `arena` or points into the message's bytes. Threads: one
 * Recorder per thread. Errors:  ERR_INPUT: those of envelope.h; "payload-hash" (the bytes are not
 * those that were sent), "record-id" (an id that is no UUID), "record-topic", "memory-limit". */
#pragma once
#include "common/db/db.h"
#include "common/vault/vault.h"
#include "services/persister/states.h"

typedef struct Recorder Recorder;

typedef struct Record {
    bool nothing;     /* a message that adds nothing: settle it */
    bool of_a_replay; /* a replay's own record: the interaction itself stays as it was */
    /* whose it is; ptr NULL: no registration (notices, audits) */
    Str tenant;
    Str interaction_id;
    Str sha256;
    int64_t received_at_us;
    const DbStatement *statement; /* NULL: events alone */
    const DbParams *params;
    StateEvents events;
    size_t payload_bytes; /* for metrics */
} Record;

/* compression_level: zstd's. NULL without memory. */
/* vault: seals what is kept of documents; NULL: kept as it is. Borrowed. */
Recorder *recorder_new(int compression_level, Vault *vault);
void recorder_free(Recorder *recorder);

/* Where a message stood, and the broker's time of it, for those without one. `topic` without
 * prefix.
 */
typedef struct RecordSource {
    Str topic;
    int32_t partition;
    int64_t offset;
    int64_t at_us;
} RecordSource;
bool record_read(Recorder *recorder, const RecordSource *from, Str value, Arena *arena,
                 Record *ret_record, Err *err) MUST_USE;
