/* partitions - what a consumer is assigned. Inside this folder only.
 *
 * Owner:   the consumer holds each while assigned, every message in flight holds its own: settling
 *          a message of a partition that has left finds `owned` false. */
#pragma once
#include "common/bus/client.h"
#include "common/bus/offsets.h"

typedef struct BusPartition {
    char full[BUS_TOPIC_BYTES_MAX]; /* the topic, with prefix */
    const char *topic;              /* without, inside full */
    int32_t id;
    size_t lane;
    Offsets offsets;
    int64_t stored;      /* last offset given to librdkafka, or where we began; -1: neither */
    int64_t first_end;   /* the partition's end when its first message came; -1 */
    int64_t retry_at_ms; /* paused until then; 0: not paused */
    bool owned;
    size_t holders;
} BusPartition;

typedef struct Partitions {
    BusPartition **list;
    size_t count, room;
} Partitions;

BusPartition *partitions_add(Partitions *partitions, const char *full, const char *topic,
                             int32_t id, size_t lane);
BusPartition *partitions_find(const Partitions *partitions, const char *full, int32_t id);
/* None is ours any more. */
void partitions_drop(Partitions *partitions);
BusPartition *partition_hold(BusPartition *partition);
void partition_release(BusPartition *partition);
rd_kafka_topic_partition_list_t *partition_list(const BusPartition *partition, int64_t offset);
