/* The bus against librdkafka's own mock brokers: lanes, settling, retries, dead letters, reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <unistd.h>

#include "common/bus/bus.h"

typedef struct Brokers {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *cluster;
    BusConfig config;
    BusProducer *producer;
} Brokers;

static const char *const topics[] = {"t.intake", "t.intake.bulk", "t.dlq", "t.response"};

static int brokers_up(void **state)
{
    static Brokers brokers;
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why);
    brokers.host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    brokers.cluster = rd_kafka_mock_cluster_new(brokers.host, 2);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        rd_kafka_mock_topic_create(brokers.cluster, topics[i], 4, 2);
    brokers.config = (BusConfig){.brokers = rd_kafka_mock_cluster_bootstraps(brokers.cluster),
                                 .client_id = "test",
                                 .topic_prefix = "t.",
                                 .message_max_bytes = 20000000};
    const BusProducerOptions options = {.message_timeout_ms = 5000, .bulk_linger_ms = 20};
    Err err;
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

static void publish(Brokers *brokers, const char *topic, const char *key, const char *value)
{
    Err err = {0};
    const BusRecord record = {.topic = topic,
                              .partition = BUS_PARTITION_BY_KEY,
                              .key = str_from(key),
                              .value = str_from(value),
                              .bulk = strstr(topic, "bulk") != NULL};
    BusDelivery delivery;
    if (!bus_publish_wait(brokers->producer, &record, &delivery, &err))
        fail_msg("%s: %s", err.code, err.text);
    assert_true(delivery.ok && delivery.offset >= 0);
}

static BusConsumer *consumer_for(Brokers *brokers, BusConsumerOptions options, const char *group)
{
    Err err = {0};
    BusConsumer *consumer = NULL;
    options.group = group;
    options.session_timeout_ms = 6000;
    if (options.lane_count == 0) {
        options.lanes[0] = "intake";
        options.lanes[1] = "intake.bulk";
        options.lane_count = 2;
    }
    if (!bus_consumer_new(&brokers->config, &options, &consumer, &err))
        fail_msg("%s: %s", err.code, err.text);
    return consumer;
}

static BusMessage *next(BusConsumer *consumer, uint32_t timeout_ms)
{
    BusMessage *message = NULL;
    return bus_poll(consumer, timeout_ms, &message) ? message : NULL;
}

static void the_interactive_lane_comes_first(void **state)
{
    Brokers *brokers = *state;
    for (int i = 0; i < 40; i++) {
        char key[8];
        snprintf(key, sizeof key, "%d", i);
        publish(brokers, "intake.bulk", key, "bulk");
    }
    for (int i = 0; i < 10; i++)
        publish(brokers, "intake", "k", "now");
    BusConsumer *consumer =
        consumer_for(brokers, (BusConsumerOptions){.in_flight_max = 1}, "lanes");
    /* One is taken to get going; by then the prefetch has both lanes. */
    BusMessage *message = next(consumer, 10000);
    assert_non_null(message);
    size_t now = message->lane == 0;
    sleep(2);
    bus_settle(consumer, message);
    for (size_t i = now; i < 10; i++) {
        message = next(consumer, 5000);
        assert_non_null(message);
        assert_int_equal(message->lane, 0);
        assert_string_equal(message->topic, "intake");
        assert_true(str_is(message->value, "now"));
        assert_true(str_is(message->key, "k"));
        bus_settle(consumer, message);
    }
    size_t bulk = 1 - now;
    while ((message = next(consumer, bulk < 40 ? 5000 : 300)) != NULL) {
        assert_int_equal(message->lane, 1);
        bus_settle(consumer, message);
        bulk++;
    }
    assert_int_equal(bulk, 40);
    bus_consumer_free(consumer);
}

