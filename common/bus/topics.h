/* topics - make the topics, or say how they differ from what they should be.
 *
 * Rule:    idempotent. A missing topic is created. Settings (retention, min.insync.replicas,
 *          compression, max.message.bytes, cleanup) that differ are set. A different partition
 *          count is an error: growing moves keys to other partitions, so two versions of one
 *          document could overtake each other; it is done drained, see docs/operators.
 * Errors:  ERR_RETRY "bus-unavailable", "bus-timeout"; ERR_FATAL "topic-differs" (the reports
 *          say how), "topic-refused". After ERR_RETRY the reports are incomplete: ask again. */
#pragma once
#include "common/bus/bus.h"

typedef struct TopicSpec {
    const char *name; /* without prefix */
    int32_t partitions;
    int32_t replication;         /* 0: the broker's default */
    int32_t min_insync_replicas; /* 0: the broker's default */
    int64_t retention_ms;        /* -1: for ever */
    const char *compression;     /* producer | lz4 | zstd | ...; NULL: producer */
    uint64_t message_max_bytes;
    bool compacted;
} TopicSpec;

typedef enum TopicState {
    TOPIC_FINE,
    TOPIC_CREATED,
    TOPIC_CHANGED, /* settings were brought in line */
    TOPIC_MISSING, /* verify only */
    TOPIC_DIFFERS, /* see text */
} TopicState;

typedef struct TopicReport {
    const TopicSpec *spec;
    TopicState state;
    char text[240]; /* what differs, and why it is not changed */
} TopicReport;

/* How long a topic keeps its records; -1: for ever. */
bool bus_topic_retention(const BusConfig *config, const char *topic, uint32_t timeout_ms,
                         int64_t *ret_ms, Err *err) MUST_USE;
/* How many records of a topic a consumer group has not settled; the group is not joined. */
bool bus_group_waiting(const BusConfig *config, const char *group, const char *topic,
                       uint32_t timeout_ms, uint64_t *ret_count, Err *err) MUST_USE;
/* Every spec gets a report, in order. True when all are as they should be in the end. */
bool bus_topics_ensure(const BusConfig *config, const TopicSpec *specs, size_t count,
                       bool verify_only, uint32_t timeout_ms, TopicReport *ret_reports,
                       Err *err) MUST_USE;
