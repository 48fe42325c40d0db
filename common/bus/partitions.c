#include "common/bus/partitions.h"

#include <stdlib.h>

#include "common/base/check.h"

/* A worker without memory for its assignment cannot work: it aborts, and is started again. */
BusPartition *partitions_add(Partitions *partitions, const char *full, const char *topic,
                             int32_t id, size_t lane)
{
    if (partitions->count == partitions->room) {
        partitions->room = partitions->room ? partitions->room * 2 : 16;
        partitions->list = realloc(partitions->list, partitions->room * sizeof *partitions->list);
        CHECK(partitions->list);
    }
    BusPartition *partition = calloc(1, sizeof *partition);
    CHECK(partition);
    snprintf(partition->full, sizeof partition->full, "%s", full);
    partition->topic = partition->full + (strlen(full) - strlen(topic));
    partition->id = id;
    partition->lane = lane;
    partition->stored = partition->first_end = -1;
    partition->owned = true;
    partition->holders = 1;
    offsets_init(&partition->offsets);
    partitions->list[partitions->count++] = partition;
    return partition;
}

BusPartition *partitions_find(const Partitions *partitions, const char *full, int32_t id)
{
    for (size_t i = 0; i < partitions->count; i++) {
        BusPartition *partition = partitions->list[i];
        if (partition->id == id && strcmp(partition->full, full) == 0)
            return partition;
    }
    return NULL;
}

void partitions_drop(Partitions *partitions)
{
    for (size_t i = 0; i < partitions->count; i++) {
        partitions->list[i]->owned = false;
        partition_release(partitions->list[i]);
    }
    free(partitions->list);
    *partitions = (Partitions){0};
}

BusPartition *partition_hold(BusPartition *partition)
{
    partition->holders++;
    return partition;
}

void partition_release(BusPartition *partition)
{
    CHECK(partition->holders > 0);
    if (--partition->holders > 0)
        return;
    offsets_clear(&partition->offsets);
    free(partition);
}

rd_kafka_topic_partition_list_t *partition_list(const BusPartition *partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, partition->full, partition->id)->offset = offset;
    return list;
}
