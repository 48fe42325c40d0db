/* ledger - tells DataLedger what was received and what was sent, by way of Kafka.
 *
 * Spec:    {"executedAt","actor","action":"received"|"sent","destination","dataId","payloadType"},
 *          a Submission on the topic of each destination with format dataledger; it is delivered,
 *          tried again and given up there, like any other.
 * Rule:    nobody waits for it: what cannot be published is counted, and that is all.
 *          Idempotency-Key is "<the document's>:<action>". */
#pragma once
#include "common/bus/bus.h"
#include "common/envelope/envelope.h"
#include "services/lake-submitter/counts.h"
#include "services/lake-submitter/directory.h"

typedef struct LedgerNews {
    const Envelope *envelope;
    const char *action; /* "received", "sent" */
    Str data_id;        /* empty: the interaction id */
    Str key;            /* of the record: the document's ordering key */
    bool redelivered;   /* it may have been told before */
} LedgerNews;

/* Is anybody interested? */
bool ledger_wanted(const DirectoryView *view, Str tenant);
void ledger_tell(const DirectoryView *view, BusProducer *producer, Counts *counts,
                 const LedgerNews *news, Arena *arena);
/* Bundle.id, or empty. */
Str ledger_data_id(Str bundle, Arena *arena);
/* Which news it is: the same for a repeated message, another for the same action told again. */
Str ledger_news_name(const Submission *submission, Arena *arena);
/* The record of an attempt to tell one, and that its dead letter is on dlq: Events. */
bool ledger_record(const Submission *submission, const Delivery *delivery, Arena *arena,
                   Str *ret_record, Err *err) MUST_USE;
bool ledger_note(const Submission *submission, uint32_t attempt, Arena *arena, Str *ret_record,
                 Err *err) MUST_USE;
