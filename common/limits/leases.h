/* leases - usage plans that several replicas keep together, each working off a lease.
 *
 * The ledger (a table that all replicas share) has the tokens and the quota of each caller and
 * tenant. A replica takes some ahead, its lease, and grants requests from it without asking
 * anybody; small plans are leased one by one, for those who wait. Slots (requests at a time) are
 * leased too, and given back when they are free.
 *
 *   leases_enter(leases, &ask, &hold, now);      LEASE_GRANTED, LEASE_REFUSED or LEASE_WAITS
 *   ... hold.wake(hold.context) ...              once LEASE_WAITS has become something else
 *   leases_leave(leases, &hold, now);            the request is over
 *
 *   a thread of the owner:   leases_collect -> ask the ledger -> leases_answer or leases_failed
 *
 * Rule:    what was granted never exceeds the plan by more than the leases that are out. A lease
 *          that is not used within its life is given back; one whose replica has died is lost.
 *          The ledger notes what each replica may still give back, and takes no more than that: a
 *          call may be lost or repeated, and at most one lease is lost or granted twice by it.
 * Without the ledger: what is left of the lease, then away_per_s by each replica, up to what the
 *          ledger last said was left of the quota; that is entered in the ledger when it is back.
 *          Nobody waits then.
 * Owner:   a hold is the request's, zeroed at first; leases_leave before it goes.
 * Threads: any; wake is called with a lock held that leases_enter and leases_leave take. */
#pragma once
#include <stddef.h>

#include "common/base/str.h"
#include "common/limits/bucket.h"

typedef enum LimitScope { LIMIT_CALLER, LIMIT_TENANT, LIMIT_SCOPES } LimitScope;
const char *limit_scope_name(LimitScope scope); /* "caller" */

typedef enum LimitPeriod { LIMIT_DAY, LIMIT_WEEK, LIMIT_MONTH } LimitPeriod;

typedef enum LimitReason {
    LIMIT_NO_REASON,
    LIMIT_RATE,
    LIMIT_QUOTA,
    LIMIT_CONCURRENCY,
    LIMIT_REASONS,
} LimitReason;
const char *limit_reason_name(LimitReason reason); /* "rate" */

typedef struct LimitPlan { /* 0: no such limit */
    uint64_t rate_per_s;
    uint64_t burst; /* at once; 0: a second's worth */
    uint64_t quota;
    LimitPeriod period; /* of the calendar, UTC; a week begins on Monday */
    uint64_t concurrency;
} LimitPlan;

typedef struct Leases Leases;
typedef struct LeaseSubject LeaseSubject;

typedef enum LeaseState { LEASE_NONE, LEASE_WAITS, LEASE_GRANTED, LEASE_REFUSED } LeaseState;

typedef struct LeaseHold {
    LeaseSubject *subject;
    LeaseState state; /* leases_state */
    LimitReason reason;
    int64_t retry_ms; /* REFUSED: not before */
    bool slot, token, by_default;
    struct LeaseHold *next;
    void (*wake)(void *context);
    void *context;
} LeaseHold;

typedef struct LeasesOptions {
    int64_t life_ms;              /* of a lease that is not used */
    uint64_t away_per_s;          /* by each replica, of each caller and tenant; 0: nothing */
    void (*asked)(void *context); /* there is something to collect; called with the lock held */
    void *context;
} LeasesOptions;

Leases *leases_new(const LeasesOptions *options);
void leases_free(Leases *leases); /* NULL is fine; all holds have left */

/* --- a request -------------------------------------------------------------------------------- */
/* A plan without any limit: granted, and nothing is held. */
LeaseState leases_enter(Leases *leases, LimitScope scope, Str name, const LimitPlan *plan,
                        LeaseHold *hold, int64_t now_ms);
LeaseState leases_state(Leases *leases, const LeaseHold *hold);
/* It was granted here and refused elsewhere: as if it had not been. */
void leases_refund(Leases *leases, LeaseHold *hold);
void leases_leave(Leases *leases, LeaseHold *hold, int64_t now_ms);

/* What its sender may know, as far as this replica does. */
typedef struct LeaseFacts {
    LimitPlan plan;
    uint64_t rate_left;
    int64_t rate_reset_s; /* until it is full again; with nothing left, until there is one */
    uint64_t quota_left;
    int64_t quota_reset_s; /* -1: the ledger has not said yet */
} LeaseFacts;
bool leases_facts(Leases *leases, const LeaseHold *hold, int64_t now_ms, LeaseFacts *ret_facts);

/* --- the ledger ------------------------------------------------------------------------------- */
enum { LEASES_BATCH_MAX = 128 };

typedef struct LeaseAsk {
    LeaseSubject *subject;
    LimitScope scope;
    Str name; /* borrowed until the answer */
    LimitPlan plan;
    uint64_t back;  /* unused, given back */
    uint64_t kept;  /* unused, kept */
    uint64_t debt;  /* granted without the ledger */
    uint64_t need;  /* for requests that wait: they use it at once */
    uint64_t want;  /* need, and what to have ahead */
    uint64_t slots; /* in all: those in use, those that requests wait for, some spare */
} LeaseAsk;

typedef struct LeaseAnswer {
    uint64_t granted, slots;
    LimitReason reason; /* why not all that was wanted; NO_REASON: it was enough */
    uint64_t rate_left; /* in the ledger, after it */
    int64_t wait_ms;    /* until there is a token */
    uint64_t quota_left;
    int64_t quota_reset_ms;
} LeaseAnswer;

/* What there is to ask or to settle now, at most LEASES_BATCH_MAX; `closing`: give all back. Each
 * collection is followed by one answer or failure. */
size_t leases_collect(Leases *leases, bool closing, int64_t now_ms, LeaseAsk *ret_asks);
void leases_answer(Leases *leases, const LeaseAsk *asks, const LeaseAnswer *answers, size_t count,
                   int64_t now_ms);
void leases_failed(Leases *leases, const LeaseAsk *asks, size_t count, int64_t now_ms);
/* A few times a second: leases that end, those to be renewed, who has long not been seen. */
void leases_tick(Leases *leases, int64_t now_ms);

typedef struct LeasesStats {
    uint64_t subjects, held, slots, waiting, debt;
    bool away;
} LeasesStats;
LeasesStats leases_stats(Leases *leases);
/* The most that is leased ahead under a plan; 1: for those alone who wait. */
uint64_t leases_ahead_max(const LimitPlan *plan);
