/* The catalog against librdkafka's mock brokers, and its table without any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

#include <librdkafka/rdkafka_mock.h>

#include "common/base/clock.h"
#include "common/catalog/publish.h"

static atomic_int made_alive; /* several catalogs have a thread each */

/* Numbers are good, all else is refused. */
static bool make_number(void *opaque, const CatalogObject *object, void **ret_made, Err *err)
{
    uint64_t value;
    (void)opaque;
    if (!str_to_u64(object->data, &value))
        return ERR(err, ERR_INPUT, "no-number", "not a number");
    uint64_t *made = malloc(sizeof *made);
    *made = value;
    made_alive++;
    *ret_made = made;
    return true;
}

static void unmake_number(void *made)
{
    made_alive--;
    free(made);
}

static const CatalogKind kinds[] = {
    {"number", make_number, unmake_number, NULL},
    {"plain",  NULL,        NULL,          NULL},
};

static Catalog *detached(void)
{
    const CatalogOptions options = {.kinds = kinds, .kind_count = 2};
    Catalog *catalog = NULL;
    Err err;
    assert_true(catalog_open_detached(&options, &catalog, &err));
    return catalog;
}

static Str record_of(const char *id, uint64_t version, const char *data, Buf *buf)
{
    const ObjectDraft draft = {.id = str_from(id),
                               .version = version,
                               .published_us = 1700000000000000,
                               .published_by = STR("me"),
                               .comment = STR("a \"why\""),
                               .data = str_from(data)};
    Err err = {0};
    buf_reset(buf);
    if (!object_write(&draft, buf, &err))
        fail_msg("%s: %s", err.code, err.text);
    return buf_str(buf);
}

static bool apply(Catalog *catalog, const char *id, uint64_t version, const char *data, Err *err)
{
    BUF_AUTO buf;
    buf_init(&buf, OBJECT_BYTES_MAX);
    return catalog_apply(catalog, str_from(id), record_of(id, version, data, &buf), err);
}

static void an_object_is_read_as_it_was_written(void **state)
{
    (void)state;
    BUF_AUTO buf;
    CatalogObject *object = NULL;
    Err err = {0};
    buf_init(&buf, OBJECT_BYTES_MAX);
    Str value = record_of("plain/A.b_c", 7, "{\"x\": 0.010 }", &buf);
    assert_true(object_read(STR("plain/A.b_c"), value, &object, &err));
    assert_true(str_is(object->kind, "plain") && str_is(object->name, "A.b_c"));
    assert_true(str_is(object->data, "{\"x\": 0.010 }"));
    assert_true(str_is(object->comment, "a \"why\""));
    assert_int_equal(object->version, 7);
    assert_true(object->published_us == 1700000000000000);
    assert_true(str_starts(str_from(object->stamp), STR("A.b_c@7#")));
    object_free(object);
}

static void what_is_no_object_is_refused(void **state)
{
    static const struct {
        const char *key, *value, *code;
    } cases[] = {
        {"plain/a",   "{",                                  "object-json" },
        {"plain/a",   "[]",                                 "object-id"   },
        {"plain/a",   "{\"id\":\"plain/b\"}",               "object-id"   },
        {"plain/a",   "{\"id\":\"plain/a\",\"data\":1}",    "object-field"},
        {"plain/a",   "{\"id\":\"plain/a\",\"version\":0}", "object-field"},
        {"plain/a",   "{\"id\":\"plain/a\",\"version\":1}", "object-field"},
        {"plain",     "{\"id\":\"plain\"}",                 "object-id"   },
        {"plain/",    "{\"id\":\"plain/\"}",                "object-id"   },
        {"plain/a b", "{\"id\":\"plain/a b\"}",             "object-id"   },
        {"Plain/a",   "{\"id\":\"Plain/a\"}",               "object-id"   },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CatalogObject *object = NULL;
        Err err = {0};
        assert_false(object_read(str_from(cases[i].key), str_from(cases[i].value), &object, &err));
        assert_string_equal(err.code, cases[i].code);
        assert_null(object);
    }
}

