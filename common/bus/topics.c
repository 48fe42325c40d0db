#include "common/bus/topics.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/bus/admin.h"

enum { SETTINGS_MAX = 6, SETTING_BYTES = 32, VISIBLE_POLL_MS = 50, COMPACTION_LAG_MS = 3600000 };

/* A topic's settings by Kafka's names; values as the broker prints them. */
typedef struct Settings {
    const char *names[SETTINGS_MAX];
    char values[SETTINGS_MAX][SETTING_BYTES];
    size_t count;
} Settings;

static void setting(Settings *settings, const char *name, long long number, const char *text)
{
    settings->names[settings->count] = name;
    if (text)
        snprintf(settings->values[settings->count], SETTING_BYTES, "%s", text);
    else
        snprintf(settings->values[settings->count], SETTING_BYTES, "%lld", number);
    settings->count++;
}

static Settings settings_of(const TopicSpec *spec)
{
    Settings settings = {0};
    setting(&settings, "cleanup.policy", 0, spec->compacted ? "compact" : "delete");
    setting(&settings, "compression.type", 0, spec->compression ? spec->compression : "producer");
    if (spec->message_max_bytes)
        setting(&settings, "max.message.bytes", (long long)spec->message_max_bytes, NULL);
    if (!spec->compacted)
        setting(&settings, "retention.ms", spec->retention_ms, NULL);
    else /* whoever loses a race for an object is settled before (common/catalog/heads.h) */
        setting(&settings, "min.compaction.lag.ms", COMPACTION_LAG_MS, NULL);
    if (spec->min_insync_replicas)
        setting(&settings, "min.insync.replicas", spec->min_insync_replicas, NULL);
    return settings;
}

static bool refused(TopicReport *report, TopicState state, const char *text)
{
    report->state = state;
    snprintf(report->text, sizeof report->text, "%s", text);
    return false;
}

/* --- create ------------------------------------------------------------------------------------
 */
static bool create(Admin *admin, const TopicSpec *spec, const char *full, TopicReport *report,
                   Err *err)
{
    char why[BUS_ERRSTR_BYTES];
    Settings settings = settings_of(spec);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        full, spec->partitions, spec->replication ? spec->replication : -1, why, sizeof why);
    if (!topic)
        return ERR(err, ERR_FATAL, "topic-refused", "%s: %s", full, why);
    for (size_t i = 0; i < settings.count; i++)
        rd_kafka_NewTopic_set_config(topic, settings.names[i], settings.values[i]);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(admin->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_request_timeout(options, admin_left_ms(admin), why, sizeof why);
    rd_kafka_AdminOptions_set_operation_timeout(options, admin_left_ms(admin), why, sizeof why);
    rd_kafka_CreateTopics(admin->rk, &topic, 1, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_event_t *event = rd_kafka_queue_poll(admin->queue, admin_left_ms(admin) + 1000);
    if (!event)
        return ERR(err, ERR_RETRY, "bus-timeout", "creating %s", full);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    size_t count = 0;
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    const rd_kafka_topic_result_t **topics =
        code || !result ? NULL : rd_kafka_CreateTopics_result_topics(result, &count);
    if (!code && count == 1) {
        code = rd_kafka_topic_result_error(topics[0]);
        const char *text = rd_kafka_topic_result_error_string(topics[0]);
        snprintf(report->text, sizeof report->text, "%s", text ? text : "");
    }
    rd_kafka_event_destroy(event);
    report->state = TOPIC_CREATED;
    if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) /* somebody was faster */
        report->state = TOPIC_FINE;
    else if (code == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR ||
             code == RD_KAFKA_RESP_ERR_POLICY_VIOLATION ||
             code == RD_KAFKA_RESP_ERR_INVALID_CONFIG ||
             code == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS ||
             code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return refused(report, TOPIC_DIFFERS,
                       report->text[0] ? report->text : rd_kafka_err2str(code));
    else if (code)
        return CLIENT_ERR(err, code, full);
    return true;
}

/* --- compare and set ---------------------------------------------------------------------------
 */
/* The value the broker has, or NULL. */
static const char *value_of(const rd_kafka_ConfigEntry_t **entries, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0)
            return rd_kafka_ConfigEntry_value(entries[i]);
    return NULL;
}

