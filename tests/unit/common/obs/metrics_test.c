#include "common/obs/metrics.h"

#include <pthread.h>

#include "tests/support/cmocka.h"

static bool has_line(const Buf *out, const char *line)
{
    Str rest = buf_str(out), part;
    while (str_split(&rest, '\n', &part))
        if (str_is(part, line))
            return true;
    return false;
}

static void the_text_format_is_kept(void **state)
{
    (void)state;
    Metrics *m = metrics_new();
    BUF_AUTO out;
    buf_init(&out, 1 << 20);
    counter_add(metrics_counter(m, "rows_total", "rows\nstored \\ kept",
                                METRIC_LABELS({"table", STR("a\"b\\c\nd")}, {"x", STR("1")})),
                7);
    gauge_set(metrics_gauge(m, "depth", "queue depth", METRIC_NO_LABELS), 2.5);
    gauge_add(metrics_gauge(m, "depth", "queue depth", METRIC_NO_LABELS), -1);
    static const double bounds[] = {0.1, 1};
    Histogram *h = metrics_histogram(m, "wait_seconds", "waited", METRIC_LABELS({"lane", STR("b")}),
                                     (MetricBuckets){bounds, 2});
    histogram_observe(h, 0.1);
    histogram_observe(h, 0.5);
    histogram_observe(h, 5);
    assert_true(metrics_render(m, &out));
    assert_true(has_line(&out, "# HELP rows_total rows\\nstored \\\\ kept"));
    assert_true(has_line(&out, "# TYPE rows_total counter"));
    assert_true(has_line(&out, "rows_total{table=\"a\\\"b\\\\c\\nd\",x=\"1\"} 7"));
    assert_true(has_line(&out, "depth 1.5"));
    assert_true(has_line(&out, "wait_seconds_bucket{lane=\"b\",le=\"0.1\"} 1"));
    assert_true(has_line(&out, "wait_seconds_bucket{lane=\"b\",le=\"1\"} 2"));
    assert_true(has_line(&out, "wait_seconds_bucket{lane=\"b\",le=\"+Inf\"} 3"));
    assert_true(has_line(&out, "wait_seconds_sum{lane=\"b\"} 5.6"));
    assert_true(has_line(&out, "wait_seconds_count{lane=\"b\"} 3"));
    assert_int_equal(histogram_count(h), 3);
    metrics_free(m);
}

static void the_same_name_and_labels_are_the_same_series(void **state)
{
    (void)state;
    Metrics *m = metrics_new();
    Counter *one = metrics_counter(m, "n_total", "n", METRIC_LABELS({"t", STR("a")}));
    assert_ptr_equal(one, metrics_counter(m, "n_total", "n", METRIC_LABELS({"t", STR("a")})));
    assert_ptr_not_equal(one, metrics_counter(m, "n_total", "n", METRIC_LABELS({"t", STR("b")})));
    counter_add(NULL, 1); /* without memory nothing is counted, and nothing breaks */
    histogram_observe(NULL, 1);
    gauge_set(NULL, 1);
    metrics_free(m);
}

static void label_values_cannot_fill_the_memory(void **state)
{
    (void)state;
    Metrics *m = metrics_new();
    char value[32];
    Counter *last = NULL;
    for (int i = 0; i < METRICS_SERIES_MAX + 50; i++) {
        snprintf(value, sizeof value, "tenant-%d", i);
        last = metrics_counter(m, "n_total", "n", METRIC_LABELS({"tenant", str_from(value)}));
        counter_add(last, 1);
    }
    assert_int_equal(counter_value(last), 50);
    assert_ptr_equal(last, metrics_counter(m, "n_total", "n", METRIC_LABELS({"tenant", STR("z")})));
    BUF_AUTO out;
    buf_init(&out, 1 << 20);
    assert_true(metrics_render(m, &out));
    assert_true(has_line(&out, "n_total{tenant=\"_other\"} 50"));
    metrics_free(m);
}

static void set_gauge(void *context)
{
    gauge_set(context, 9);
}

static void collectors_run_before_each_rendering(void **state)
{
    (void)state;
    Metrics *m = metrics_new();
    metrics_before_render(m, set_gauge, metrics_gauge(m, "lag", "l", METRIC_NO_LABELS));
    BUF_AUTO out;
    buf_init(&out, 1 << 20);
    assert_true(metrics_render(m, &out));
    assert_true(has_line(&out, "lag 9"));
    BUF_AUTO tiny;
    buf_init(&tiny, 10);
    assert_false(metrics_render(m, &tiny));
    metrics_free(m);
}

typedef struct Shared {
    Counter *counter;
    Gauge *gauge;
    Histogram *histogram;
} Shared;

static void *count_often(void *context)
{
    Shared *s = context;
    for (int i = 0; i < 20000; i++) {
        counter_add(s->counter, 1);
        gauge_add(s->gauge, 1);
        histogram_observe(s->histogram, 0.5);
    }
    return NULL;
}

static void threads_lose_no_count(void **state)
{
    (void)state;
    Metrics *m = metrics_new();
    Shared s = {metrics_counter(m, "c_total", "c", METRIC_NO_LABELS),
                metrics_gauge(m, "g", "g", METRIC_NO_LABELS),
                metrics_histogram(m, "h", "h", METRIC_NO_LABELS, metric_buckets_seconds)};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_often, &s), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(counter_value(s.counter), 80000);
    assert_true(gauge_value(s.gauge) > 79999.5 && gauge_value(s.gauge) < 80000.5);
    assert_int_equal(histogram_count(s.histogram), 80000);
    BUF_AUTO out;
    buf_init(&out, 1 << 20);
    assert_true(metrics_render(m, &out));
    assert_true(has_line(&out, "h_sum 40000"));
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_format_is_kept),
        cmocka_unit_test(the_same_name_and_labels_are_the_same_series),
        cmocka_unit_test(label_values_cannot_fill_the_memory),
        cmocka_unit_test(collectors_run_before_each_rendering),
        cmocka_unit_test(threads_lose_no_count),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
