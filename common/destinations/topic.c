#include "common/destinations/topic.h"

#include <stdio.h>

#include "common/bus/topics.h"
#include "common/destinations/destination.h"

enum { HOUR_MS = 3600000 };

bool destination_topic_ensure(const BusConfig *bus, const DestinationTopics *topics, Str name,
                              bool alter, uint32_t timeout_ms, bool *ret_created, Err *err)
{
    char topic[DESTINATION_NAME_MAX + 10];
    int32_t there = 0;
    Err unknown = {0};
    TopicReport report;
    snprintf(topic, sizeof topic, "submit.%.*s", STR_ARG(name));
    *ret_created = false;
    if (!bus_partition_count(bus, topic, timeout_ms, &there, &unknown))
        there = 0;
    if (there > 0 && !alter)
        return true;
    const TopicSpec spec = {
        .name = topic,
        .partitions = there > 0 ? there : (int32_t)topics->partitions,
        .replication = (int32_t)topics->replication,
        .min_insync_replicas = (int32_t)topics->min_insync,
        .retention_ms = (int64_t)topics->retention_h * HOUR_MS,
        .message_max_bytes = bus->message_max_bytes,
    };
    TRY(bus_topics_ensure(bus, &spec, 1, false, timeout_ms, &report, err));
    *ret_created = report.state == TOPIC_CREATED;
    return true;
}

bool destination_waiting(const BusConfig *bus, Str name, uint32_t timeout_ms, uint64_t *ret_count,
                         Err *err)
{
    char topic[DESTINATION_NAME_MAX + 10], group[DESTINATION_NAME_MAX + 20];
    snprintf(topic, sizeof topic, "submit.%.*s", STR_ARG(name));
    snprintf(group, sizeof group, "lake-submitter.%.*s", STR_ARG(name));
    return bus_group_waiting(bus, group, topic, timeout_ms, ret_count, err);
}
