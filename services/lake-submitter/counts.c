#include "services/lake-submitter/counts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"

enum { COUNTS_EVERY_MS = 1000, COUNTS_STALE_MS = 30000 };

/* What the private port's thread may see of a consumer and its producer. */
struct CountsSlot {
    char name[160]; /* "route", "deliver.lake" */
    BusMetrics *bus;
    Gauge *breaker, *secret_failures, *retention_short;
    atomic_bool runs, connected, assigned, short_retention;
    _Atomic int64_t beat_ms;
};

struct Counts {
    Metrics *metrics;
    OpsServer *ops;
    pthread_mutex_t lock; /* of new slots */
    CountsSlot slots[COUNTS_SLOTS];
    atomic_size_t slot_count;
    atomic_bool catalog_read;
    Histogram *delivered;
    Gauge *rule_sets, *rule_sets_refused;
    int64_t hang_limit_ms;
};

static bool healthy(void *context)
{
    Counts *counts = context;
    for (size_t i = 0; i < counts->slot_count; i++)
        if (counts->slots[i].runs &&
            clock_mono_ms() - counts->slots[i].beat_ms > counts->hang_limit_ms + COUNTS_STALE_MS)
            return false;
    return true;
}

static bool slot_ready(const CountsSlot *slot, Buf *why)
{
    if (!slot->runs)
        return true;
    if (!slot->connected)
        buf_add_format(why, "%s: no broker is connected\n", slot->name);
    if (!slot->assigned)
        buf_add_format(why, "%s: the group has not assigned partitions yet\n", slot->name);
    if (slot->short_retention)
        buf_add_format(why, "%s: the topic's retention is below RETENTION_MIN_H\n", slot->name);
    return slot->connected && slot->assigned && !slot->short_retention;
}

static bool ready(void *context, Buf *why)
{
    Counts *counts = context;
    bool fine = counts->catalog_read;
    if (!fine)
        buf_add(why, STR("the topic config has not been read yet\n"));
    for (size_t i = 0; i < counts->slot_count; i++)
        fine &= slot_ready(&counts->slots[i], why);
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
    pthread_mutex_init(&counts->lock, NULL);
    counts->metrics = metrics_new();
    counts->hang_limit_ms = (int64_t)config->hang_limit_ms;
    counts->delivered = metrics_histogram(counts->metrics, "fhirbus_delivery_delay_seconds",
                                          "received by ingest until accepted by the destination",
                                          METRIC_NO_LABELS, metric_buckets_seconds);
    counts->rule_sets = metrics_gauge(counts->metrics, "fhirbus_rule_sets",
                                      "published rule sets in force", METRIC_NO_LABELS);
    counts->rule_sets_refused =
        metrics_gauge(counts->metrics, "fhirbus_rule_sets_refused",
                      "published rule sets that cannot be used", METRIC_NO_LABELS);
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
    for (size_t i = 0; i < counts->slot_count; i++)
        bus_metrics_free(counts->slots[i].bus);
    metrics_free(counts->metrics);
    pthread_mutex_destroy(&counts->lock);
    free(counts);
}

void counts_catalog_read(Counts *counts)
{
    counts->catalog_read = true;
}

/* --- slots -------------------------------------------------------------------------------------
 */
static CountsSlot *slot_add(Counts *counts, const char *name, const char *destination)
{
    size_t count = counts->slot_count;
    if (count == COUNTS_SLOTS)
        return NULL;
    CountsSlot *slot = &counts->slots[count];
    snprintf(slot->name, sizeof slot->name, "%s", name);
    slot->bus = bus_metrics_new(counts->metrics, slot->name);
    if (destination) {
        const MetricLabels labels = METRIC_LABELS({"destination", str_from(destination)});
        slot->breaker = metrics_gauge(counts->metrics, "fhirbus_breaker_state",
                                      "0 closed, 1 open, 2 probing", labels);
        slot->secret_failures =
            metrics_gauge(counts->metrics, "fhirbus_secret_failures",
                          "failures in a row to get a destination's token or key", labels);
        slot->retention_short =
            metrics_gauge(counts->metrics, "fhirbus_retention_short",
                          "1: the topic keeps documents for less than RETENTION_MIN_H", labels);
    }
    counts->slot_count = count + 1;
    return slot;
}

