/* How much of a topic a group has not settled yet; asked from outside, without joining it. */
#include "common/bus/client.h"
#include "common/bus/topics.h"

static bool open_asker(BusClient *client, const BusConfig *config, const char *group,
                       rd_kafka_t **ret_rk, Err *err)
{
    char why[BUS_ERRSTR_BYTES], full[BUS_TOPIC_BYTES_MAX];
    rd_kafka_conf_t *conf;
    TRY(client_init(client, config, "waiting", err));
    TRY(client_topic(client, group, full, err)); /* groups are prefixed as topics are */
    TRY(client_conf(client, config, false, &conf, err));
    bool set = client_set(conf, "group.id", full, err) &&
               client_set(conf, "enable.auto.commit", "false", err) &&
               client_extra(conf, config, err);
    *ret_rk = set ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why) : NULL;
    if (*ret_rk)
        return true;
    rd_kafka_conf_destroy(conf);
    return set ? ERR(err, ERR_FATAL, "bus-config", "%s", why) : false;
}

/* A group that never committed there begins at the start. */
static bool count_waiting(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int64_t until_ms,
                          uint64_t *ret_count, Err *err)
{
    int64_t left = until_ms - client_now_ms();
    uint64_t count = 0;
    rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, left > 1 ? (int)left : 1);
    for (int i = 0; i < list->cnt && !code; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        int64_t low = 0, high = 0;
        left = until_ms - client_now_ms();
        code = at->err ? at->err
                       : rd_kafka_query_watermark_offsets(rk, at->topic, at->partition, &low, &high,
                                                          left > 1 ? (int)left : 1);
        int64_t from = at->offset > low ? at->offset : low;
        count += high > from ? (uint64_t)(high - from) : 0;
    }
    if (code)
        return CLIENT_ERR(err, code, "committed");
    *ret_count = count;
    return true;
}

bool bus_group_waiting(const BusConfig *config, const char *group, const char *topic,
                       uint32_t timeout_ms, uint64_t *ret_count, Err *err)
{
    char full[BUS_TOPIC_BYTES_MAX];
    int64_t until_ms = client_now_ms() + timeout_ms;
    int32_t partitions = 0;
    BusClient client = {0};
    rd_kafka_t *rk = NULL;
    TRY(bus_partition_count(config, topic, timeout_ms, &partitions, err));
    bool fine =
        open_asker(&client, config, group, &rk, err) && client_topic(&client, topic, full, err);
    if (fine) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
        rd_kafka_topic_partition_list_add_range(list, full, 0, partitions - 1);
        fine = count_waiting(rk, list, until_ms, ret_count, err);
        rd_kafka_topic_partition_list_destroy(list);
    }
    if (rk)
        rd_kafka_destroy(rk);
    client_clear(&client);
    return fine;
}
