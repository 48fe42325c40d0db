/* metrics - counters, gauges and histograms in Prometheus' text format.
 *
 *   Counter *stored = metrics_counter(m, "fhirbus_rows_stored_total", "rows committed",
 *                                     METRIC_LABELS({"table", STR("message")}));
 *   counter_add(stored, 5);
 *
 * Spec:    prometheus.io/docs/instrumenting/exposition_formats (text format 0.0.4)
 * Owner:   the Metrics; handles live as long as it does. Asking for a series that exists yields it.
 * Threads: registering takes a lock; counter_add, gauge_set and histogram_observe do not: keep the
 *          handle, do not look it up per message. All handles may be NULL (nothing happens).
 * Limits:  METRICS_SERIES_MAX series per name; what comes later shares one series whose label
 *          values are all "_other", so that a sender cannot fill our memory with label values.
 * Rule:    names end in their unit (_seconds, _bytes), counters in _total; no patient data. */
#pragma once
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/str.h"

#define METRICS_SERIES_MAX 1000
#define METRICS_BUCKETS_MAX 24

typedef struct Metrics Metrics;
typedef struct Counter Counter;
typedef struct Gauge Gauge;
typedef struct Histogram Histogram;

typedef struct MetricLabel {
    const char *name;
    Str value;
} MetricLabel;
typedef struct MetricLabels {
    const MetricLabel *list;
    size_t count;
} MetricLabels;
#define METRIC_LABELS(...)                                                                         \
    ((MetricLabels){(const MetricLabel[]){__VA_ARGS__},                                            \
                    sizeof((const MetricLabel[]){__VA_ARGS__}) / sizeof(MetricLabel)})
#define METRIC_NO_LABELS ((MetricLabels){NULL, 0})

/* Upper bounds in ascending order; +Inf is added. */
typedef struct MetricBuckets {
    const double *bounds;
    size_t count;
} MetricBuckets;
extern const MetricBuckets metric_buckets_seconds; /* 0.5 ms .. 60 s */
extern const MetricBuckets metric_buckets_bytes;   /* 1 KiB .. 64 MiB */
extern const MetricBuckets metric_buckets_count;   /* 1 .. 10000 */

Metrics *metrics_new(void); /* NULL without memory */
void metrics_free(Metrics *metrics);

/* NULL without memory. A name keeps its kind and help; a CHECK catches our own mistake. */
Counter *metrics_counter(Metrics *metrics, const char *name, const char *help, MetricLabels labels);
Gauge *metrics_gauge(Metrics *metrics, const char *name, const char *help, MetricLabels labels);
Histogram *metrics_histogram(Metrics *metrics, const char *name, const char *help,
                             MetricLabels labels, MetricBuckets buckets);

/* Gauges and counters without labels, by a table; each is called PREFIX and its name. */
typedef struct MetricRow {
    Gauge **gauge; /* or */
    Counter **counter;
    const char *name, *help;
} MetricRow;
void metrics_table(Metrics *metrics, const char *prefix, const MetricRow *rows, size_t count);

void counter_add(Counter *counter, uint64_t n);
uint64_t counter_value(const Counter *counter);
void gauge_set(Gauge *gauge, double value);
void gauge_add(Gauge *gauge, double delta);
double gauge_value(const Gauge *gauge);
void histogram_observe(Histogram *histogram, double value);
uint64_t histogram_count(const Histogram *histogram);

/* Called before each rendering, e.g. to set gauges that are costly to keep. Up to 16. */
void metrics_before_render(Metrics *metrics, void (*collect)(void *context), void *context);
/* What was asked with this context is not called any more; while nobody renders. */
void metrics_forget(Metrics *metrics, const void *context);
bool metrics_render(Metrics *metrics, Buf *out); /* false: out overflowed */
