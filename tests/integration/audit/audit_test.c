/* The trail's publisher while brokers are away: what it takes, when it refuses, what it tells of
 * what found no room. Every record that was said arrives, or is counted in a gap. */
#include "common/audit/audit.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/support/cmocka.h"

enum { BUFFER_BYTES = 200 * 1000, SAID_MAX = 20000, PATIENCE_MS = 60000 };

typedef struct Fixture {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *brokers;
    BusConfig bus;
    Metrics *metrics;
    Audit *audit;
    Arena *arena;
} Fixture;

static void open_audit(Fixture *f, bool serve)
{
    const AuditOptions options = {.bus = &f->bus,
                                  .metrics = f->metrics = metrics_new(),
                                  .service = STR("test"),
                                  .instance = STR("test-1"),
                                  .buffer_bytes = BUFFER_BYTES,
                                  .serve_unrecorded = serve};
    Err err = {0};
    if (!audit_open(&options, &f->audit, &err))
        fail_msg("%s %s", err.code, err.text);
}

static int set_up(void **state)
{
    static Fixture f;
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why);
    f.host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    f.brokers = rd_kafka_mock_cluster_new(f.host, 1);
    rd_kafka_mock_topic_create(f.brokers, "audit", 2, 1);
    f.bus = (BusConfig){.brokers = rd_kafka_mock_cluster_bootstraps(f.brokers),
                        .client_id = "test",
                        .topic_prefix = "",
                        .extra = "reconnect.backoff.max.ms=200"};
    f.arena = arena_new(1 << 20);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *f = *state;
    audit_close(f->audit, 1000);
    metrics_free(f->metrics);
    arena_free(f->arena);
    rd_kafka_mock_cluster_destroy(f->brokers);
    rd_kafka_destroy(f->host);
    return 0;
}

static void say_one(Fixture *f)
{
    const AuditRecord record = {.kind = AUDIT_REQUEST, .operation = STR("GET /interactions")};
    arena_reset(f->arena);
    audit_say(f->audit, &record, f->arena);
}

static uint64_t metric(Fixture *f, const char *name)
{
    BUF_AUTO text;
    buf_init(&text, 1 << 16);
    assert_true(metrics_render(f->metrics, &text));
    char *line = arena_alloc(f->arena, 100), *at;
    snprintf(line, 100, "\n%s ", name);
    at = strstr(arena_copy(f->arena, buf_str(&text)).ptr, line);
    return at ? strtoull(at + strlen(line), NULL, 10) : UINT64_MAX;
}

static void wait_for_published(Fixture *f, uint64_t count)
{
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    while (metric(f, "fhirbus_audit_published_total") < count) {
        if (clock_mono_ms() > until_ms)
            fail_msg("%llu published",
                     (unsigned long long)metric(f, "fhirbus_audit_published_total"));
        arena_reset(f->arena);
        usleep(20000);
    }
}

/* What stands on the topic: records, and those that gaps tell of. */
static void read_topic(const Fixture *f, uint64_t *ret_records, uint64_t *ret_told)
{
    BusReader *reader = NULL;
    const BusMessage *message;
    Err err = {0};
    ARENA_AUTO arena = arena_new(1 << 20);
    *ret_records = *ret_told = 0;
    assert_true(bus_reader_new_from_start(&f->bus, "audit", PATIENCE_MS, &reader, &err));
    for (;;) {
        if (!bus_reader_poll(reader, 300, &message)) {
            if (bus_reader_caught_up(reader))
                break;
            continue;
        }
        AuditRecord record;
        arena_reset(arena);
        assert_true(audit_record_decode(message->value, arena, &record, &err));
        if (record.kind == AUDIT_GAP)
            *ret_told += record.count;
        else
            ++*ret_records;
    }
    bus_reader_free(reader);
}

static void brokers_that_are_away_for_long(Fixture *f, bool serve)
{
    uint64_t said = 0, records, told, refused_at = 0;
    say_one(f);
    wait_for_published(f, 1);
    said = 1;
    rd_kafka_mock_broker_set_down(f->brokers, -1);
    for (; said < SAID_MAX && metric(f, "fhirbus_audit_dropped_total") == 0; said++) {
        if (!refused_at && !audit_accepts(f->audit))
            refused_at = said;
        say_one(f);
    }
    assert_true(said < SAID_MAX); /* memory is limited */
    for (int i = 0; i < 10; i++, said++)
        say_one(f);
    if (serve)
        assert_true(audit_accepts(f->audit));
    else
        assert_in_range(refused_at, said / 2, said - 30); /* before anything is lost */
    uint64_t dropped = metric(f, "fhirbus_audit_dropped_total");
    assert_int_equal(dropped, 11);
    rd_kafka_mock_broker_set_up(f->brokers, -1);
    wait_for_published(f, said - dropped);
    assert_true(audit_accepts(f->audit));
    say_one(f); /* before it the gap is told */
    said++;
    wait_for_published(f, said - dropped + 1);
    read_topic(f, &records, &told);
    assert_int_equal(told, dropped);
    assert_int_equal(records + told, said);
}

static void refuses_before_anything_is_lost(void **state)
{
    Fixture *f = *state;
    open_audit(f, false);
    brokers_that_are_away_for_long(f, false);
}

static void serves_on_where_it_is_told_to_and_counts(void **state)
{
    Fixture *f = *state;
    open_audit(f, true);
    brokers_that_are_away_for_long(f, true);
}

/* Shut down meanwhile: what is lost is counted, nobody waits longer than he said. */
static void a_shutdown_without_brokers_is_no_secret(void **state)
{
    Fixture *f = *state;
    open_audit(f, false);
    say_one(f);
    wait_for_published(f, 1);
    rd_kafka_mock_broker_set_down(f->brokers, -1);
    for (int i = 0; i < 5; i++)
        say_one(f);
    int64_t began_ms = clock_mono_ms();
    audit_close(f->audit, 200);
    f->audit = NULL;
    assert_true(clock_mono_ms() - began_ms < PATIENCE_MS);
    assert_int_equal(metric(f, "fhirbus_audit_dropped_total"), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_before_anything_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(serves_on_where_it_is_told_to_and_counts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_shutdown_without_brokers_is_no_secret, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
