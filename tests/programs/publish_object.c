/* publish_object - one object for the topic `config`, or its end: for tests of what follows it.
 *
 *   KAFKA_BROKERS=... publish_object hosts/a.example.org VERSION < data.json    no data: its end */
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/bus/bus_options.h"
#include "common/catalog/object.h"
#include "common/config/config.h"

typedef struct PublishConfig {
    BusConfig bus;
} PublishConfig;

static const ConfigOption options[] = {BUS_OPTIONS(PublishConfig, bus), {0}};
static const ConfigProgram program = {.name = "publish_object",
                                      .summary = "Publishes an object.",
                                      .usage = "  ID VERSION",
                                      .options = options};

int main(int argc, char **argv)
{
    ARENA_AUTO arena = arena_new(8 << 20);
    PublishConfig config = {0};
    BusProducer *producer = NULL;
    BusDelivery delivery = {0};
    BUF_AUTO value;
    Err err = {0};
    int next = argc;
    buf_init(&value, OBJECT_BYTES_MAX * 2);
    if (config_start(&program, argc, argv, arena, &config, &next) != CONFIG_RUN || argc - next != 2)
        return 2;
    char *data = arena_alloc(arena, OBJECT_BYTES_MAX);
    ssize_t len = read(0, data, OBJECT_BYTES_MAX);
    ObjectDraft draft = {
        .id = str_from(argv[next]),
        .version = strtoul(argv[next + 1], NULL, 10),
        .published_us = clock_wall_us(),
        .published_by = STR("test"),
        .data = {data, len > 0 ? (size_t)len : 0}
    };
    BusRecord record = {
        .topic = "config", .partition = BUS_PARTITION_BY_KEY, .key = str_from(argv[next])};
    config.bus.client_id = "publish_object";
    bool fine = draft.data.len == 0 || object_write(&draft, &value, &err);
    record.value = draft.data.len ? buf_str(&value) : STR_NONE;
    fine = fine &&
           bus_producer_new(&config.bus, &(BusProducerOptions){.message_timeout_ms = 30000},
                            &producer, &err) &&
           bus_publish_wait(producer, &record, &delivery, &err);
    bus_producer_free(producer, 10000);
    if (!fine)
        fprintf(stderr, "publish_object: %s\n", err.text);
    return fine ? 0 : 1;
}
