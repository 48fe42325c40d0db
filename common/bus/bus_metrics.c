#include "common/bus/bus_metrics.h"

#include <stdlib.h>

enum { LAGS_MAX = 1024 };

typedef struct LagSeries {
    char topic[128];
    int32_t partition;
    Gauge *gauge;
} LagSeries;

struct BusMetrics {
    Metrics *metrics;
    Gauge *consumer_in_flight, *producer_in_flight, *producer_bytes, *consumer_up, *producer_up,
        *restarts;
    LagSeries series[LAGS_MAX];
    size_t series_count;
    BusLag lags[LAGS_MAX];
};

BusMetrics *bus_metrics_new(Metrics *metrics, const char *role)
{
    BusMetrics *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    MetricLabels labels = METRIC_LABELS({"role", str_from(role)});
    m->metrics = metrics;
    m->consumer_in_flight = metrics_gauge(metrics, "fhirbus_consumer_in_flight",
                                          "messages in hand and not settled", labels);
    m->producer_in_flight = metrics_gauge(metrics, "fhirbus_producer_in_flight",
                                          "records published and not acknowledged", labels);
    m->producer_bytes =
        metrics_gauge(metrics, "fhirbus_producer_in_flight_bytes", "their size", labels);
    m->consumer_up =
        metrics_gauge(metrics, "fhirbus_kafka_connected", "1: a broker is connected",
                      METRIC_LABELS({"role", str_from(role)}, {"client", STR("consumer")}));
    m->producer_up =
        metrics_gauge(metrics, "fhirbus_kafka_connected", "1: a broker is connected",
                      METRIC_LABELS({"role", str_from(role)}, {"client", STR("producer")}));
    m->restarts =
        metrics_gauge(metrics, "fhirbus_worker_restarts",
                      "children that died since the supervisor started", METRIC_NO_LABELS);
    return m;
}

void bus_metrics_free(BusMetrics *m)
{
    free(m);
}

static Gauge *lag_gauge(BusMetrics *m, const BusLag *lag)
{
    char number[16];
    for (size_t i = 0; i < m->series_count; i++)
        if (m->series[i].partition == lag->partition && strcmp(m->series[i].topic, lag->topic) == 0)
            return m->series[i].gauge;
    if (m->series_count == LAGS_MAX)
        return NULL;
    LagSeries *series = &m->series[m->series_count++];
    snprintf(series->topic, sizeof series->topic, "%s", lag->topic);
    snprintf(number, sizeof number, "%d", lag->partition);
    series->partition = lag->partition;
    series->gauge = metrics_gauge(
        m->metrics, "fhirbus_consumer_lag",
        "messages behind the end, of assigned "
        "partitions",
        METRIC_LABELS({"topic", str_from(lag->topic)}, {"partition", str_from(number)}));
    return series->gauge;
}

/* A partition that has left shows 0: its new owner shows the lag. */
static void update_lags(BusMetrics *m, BusConsumer *consumer)
{
    size_t count = bus_consumer_lag(consumer, m->lags, LAGS_MAX);
    for (size_t i = 0; i < m->series_count; i++)
        gauge_set(m->series[i].gauge, 0);
    for (size_t i = 0; i < count; i++)
        gauge_set(lag_gauge(m, &m->lags[i]), (double)m->lags[i].lag);
}

void bus_metrics_update(BusMetrics *m, BusConsumer *consumer, BusProducer *producer,
                        const Supervisor *supervisor)
{
    if (consumer) {
        update_lags(m, consumer);
        gauge_set(m->consumer_in_flight, (double)bus_consumer_in_flight(consumer));
        gauge_set(m->consumer_up, bus_consumer_connected(consumer));
    }
    if (producer) {
        gauge_set(m->producer_in_flight, (double)bus_producer_in_flight(producer));
        gauge_set(m->producer_bytes, (double)bus_producer_in_flight_bytes(producer));
        gauge_set(m->producer_up, bus_producer_connected(producer));
    }
    if (supervisor)
        gauge_set(m->restarts, supervisor_restarts(supervisor));
}
