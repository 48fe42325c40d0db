#include "common/obs/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/base/check.h"

#define COLLECTORS_MAX 16

typedef enum MetricKind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM } MetricKind;

struct Counter {
    _Atomic uint64_t value;
};
struct Gauge {
    _Atomic uint64_t bits; /* of a double */
};
struct Histogram {
    MetricBuckets buckets;
    _Atomic uint64_t sum_bits; /* of a double */
    _Atomic uint64_t counts[]; /* one per bucket, and +Inf */
};

typedef struct Series {
    struct Series *next;
    char *labels; /* as rendered between the braces; "" without */
    union {
        Counter *counter;
        Gauge *gauge;
        Histogram *histogram;
        void *any;
    } of;
} Series;

typedef struct Family {
    struct Family *next;
    char *name;
    char *help;
    MetricKind kind;
    size_t count;
    Series *first;
    Series **last;
} Family;

struct Metrics {
    pthread_mutex_t lock; /* of the lists, not of the values */
    Family *first;
    Family **last;
    struct {
        void (*collect)(void *);
        void *context;
    } collectors[COLLECTORS_MAX];
    size_t collector_count;
};

static const double seconds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                 0.25,   0.5,   1,      2.5,   5,    10,    30,   60};
static const double bytes[] = {1024,   4096,    16384,   65536,    131072,   262144,
                               524288, 1048576, 4194304, 10485760, 16777216, 67108864};
static const double counts[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000};
#define BUCKETS(list)                                                                              \
    {                                                                                              \
        (list), sizeof(list) / sizeof *(list)                                                      \
    }
const MetricBuckets metric_buckets_seconds = BUCKETS(seconds);
const MetricBuckets metric_buckets_bytes = BUCKETS(bytes);
const MetricBuckets metric_buckets_count = BUCKETS(counts);

Metrics *metrics_new(void)
{
    Metrics *metrics = calloc(1, sizeof *metrics);
    if (!metrics)
        return NULL;
    pthread_mutex_init(&metrics->lock, NULL);
    metrics->last = &metrics->first;
    return metrics;
}

static void family_free(Family *family)
{
    for (Series *s = family->first, *next; s; s = next) {
        next = s->next;
        free(s->labels);
        free(s->of.any);
        free(s);
    }
    free(family->name);
    free(family->help);
    free(family);
}

void metrics_free(Metrics *metrics)
{
    if (!metrics)
        return;
    for (Family *f = metrics->first, *next; f; f = next) {
        next = f->next;
        family_free(f);
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

/* --- registering ------------------------------------------------------------------------------ */

/* spec: text format: in label values \, " and newline are escaped, in help \ and newline. */
static void add_escaped(Buf *out, Str text, bool quote)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n')
            buf_add(out, STR("\\n"));
        else if (c == '\\' || (quote && c == '"'))
            buf_add_char(out, '\\'), buf_add_char(out, c);
        else
            buf_add_char(out, c);
    }
}

static char *labels_text(MetricLabels labels, bool other)
{
    Buf out;
    buf_init(&out, 8192);
    buf_add(&out, STR(""));
    for (size_t i = 0; i < labels.count; i++) {
        buf_add_format(&out, "%s%s=\"", i ? "," : "", labels.list[i].name);
        add_escaped(&out, other ? STR("_other") : labels.list[i].value, true);
        buf_add_char(&out, '"');
    }
    if (out.overflowed) {
        buf_clear(&out);
        return other ? NULL : labels_text(labels, true);
    }
    return out.data;
}

static Family *family_get(Metrics *metrics, const char *name, const char *help, MetricKind kind)
{
    for (Family *f = metrics->first; f; f = f->next)
        if (strcmp(f->name, name) == 0) {
            CHECK(f->kind == kind);
            return f;
        }
    Family *family = calloc(1, sizeof *family);
    if (!family)
        return NULL;
    *family = (Family){.name = strdup(name), .help = strdup(help), .kind = kind};
    family->last = &family->first;
    if (!family->name || !family->help) {
        family_free(family);
        return NULL;
    }
    *metrics->last = family;
    metrics->last = &family->next;
    return family;
}

