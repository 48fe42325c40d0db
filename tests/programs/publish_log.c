/* publish_log - what a few interactions would put on the topics, published: for the persister's
 * tests, without the other services.
 *
 *   KAFKA_BROKERS=... publish_log log COUNT SEED    histories: bundles, verdicts, deliveries
 *   KAFKA_BROKERS=... publish_log bulk COUNT BYTES  COUNT bundles of BYTES on intake.bulk
 *   KAFKA_BROKERS=... publish_log poison TOPIC             one record that nobody can read
 *
 * The same COUNT and SEED publish the same interactions (ids are derived from both). Prints the
 * number of records. Exit 1 when one was not acknowledged. */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/bus/bus_options.h"
#include "common/config/config.h"
#include "tests/support/message_log.h"

typedef struct PublishConfig {
    BusConfig bus;
} PublishConfig;
static const ConfigOption options[] = {BUS_OPTIONS(PublishConfig, bus), {0}};
static const ConfigProgram program = {.name = "publish_log",
                                      .summary = "test messages",
                                      .usage = "  log|bulk|poison ...",
                                      .options = options};

static size_t failed;

static void on_delivery(void *opaque, const BusDelivery *delivery)
{
    (void)opaque;
    failed += !delivery->ok;
}

static void publish(BusProducer *producer, const char *topic, Str key, Str value)
{
    BusRecord record = {.topic = topic,
                        .partition = strcmp(topic, "response") ? BUS_PARTITION_BY_KEY : 0,
                        .key = key,
                        .value = value,
                        .bulk = true,
                        .on_delivery = on_delivery};
    Err err = {0};
    while (!bus_publish(producer, &record, &err)) {
        CHECK(err.kind == ERR_RETRY);
        bus_producer_poll(producer, 50);
    }
    bus_producer_poll(producer, 0);
}

static size_t publish_bulk(BusProducer *producer, unsigned count, size_t bytes)
{
    Arena *arena = arena_new((size_t)64 << 20);
    for (unsigned n = 0; n < count; n++) {
        MessageLog log = {.arena = arena, .room = 1};
        arena_reset(arena);
        log.list = ARENA_ARRAY(arena, Sent, 1);
        Envelope e =
            sample_envelope(arena, "bulk", sample_bundle(arena, n, bytes), clock_wall_us());
        log_add_envelope(&log, "intake.bulk", &e);
        publish(producer, "intake.bulk", log.list[0].key, log.list[0].value);
    }
    arena_free(arena);
    return count;
}

static size_t publish_log(BusProducer *producer, size_t count, unsigned seed)
{
    Arena *arena = arena_new((size_t)1 << 30);
    MessageLog log;
    log_of_messages(&log, arena, count, seed);
    for (size_t i = 0; i < log.count; i++)
        publish(producer, log.list[i].topic, log.list[i].key, log.list[i].value);
    arena_free(arena);
    return log.count;
}

int main(int argc, char **argv)
{
    ARENA_AUTO arena = arena_new(1 << 20);
    PublishConfig config = {0};
    BusProducer *producer = NULL;
    Err err = {0};
    int next = argc;
    if (config_start(&program, argc, argv, arena, &config, &next) != CONFIG_RUN || argc - next < 2)
        return 2;
    config.bus.client_id = "publish_log";
    BusProducerOptions producing = {.message_timeout_ms = 30000, .bulk_linger_ms = 5};
    if (!bus_producer_new(&config.bus, &producing, &producer, &err)) {
        fprintf(stderr, "publish_log: %s\n", err.text);
        return 1;
    }
    size_t count = strtoul(argv[next + 1], NULL, 10), sent = 1;
    unsigned third = argc - next > 2 ? (unsigned)strtoul(argv[next + 2], NULL, 10) : 0;
    if (strcmp(argv[next], "log") == 0)
        sent = publish_log(producer, count, third);
    else if (strcmp(argv[next], "bulk") == 0)
        sent = publish_bulk(producer, (unsigned)count, third);
    else
        publish(producer, argv[next + 1], STR("any"), STR("\xff\xff nobody can read this"));
    bus_producer_free(producer, 60000);
    printf("%zu\n", sent);
    return failed ? 1 : 0;
}