static void a_view_stays_as_it_was_while_the_catalog_changes(void **state)
{
    (void)state;
    Err err = {0};
    Catalog *catalog = detached();
    assert_true(catalog_ready(catalog, 0));
    assert_true(apply(catalog, "number/b", 1, "2", &err));
    assert_true(apply(catalog, "number/a", 1, "1", &err));
    assert_true(apply(catalog, "plain/z", 1, "\"any\"", &err));
    const CatalogView *before = catalog_acquire(catalog);
    assert_true(apply(catalog, "number/a", 2, "10", &err));
    assert_true(catalog_apply(catalog, STR("number/b"), STR_NONE, &err));
    const CatalogView *after = catalog_acquire(catalog);
    assert_int_equal(before->count, 3);
    assert_true(*(const uint64_t *)catalog_find(before, STR("number/a"))->made == 1);
    assert_true(*(const uint64_t *)catalog_find(before, STR("number/b"))->made == 2);
    assert_int_equal(catalog_kind(before, "number").count, 2);
    assert_true(str_is(catalog_kind(before, "number").entries[0].object->id, "number/a"));
    assert_int_equal(after->count, 2);
    assert_true(*(const uint64_t *)catalog_find(after, STR("number/a"))->made == 10);
    assert_null(catalog_find(after, STR("number/b")));
    assert_true(after->generation > before->generation);
    assert_int_equal(made_alive, 3);
    catalog_release(catalog, before);
    assert_int_equal(made_alive, 1);
    catalog_release(catalog, after);
    catalog_close(catalog);
    assert_int_equal(made_alive, 0);
}

static void a_refused_object_leaves_the_last_good_one(void **state)
{
    (void)state;
    Err err = {0};
    Catalog *catalog = detached();
    assert_true(apply(catalog, "number/a", 1, "1", &err));
    assert_false(apply(catalog, "number/a", 2, "\"x\"", &err));
    assert_string_equal(err.code, "no-number");
    assert_false(catalog_apply(catalog, STR("number/a"), STR("{not json"), &err));
    assert_false(apply(catalog, "number/never", 1, "\"x\"", &err));
    assert_int_equal(catalog_counts(catalog).refused, 3);
    assert_int_equal(catalog_counts(catalog).refused_now, 2);
    const CatalogView *view = catalog_acquire(catalog);
    assert_int_equal(view->count, 1);
    assert_int_equal(view->entries[0].object->version, 1);
    catalog_release(catalog, view);
    assert_true(apply(catalog, "number/a", 3, "3", &err));
    assert_true(catalog_apply(catalog, STR("number/never"), STR_NONE, &err));
    assert_int_equal(catalog_counts(catalog).refused_now, 0);
    catalog_close(catalog);
}

static void other_kinds_are_not_ours(void **state)
{
    (void)state;
    Err err = {0};
    Catalog *catalog = detached();
    assert_true(catalog_apply(catalog, STR("destination/lake"), STR("no json"), &err));
    assert_int_equal(catalog_counts(catalog).objects, 0);
    catalog_close(catalog);
}

/* --- with brokers --------------------------------------------------------------------------- */
typedef struct Brokers {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *cluster;
    BusConfig config;
    BusProducer *producer;
} Brokers;

static int brokers_up(void **state)
{
    static Brokers brokers;
    char why[256];
    Err err;
    brokers.host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    brokers.cluster = rd_kafka_mock_cluster_new(brokers.host, 1);
    rd_kafka_mock_topic_create(brokers.cluster, "config", 1, 1);
    brokers.config = (BusConfig){.brokers = rd_kafka_mock_cluster_bootstraps(brokers.cluster),
                                 .client_id = "catalog-test"};
    const BusProducerOptions options = {0};
    *state = &brokers;
    return bus_producer_new(&brokers.config, &options, &brokers.producer, &err) ? 0 : -1;
}