static void bulk_does_not_starve_where_it_must_not(void **state)
{
    Brokers *brokers = *state;
    for (int i = 0; i < 30; i++)
        publish(brokers, "intake", "k", "now");
    for (int i = 0; i < 6; i++)
        publish(brokers, "intake.bulk", "k", "bulk");
    BusConsumer *consumer =
        consumer_for(brokers, (BusConsumerOptions){.in_flight_max = 1, .bulk_after = 4}, "fair");
    BusMessage *message = next(consumer, 10000);
    assert_non_null(message);
    sleep(2); /* by then the prefetch has both lanes */
    bus_settle(consumer, message);
    int first = 0, second = 0;
    for (int i = 0; i < 25; i++) {
        message = next(consumer, 5000);
        assert_non_null(message);
        *(message->lane ? &second : &first) += 1;
        bus_settle(consumer, message);
    }
    assert_in_range(second, 4, 6);
    assert_in_range(first, 19, 21);
    bus_consumer_free(consumer);
}

static void what_was_not_settled_comes_to_the_next_consumer(void **state)
{
    Brokers *brokers = *state;
    for (int i = 0; i < 6; i++)
        publish(brokers, "response", "same", (char[]){(char)('a' + i), 0});
    BusConsumerOptions options = {.lanes = {"response"}, .lane_count = 1};
    BusConsumer *consumer = consumer_for(brokers, options, "settle");
    BusMessage *held[6];
    for (int i = 0; i < 6; i++) {
        held[i] = next(consumer, 10000);
        assert_non_null(held[i]);
    }
    assert_int_equal(bus_consumer_in_flight(consumer), 6);
    /* a, b and d are settled: c holds the mark. */
    bus_settle(consumer, held[3]);
    bus_settle(consumer, held[0]);
    bus_settle(consumer, held[1]);
    bus_drop(consumer, held[2]);
    bus_drop(consumer, held[4]);
    bus_drop(consumer, held[5]);
    bus_consumer_free(consumer);
    consumer = consumer_for(brokers, options, "settle");
    for (int i = 2; i < 6; i++) {
        BusMessage *message = next(consumer, 10000);
        assert_non_null(message);
        assert_int_equal(message->value.ptr[0], 'a' + i);
        assert_true(message->maybe_redelivered);
        bus_settle(consumer, message);
    }
    assert_null(next(consumer, 300));
    bus_consumer_free(consumer);
}

static void a_retry_comes_again_and_the_settled_do_not(void **state)
{
    Brokers *brokers = *state;
    BusConsumerOptions options = {.lanes = {"intake"}, .lane_count = 1};
    BusConsumer *consumer = consumer_for(brokers, options, "retry");
    BusMessage *message;
    while ((message = next(consumer, 6000)) != NULL) /* what the first test left */
        bus_settle(consumer, message);
    for (int i = 0; i < 5; i++)
        publish(brokers, "intake", "r", (char[]){(char)('0' + i), 0});
    BusMessage *held[5];
    for (int i = 0; i < 5; i++) {
        held[i] = next(consumer, 5000);
        assert_non_null(held[i]);
    }
    bus_settle(consumer, held[0]);
    bus_settle(consumer, held[2]);
    bus_retry(consumer, held[1], 300);
    bus_retry(consumer, held[3], 300);
    publish(brokers, "intake", "r", "5");
    const char *want = "135";
    for (size_t i = 0; i < 3; i++) {
        message = next(consumer, 5000);
        assert_non_null(message);
        assert_int_equal(message->value.ptr[0], want[i]);
        assert_int_equal(message->retries, want[i] == '5' ? 0 : 1);
        bus_settle(consumer, message);
    }
    bus_settle(consumer, held[4]);
    assert_null(next(consumer, 500));
    BusLag lags[8];
    size_t count = bus_consumer_lag(consumer, lags, 8);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(lags[i].lag, 0);
    bus_consumer_free(consumer);
}

static void intake_stops_at_the_cap_and_while_paused(void **state)
{
    Brokers *brokers = *state;
    BusConsumerOptions options = {.lanes = {"intake"}, .lane_count = 1, .in_flight_max = 2};
    BusConsumer *consumer = consumer_for(brokers, options, "cap");
    BusMessage *one = next(consumer, 10000), *two = next(consumer, 5000);
    assert_non_null(one);
    assert_non_null(two);
    assert_null(next(consumer, 300));
    bus_settle(consumer, one);
    bus_pause(consumer);
    assert_null(next(consumer, 300));
    bus_resume(consumer);
    one = next(consumer, 1000);
    assert_non_null(one);
    bus_drop(consumer, one);
    bus_drop(consumer, two);
    bus_consumer_free(consumer);
}

