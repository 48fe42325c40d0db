#include "services/ingest/limit_counts.h"

#include <stdlib.h>

#include "services/ingest/leasing.h"

struct LimitCounts {
    Ingest *ingest;
    Counter *granted[LIMIT_SCOPES][2];
    Counter *refused[LIMIT_SCOPES + 1][REFUSAL_COUNT];
    Counter *shed[SHED_REASONS];
    Gauge *held, *slots, *waiting, *subjects, *debt, *away, *delay;
};

static void collect(void *context)
{
    LimitCounts *c = context;
    Ingest *ingest = c->ingest;
    if (ingest->leasing) {
        LeasesStats stats = leases_stats(leasing_leases(ingest->leasing));
        gauge_set(c->held, (double)stats.held);
        gauge_set(c->slots, (double)stats.slots);
        gauge_set(c->waiting, (double)stats.waiting);
        gauge_set(c->subjects, (double)stats.subjects);
        gauge_set(c->debt, (double)stats.debt);
        gauge_set(c->away, stats.away);
    }
    if (ingest->server) {
        HttpServerStats now;
        http_server_stats(ingest->server, &now);
        gauge_set(c->delay, (double)now.delay_us / 1e6);
    }
}

static void register_gauges(LimitCounts *c, Metrics *m)
{
    const MetricRow rows[] = {
        {&c->held,     NULL, "limit_leased",             "requests that leases still allow"           },
        {&c->slots,    NULL, "limit_leased_slots",       "requests at a time, leased"                 },
        {&c->waiting,  NULL, "limit_waiting",            "requests that wait for a lease"             },
        {&c->subjects, NULL, "limit_subjects",           "callers and tenants with a plan, known"     },
        {&c->debt,     NULL, "limit_debt",               "granted without the ledger, not entered yet"},
        {&c->away,     NULL, "limit_ledger_away",        "1: the ledger cannot be asked"              },
        {&c->delay,    NULL, "event_loop_delay_seconds", "from a wake-up to the server's thread"      },
    };
    metrics_table(m, "fhirbus_ingest_", rows, sizeof rows / sizeof rows[0]);
}

static Str scope_label(size_t scope)
{
    return scope < LIMIT_SCOPES ? str_from(limit_scope_name((LimitScope)scope)) : STR("address");
}

static Str refusal_label(size_t refusal)
{
    if (refusal < LIMIT_REASONS)
        return str_from(limit_reason_name((LimitReason)refusal));
    return refusal == REFUSAL_BODY ? STR("body") : STR("address");
}

static bool can_happen(size_t scope, size_t refusal)
{
    return (scope == LIMIT_SCOPES) == (refusal == REFUSAL_ADDRESS) && refusal != LIMIT_NO_REASON;
}

static void register_counters(LimitCounts *c, Metrics *m)
{
    for (size_t scope = 0; scope < LIMIT_SCOPES; scope++)
        for (size_t alone = 0; alone < 2; alone++)
            c->granted[scope][alone] = metrics_counter(
                m, "fhirbus_ingest_limit_granted_total", "requests that a plan allowed",
                METRIC_LABELS({"scope", scope_label(scope)},
                              {"by", alone ? STR("default") : STR("lease")}));
    for (size_t scope = 0; scope <= LIMIT_SCOPES; scope++)
        for (size_t refusal = 0; refusal < REFUSAL_COUNT; refusal++)
            if (can_happen(scope, refusal))
                c->refused[scope][refusal] = metrics_counter(
                    m, "fhirbus_ingest_limit_refused_total", "429 and 413 by limits",
                    METRIC_LABELS({"scope", scope_label(scope)},
                                  {"reason", refusal_label(refusal)}));
    for (size_t reason = SHED_NOT + 1; reason < SHED_REASONS; reason++)
        c->shed[reason] = metrics_counter(
            m, "fhirbus_ingest_shed_total", "503: no room for more",
            METRIC_LABELS({"reason", str_from(shed_reason_name((ShedReason)reason))}));
}

LimitCounts *limit_counts_new(Ingest *ingest)
{
    LimitCounts *c = calloc(1, sizeof *c);
    Metrics *m = ingest->metrics;
    if (!c || !m)
        return c;
    c->ingest = ingest;
    register_gauges(c, m);
    register_counters(c, m);
    metrics_before_render(m, collect, c);
    return c;
}

void limit_counts_free(LimitCounts *counts)
{
    free(counts);
}

void count_limit_granted(LimitCounts *counts, LimitScope scope, bool by_default)
{
    if (counts)
        counter_add(counts->granted[scope][by_default], 1);
}

void count_limit_refused(LimitCounts *counts, LimitScope scope, int refusal)
{
    if (counts)
        counter_add(counts->refused[scope][refusal], 1);
}

void count_shed(LimitCounts *counts, ShedReason reason)
{
    if (counts)
        counter_add(counts->shed[reason], 1);
}