static int brokers_down(void **state)
{
    Brokers *brokers = *state;
    bus_producer_free(brokers->producer, 1000);
    rd_kafka_mock_cluster_destroy(brokers->cluster);
    rd_kafka_destroy(brokers->host);
    return 0;
}

static void publish(Brokers *brokers, const char *id, Str value)
{
    const BusRecord record = {.topic = "config", .key = str_from(id), .value = value};
    BusDelivery delivery;
    Err err = {0};
    if (!bus_publish_wait(brokers->producer, &record, &delivery, &err) || !delivery.ok)
        fail_msg("%s", err.text);
}

static void publish_number(Brokers *brokers, const char *id, uint64_t version, const char *data)
{
    BUF_AUTO buf;
    buf_init(&buf, OBJECT_BYTES_MAX);
    publish(brokers, id, record_of(id, version, data, &buf));
}

static bool await_generation(Catalog *catalog, uint64_t more_than)
{
    for (int i = 0; i < 200 && catalog_generation(catalog) <= more_than; i++)
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    return catalog_generation(catalog) > more_than;
}

static void is_ready_when_it_has_read_to_the_end_and_follows_from_there(void **state)
{
    Brokers *brokers = *state;
    const CatalogOptions options = {.bus = &brokers->config, .kinds = kinds, .kind_count = 2};
    Catalog *catalog = NULL;
    Err err = {0};
    publish_number(brokers, "number/a", 1, "1");
    publish_number(brokers, "number/a", 2, "2");
    publish_number(brokers, "number/gone", 1, "3");
    publish(brokers, "number/gone", STR_NONE);
    assert_true(catalog_open(&options, &catalog, &err));
    assert_true(catalog_ready(catalog, 20000));
    const CatalogView *view = catalog_acquire(catalog);
    assert_int_equal(view->count, 1);
    assert_int_equal(view->entries[0].object->version, 2);
    uint64_t generation = view->generation;
    catalog_release(catalog, view);
    publish_number(brokers, "number/a", 3, "\"broken\"");
    assert_true(await_generation(catalog, generation));
    assert_int_equal(catalog_counts(catalog).refused_now, 1);
    generation = catalog_generation(catalog);
    publish_number(brokers, "number/a", 4, "40");
    assert_true(await_generation(catalog, generation));
    view = catalog_acquire(catalog);
    assert_int_equal(view->entries[0].object->version, 4);
    catalog_release(catalog, view);
    catalog_close(catalog);
    assert_int_equal(made_alive, 0);
}

static void an_empty_topic_is_ready_too(void **state)
{
    Brokers *brokers = *state;
    BusConfig config = brokers->config;
    config.topic_prefix = "empty.";
    rd_kafka_mock_topic_create(brokers->cluster, "empty.config", 1, 1);
    const CatalogOptions options = {.bus = &config, .kinds = kinds, .kind_count = 2};
    Catalog *catalog = NULL;
    Err err = {0};
    assert_true(catalog_open(&options, &catalog, &err));
    assert_true(catalog_ready(catalog, 20000));
    assert_int_equal(catalog_counts(catalog).objects, 0);
    catalog_close(catalog);
}

static void without_brokers_it_is_not_ready_and_can_be_closed(void **state)
{
    (void)state;
    const BusConfig config = {.brokers = "127.0.0.1:1", .client_id = "catalog-test"};
    const CatalogOptions options = {.bus = &config, .kinds = kinds, .kind_count = 2};
    Catalog *catalog = NULL;
    Err err = {0};
    assert_true(catalog_open(&options, &catalog, &err));
    assert_false(catalog_ready(catalog, 300));
    catalog_close(catalog);
}