CountsSlot *counts_slot(Counts *counts, const char *destination)
{
    char name[sizeof counts->slots[0].name];
    CountsSlot *found = NULL;
    snprintf(name, sizeof name, "%s%s", destination ? "deliver." : "route",
             destination ? destination : "");
    pthread_mutex_lock(&counts->lock);
    for (size_t i = 0; i < counts->slot_count && !found; i++)
        if (strcmp(counts->slots[i].name, name) == 0)
            found = &counts->slots[i];
    if (!found)
        found = slot_add(counts, name, destination);
    pthread_mutex_unlock(&counts->lock);
    if (found) {
        found->beat_ms = clock_mono_ms();
        found->connected = found->assigned = false;
        found->runs = true;
    }
    return found;
}

void counts_slot_ends(CountsSlot *slot)
{
    if (slot)
        slot->runs = false;
}

void counts_update(CountsSlot *slot, BusConsumer *consumer, BusProducer *producer,
                   const Supervisor *supervisor)
{
    int64_t now = clock_mono_ms();
    if (!slot || (now - slot->beat_ms < COUNTS_EVERY_MS && slot->connected && slot->assigned))
        return;
    slot->beat_ms = now;
    slot->connected = bus_consumer_connected(consumer) && bus_producer_connected(producer);
    slot->assigned = bus_consumer_assigned(consumer);
    bus_metrics_update(slot->bus, consumer, producer, supervisor);
}

void counts_breaker(CountsSlot *slot, int state)
{
    if (slot)
        gauge_set(slot->breaker, state);
}

void counts_secret_failures(CountsSlot *slot, uint32_t in_a_row)
{
    if (slot)
        gauge_set(slot->secret_failures, in_a_row);
}

void counts_retention(CountsSlot *slot, bool fine)
{
    if (!slot)
        return;
    slot->short_retention = !fine;
    gauge_set(slot->retention_short, !fine);
}

/* --- what happens ------------------------------------------------------------------------------
 */
static void add_one(Counts *counts, const char *name, const char *help, const char *label,
                    const char *value)
{
    counter_add(
        metrics_counter(counts->metrics, name, help, METRIC_LABELS({label, str_from(value)})), 1);
}

void counts_rules(Counts *counts, CatalogCounts rules)
{
    gauge_set(counts->rule_sets, (double)rules.objects);
    gauge_set(counts->rule_sets_refused, (double)rules.refused_now);
}

void counts_routed(Counts *counts, const char *what)
{
    add_one(counts, "fhirbus_routed_total", "verdicts, by what became of them", "result", what);
}

void counts_attempt(Counts *counts, const char *destination, const char *error_class,
                    double seconds)
{
    const char *result = *error_class ? error_class : "success";
    histogram_observe(metrics_histogram(counts->metrics, "fhirbus_delivery_attempt_seconds",
                                        "one request to the destination",
                                        METRIC_LABELS({"result", str_from(result)},
                                                      {"destination", str_from(destination)}),
                                        metric_buckets_seconds),
                      seconds);
}

void counts_delivered(Counts *counts, double seconds_since_received)
{
    histogram_observe(counts->delivered, seconds_since_received);
}

void counts_ended(Counts *counts, const char *destination, const char *how)
{
    counter_add(metrics_counter(counts->metrics, "fhirbus_submissions_total",
                                "submissions that need nothing more",
                                METRIC_LABELS({"result", str_from(how)},
                                              {"destination", str_from(destination)})),
                1);
}

void counts_dead_letter(Counts *counts, const char *code)
{
    add_one(counts, "fhirbus_dead_letters_total", "messages that were given up", "reason", code);
}

void counts_ledger(Counts *counts, const char *what)
{
    add_one(counts, "fhirbus_dataledger_total", "events for DataLedger", "event", what);
}
