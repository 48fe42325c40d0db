/* exchange - one request on its way through the steps, and who else has a hand in it.
 *
 * Owner:   counted: the HTTP request holds one reference, a pending delivery report, database
 *          question or place in the await table one each. `request` is NULL once it is over.
 * Threads: the steps run on server threads, one at a time. Everybody else only calls
 *          exchange_signal and what it documents; the fields under `lock` are marked so. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "common/audit/audit.h"
#include "common/auth/auth.h"
#include "common/bus/bus.h"
#include "common/envelope/envelope.h"
#include "common/envelope/uuid.h"
#include "common/http/server.h"
#include "common/limits/leases.h"
#include "common/obs/trace.h"
#include "services/ingest/ingest.h"
#include "services/ingest/tenants.h"

typedef struct Route Route;
typedef struct Step Step;
typedef struct Question Question;
typedef struct CallerBook CallerBook;
typedef struct HostName HostName;
typedef struct Session Session;

enum { ROUTE_PARAMETERS_MAX = 3 };

/* What handlers add to the request's audit record: audited.h. */
enum { AUDITED_DETAILS_MAX = 8 };
typedef struct Audited {
    Str resource;
    bool has_subject;
    unsigned char subject[AUDIT_SUBJECT_BYTES];
    NameValue details[AUDITED_DETAILS_MAX];
    uint32_t count;
} Audited;

typedef enum PublishState {
    PUBLISH_NOT_YET,
    PUBLISH_PENDING,
    PUBLISH_ACKED,
    PUBLISH_FAILED,
} PublishState;

/* The worker's answer and the message it lies in: freed with the last exchange that holds it. */
typedef struct Answer {
    atomic_int refs;
    Arena *arena;
    BusKept *message;  /* NULL: its bytes are somebody else's */
    Response response; /* kind VERDICT or FAILED */
} Answer;
Answer *answer_new(size_t bytes);
void answer_release(Answer *answer); /* NULL is fine */

typedef struct Exchange {
    atomic_int refs;
    pthread_mutex_t lock;
    Ingest *ingest;
    HttpRequest *request; /* under lock; server threads of this request may read it freely */
    const Route *route;
    const Step *step; /* the present one */
    Arena *arena;     /* the request's */
    Trace trace;

    Tenant *admitted;        /* NULL: not yet, or a route without shares */
    uint64_t admitted_bytes; /* of its tenant's share */

    Str parameter;                        /* what stood for the first {...} of the path */
    Str parameters[ROUTE_PARAMETERS_MAX]; /* for all of them */

    /* hosts */
    const CallerBook *book; /* of the moment when it came */
    const HostName *host;   /* the object of the name that the sender used; NULL: it has none */
    Str host_sent;          /* that name, with port, as sent */
    Str client_address;     /* whoever began it, as far as is known */
    bool preflight;         /* cors.c has answered it */

    /* receive, authenticate */
    Str tenant, caller;
    Str organisation; /* "source-domain/organisation-code"; empty: none was named */
    AuthIdentity identity;
    Session *session;   /* somebody at the diagnostics pages; NULL: another caller */
    bool cacheable;     /* the step has said so itself */
    Str correlation_id; /* as the sender wrote it; empty: none */
    bool has_id;        /* `id` is settled: replies may show it */
    Uuid id;            /* interaction id */
    bool wants_bare;    /* the OperationOutcome alone */
    bool wants_async;
    bool waited_preferred; /* Prefer: wait was honoured */
    int64_t deadline_ms;   /* monotonic; no verdict by then: 202 */

    /* limit */
    LeaseHold limits[LIMIT_SCOPES];
    bool limited;        /* its plans, or its address, were asked */
    bool limits_counted; /* all of them granted it */
    bool body_measured;
    uint64_t body_limit; /* of the plans; 0: none */
    LimitScope body_limit_scope;
    int share_refused; /* TenantCap + 1 of the tenant's share that was used up; 0: none was */

    Envelope envelope; /* wrap */
    Str error_code;    /* for the log: why it was refused */
    Audited audit;

    /* claim */
    enum { CLAIM_NOT_YET, CLAIM_ASKED, CLAIM_RECALLED, CLAIM_PAUSED } claim_phase;
    bool repeated;       /* the sender's id was claimed before, with the same body */
    bool maybe_taken;    /* this may have been published before */
    int64_t patience_ms; /* monotonic; a repeat publishes by itself after that */
    Question *question;  /* lookups.c */

    /* publish, await: under lock */
    PublishState publish;
    Err publish_error;
    Answer *answer;
    int64_t published_us,
        answered_us; /* monotonic: the record given to the producer, its verdict read */
    bool timed_out;

    /* await.c's table, under its lock */
    struct Exchange *await_next;
    bool awaiting;
    int64_t await_until_ms;

    /* diagnostics/tail.c's list, under its lock */
    struct Exchange *tail_next;
    bool tailing;
    int64_t tail_after, tail_until_ms;
    bool tail_woken; /* under lock */
} Exchange;

Exchange *exchange_new(Ingest *ingest, HttpRequest *request);
void exchange_hold(Exchange *exchange);
void exchange_release(Exchange *exchange);
/* Wakes its request if there still is one. Call with `lock` held. */
void exchange_wake(Exchange *exchange);
