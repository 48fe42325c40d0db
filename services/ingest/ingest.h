/* ingest - what the steps share: one per process, made by main, const to the steps.
 *
 * Threads: everything in here is safe from any of the server's threads. */
#pragma once
#include <stdatomic.h>

#include "common/bus/bus.h"
#include "common/http/server.h"
#include "common/obs/log.h"
#include "common/obs/metrics.h"
#include "services/ingest/config.h"

typedef struct Addresses Addresses;
typedef struct Answers Answers;
typedef struct Await Await;
typedef struct Audit Audit;
typedef struct Auth Auth;
typedef struct Catalog Catalog;
typedef struct Certificates Certificates;
typedef struct Events Events;
typedef struct Leasing Leasing;
typedef struct LimitCounts LimitCounts;
typedef struct Lookups Lookups;
typedef struct Replays Replays;
typedef struct RuleSet RuleSet;
typedef struct Sessions Sessions;
typedef struct Tail Tail;
typedef struct Tenants Tenants;
typedef struct Vault Vault;
typedef struct IngestMetrics IngestMetrics;

/* In front of each body, for the rest of its envelope: so the body is not copied on its way out. */
enum { INGEST_HEADROOM = 4096 };
enum { GATEWAY_TOLD = 1024 };

typedef struct Ingest {
    const IngestConfig *config;
    Log *log;
    Metrics *metrics;
    IngestMetrics *counters;
    HttpServer *server;
    Certificates *certificates; /* NULL: PLAIN_HTTP */
    BusProducer *producer;
    Catalog *catalog; /* what administration published: published.c */
    Tenants *tenants;
    Leasing *leasing;                 /* usage plans */
    Addresses *addresses, *anonymous; /* those who are nobody: refused or at open routes, taken */
    LimitCounts *limit_counts;
    RuleSet *rules_default; /* built in */
    Auth *auth;             /* who calls: of the catalog and of files */
    Await *await;
    Answers *answers;
    Events *events;       /* NULL: EVENTS=0 */
    Audit *audit;         /* NULL: AUDIT=0 */
    Vault *vault;         /* NULL: nothing stored is encrypted */
    Lookups *lookups;     /* claims: what goes on without the database */
    Lookups *asks;        /* $status, assertions: short questions that do not */
    Lookups *reads;       /* lists and exports: never in the way of the former */
    Lookups *replay_asks; /* a dry run may take long */
    Lookups *changes;     /* of administration, one after the other; no database */
    Replays *replays;
    Tail *tail;         /* of the grid */
    Sessions *sessions; /* of the diagnostics pages */
    Str instance;
    int32_t response_partition; /* under `ready` */
    Str ordering_secret;
    bool anonymous_allowed;
    atomic_bool ready; /* the response topic is being read: requests may be published */
    atomic_bool draining;
    _Atomic int64_t plan_told;                   /* limit.c: the minute */
    _Atomic uint64_t gateway_told[GATEWAY_TOLD]; /* gateway.c: address and minute */
} Ingest;