static Series *series_find(const Family *family, const char *labels)
{
    for (Series *s = family->first; s; s = s->next)
        if (strcmp(s->labels, labels) == 0)
            return s;
    return NULL;
}

static void *value_new(MetricKind kind, MetricBuckets buckets)
{
    if (kind == KIND_COUNTER)
        return calloc(1, sizeof(Counter));
    if (kind == KIND_GAUGE)
        return calloc(1, sizeof(Gauge));
    CHECK(buckets.count > 0 && buckets.count <= METRICS_BUCKETS_MAX);
    Histogram *h = calloc(1, sizeof *h + (buckets.count + 1) * sizeof h->counts[0]);
    if (h)
        h->buckets = buckets;
    return h;
}

/* Takes `labels` over. */
static Series *series_new(Family *family, char *labels, MetricBuckets buckets)
{
    Series *series = calloc(1, sizeof *series);
    void *value = value_new(family->kind, buckets);
    if (!series || !value) {
        free(series);
        free(value);
        free(labels);
        return NULL;
    }
    series->labels = labels;
    series->of.any = value;
    *family->last = series;
    family->last = &series->next;
    family->count++;
    return series;
}

static Series *family_series(Family *family, MetricLabels labels, MetricBuckets buckets)
{
    char *text = labels_text(labels, false);
    Series *series = text ? series_find(family, text) : NULL;
    if (text && !series && labels.count && family->count >= METRICS_SERIES_MAX) {
        free(text);
        text = labels_text(labels, true);
        series = text ? series_find(family, text) : NULL;
    }
    if (!text || series) {
        free(text);
        return series;
    }
    return series_new(family, text, buckets);
}

static void *metric_get(Metrics *metrics, const char *name, const char *help, MetricKind kind,
                        MetricLabels labels, MetricBuckets buckets)
{
    if (!metrics)
        return NULL;
    pthread_mutex_lock(&metrics->lock);
    Family *family = family_get(metrics, name, help, kind);
    Series *series = family ? family_series(family, labels, buckets) : NULL;
    pthread_mutex_unlock(&metrics->lock);
    return series ? series->of.any : NULL;
}

Counter *metrics_counter(Metrics *metrics, const char *name, const char *help, MetricLabels labels)
{
    return metric_get(metrics, name, help, KIND_COUNTER, labels, (MetricBuckets){0});
}

Gauge *metrics_gauge(Metrics *metrics, const char *name, const char *help, MetricLabels labels)
{
    return metric_get(metrics, name, help, KIND_GAUGE, labels, (MetricBuckets){0});
}

void metrics_table(Metrics *metrics, const char *prefix, const MetricRow *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[120];
        snprintf(name, sizeof name, "%s%s", prefix, rows[i].name);
        if (rows[i].gauge)
            *rows[i].gauge = metrics_gauge(metrics, name, rows[i].help, METRIC_NO_LABELS);
        if (rows[i].counter)
            *rows[i].counter = metrics_counter(metrics, name, rows[i].help, METRIC_NO_LABELS);
    }
}

Histogram *metrics_histogram(Metrics *metrics, const char *name, const char *help,
                             MetricLabels labels, MetricBuckets buckets)
{
    return metric_get(metrics, name, help, KIND_HISTOGRAM, labels, buckets);
}

