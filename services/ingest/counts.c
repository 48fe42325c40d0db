#include "services/ingest/counts.h"

#include <stdio.h>

#include "common/base/check.h"
#include "services/ingest/await.h"
#include "services/ingest/lookups.h"
#include "services/ingest/routes.h"
#include "services/ingest/tenants.h"

enum { STATUS_MAX = 600 };

struct IngestMetrics {
    Ingest *ingest;
    _Atomic(Counter *) (*requests)[STATUS_MAX]; /* of each route, and of none */
    Histogram **seconds;
    Histogram *body_bytes;
    Counter *claims[CLAIM_COUNTS];
    Counter *tenant_refused[CAP_COUNT];
    Counter *unsent;
    Gauge *in_flight, *connections, *awaiting, *buffered, *publishing, *publishing_bytes,
        *questions, *database_away, *brokers_connected, *ready, *tenants, *tenant_requests,
        *tenant_bytes;
    /* totals kept by the server, published as counters */
    Counter *connections_total, *refused, *slow, *resumed, *received, *sent;
    HttpServerStats last;
};

static const char *route_label(size_t route)
{
    return route < route_count() ? route_at(route)->name : "none";
}

static void advance(Counter *counter, uint64_t now, uint64_t last)
{
    counter_add(counter, now - last);
}

static void collect(void *context)
{
    IngestMetrics *c = context;
    Ingest *ingest = c->ingest;
    HttpServerStats now;
    if (!ingest->server)
        return;
    http_server_stats(ingest->server, &now);
    gauge_set(c->in_flight, (double)now.requests_open);
    gauge_set(c->connections, (double)now.connections_open);
    gauge_set(c->buffered, (double)now.body_bytes_buffered);
    gauge_set(c->awaiting, (double)await_size(ingest->await));
    gauge_set(c->publishing, (double)bus_producer_in_flight(ingest->producer));
    gauge_set(c->publishing_bytes, (double)bus_producer_in_flight_bytes(ingest->producer));
    gauge_set(c->brokers_connected, bus_producer_connected(ingest->producer));
    gauge_set(c->ready, atomic_load(&ingest->ready) && !atomic_load(&ingest->draining));
    TenantsBusy busy = tenants_busy(ingest->tenants);
    gauge_set(c->tenants, (double)busy.tenants);
    gauge_set(c->tenant_requests, (double)busy.requests);
    gauge_set(c->tenant_bytes, (double)busy.bytes);
    if (ingest->lookups) {
        gauge_set(c->questions, (double)lookups_waiting(ingest->lookups));
        gauge_set(c->database_away, lookups_away(ingest->lookups));
    }
    advance(c->connections_total, now.connections_total, c->last.connections_total);
    advance(c->refused, now.refused_total, c->last.refused_total);
    advance(c->slow, now.cut_slow_total, c->last.cut_slow_total);
    advance(c->resumed, now.tls_resumed_total, c->last.tls_resumed_total);
    advance(c->received, now.bytes_received_total, c->last.bytes_received_total);
    advance(c->sent, now.bytes_sent_total, c->last.bytes_sent_total);
    c->last = now;
}

static void register_plain(IngestMetrics *c, Metrics *m)
{
    const MetricRow rows[] = {
        {&c->in_flight,         NULL,                  "requests_open",        "requests between header and answer"   },
        {&c->connections,       NULL,                  "connections_open",     "senders' connections"                 },
        {&c->awaiting,          NULL,                  "awaiting",             "requests waiting for a verdict"       },
        {&c->buffered,          NULL,                  "body_buffered_bytes",  "request bodies in memory"             },
        {&c->publishing,        NULL,                  "publishing",           "records not acknowledged yet"         },
        {&c->publishing_bytes,  NULL,                  "publishing_bytes",     "their size"                           },
        {&c->questions,         NULL,                  "database_questions",   "waiting for a database connection"    },
        {&c->database_away,     NULL,                  "database_away",        "1: the database failed a moment ago"  },
        {&c->brokers_connected, NULL,                  "brokers_connected",    "1: a broker can be reached"           },
        {&c->tenants,           NULL,                  "tenants",              "tenants with a bundle in flight"      },
        {&c->tenant_requests,   NULL,                  "tenant_requests_most", "in flight, of the busiest tenant"     },
        {&c->tenant_bytes,      NULL,                  "tenant_bytes_most",    "their bodies, of the tenant with most"},
        {&c->ready,             NULL,                  "ready",                "1: takes requests"                    },
        {NULL,                  &c->connections_total, "connections_total",    "senders' connections"                 },
        {NULL,                  &c->refused,           "refused_total",        "by limits and framing rules"          },
        {NULL,                  &c->slow,              "cut_slow_total",       "connections cut for slowness"         },
        {NULL,                  &c->resumed,           "tls_resumed_total",    "TLS sessions resumed"                 },
        {NULL,                  &c->received,          "received_bytes_total", "of request bodies"                    },
        {NULL,                  &c->sent,              "sent_bytes_total",     "of reply bodies"                      },
        {NULL,                  &c->unsent,            "replies_unsent_total", "the sender was gone by then"          },
    };
    metrics_table(m, "fhirbus_ingest_", rows, sizeof rows / sizeof rows[0]);
}