static void what_is_published_comes_back_one_version_higher_and_can_be_removed(void **state)
{
    Brokers *brokers = *state;
    BusConfig config = brokers->config;
    config.topic_prefix = "tool.";
    rd_kafka_mock_topic_create(brokers->cluster, "tool.config", 1, 1);
    const CatalogOptions options = {.bus = &config, .kinds = kinds, .kind_count = 2};
    Catalog *catalog = NULL;
    Err err = {0};
    uint64_t version = 0;
    CatalogChange change = {.id = STR("number/x"), .data = STR("1"), .by = STR("me")};
    assert_true(catalog_open(&options, &catalog, &err));
    assert_true(catalog_ready(catalog, 20000));
    for (uint64_t i = 1; i <= 2; i++) {
        assert_true(catalog_publish(catalog, &config, &change, 10000, &version, &err));
        assert_int_equal(version, i);
    }
    change.expects = true;
    change.expected_version = 1;
    assert_false(catalog_publish(catalog, &config, &change, 10000, &version, &err));
    assert_string_equal(err.code, "publish-version");
    change.expected_version = 2;
    change.data = STR_NONE;
    assert_true(catalog_publish(catalog, &config, &change, 10000, &version, &err));
    assert_int_equal(version, 0);
    assert_int_equal(catalog_counts(catalog).objects, 0);
    change.expects = false;
    assert_false(catalog_publish(catalog, &config, &change, 10000, &version, &err));
    assert_string_equal(err.code, "publish-unknown");
    catalog_close(catalog);
}

/* --- two replicas ---------------------------------------------------------------------------- */
typedef struct Replica {
    Catalog *catalog;
    BusConfig config;
    char data[24];
    bool fine;
    Err err;
    pthread_t thread;
} Replica;

static void *change_it(void *opaque)
{
    Replica *replica = opaque;
    uint64_t version;
    const CatalogChange change = {.id = STR("number/x"),
                                  .data = str_from(replica->data),
                                  .by = STR("me"),
                                  .expects = true,
                                  .expected_version = 1};
    replica->fine = catalog_publish(replica->catalog, &replica->config, &change, 20000, &version,
                                    &replica->err);
    return NULL;
}

static Catalog *opened(const BusConfig *config, bool publishes)
{
    const CatalogOptions options = {
        .bus = config, .kinds = kinds, .kind_count = 2, .publishes = publishes};
    Catalog *catalog = NULL;
    Err err = {0};
    assert_true(catalog_open(&options, &catalog, &err));
    assert_true(catalog_ready(catalog, 20000));
    return catalog;
}

static uint64_t in_force(Catalog *catalog)
{
    const CatalogView *view = catalog_acquire(catalog);
    const CatalogEntry *entry = catalog_find(view, STR("number/x"));
    uint64_t value = entry ? *(const uint64_t *)entry->made : 0;
    catalog_release(catalog, view);
    return value;
}

static bool comes_to(Catalog *catalog, uint64_t value)
{
    for (int i = 0; i < 200 && in_force(catalog) != value; i++)
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    return in_force(catalog) == value;
}

