/* Reading answers: every partition at an exact offset, no group, no rebalance. */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/bus/message.h"

struct BusReader {
    BusClient client; /* first: librdkafka's opaque */
    rd_kafka_t *rk;
    HeldMessage held;
    bool from_start;
    size_t to_catch_up; /* from_start: partitions whose end was not seen yet */
    bool *seen_end;     /* [partitions] */
    size_t partitions;
};

static bool reader_open(BusReader *reader, const BusConfig *config, Err *err)
{
    char why[BUS_ERRSTR_BYTES], group[BUS_TOPIC_BYTES_MAX];
    rd_kafka_conf_t *conf;
    TRY(client_init(&reader->client, config, "reader", err));
    TRY(client_topic(&reader->client, "reader", group, err));
    TRY(client_conf(&reader->client, config, false, &conf, err));
    bool set = /* rd_kafka_assign wants a group name; it is never joined, nothing is committed. */
        client_set(conf, "group.id", group, err) &&
        client_set(conf, "enable.auto.commit", "false", err) &&
        client_set(conf, "enable.auto.offset.store", "false", err) &&
        client_set(conf, "auto.offset.reset", reader->from_start ? "earliest" : "latest", err) &&
        client_set(conf, "enable.partition.eof", reader->from_start ? "true" : "false", err) &&
        client_set(conf, "fetch.min.bytes", "1", err) &&
        client_set(conf, "fetch.error.backoff.ms", "100", err) &&
        client_set(conf, "queued.max.messages.kbytes", "32768", err) &&
        client_extra(conf, config, err);
    reader->rk = set ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why) : NULL;
    if (!reader->rk) {
        rd_kafka_conf_destroy(conf);
        return set ? ERR(err, ERR_FATAL, "bus-config", "%s", why) : false;
    }
    rd_kafka_poll_set_consumer(reader->rk);
    return true;
}

static bool count_partitions(rd_kafka_t *rk, const char *full, int timeout_ms, int32_t *ret_count,
                             Err *err)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, full, NULL);
    if (!topic)
        return CLIENT_ERR(err, rd_kafka_last_error(), full);
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, topic, &metadata, timeout_ms);
    rd_kafka_topic_destroy(topic);
    if (code)
        return CLIENT_ERR(err, code, full);
    int32_t count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    rd_kafka_metadata_destroy(metadata);
    if (code || count == 0)
        return CLIENT_ERR(err, code ? code : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, full);
    *ret_count = count;
    return true;
}

static bool assign_at_end(BusReader *reader, const char *topic, const int32_t *partitions,
                          size_t count, int64_t until, Err *err)
{
    char full[BUS_TOPIC_BYTES_MAX];
    int32_t all = 0;
    TRY(client_topic(&reader->client, topic, full, err));
    TRY(count_partitions(reader->rk, full, (int)(until - client_now_ms()), &all, err));
    size_t wanted = count ? count : (size_t)all;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)wanted);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < wanted && !code; i++) {
        int32_t id = count ? partitions[i] : (int32_t)i;
        int64_t low, high, left = until - client_now_ms();
        code = rd_kafka_query_watermark_offsets(reader->rk, full, id, &low, &high,
                                                left > 1 ? (int)left : 1);
        if (!code)
            rd_kafka_topic_partition_list_add(list, full, id)->offset = high;
    }
    if (!code)
        code = rd_kafka_assign(reader->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? CLIENT_ERR(err, code, full) : true;
}

static bool assign_at_start(BusReader *reader, const char *topic, uint32_t timeout_ms, Err *err)
{
    char full[BUS_TOPIC_BYTES_MAX];
    int32_t all = 0;
    TRY(client_topic(&reader->client, topic, full, err));
    TRY(count_partitions(reader->rk, full, (int)timeout_ms, &all, err));
    reader->partitions = reader->to_catch_up = (size_t)all;
    reader->seen_end = calloc((size_t)all, sizeof *reader->seen_end);
    if (!reader->seen_end)
        return ERR(err, ERR_FATAL, "bus-config", "no memory");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(all);
    for (int32_t id = 0; id < all; id++)
        rd_kafka_topic_partition_list_add(list, full, id)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? CLIENT_ERR(err, code, full) : true;
}

