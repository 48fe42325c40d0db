#include "common/destinations/topic.h"

#include <stdio.h>

#include "common/bus/topics.h"

enum { HOUR_MS = 3600000 };

void destination_topic_name(char ret_topic[DESTINATION_TOPIC_MAX], Str name)
{
    snprintf(ret_topic, DESTINATION_TOPIC_MAX, "submit.%.*s", STR_ARG(name));
}

void destination_group_name(char ret_group[DESTINATION_TOPIC_MAX], Str name)
{
    snprintf(ret_group, DESTINATION_TOPIC_MAX, "lake-submitter.%.*s", STR_ARG(name));
}

bool destination_topic_ensure(const BusConfig *bus, const DestinationTopics *topics, Str name,
                              bool alter, uint32_t timeout_ms, bool *ret_created, Err *err)
{
    char topic[DESTINATION_TOPIC_MAX];
    int32_t there = 0;
    Err unknown = {0};
    TopicReport report;
    destination_topic_name(topic, name);
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
    char topic[DESTINATION_TOPIC_MAX], group[DESTINATION_TOPIC_MAX];
    destination_topic_name(topic, name);
    destination_group_name(group, name);
    return bus_group_waiting(bus, group, topic, timeout_ms, ret_count, err);
}