/* Asks the broker; the event owns the entries. */
static rd_kafka_event_t *describe(Admin *admin, const char *full,
                                  const rd_kafka_ConfigEntry_t ***ret_entries, size_t *ret_count,
                                  Err *err)
{
    char why[BUS_ERRSTR_BYTES];
    size_t count = 0;
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, full);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(admin->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_AdminOptions_set_request_timeout(options, admin_left_ms(admin), why, sizeof why);
    rd_kafka_DescribeConfigs(admin->rk, &resource, 1, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_event_t *event = rd_kafka_queue_poll(admin->queue, admin_left_ms(admin) + 1000);
    if (!event) {
        (void)ERR(err, ERR_RETRY, "bus-timeout", "reading the settings of %s", full);
        return NULL;
    }
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const rd_kafka_DescribeConfigs_result_t *result = rd_kafka_event_DescribeConfigs_result(event);
    const rd_kafka_ConfigResource_t **resources =
        code || !result ? NULL : rd_kafka_DescribeConfigs_result_resources(result, &count);
    if (!code && count == 1)
        code = rd_kafka_ConfigResource_error(resources[0]);
    if (code || count != 1) {
        (void)CLIENT_ERR(err, code ? code : RD_KAFKA_RESP_ERR_UNKNOWN, full);
        rd_kafka_event_destroy(event);
        return NULL;
    }
    *ret_entries = rd_kafka_ConfigResource_configs(resources[0], ret_count);
    return event;
}

static bool is_ours(const Settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->count; i++)
        if (strcmp(settings->names[i], name) == 0)
            return true;
    return false;
}

/* AlterConfigs replaces the whole set: what an operator set beside ours goes along. */
static rd_kafka_ConfigResource_t *wanted_resource(const char *full, const Settings *settings,
                                                  const rd_kafka_ConfigEntry_t **entries,
                                                  size_t count)
{
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, full);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        bool theirs =
            rd_kafka_ConfigEntry_source(entries[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
        if (value && theirs && !is_ours(settings, name))
            rd_kafka_ConfigResource_set_config(resource, name, value);
    }
    for (size_t i = 0; i < settings->count; i++)
        rd_kafka_ConfigResource_set_config(resource, settings->names[i], settings->values[i]);
    return resource;
}

