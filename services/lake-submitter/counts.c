#include "services/lake-submitter/counts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { COUNTS_EVERY_MS = 1000, COUNTS_STALE_MS = 30000 };

/* What the private port's thread may see of a role. */
typedef struct RoleState {
    bool runs;
    BusMetrics *bus;
    _Atomic int64_t beat_ms;
    atomic_bool connected, assigned;
} RoleState;

struct Counts {
    Metrics *metrics;
    OpsServer *ops;
    RoleState roles[COUNTS_ROLES];
    Histogram *delivered;
    Gauge *breaker;
    int64_t hang_limit_ms;
};

static const char *const role_names[COUNTS_ROLES] = {"route", "deliver"};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool healthy(void *context)
{
    Counts *counts = context;
    for (int i = 0; i < COUNTS_ROLES; i++)
        if (counts->roles[i].runs &&
            now_ms() - counts->roles[i].beat_ms > counts->hang_limit_ms + COUNTS_STALE_MS)
            return false;
    return true;
}

static bool ready(void *context, Buf *why)
{
    Counts *counts = context;
    bool fine = true;
    for (int i = 0; i < COUNTS_ROLES; i++) {
        RoleState *role = &counts->roles[i];
        if (role->runs && !role->connected)
            buf_add_format(why, "%s: no broker is connected\n", role_names[i]);
        if (role->runs && !role->assigned)
            buf_add_format(why, "%s: the group has not assigned partitions yet\n", role_names[i]);
        fine &= !role->runs || (role->connected && role->assigned);
    }
    return fine;
}

static void render(void *context, Buf *to)
{
    Counts *counts = context;
    metrics_render(counts->metrics, to);
}

bool counts_start(const SubmitterConfig *config, Counts **ret_counts, Err *err)
{
    char listen[128];
    Counts *counts = calloc(1, sizeof *counts);
    if (!counts)
        return ERR(err, ERR_FATAL, "ops-server", "no memory");
    counts->metrics = metrics_new();
    counts->hang_limit_ms = (int64_t)config->hang_limit_ms;
    for (int i = 0; i < COUNTS_ROLES; i++) {
        counts->roles[i].runs = submitter_has_role(config, role_names[i]);
        counts->roles[i].beat_ms = now_ms();
        counts->roles[i].bus = bus_metrics_new(counts->metrics, role_names[i]);
    }
    counts->delivered = metrics_histogram(counts->metrics, "fhirbus_delivery_delay_seconds",
                                          "received by ingest until accepted by the destination",
                                          METRIC_NO_LABELS, metric_buckets_seconds);
    counts->breaker =
        metrics_gauge(counts->metrics, "fhirbus_breaker_state", "0 closed, 1 open, 2 probing",
                      METRIC_LABELS({"destination", str_from(config->destination)}));
    bool v6 = strchr(config->ops_bind, ':') != NULL;
    snprintf(listen, sizeof listen, v6 ? "[%s]:%llu" : "%s:%llu", config->ops_bind,
             (unsigned long long)config->ops_port);
    const OpsCallbacks callbacks = {healthy, ready, render, counts};
    if (!ops_server_start(str_from(listen), &callbacks, &counts->ops, err)) {
        counts_stop(counts);
        return false;
    }
    *ret_counts = counts;
    return true;
}

void counts_stop(Counts *counts)
{
    if (!counts)
        return;
    ops_server_stop(counts->ops);
    for (int i = 0; i < COUNTS_ROLES; i++)
        bus_metrics_free(counts->roles[i].bus);
    metrics_free(counts->metrics);
    free(counts);
}

static void add_one(Counts *counts, const char *name, const char *help, const char *label,
                    const char *value)
{
    counter_add(
        metrics_counter(counts->metrics, name, help, METRIC_LABELS({label, str_from(value)})), 1);
}

void counts_routed(Counts *counts, const char *what)
{
    add_one(counts, "fhirbus_routed_total", "verdicts, by what became of them", "result", what);
}

void counts_attempt(Counts *counts, const char *error_class, double seconds)
{
    const char *result = *error_class ? error_class : "success";
    histogram_observe(metrics_histogram(counts->metrics, "fhirbus_delivery_attempt_seconds",
                                        "one request to the destination",
                                        METRIC_LABELS({"result", str_from(result)}),
                                        metric_buckets_seconds),
                      seconds);
}

void counts_delivered(Counts *counts, double seconds_since_received)
{
    histogram_observe(counts->delivered, seconds_since_received);
}

void counts_ended(Counts *counts, const char *how)
{
    add_one(counts, "fhirbus_submissions_total", "submissions that need nothing more", "result",
            how);
}

void counts_dead_letter(Counts *counts, const char *code)
{
    add_one(counts, "fhirbus_dead_letters_total", "messages that were given up", "reason", code);
}

void counts_breaker(Counts *counts, int state)
{
    gauge_set(counts->breaker, state);
}

void counts_update(Counts *counts, CountsRole which, BusConsumer *consumer, BusProducer *producer,
                   const Supervisor *supervisor)
{
    RoleState *role = &counts->roles[which];
    int64_t now = now_ms();
    if (now - role->beat_ms < COUNTS_EVERY_MS && role->connected && role->assigned)
        return;
    role->beat_ms = now;
    role->connected = bus_consumer_connected(consumer) && bus_producer_connected(producer);
    role->assigned = bus_consumer_assigned(consumer);
    bus_metrics_update(role->bus, consumer, producer, supervisor);
}