bool bus_reader_new_from_start(const BusConfig *config, const char *topic, uint32_t timeout_ms,
                               BusReader **ret_reader, Err *err)
{
    BusReader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return ERR(err, ERR_FATAL, "bus-config", "no memory");
    reader->from_start = true;
    if (!reader_open(reader, config, err) || !assign_at_start(reader, topic, timeout_ms, err)) {
        bus_reader_free(reader);
        return false;
    }
    *ret_reader = reader;
    return true;
}

bool bus_reader_caught_up(const BusReader *reader)
{
    return reader->to_catch_up == 0;
}

static void note_end(BusReader *reader, int32_t partition)
{
    if (partition < 0 || (size_t)partition >= reader->partitions || reader->seen_end[partition])
        return;
    reader->seen_end[partition] = true;
    reader->to_catch_up--;
}

bool bus_reader_new(const BusConfig *config, const char *topic, const int32_t *partitions,
                    size_t count, uint32_t timeout_ms, BusReader **ret_reader, Err *err)
{
    int64_t until = client_now_ms() + timeout_ms;
    BusReader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return ERR(err, ERR_FATAL, "bus-config", "no memory");
    if (!reader_open(reader, config, err) ||
        !assign_at_end(reader, topic, partitions, count, until, err)) {
        bus_reader_free(reader);
        return false;
    }
    *ret_reader = reader;
    return true;
}

static void forget(BusReader *reader)
{
    if (reader->held.native)
        rd_kafka_message_destroy(reader->held.native);
    reader->held.native = NULL;
}

void bus_reader_free(BusReader *reader)
{
    if (!reader)
        return;
    forget(reader);
    if (reader->rk) {
        rd_kafka_consumer_close(reader->rk);
        rd_kafka_destroy(reader->rk);
    }
    client_clear(&reader->client);
    free(reader->seen_end);
    free(reader);
}

bool bus_reader_poll(BusReader *reader, uint32_t timeout_ms, const BusMessage **ret_message)
{
    forget(reader);
    rd_kafka_message_t *native = rd_kafka_consumer_poll(reader->rk, (int)timeout_ms);
    if (!native)
        return false;
    if (native->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        note_end(reader, native->partition);
        rd_kafka_message_destroy(native);
        return false;
    }
    if (native->err) {
        log_warn(reader->client.log, "kafka.read_error",
                 LOG_TEXT("code", rd_kafka_err2name(native->err)));
        rd_kafka_message_destroy(native);
        return false;
    }
    message_show(&reader->held, &reader->client, native);
    *ret_message = &reader->held.shown;
    return true;
}

/* A BusKept is librdkafka's message under our name. */
BusKept *bus_reader_keep(BusReader *reader)
{
    rd_kafka_message_t *native = reader->held.native;
    CHECK(native);
    reader->held.native = NULL;
    return (BusKept *)native;
}

void bus_kept_free(BusKept *kept)
{
    if (kept)
        rd_kafka_message_destroy((rd_kafka_message_t *)kept);
}

bool bus_partition_count(const BusConfig *config, const char *topic, uint32_t timeout_ms,
                         int32_t *ret_count, Err *err)
{
    char full[BUS_TOPIC_BYTES_MAX];
    BusReader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return ERR(err, ERR_FATAL, "bus-config", "no memory");
    bool known = reader_open(reader, config, err) &&
                 client_topic(&reader->client, topic, full, err) &&
                 count_partitions(reader->rk, full, (int)timeout_ms, ret_count, err);
    bus_reader_free(reader);
    return known;
}

int32_t bus_response_partition(Str instance_id, int32_t count)
{
    CHECK(count > 0);
    return (int32_t)(str_hash(instance_id) % (uint64_t)count);
}