static bool alter(Admin *admin, const char *full, rd_kafka_ConfigResource_t *resource, Err *err)
{
    char why[BUS_ERRSTR_BYTES];
    size_t count = 0;
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(admin->rk, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
    rd_kafka_AdminOptions_set_request_timeout(options, admin_left_ms(admin), why, sizeof why);
    rd_kafka_AlterConfigs(admin->rk, &resource, 1, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = rd_kafka_queue_poll(admin->queue, admin_left_ms(admin) + 1000);
    if (!event)
        return ERR(err, ERR_RETRY, "bus-timeout", "setting %s", full);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const rd_kafka_AlterConfigs_result_t *result = rd_kafka_event_AlterConfigs_result(event);
    const rd_kafka_ConfigResource_t **resources =
        code || !result ? NULL : rd_kafka_AlterConfigs_result_resources(result, &count);
    why[0] = '\0';
    if (!code && count == 1 && (code = rd_kafka_ConfigResource_error(resources[0])) != 0) {
        const char *text = rd_kafka_ConfigResource_error_string(resources[0]);
        snprintf(why, sizeof why, "%s", text ? text : rd_kafka_err2str(code));
    }
    rd_kafka_event_destroy(event);
    if (why[0])
        return ERR(err, ERR_FATAL, "topic-refused", "%s: %s", full, why);
    return code ? CLIENT_ERR(err, code, full) : true;
}

static bool settle_settings(Admin *admin, const TopicSpec *spec, const char *full, bool verify_only,
                            TopicReport *report, Err *err)
{
    const rd_kafka_ConfigEntry_t **entries;
    size_t count, used = 0;
    Settings settings = settings_of(spec);
    rd_kafka_event_t *event = describe(admin, full, &entries, &count, err);
    if (!event)
        return false;
    for (size_t i = 0; i < settings.count; i++) {
        const char *has = value_of(entries, count, settings.names[i]);
        if ((!has || strcmp(has, settings.values[i]) != 0) && used < sizeof report->text)
            used += (size_t)snprintf(report->text + used, sizeof report->text - used,
                                     "%s%s: %s, wanted %s", used ? "; " : "", settings.names[i],
                                     has ? has : "not set", settings.values[i]);
    }
    report->state = used == 0 ? TOPIC_FINE : verify_only ? TOPIC_DIFFERS : TOPIC_CHANGED;
    bool fine = true;
    if (report->state == TOPIC_CHANGED) {
        rd_kafka_ConfigResource_t *wanted = wanted_resource(full, &settings, entries, count);
        fine = alter(admin, full, wanted, err);
        rd_kafka_ConfigResource_destroy(wanted);
    }
    rd_kafka_event_destroy(event);
    return fine && report->state != TOPIC_DIFFERS;
}

/* --- one topic ---------------------------------------------------------------------------------
 */
/* What the cluster knows of a topic; partitions 0: there is none. */
static bool look(Admin *admin, const char *full, int32_t *ret_partitions, int32_t *ret_replication,
                 Err *err)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(admin->rk, full, NULL);
    if (!topic)
        return CLIENT_ERR(err, rd_kafka_last_error(), full);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(admin->rk, 0, topic, &metadata, admin_left_ms(admin));
    rd_kafka_topic_destroy(topic);
    if (code)
        return CLIENT_ERR(err, code, full);
    const struct rd_kafka_metadata_topic *found =
        metadata->topic_cnt == 1 ? &metadata->topics[0] : NULL;
    bool there = found && found->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    *ret_partitions = there ? found->partition_cnt : 0;
    *ret_replication = there && found->partition_cnt ? found->partitions[0].replica_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

/* The controller knows a new topic before the brokers tell of it; who starts next shall find it. */
static bool await_visible(Admin *admin, const char *full, Err *err)
{
    int32_t partitions = 0, replication = 0;
    for (;;) {
        TRY(look(admin, full, &partitions, &replication, err));
        if (partitions > 0)
            return true;
        if (admin_left_ms(admin) <= VISIBLE_POLL_MS)
            return ERR(err, ERR_RETRY, "bus-timeout",
                       "%s is made, but the brokers do not tell of it", full);
        usleep(VISIBLE_POLL_MS * 1000);
    }
}

static bool ensure(Admin *admin, const TopicSpec *spec, bool verify_only, TopicReport *report,
                   Err *err)
{
    char full[BUS_TOPIC_BYTES_MAX];
    int32_t partitions = 0, replication = 0;
    TRY(client_topic(&admin->client, spec->name, full, err));
    TRY(look(admin, full, &partitions, &replication, err));
    if (partitions == 0) {
        if (verify_only)
            return refused(report, TOPIC_MISSING, "there is no such topic");
        TRY(create(admin, spec, full, report, err));
        TRY(await_visible(admin, full, err));
        return report->state == TOPIC_CREATED || ensure(admin, spec, true, report, err);
    }
    if (partitions != spec->partitions) {
        report->state = TOPIC_DIFFERS;
        snprintf(report->text, sizeof report->text,
                 "%d partitions, wanted %d. Not changed: keys would move, and two versions of a "
                 "document could overtake each other. Drain first: see docs/operators, scaling",
                 partitions, spec->partitions);
        return false;
    }
    if (spec->replication && replication != spec->replication) {
        report->state = TOPIC_DIFFERS;
        snprintf(
            report->text, sizeof report->text,
            "replication %d, wanted %d: a partition reassignment, the cluster's own tools do it",
            replication, spec->replication);
        return false;
    }
    return settle_settings(admin, spec, full, verify_only, report, err);
}

bool bus_topics_ensure(const BusConfig *config, const TopicSpec *specs, size_t count,
                       bool verify_only, uint32_t timeout_ms, TopicReport *ret_reports, Err *err)
{
    Admin admin = {0};
    Err differs = {0};
    bool fine = admin_open(&admin, config, timeout_ms, err), working = fine;
    for (size_t i = 0; working && i < count; i++) {
        Err why = {0};
        ret_reports[i] = (TopicReport){.spec = &specs[i]};
        if (ensure(&admin, &specs[i], verify_only, &ret_reports[i], &why))
            continue;
        fine = false;
        working = why.kind == ERR_NONE; /* the topic differs: go on with the next */
        if (!working && err)
            *err = why;
        else if (differs.kind == ERR_NONE)
            (void)ERR(&differs, ERR_FATAL, "topic-differs", "%s: %.200s", specs[i].name,
                      ret_reports[i].text);
    }
    if (!fine && working && err)
        *err = differs;
    admin_close(&admin);
    return fine;
}

static bool retention_of(Admin *admin, const char *topic, int64_t *ret_ms, Err *err)
{
    char full[BUS_TOPIC_BYTES_MAX];
    const rd_kafka_ConfigEntry_t **entries;
    size_t count;
    uint64_t ms = 0;
    TRY(client_topic(&admin->client, topic, full, err));
    rd_kafka_event_t *event = describe(admin, full, &entries, &count, err);
    if (!event)
        return false;
    const char *text = value_of(entries, count, "retention.ms");
    bool endless = text && strcmp(text, "-1") == 0;
    bool known = text && (endless || str_to_u64(str_from(text), &ms));
    rd_kafka_event_destroy(event);
    if (!known)
        return ERR(err, ERR_RETRY, "bus-unavailable", "%s has no retention.ms", full);
    *ret_ms = endless ? -1 : (int64_t)ms;
    return true;
}

bool bus_topic_retention(const BusConfig *config, const char *topic, uint32_t timeout_ms,
                         int64_t *ret_ms, Err *err)
{
    Admin admin = {0};
    bool fine =
        admin_open(&admin, config, timeout_ms, err) && retention_of(&admin, topic, ret_ms, err);
    admin_close(&admin);
    return fine;
}