static void register_labelled(IngestMetrics *c, Metrics *m)
{
    static const char *const caps[CAP_COUNT] = {"requests", "bytes"};
    for (size_t i = 0; i < CAP_COUNT; i++)
        c->tenant_refused[i] = metrics_counter(m, "fhirbus_ingest_tenant_refused_total",
                                               "429: its tenant had its share in flight",
                                               METRIC_LABELS({"cap", str_from(caps[i])}));
    static const char *const outcomes[CLAIM_COUNTS] = {"fresh", "repeated", "conflict", "skipped"};
    for (size_t i = 0; i < CLAIM_COUNTS; i++)
        c->claims[i] = metrics_counter(m, "fhirbus_ingest_claims_total", "X-Correlation-ID claims",
                                       METRIC_LABELS({"outcome", str_from(outcomes[i])}));
}

IngestMetrics *counts_new(Ingest *ingest)
{
    IngestMetrics *c = calloc(1, sizeof *c);
    Metrics *m = ingest->metrics;
    if (!c || !m)
        return c;
    c->ingest = ingest;
    c->requests = calloc(route_count() + 1, sizeof *c->requests);
    c->seconds = calloc(route_count() + 1, sizeof *c->seconds);
    CHECK(c->requests && c->seconds);
    register_plain(c, m);
    register_labelled(c, m);
    for (size_t i = 0; i <= route_count(); i++)
        c->seconds[i] = metrics_histogram(
            m, "fhirbus_ingest_request_seconds", "header to last byte of the answer",
            METRIC_LABELS({"route", str_from(route_label(i))}), metric_buckets_seconds);
    c->body_bytes = metrics_histogram(m, "fhirbus_ingest_body_bytes", "request bodies",
                                      METRIC_NO_LABELS, metric_buckets_bytes);
    metrics_before_render(m, collect, c);
    return c;
}

void counts_free(IngestMetrics *counts)
{
    if (counts) {
        free(counts->requests);
        free(counts->seconds);
    }
    free(counts);
}

void count_claim(IngestMetrics *counts, ClaimCount what)
{
    if (counts)
        counter_add(counts->claims[what], 1);
}

void count_tenant_refused(IngestMetrics *counts, TenantCap cap)
{
    if (counts)
        counter_add(counts->tenant_refused[cap], 1);
}

/* Looked up once per route and status, then kept. */
static Counter *request_counter(IngestMetrics *counts, size_t route, unsigned status)
{
    if (status >= STATUS_MAX)
        return NULL;
    Counter *counter = atomic_load(&counts->requests[route][status]);
    if (counter)
        return counter;
    char text[8];
    snprintf(text, sizeof text, "%u", status);
    counter = metrics_counter(
        counts->ingest->metrics, "fhirbus_ingest_requests_total", "requests by route and answer",
        METRIC_LABELS({"route", str_from(route_label(route))}, {"status", str_from(text)}));
    atomic_store(&counts->requests[route][status], counter);
    return counter;
}

void count_request(IngestMetrics *counts, size_t route, unsigned status, double seconds,
                   size_t body_bytes, bool sent)
{
    if (!counts)
        return;
    counter_add(request_counter(counts, route, status), 1);
    histogram_observe(counts->seconds[route], seconds);
    if (body_bytes)
        histogram_observe(counts->body_bytes, (double)body_bytes);
    if (!sent)
        counter_add(counts->unsent, 1);
}