void metrics_before_render(Metrics *metrics, void (*collect)(void *context), void *context)
{
    pthread_mutex_lock(&metrics->lock);
    CHECK(metrics->collector_count < COLLECTORS_MAX);
    metrics->collectors[metrics->collector_count].collect = collect;
    metrics->collectors[metrics->collector_count++].context = context;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_forget(Metrics *metrics, const void *context)
{
    pthread_mutex_lock(&metrics->lock);
    size_t kept = 0;
    for (size_t i = 0; i < metrics->collector_count; i++)
        if (metrics->collectors[i].context != context)
            metrics->collectors[kept++] = metrics->collectors[i];
    metrics->collector_count = kept;
    pthread_mutex_unlock(&metrics->lock);
}

/* --- counting --------------------------------------------------------------------------------- */

static double bits_to_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t double_to_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void atomic_add_double(_Atomic uint64_t *at, double delta)
{
    uint64_t old = atomic_load_explicit(at, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(at, &old,
                                                  double_to_bits(bits_to_double(old) + delta),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void counter_add(Counter *counter, uint64_t n)
{
    if (counter)
        atomic_fetch_add_explicit(&counter->value, n, memory_order_relaxed);
}

uint64_t counter_value(const Counter *counter)
{
    return counter ? atomic_load_explicit(&counter->value, memory_order_relaxed) : 0;
}

void gauge_set(Gauge *gauge, double value)
{
    if (gauge)
        atomic_store_explicit(&gauge->bits, double_to_bits(value), memory_order_relaxed);
}

void gauge_add(Gauge *gauge, double delta)
{
    if (gauge)
        atomic_add_double(&gauge->bits, delta);
}

double gauge_value(const Gauge *gauge)
{
    return gauge ? bits_to_double(atomic_load_explicit(&gauge->bits, memory_order_relaxed)) : 0;
}

void histogram_observe(Histogram *histogram, double value)
{
    if (!histogram)
        return;
    size_t i = 0;
    while (i < histogram->buckets.count && value > histogram->buckets.bounds[i])
        i++;
    atomic_fetch_add_explicit(&histogram->counts[i], 1, memory_order_relaxed);
    atomic_add_double(&histogram->sum_bits, value);
}

uint64_t histogram_count(const Histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; histogram && i <= histogram->buckets.count; i++)
        count += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
    return count;
}

/* --- rendering -------------------------------------------------------------------------------- */

static void add_number(Buf *out, double value)
{
    if (isnan(value))
        buf_add(out, STR("NaN"));
    else if (isinf(value))
        buf_add_format(out, "%sInf", value > 0 ? "+" : "-");
    else
        buf_add_format(out, "%.15g", value);
}

static void add_sample(Buf *out, const char *name, const char *suffix, const char *labels)
{
    buf_add_format(out, "%s%s", name, suffix);
    if (*labels)
        buf_add_format(out, "{%s}", labels);
    buf_add_char(out, ' ');
}

static void render_histogram(Buf *out, const char *name, const char *labels, const Histogram *h)
{
    uint64_t total = 0;
    for (size_t i = 0; i <= h->buckets.count; i++) {
        total += atomic_load_explicit(&h->counts[i], memory_order_relaxed);
        buf_add_format(out, "%s_bucket{%s%sle=\"", name, labels, *labels ? "," : "");
        add_number(out, i < h->buckets.count ? h->buckets.bounds[i] : INFINITY);
        buf_add_format(out, "\"} %llu\n", (unsigned long long)total);
    }
    add_sample(out, name, "_sum", labels);
    add_number(out, bits_to_double(atomic_load_explicit(&h->sum_bits, memory_order_relaxed)));
    buf_add_char(out, '\n');
    add_sample(out, name, "_count", labels);
    buf_add_format(out, "%llu\n", (unsigned long long)total);
}

static void render_family(Buf *out, const Family *family)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    buf_add_format(out, "# HELP %s ", family->name);
    add_escaped(out, str_from(family->help), false);
    buf_add_format(out, "\n# TYPE %s %s\n", family->name, kinds[family->kind]);
    for (const Series *s = family->first; s; s = s->next) {
        if (family->kind == KIND_HISTOGRAM) {
            render_histogram(out, family->name, s->labels, s->of.histogram);
            continue;
        }
        add_sample(out, family->name, "", s->labels);
        if (family->kind == KIND_COUNTER)
            buf_add_format(out, "%llu", (unsigned long long)counter_value(s->of.counter));
        else
            add_number(out, gauge_value(s->of.gauge));
        buf_add_char(out, '\n');
    }
}

bool metrics_render(Metrics *metrics, Buf *out)
{
    /* Collectors may register series, so they run unlocked. */
    for (size_t i = 0; i < metrics->collector_count; i++)
        metrics->collectors[i].collect(metrics->collectors[i].context);
    pthread_mutex_lock(&metrics->lock);
    for (const Family *f = metrics->first; f; f = f->next)
        render_family(out, f);
    pthread_mutex_unlock(&metrics->lock);
    return !out->overflowed;
}
