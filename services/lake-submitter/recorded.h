/* recorded - was this accepted before? What we remember, and what the database holds.
 *
 * Rule:    asked before anything is sent that may have been sent already. Remembered successes of
 *          this process are asked first; then, for suspects, the recorded deliveries.
 * Owner:   the caller; one per thread.
 * Errors:  ERR_RETRY of common/db: the answer is not known; ask again later. */
#pragma once
#include "common/db/db.h"
#include "common/envelope/envelope.h"

typedef struct Recorded Recorded;

/* `db` NULL: memory only. NULL without memory. */
Recorded *recorded_new(const DbConfig *db, const Log *log);
void recorded_free(Recorded *recorded);
void recorded_remember(Recorded *recorded, const Submission *submission);
bool recorded_remembers(const Recorded *recorded, const Submission *submission);

typedef enum RecordedKind {
    RECORDED_DELIVERY, /* a document, fhirbus.delivered */
    RECORDED_NEWS,     /* an event for DataLedger, fhirbus.ledger_told */
} RecordedKind;

/* What is on record of a submission. */
typedef struct RecordedPast {
    bool accepted;           /* by any replay, and not taken back */
    bool accepted_again;     /* under this submission's own replay id */
    bool failed;             /* finally, under this submission's own replay id */
    uint32_t attempts;       /* under that id, so far */
    uint32_t budget_used;    /* and how many of them counted, as of the latest */
    const char *error_class; /* of the latest */
    unsigned status;
    bool buried;    /* its dead letter is on dlq */
    bool on_record; /* an acceptance is, taken back since or not */
} RecordedPast;
bool recorded_look(Recorded *recorded, RecordedKind kind, const Submission *submission,
                   Arena *arena, RecordedPast *ret_past, Err *err) MUST_USE;
