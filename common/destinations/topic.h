/* topic - the topic submit.NAME of a destination: made before documents go there, looked at before
 * the destination is taken away.
 *
 * Threads: the caller's; it waits.
 * Errors:  those of common/bus/topics.h. */
#pragma once
#include "common/bus/bus.h"
#include "common/destinations/destination.h"

enum { DESTINATION_TOPIC_MAX = DESTINATION_NAME_MAX + 20 }; /* bytes of either name with its end */

/* "submit.NAME", and the group whose offsets are what that destination has got. */
void destination_topic_name(char ret_topic[DESTINATION_TOPIC_MAX], Str name);
void destination_group_name(char ret_group[DESTINATION_TOPIC_MAX], Str name);

/* What a new one is like: DESTINATION_TOPIC_OPTIONS of the program's settings. */
typedef struct DestinationTopics {
    uint64_t partitions, replication, min_insync, retention_h;
} DestinationTopics;

/* NOLINTBEGIN(bugprone-macro-parentheses): the path to a member cannot stand in parentheses. */
#define DESTINATION_TOPIC_OPTIONS(Struct, field)                                                   \
    CONFIG_OPTION(Struct, "TOPIC_PARTITIONS", CONFIG_UINT, field.partitions, "12",                 \
                  "of a new destination's topic submit.<destination>", .min = 1, .max = 10000),    \
        CONFIG_OPTION(Struct, "TOPIC_REPLICATION", CONFIG_UINT, field.replication, "0",            \
                      "of such a topic; 0: the cluster's default", .min = 0, .max = 100),          \
        CONFIG_OPTION(Struct, "TOPIC_MIN_INSYNC_REPLICAS", CONFIG_UINT, field.min_insync, "0",     \
                      "of such a topic; 0: the cluster's default", .min = 0, .max = 100),          \
        CONFIG_OPTION(Struct, "TOPIC_RETENTION_H", CONFIG_UINT, field.retention_h, "168",          \
                      "hours that a destination may be down without loss", .min = 1,               \
                      .max = 876000)
/* NOLINTEND(bugprone-macro-parentheses) */

/* `alter`: retention of a topic that is there already becomes that of `topics`, too, which takes a
 * right that ingest has not. */
bool destination_topic_ensure(const BusConfig *bus, const DestinationTopics *topics, Str name,
                              bool alter, uint32_t timeout_ms, bool *ret_created,
                              Err *err) MUST_USE;
/* Documents that have not been delivered to it. */
bool destination_waiting(const BusConfig *bus, Str name, uint32_t timeout_ms, uint64_t *ret_count,
                         Err *err) MUST_USE;
