/* Ranges of a topic, each its own queue: whoever merges them chooses which goes on, and what is
 * read ahead of a range that waits is bounded by librdkafka (queued.max.messages.kbytes). */
#include <stdlib.h>

#include "common/bus/message.h"

typedef struct Range {
    BusRange span;
    rd_kafka_queue_t *queue;
    HeldMessage held;
    bool begun, ended;
} Range;

struct BusRanges {
    BusClient client; /* first: librdkafka's opaque */
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    Range *list;
    size_t count;
};

static bool open_client(BusRanges *ranges, const BusConfig *config, Err *err)
{
    char why[BUS_ERRSTR_BYTES];
    rd_kafka_conf_t *conf;
    TRY(client_init(&ranges->client, config, "ranges", err));
    TRY(client_conf(&ranges->client, config, false, &conf, err));
    bool set = client_set(conf, "enable.auto.commit", "false", err) &&
               client_set(conf, "enable.auto.offset.store", "false", err) &&
               client_set(conf, "auto.offset.reset", "earliest", err) &&
               client_set(conf, "enable.partition.eof", "true", err) &&
               client_set(conf, "fetch.error.backoff.ms", "100", err) &&
               client_set(conf, "queued.max.messages.kbytes", "4096", err) &&
               client_extra(conf, config, err);
    ranges->rk = set ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why) : NULL;
    if (ranges->rk)
        return true;
    rd_kafka_conf_destroy(conf);
    return set ? ERR(err, ERR_FATAL, "bus-config", "%s", why) : false;
}

static bool open_topic(BusRanges *ranges, const BusConfig *config, const char *topic,
                       char full[BUS_TOPIC_BYTES_MAX], Err *err)
{
    TRY(open_client(ranges, config, err));
    TRY(client_topic(&ranges->client, topic, full, err));
    ranges->topic = rd_kafka_topic_new(ranges->rk, full, NULL);
    return ranges->topic ? true : CLIENT_ERR(err, rd_kafka_last_error(), full);
}

static bool count_partitions(BusRanges *ranges, const char *full, int timeout_ms, size_t *ret_count,
                             Err *err)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(ranges->rk, 0, ranges->topic, &metadata, timeout_ms);
    if (code)
        return CLIENT_ERR(err, code, full);
    code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    *ret_count = metadata->topic_cnt == 1 ? (size_t)metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    return code ? CLIENT_ERR(err, code, full) : true;
}

static bool ask_extent(BusRanges *ranges, const char *full, uint32_t timeout_ms, BusRange *list,
                       size_t room, size_t *ret_count, Err *err)
{
    int64_t until_ms = client_now_ms() + timeout_ms;
    size_t count = 0;
    TRY(count_partitions(ranges, full, (int)timeout_ms, &count, err));
    if (count > room)
        return ERR(err, ERR_INPUT, "bus-partition", "%zu partitions", count);
    for (size_t i = 0; i < count; i++) {
        int64_t left_ms = until_ms - client_now_ms();
        list[i].partition = (int32_t)i;
        rd_kafka_resp_err_t code =
            rd_kafka_query_watermark_offsets(ranges->rk, full, (int32_t)i, &list[i].from,
                                             &list[i].end, left_ms > 1 ? (int)left_ms : 1);
        if (code)
            return CLIENT_ERR(err, code, full);
    }
    *ret_count = count;
    return true;
}

bool bus_extent(const BusConfig *config, const char *topic, uint32_t timeout_ms, BusRange *ret_list,
                size_t room, size_t *ret_count, Err *err)
{
    char full[BUS_TOPIC_BYTES_MAX];
    BusRanges *ranges = calloc(1, sizeof *ranges);
    if (!ranges)
        return ERR(err, ERR_FATAL, "bus-config", "no memory");
    bool known = open_topic(ranges, config, topic, full, err) &&
                 ask_extent(ranges, full, timeout_ms, ret_list, room, ret_count, err);
    bus_ranges_free(ranges);
    return known;
}

static bool begin(BusRanges *ranges, Range *range, const BusRange *span, const char *full, Err *err)
{
    range->span = *span;
    range->ended = span->from >= span->end;
    range->queue = rd_kafka_queue_new(ranges->rk);
    if (range->ended)
        return true;
    range->begun =
        rd_kafka_consume_start_queue(ranges->topic, span->partition, span->from, range->queue) == 0;
    return range->begun || CLIENT_ERR(err, rd_kafka_last_error(), full);
}

bool bus_ranges_new(const BusConfig *config, const char *topic, const BusRange *list, size_t count,
                    BusRanges **ret_ranges, Err *err)
{
    char full[BUS_TOPIC_BYTES_MAX];
    BusRanges *ranges = calloc(1, sizeof *ranges);
    if (ranges)
        ranges->list = calloc(count + 1, sizeof *ranges->list);
    if (!ranges || !ranges->list) {
        free(ranges);
        return ERR(err, ERR_FATAL, "bus-config", "no memory");
    }
    bool begun = open_topic(ranges, config, topic, full, err);
    for (; begun && ranges->count < count; ranges->count++)
        begun = begin(ranges, &ranges->list[ranges->count], &list[ranges->count], full, err);
    if (!begun) {
        bus_ranges_free(ranges);
        return false;
    }
    *ret_ranges = ranges;
    return true;
}

void bus_ranges_free(BusRanges *ranges)
{
    if (!ranges)
        return;
    for (size_t i = 0; i < ranges->count; i++) {
        bus_ranges_pass(ranges, i);
        if (ranges->list[i].begun)
            rd_kafka_consume_stop(ranges->topic, ranges->list[i].span.partition);
        rd_kafka_queue_destroy(ranges->list[i].queue);
    }
    if (ranges->topic)
        rd_kafka_topic_destroy(ranges->topic);
    if (ranges->rk)
        rd_kafka_destroy(ranges->rk);
    client_clear(&ranges->client);
    free(ranges->list);
    free(ranges);
}

void bus_ranges_pass(BusRanges *ranges, size_t range)
{
    HeldMessage *held = &ranges->list[range].held;
    if (held->native)
        rd_kafka_message_destroy(held->native);
    held->native = NULL;
}

static void take(BusRanges *ranges, Range *range, rd_kafka_message_t *native)
{
    /* Its end is reached: what the range should still hold is past retention. */
    bool past = native->err == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
                (!native->err && native->offset >= range->span.end);
    if (past)
        range->ended = true;
    else if (native->err)
        log_warn(ranges->client.log, "kafka.read_error",
                 LOG_TEXT("code", rd_kafka_err2name(native->err)));
    if (past || native->err) {
        rd_kafka_message_destroy(native);
        return;
    }
    message_show(&range->held, &ranges->client, native);
    range->ended = native->offset + 1 >= range->span.end;
}

const BusMessage *bus_ranges_head(BusRanges *ranges, size_t index, uint32_t timeout_ms,
                                  bool *ret_end)
{
    Range *range = &ranges->list[index];
    int64_t until_ms = client_now_ms() + timeout_ms;
    while (!range->held.native && !range->ended) {
        int64_t left_ms = until_ms - client_now_ms();
        rd_kafka_message_t *native =
            rd_kafka_consume_queue(range->queue, left_ms > 0 ? (int)left_ms : 0);
        if (!native)
            break;
        take(ranges, range, native);
    }
    *ret_end = !range->held.native && range->ended;
    return range->held.native ? &range->held.shown : NULL;
}
