/* kafka_offsets - what an operator may do to offsets, for tests: to a broker at --brokers H:P.
 *
 *   kafka_offsets --brokers H:P reset              every group (without members) back to the
 * beginning kafka_offsets --brokers H:P waiting            records that groups have not settled,
 * summed kafka_offsets --brokers H:P delete TOPIC PARTITION OFFSET   as retention would, below
 * OFFSET kafka_offsets --brokers H:P ends TOPIC         a line per partition: PARTITION LOW HIGH */
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

#include "common/base/check.h"
#include "common/base/str.h"

#define WAIT_MS 15000

static rd_kafka_t *client(const char *brokers, const char *group)
{
    char why[256] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", group, why, sizeof why);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof why);
    rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    CHECK(kafka);
    return kafka;
}

/* Every partition of every topic that is not the broker's own. */
static rd_kafka_topic_partition_list_t *partitions(rd_kafka_t *kafka, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
    CHECK(rd_kafka_metadata(kafka, 1, NULL, &metadata, WAIT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int t = 0; t < metadata->topic_cnt; t++) {
        const char *name = metadata->topics[t].topic;
        if (topic ? strcmp(name, topic) != 0 : strncmp(name, "__", 2) == 0)
            continue;
        for (int p = 0; p < metadata->topics[t].partition_cnt; p++)
            rd_kafka_topic_partition_list_add(list, name, p);
    }
    rd_kafka_metadata_destroy(metadata);
    return list;
}

static void ends(rd_kafka_t *kafka, const rd_kafka_topic_partition_t *at, int64_t *low,
                 int64_t *high)
{
    CHECK(rd_kafka_query_watermark_offsets(kafka, at->topic, at->partition, low, high, WAIT_MS) ==
          RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* One group; yields how many records it has not settled. */
static int64_t each_group(const char *brokers, const char *name, bool reset)
{
    rd_kafka_t *kafka = client(brokers, name);
    rd_kafka_topic_partition_list_t *list = partitions(kafka, NULL);
    rd_kafka_topic_partition_list_t *moved = rd_kafka_topic_partition_list_new(64);
    int64_t waiting = 0;
    CHECK(rd_kafka_committed(kafka, list, WAIT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        int64_t low, high;
        if (at->offset < 0)
            continue;
        ends(kafka, at, &low, &high);
        waiting += high - at->offset;
        rd_kafka_topic_partition_list_add(moved, at->topic, at->partition)->offset = low;
    }
    if (reset && moved->cnt)
        CHECK(rd_kafka_commit(kafka, moved, 0) == RD_KAFKA_RESP_ERR_NO_ERROR);
    if (reset && moved->cnt)
        printf("%s: %d partitions\n", name, moved->cnt);
    rd_kafka_topic_partition_list_destroy(moved);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(kafka);
    return waiting;
}

static int all_groups(const char *brokers, rd_kafka_t *kafka, bool reset)
{
    const struct rd_kafka_group_list *groups;
    int64_t waiting = 0;
    CHECK(rd_kafka_list_groups(kafka, NULL, &groups, WAIT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int i = 0; i < groups->group_cnt; i++)
        waiting += each_group(brokers, groups->groups[i].group, reset);
    rd_kafka_group_list_destroy(groups);
    if (!reset)
        printf("%lld\n", (long long)waiting);
    return 0;
}

static int show_ends(rd_kafka_t *kafka, const char *topic)
{
    rd_kafka_topic_partition_list_t *list = partitions(kafka, topic);
    for (int i = 0; i < list->cnt; i++) {
        int64_t low, high;
        ends(kafka, &list->elems[i], &low, &high);
        printf("%d %lld %lld\n", (int)list->elems[i].partition, (long long)low, (long long)high);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return 0;
}

static int delete_below(rd_kafka_t *kafka, const char *topic, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    rd_kafka_DeleteRecords_t *ask = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    rd_kafka_DeleteRecords(kafka, &ask, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
    int code = !event || rd_kafka_event_error(event) ? 1 : 0;
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteRecords_destroy(ask);
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

int main(int argc, char **argv)
{
    if (argc < 4 || strcmp(argv[1], "--brokers") != 0) {
        fprintf(stderr, "usage: kafka_offsets --brokers H:P reset|waiting|ends|delete ...\n");
        return 2;
    }
    const char *verb = argv[3];
    rd_kafka_t *kafka = client(argv[2], "kafka-offsets");
    int code = 2;
    if (strcmp(verb, "reset") == 0 || strcmp(verb, "waiting") == 0)
        code = all_groups(argv[2], kafka, verb[0] == 'r');
    else if (strcmp(verb, "ends") == 0 && argc == 5)
        code = show_ends(kafka, argv[4]);
    else if (strcmp(verb, "delete") == 0 && argc == 7)
        code = delete_below(kafka, argv[4], (int32_t)strtol(argv[5], NULL, 10),
                            strtoll(argv[6], NULL, 10));
    rd_kafka_destroy(kafka);
    return code;
}
