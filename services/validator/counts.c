#include "services/validator/counts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { COUNTS_EVERY_MS = 1000, COUNTS_STALE_MS = 30000 };

struct Counts {
    Metrics *metrics;
    BusMetrics *bus;
    OpsServer *ops;
    Histogram *seconds[2]; /* by lane */
    Histogram *waited[2];
    Histogram *bytes;
    Gauge *rule_sets, *rule_sets_refused;
    Counter *issues[3]; /* errors, warnings, information */
    _Atomic int64_t beat_ms;
    atomic_bool connected, assigned;
    int64_t hang_limit_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool healthy(void *context)
{
    Counts *counts = context;
    return now_ms() - counts->beat_ms < counts->hang_limit_ms + COUNTS_STALE_MS;
}

static bool ready(void *context, Buf *why)
{
    Counts *counts = context;
    if (!counts->connected)
        buf_add(why, STR("no broker is connected\n"));
    if (!counts->assigned)
        buf_add(why, STR("the group has not assigned partitions yet\n"));
    return counts->connected && counts->assigned;
}

static void render(void *context, Buf *to)
{
    Counts *counts = context;
    metrics_render(counts->metrics, to);
}

static void register_all(Counts *counts)
{
    static const char *const lanes[] = {"interactive", "bulk"};
    static const char *const severities[] = {"error", "warning", "information"};
    Metrics *metrics = counts->metrics;
    for (int i = 0; i < 2; i++) {
        MetricLabels lane = METRIC_LABELS({"lane", str_from(lanes[i])});
        counts->seconds[i] = metrics_histogram(metrics, "fhirbus_validation_seconds",
                                               "judging one document, without waiting", lane,
                                               metric_buckets_seconds);
        counts->waited[i] = metrics_histogram(metrics, "fhirbus_validation_wait_seconds",
                                              "received by ingest until taken in hand", lane,
                                              metric_buckets_seconds);
    }
    for (int i = 0; i < 3; i++)
        counts->issues[i] =
            metrics_counter(metrics, "fhirbus_validation_issues_total", "issues reported",
                            METRIC_LABELS({"severity", str_from(severities[i])}));
    counts->rule_sets = metrics_gauge(metrics, "fhirbus_rule_sets", "published rule sets in force",
                                      METRIC_NO_LABELS);
    counts->rule_sets_refused =
        metrics_gauge(metrics, "fhirbus_rule_sets_refused",
                      "published rule sets that cannot be used", METRIC_NO_LABELS);
    counts->bytes = metrics_histogram(metrics, "fhirbus_validation_bundle_bytes",
                                      "size of documents", METRIC_NO_LABELS, metric_buckets_bytes);
}

bool counts_start(const ValidatorConfig *config, Counts **ret_counts, Err *err)
{
    char listen[128];
    Counts *counts = calloc(1, sizeof *counts);
    if (!counts)
        return ERR(err, ERR_FATAL, "ops-server", "no memory");
    counts->metrics = metrics_new();
    counts->bus = bus_metrics_new(counts->metrics, "validate");
    counts->beat_ms = now_ms();
    counts->hang_limit_ms = (int64_t)config->hang_limit_ms;
    register_all(counts);
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
    bus_metrics_free(counts->bus);
    metrics_free(counts->metrics);
    free(counts);
}

void counts_verdict(Counts *counts, const Validated *validated, double seconds, double waited)
{
    const Outcome *outcome = &validated->outcome;
    int lane = validated->envelope.lane == LANE_BULK;
    histogram_observe(counts->seconds[lane], seconds);
    histogram_observe(counts->waited[lane], waited);
    histogram_observe(counts->bytes, (double)validated->bundle.len);
    counter_add(counts->issues[0], outcome->errors);
    counter_add(counts->issues[1], outcome->warnings);
    counter_add(counts->issues[2], outcome->information);
    Str precheck = outcome->precheck_code.len ? outcome->precheck_code : STR("none");
    counter_add(metrics_counter(
                    counts->metrics, "fhirbus_validated_total", "verdicts published",
                    METRIC_LABELS({"action", str_from(action_name(validated->disposition.action))},
                                  {"precheck", precheck})),
                1);
}

void counts_rule(Counts *counts, const RuleChange *change)
{
    counter_add(metrics_counter(counts->metrics, "fhirbus_rule_changes_total",
                                "what rules did to verdicts",
                                METRIC_LABELS({"rule", change->rule}, {"what", change->what})),
                1);
}

void counts_rules(Counts *counts, CatalogCounts rules)
{
    gauge_set(counts->rule_sets, (double)rules.objects);
    gauge_set(counts->rule_sets_refused, (double)rules.refused_now);
}

void counts_failed(Counts *counts, const char *code)
{
    counter_add(metrics_counter(counts->metrics, "fhirbus_dead_letters_total",
                                "messages that could not be judged",
                                METRIC_LABELS({"reason", str_from(code)})),
                1);
}

void counts_update(Counts *counts, BusConsumer *consumer, BusProducer *producer,
                   const Supervisor *supervisor)
{
    int64_t now = now_ms();
    if (now - counts->beat_ms < COUNTS_EVERY_MS && counts->connected && counts->assigned)
        return;
    counts->beat_ms = now;
    counts->connected = bus_consumer_connected(consumer) && bus_producer_connected(producer);
    counts->assigned = bus_consumer_assigned(consumer);
    bus_metrics_update(counts->bus, consumer, producer, supervisor);
}
