/* leases_inner - what leases.c (requests) and ledger.c (the ledger) share; nobody else includes it.
 *
 * Threads: everything with the lock of the Leases held. */
#pragma once
#include <pthread.h>

#include "common/limits/leases.h"

enum {
    LEASE_BUCKETS = 1024, /* a power of two */
    LEASE_SIZE_START = 4,
    LEASE_AHEAD_MAX = 1000,
    DENIED_MIN_MS = 5,    /* what the ledger refused is not asked again at once ... */
    DENIED_MAX_MS = 1000, /* ... but soon: another replica may give something back */
    SLOTS_DENIED_MS = 25,
    AWAY_RETRY_MS = 1000,
    SUBJECT_IDLE_MS = 60000,
};

struct LeaseSubject {
    LeaseSubject *next;       /* of its bucket */
    LeaseSubject *next_dirty; /* there is something to collect */
    bool dirty;
    size_t holds; /* requests that point here */
    LimitScope scope;
    LimitPlan plan;
    int64_t touched_ms;
    /* the lease */
    uint64_t held; /* unused */
    uint64_t debt; /* granted without it */
    uint64_t size; /* of the next one: as much as is used in a life */
    int64_t until_ms;
    uint64_t slots, in_flight;
    Bucket away;
    /* as the ledger last said */
    int64_t answered_ms; /* 0: never */
    uint64_t rate_left, quota_left;
    int64_t quota_reset_at_ms;
    LimitReason denied; /* of tokens */
    int64_t denied_until_ms, denied_retry_at_ms;
    int64_t slots_denied_until_ms;
    /* what is being asked */
    bool asked;
    uint64_t given_back;
    /* requests that wait */
    LeaseHold *first, **last;
    size_t waiting;
    size_t name_len;
    char name[];
};

struct Leases {
    LeasesOptions options;
    pthread_mutex_t lock;
    LeaseSubject *buckets[LEASE_BUCKETS];
    LeaseSubject *first_dirty;
    bool away;
    int64_t away_until_ms; /* the ledger is not asked before */
};

bool lease_counts_tokens(const LimitPlan *plan);
uint64_t lease_spare_slots(const LeaseSubject *subject);
void lease_mark(Leases *leases, LeaseSubject *subject);
/* From the lease alone. */
bool lease_take(LeaseSubject *subject, LeaseHold *hold);
/* Without the ledger: granted or refused, never waits. */
void lease_decide_alone(const Leases *leases, LeaseSubject *subject, LeaseHold *hold,
                        int64_t now_ms);
void lease_refuse(LeaseHold *hold, LimitReason reason, int64_t retry_ms);
/* First in line, out of it. */
LeaseHold *lease_shift(LeaseSubject *subject);
/* Those who wait, as far as what is there goes. */
void lease_serve(LeaseSubject *subject);
