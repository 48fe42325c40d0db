/* audit - who did what, published on the topic `audit`.
 *
 *   services: audit_open once, audit_say for each request: it never waits for the brokers.
 *   tools:    audit_act for each administrative act: it waits until the brokers have it.
 *
 * Rule:    no patient data: ids, names of objects, codes. A patient identifier that was asked for
 * is named by its HMAC alone (audit_subject). While the brokers are away records wait in memory, up
 * to `buffer_bytes`; audit_accepts is then false from nine tenths on, so that a service refuses
 * what it could not record. What finds no room all the same is counted, and a record of its own
 * says how many (a gap). A record whose publishing failed is published again until audit_close.
 * Owner:   nothing of a record is kept.
 * Threads: any.
 * Errors:  those of common/bus. What is lost is in fhirbus_audit_dropped_total and in the log
 *          (`audit.lost`): 0 when all is well. A killed process loses what it had not sent yet: the
 *          last AUDIT_LINGER_MS, or all that waited for brokers. */
#pragma once
#include "common/bus/bus.h"
#include "common/envelope/envelope.h"
#include "common/obs/metrics.h"

enum { AUDIT_LINGER_MS = 50, AUDIT_SUBJECT_BYTES = 16 };

typedef struct Audit Audit;

typedef struct AuditOptions {
    const BusConfig *bus;
    const Log *log;
    Metrics *metrics; /* NULL: nothing is counted */
    Str service, instance;
    size_t buffer_bytes;
    bool serve_unrecorded; /* audit_accepts is always true */
} AuditOptions;

bool audit_open(const AuditOptions *options, Audit **ret_audit, Err *err) MUST_USE;
/* Waits up to flush_ms for the brokers. NULL is fine. */
void audit_close(Audit *audit, uint32_t flush_ms);
/* False: refuse the request (503), it could not be recorded. NULL: true. */
bool audit_accepts(const Audit *audit);
/* id, at_us, service, instance are filled in where they are empty; `arena` is for the moment. */
void audit_say(Audit *audit, const AuditRecord *record, Arena *arena); /* NULL: nothing happens */

/* One act of a tool; operation, resource, caller, outcome and so on are the tool's to fill. */
bool audit_act(const BusConfig *bus, const AuditRecord *record, Err *err) MUST_USE;
/* "publish", "callers/scn-a", by whom; failed: the Err it ended with, or NULL. The address is this
 * machine's name. */
AuditRecord audit_act_record(const char *service, const char *action, const char *operation,
                             Str resource, Str by, const Err *failed);

/* Who uses a tool: `given` or PUBLISHED_BY, else the name of the process's effective user, whatever
 * the environment says of it. Lives as long as the thread. */
Str audit_operator(const char *given);

/* What stands for a patient identifier: HMAC-SHA-256 under `secret`, cut. */
void audit_subject(Str secret, Str patient, unsigned char ret_subject[AUDIT_SUBJECT_BYTES]);