static void drop_next(BusConsumer *consumer)
{
    BusMessage *message = next(consumer, 50);
    if (message)
        bus_drop(consumer, message);
}

/* The mock brokers fence nobody by themselves (tests/e2e/outages does it with a real one): they
 * answer a heartbeat as a broker does when another one came under the same name. */
static void a_fenced_member_says_that_it_cannot_go_on_and_its_successor_can(void **state)
{
    enum { HEARTBEAT = 12 };
    Brokers *brokers = *state;
    BusConsumerOptions options = {
        .lanes = {"response"}, .lane_count = 1, .member = "0123456789abcdef"};
    BusConsumer *fenced = consumer_for(brokers, options, "fence");
    while (!bus_consumer_assigned(fenced))
        drop_next(fenced);
    assert_false(bus_consumer_fatal(fenced));
    rd_kafka_mock_push_request_errors(brokers->cluster, HEARTBEAT, 1,
                                      RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
    for (int i = 0; i < 200 && !bus_consumer_fatal(fenced); i++)
        drop_next(fenced);
    assert_true(bus_consumer_fatal(fenced));
    bus_consumer_free(fenced);
    BusConsumer *successor = consumer_for(brokers, options, "fence");
    publish(brokers, "response", "fence", "after");
    BusMessage *message = NULL;
    for (int i = 0; i < 200 && !(message && str_is(message->value, "after")); i++) {
        if (message)
            bus_settle(successor, message);
        message = next(successor, 100);
    }
    assert_non_null(message);
    bus_settle(successor, message);
    assert_false(bus_consumer_fatal(successor));
    bus_consumer_free(successor);
}

#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void a_dead_letter_says_why_and_where_from(void **state)
{
    Brokers *brokers = *state;
    const BusHeader headers[] = {
        {STR("traceparent"), STR(TRACEPARENT)},
        {STR("dlq-reason"),  STR("old")      }
    };
    const BusRecord record = {.topic = "intake",
                              .partition = 2,
                              .key = STR("k"),
                              .value = STR("poison"),
                              .headers = headers,
                              .header_count = 2};
    Err err = {0};
    assert_true(bus_publish_wait(brokers->producer, &record, NULL, &err));
    BusConsumerOptions options = {
        .lanes = {"intake", "dlq"},
          .lane_count = 2
    };
    BusConsumer *consumer = consumer_for(brokers, options, "dead");
    BusMessage *message;
    while ((message = next(consumer, 10000)) && !str_is(message->value, "poison"))
        bus_settle(consumer, message);
    assert_non_null(message);
    char offset[24];
    snprintf(offset, sizeof offset, "%lld", (long long)message->offset);
    Err reason = {ERR_INPUT, "poison", "x.c:1", "died twice"};
    const BusBurial burial = {"validator", &reason, .deaths = 2, .attempts = 3};
    assert_true(bus_dead_letter(brokers->producer, message, &burial, NULL, NULL, &err));
    bus_settle(consumer, message);
    while (bus_producer_in_flight(brokers->producer) > 0)
        bus_producer_poll(brokers->producer, 100);
    while ((message = next(consumer, 10000)) && strcmp(message->topic, "dlq") != 0)
        bus_settle(consumer, message);
    assert_non_null(message);
    assert_true(str_is(message->value, "poison"));
    assert_true(str_is(message->key, "k"));
    assert_true(str_is(bus_message_header(message, "dlq-reason"), "poison"));
    assert_true(str_is(bus_message_header(message, "dlq-text"), "died twice"));
    assert_true(str_is(bus_message_header(message, "dlq-topic"), "intake"));
    assert_true(str_is(bus_message_header(message, "dlq-partition"), "2"));
    assert_true(str_is(bus_message_header(message, "dlq-offset"), offset));
    assert_true(str_is(bus_message_header(message, "dlq-service"), "validator"));
    assert_true(str_is(bus_message_header(message, "dlq-deaths"), "2"));
    assert_true(str_is(bus_message_header(message, "dlq-attempts"), "3"));
    assert_true(str_is(bus_message_header(message, "traceparent"), TRACEPARENT));
    Trace trace = bus_message_trace(message);
    char hex[TRACE_ID_HEX + 1];
    trace_id_hex(&trace, hex);
    assert_string_equal(hex, "0af7651916cd43dd8448eb211c80319c");
    assert_null(bus_message_header(message, "absent").ptr);
    bus_settle(consumer, message);
    bus_consumer_free(consumer);
}

static void a_reader_sees_everything_after_it_is_ready_and_nothing_before(void **state)
{
    Brokers *brokers = *state;
    Err err = {0};
    BusReader *reader = NULL;
    int32_t count = 0;
    publish(brokers, "response", "x", "before");
    assert_true(bus_partition_count(&brokers->config, "response", 5000, &count, &err));
    assert_int_equal(count, 4);
    int32_t mine = bus_response_partition(STR("ingest-1"), count);
    assert_true(mine >= 0 && mine < count);
    assert_true(bus_reader_new(&brokers->config, "response", &mine, 1, 5000, &reader, &err));
    for (int i = 0; i < 20; i++) {
        const BusRecord record = {.topic = "response", .partition = i % 4, .value = STR("after")};
        assert_true(bus_publish_wait(brokers->producer, &record, NULL, &err));
    }
    const BusMessage *message;
    for (int i = 0; i < 5; i++) {
        assert_true(bus_reader_poll(reader, 5000, &message));
        assert_true(str_is(message->value, "after"));
        assert_int_equal(message->partition, mine);
    }
    assert_false(bus_reader_poll(reader, 300, &message));
    bus_reader_free(reader);
}

static void too_much_in_flight_is_back_pressure(void **state)
{
    Brokers *brokers = *state;
    const BusProducerOptions options = {.in_flight_limit_bytes = 3000, .own_thread = true};
    BusProducer *producer;
    Err err = {0};
    char large[2000];
    memset(large, 'x', sizeof large);
    assert_true(bus_producer_new(&brokers->config, &options, &producer, &err));
    rd_kafka_mock_broker_set_rtt(brokers->cluster, -1, 300);
    const BusRecord record = {
        .topic = "intake", .partition = 0, .value = {large, sizeof large}
    };
    assert_true(bus_publish(producer, &record, &err));
    assert_false(bus_publish(producer, &record, &err));
    assert_int_equal(err.kind, ERR_RETRY);
    assert_string_equal(err.code, "bus-full");
    rd_kafka_mock_broker_set_rtt(brokers->cluster, -1, 0);
    for (int i = 0; i < 100 && bus_producer_in_flight(producer) > 0; i++)
        usleep(50000);
    assert_int_equal(bus_producer_in_flight_bytes(producer), 0);
    assert_true(bus_publish_wait(producer, &record, NULL, &err));
    bus_producer_free(producer, 1000);
}

/* Too large to be copied by librdkafka either; the sanitizers see whether it is freed, and once. */
static void a_given_value_is_sent_from_where_it_lies(void **state)
{
    enum { BYTES = 100000, BEFORE = 100 };
    Brokers *brokers = *state;
    Err err = {0};
    char *memory = malloc(BEFORE + BYTES);
    assert_non_null(memory);
    for (size_t i = 0; i < BYTES; i++)
        memory[BEFORE + i] = (char)(i * 7 + i / 251);
    BusRecord record = {
        .topic = "intake",
        .partition = 0,
        .key = STR("given"),
        .value = {memory + BEFORE, BYTES},
        .given = memory
    };
    assert_true(bus_publish_wait(brokers->producer, &record, NULL, &err));
    BusConsumer *consumer = consumer_for(brokers, (BusConsumerOptions){.gather_ms = 20}, "given");
    BusMessage *message;
    while ((message = next(consumer, 10000)) && !str_is(message->key, "given"))
        bus_settle(consumer, message);
    assert_non_null(message);
    assert_int_equal(message->value.len, BYTES);
    for (size_t i = 0; i < BYTES; i++)
        assert_true(message->value.ptr[i] == (char)(i * 7 + i / 251));
    bus_settle(consumer, message);
    bus_consumer_free(consumer);
}

static void a_value_that_is_not_taken_stays_the_givers(void **state)
{
    Brokers *brokers = *state;
    BusProducer *producer;
    Err err = {0};
    const BusProducerOptions options = {.in_flight_limit_bytes = 3000, .own_thread = true};
    assert_true(bus_producer_new(&brokers->config, &options, &producer, &err));
    rd_kafka_mock_broker_set_rtt(brokers->cluster, -1, 300);
    char *first = calloc(1, 2000), *second = calloc(1, 2000);
    assert_true(first && second);
    BusRecord record = {
        .topic = "intake", .partition = 0, .value = {first, 2000},
                .given = first
    };
    assert_true(bus_publish(producer, &record, &err));
    record.value.ptr = record.given = second;
    assert_false(bus_publish(producer, &record, &err));
    free(second);
    rd_kafka_mock_broker_set_rtt(brokers->cluster, -1, 0);
    bus_producer_free(producer, 2000);
}

static void reports_arrive_even_when_nobody_answers(void **state)
{
    (void)state;
    const BusConfig nowhere = {.brokers = "127.0.0.1:1", .client_id = "test"};
    const BusProducerOptions options = {.message_timeout_ms = 1000};
    BusProducer *producer;
    Err err = {0};
    assert_true(bus_producer_new(&nowhere, &options, &producer, &err));
    const BusRecord record = {.topic = "intake", .partition = 0, .value = STR("v")};
    assert_false(bus_publish_wait(producer, &record, NULL, &err));
    assert_int_equal(err.kind, ERR_RETRY);
    assert_false(bus_producer_connected(producer));
    bus_producer_free(producer, 100);
    BusReader *reader;
    assert_false(bus_reader_new(&nowhere, "response", NULL, 0, 500, &reader, &err));
    assert_int_equal(err.kind, ERR_RETRY);
}

static void a_wrong_setting_is_named_and_not_its_value(void **state)
{
    (void)state;
    const BusConfig config = {.brokers = "127.0.0.1:1", .extra = "no.such.setting=secret"};
    const BusProducerOptions options = {0};
    BusProducer *producer;
    Err err = {0};
    assert_false(bus_producer_new(&config, &options, &producer, &err));
    assert_int_equal(err.kind, ERR_FATAL);
    assert_string_equal(err.code, "bus-config");
    assert_non_null(strstr(err.text, "no.such.setting"));
    assert_null(strstr(err.text, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interactive_lane_comes_first),
        cmocka_unit_test(what_was_not_settled_comes_to_the_next_consumer),
        cmocka_unit_test(a_retry_comes_again_and_the_settled_do_not),
        cmocka_unit_test(intake_stops_at_the_cap_and_while_paused),
        cmocka_unit_test(a_fenced_member_says_that_it_cannot_go_on_and_its_successor_can),
        cmocka_unit_test(a_dead_letter_says_why_and_where_from),
        cmocka_unit_test(a_reader_sees_everything_after_it_is_ready_and_nothing_before),
        cmocka_unit_test(too_much_in_flight_is_back_pressure),
        cmocka_unit_test(a_given_value_is_sent_from_where_it_lies),
        cmocka_unit_test(a_value_that_is_not_taken_stays_the_givers),
        cmocka_unit_test(reports_arrive_even_when_nobody_answers),
        cmocka_unit_test(a_wrong_setting_is_named_and_not_its_value),
        cmocka_unit_test(bulk_does_not_starve_where_it_must_not),
    };
    return cmocka_run_group_tests(tests, brokers_up, brokers_down);
}