static void of_replicas_that_change_one_version_at_once_one_does_and_all_agree(void **state)
{
    enum { REPLICAS = 4 };
    Brokers *brokers = *state;
    BusConfig config = brokers->config;
    Replica replicas[REPLICAS] = {0};
    Err err = {0};
    uint64_t version, winner = 0;
    int won = 0;
    config.topic_prefix = "race.";
    rd_kafka_mock_topic_create(brokers->cluster, "race.config", 1, 1);
    for (size_t i = 0; i < REPLICAS; i++)
        replicas[i] = (Replica){.catalog = opened(&config, true), .config = config};
    const CatalogChange first = {.id = STR("number/x"), .data = STR("1"), .by = STR("me")};
    assert_true(catalog_publish(replicas[0].catalog, &config, &first, 20000, &version, &err));
    for (size_t i = 0; i < REPLICAS; i++)
        assert_true(comes_to(replicas[i].catalog, 1));
    for (size_t i = 0; i < REPLICAS; i++) {
        snprintf(replicas[i].data, sizeof replicas[i].data, "%zu", i + 10);
        assert_int_equal(pthread_create(&replicas[i].thread, NULL, change_it, &replicas[i]), 0);
    }
    for (size_t i = 0; i < REPLICAS; i++) {
        pthread_join(replicas[i].thread, NULL);
        won += replicas[i].fine;
        if (replicas[i].fine)
            winner = i + 10;
        else
            assert_string_equal(replicas[i].err.code, "publish-version");
    }
    assert_int_equal(won, 1);
    for (size_t i = 0; i < REPLICAS; i++) {
        assert_true(comes_to(replicas[i].catalog, winner));
        catalog_close(replicas[i].catalog);
    }
    Catalog *later = opened(&config, false);
    assert_int_equal(in_force(later), winner);
    catalog_close(later);
    assert_int_equal(made_alive, 0);
}

static void what_lost_is_settled_by_whoever_may_publish(void **state)
{
    Brokers *brokers = *state;
    BusConfig config = brokers->config;
    BusProducer *producer = NULL;
    BusDelivery delivery;
    Err err = {0};
    BUF_AUTO buf;
    buf_init(&buf, OBJECT_BYTES_MAX);
    config.topic_prefix = "lost.";
    rd_kafka_mock_topic_create(brokers->cluster, "lost.config", 1, 1);
    const BusProducerOptions options = {0};
    assert_true(bus_producer_new(&config, &options, &producer, &err));
    Catalog *catalog = opened(&config, true);
    const BusHeader over = {STR("over"), STR("0")};
    BusRecord record = {.topic = "config",
                        .key = STR("number/x"),
                        .value = record_of("number/x", 1, "5", &buf),
                        .headers = &over,
                        .header_count = 1};
    assert_true(bus_publish_wait(producer, &record, &delivery, &err));
    assert_true(comes_to(catalog, 5));
    /* Somebody publishes over what is no longer, and dies before it can hear of it. */
    record.value = record_of("number/x", 1, "6", &buf);
    assert_true(bus_publish_wait(producer, &record, &delivery, &err));
    int64_t loser = delivery.offset;
    assert_int_equal(catalog_fate(catalog, loser, 20000), CATALOG_LOST);
    assert_int_equal(in_force(catalog), 5);
    catalog_close(catalog);
    /* The last record of the key is what is in force. */
    BusReader *reader = NULL;
    const BusMessage *message = NULL;
    bool settled = false;
    assert_true(bus_reader_new_from_start(&config, "config", 20000, &reader, &err));
    while (!bus_reader_caught_up(reader))
        if (bus_reader_poll(reader, 100, &message) && message->offset > loser)
            settled = str_find(message->value, STR("\"data\":5")) < message->value.len;
    assert_true(settled);
    bus_reader_free(reader);
    bus_producer_free(producer, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_read_as_it_was_written),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(a_view_stays_as_it_was_while_the_catalog_changes),
        cmocka_unit_test(a_refused_object_leaves_the_last_good_one),
        cmocka_unit_test(other_kinds_are_not_ours),
        cmocka_unit_test(is_ready_when_it_has_read_to_the_end_and_follows_from_there),
        cmocka_unit_test(an_empty_topic_is_ready_too),
        cmocka_unit_test(what_is_published_comes_back_one_version_higher_and_can_be_removed),
        cmocka_unit_test(of_replicas_that_change_one_version_at_once_one_does_and_all_agree),
        cmocka_unit_test(what_lost_is_settled_by_whoever_may_publish),
        cmocka_unit_test(without_brokers_it_is_not_ready_and_can_be_closed),
    };
    return cmocka_run_group_tests(tests, brokers_up, brokers_down);
}
