/* fhirbus-topics: makes the topics, or with --verify says how they differ. Safe to repeat. */
#include <stdio.h>

#include "common/audit/audit.h"
#include "common/bus/bus_options.h"
#include "common/bus/topics.h"
#include "common/config/config.h"
#include "tools/fhirbus-topics/acls.h"

enum { TOPICS_MAX = 64, NAMES_BYTES = 8192, HOUR_MS = 3600000 };
enum { TRIAL_RETENTION_MS = 60000, TRIAL_PARTITIONS_MAX = 4 };

typedef struct TopicsConfig {
    BusConfig bus;
    uint64_t partitions, response_partitions, replication, min_insync;
    uint64_t retention_h, response_retention_h, dlq_retention_h;
    const char *compression;
    const char *destinations;
    const char *principals;
    uint64_t wait_s;
} TopicsConfig;

#define OPT(...) CONFIG_OPTION(TopicsConfig, __VA_ARGS__)
static const ConfigOption options[] = {
    BUS_OPTIONS(TopicsConfig, bus),
    OPT("TOPIC_PARTITIONS", CONFIG_UINT, partitions, "12",
        "of every topic but response and config; the most workers of one kind that can share the "
        "work. Growing it later is a drained operation",
        .min = 1, .max = 10000),
    OPT("TOPIC_RESPONSE_PARTITIONS", CONFIG_UINT, response_partitions, "12",
        "of response; replicas of ingest may share one", .min = 1, .max = 10000),
    OPT("TOPIC_REPLICATION", CONFIG_UINT, replication, "0", "0: the cluster's default", .min = 0,
        .max = 100),
    OPT("TOPIC_MIN_INSYNC_REPLICAS", CONFIG_UINT, min_insync, "0",
        "0: the cluster's default; 2 with TOPIC_REPLICATION=3", .min = 0, .max = 100),
    OPT("TOPIC_RETENTION_H", CONFIG_UINT, retention_h, "168", "hours kept; what replay can reach",
        .min = 1, .max = 876000),
    OPT("TOPIC_RESPONSE_RETENTION_H", CONFIG_UINT, response_retention_h, "72",
        "of response; longer than the persister may ever be down", .min = 1, .max = 876000),
    OPT("TOPIC_DLQ_RETENTION_H", CONFIG_UINT, dlq_retention_h, "8760", "of dlq", .min = 1,
        .max = 876000),
    OPT("TOPIC_COMPRESSION", CONFIG_TEXT, compression, "producer",
        "producer (as it was sent), lz4, zstd, snappy, gzip, uncompressed"),
    OPT("DESTINATIONS", CONFIG_TEXT, destinations, "lake",
        "comma-separated; each has a topic submit.<destination>"),
    OPT("ACL_PRINCIPALS", CONFIG_TEXT, principals, "User:fhirbus-*",
        "how the brokers name our services and operators; '*' for ingest, validator, persister, "
        "lake-submitter, operator"),
    OPT("TOPIC_WAIT_S", CONFIG_UINT, wait_s, "60", "how long to wait for the brokers", .min = 1,
        .max = 3600),
    {0},
};

typedef struct Plan {
    TopicSpec specs[TOPICS_MAX];
    size_t count;
    char names[NAMES_BYTES];
    size_t names_used;
} Plan;

static void plan_add(Plan *plan, const TopicsConfig *config, const char *name, uint64_t hours)
{
    if (plan->count == TOPICS_MAX)
        return;
    plan->specs[plan->count++] = (TopicSpec){
        .name = name,
        .partitions = (int32_t)config->partitions,
        .replication = (int32_t)config->replication,
        .min_insync_replicas = (int32_t)config->min_insync,
        .retention_ms = (int64_t)hours * HOUR_MS,
        .compression = config->compression,
        .message_max_bytes = config->bus.message_max_bytes,
    };
}

static void plan_destinations(Plan *plan, const TopicsConfig *config)
{
    Str rest = str_from(config->destinations), name;
    while (rest.ptr && str_split(&rest, ',', &name)) {
        char *at = plan->names + plan->names_used;
        size_t room = sizeof plan->names - plan->names_used;
        name = str_trim(name);
        int len = name.len ? snprintf(at, room, "submit.%.*s", STR_ARG(name)) : 0;
        if (len <= 0 || (size_t)len >= room)
            continue;
        plan->names_used += (size_t)len + 1;
        plan_add(plan, config, at, config->retention_h);
    }
}

static void plan_fill(Plan *plan, const TopicsConfig *config)
{
    static const char *const plain[] = {
        "intake", "intake.bulk", "validated", "command", "command.checked", "events", "audit",
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        plan_add(plan, config, plain[i], config->retention_h);
    plan_destinations(plan, config);
    plan_add(plan, config, "dlq", config->dlq_retention_h);
    plan_add(plan, config, "response", config->response_retention_h);
    plan->specs[plan->count - 1].partitions = (int32_t)config->response_partitions;
    plan_add(plan, config, "trial", 0); /* of which nothing is kept */
    plan->specs[plan->count - 1].retention_ms = TRIAL_RETENTION_MS;
    plan->specs[plan->count - 1].partitions =
        (int32_t)(config->partitions < TRIAL_PARTITIONS_MAX ? config->partitions
                                                            : TRIAL_PARTITIONS_MAX);
    plan_add(plan, config, "config", config->retention_h);
    plan->specs[plan->count - 1].partitions = 1;
    plan->specs[plan->count - 1].compacted = true;
}

static void print_reports(const TopicReport *reports, size_t count)
{
    static const char *const words[] = {"fine", "created", "changed", "missing", "differs"};
    for (size_t i = 0; i < count && reports[i].spec; i++)
        printf("%-8s %s%s%s\n", words[reports[i].state], reports[i].spec->name,
               reports[i].text[0] ? ": " : "", reports[i].text);
}

/* What was made or changed; nothing of a run that found everything as it should be. */
static void tell_audit(const BusConfig *bus, const TopicReport *reports, size_t count)
{
    char names[1000] = "";
    size_t len = 0;
    Err err = {0};
    for (size_t i = 0; i < count && reports[i].spec && len < sizeof names; i++)
        if (reports[i].state == TOPIC_CREATED || reports[i].state == TOPIC_CHANGED)
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len ? "," : "",
                                    reports[i].spec->name);
    if (!len)
        return;
    const NameValue detail = {STR("topics"), str_from(names)};
    AuditRecord act = audit_act_record("fhirbus-topics", "U", "topics", STR("topics"),
                                       audit_operator(NULL), NULL);
    act.details = &detail;
    act.detail_count = 1;
    if (!audit_act(bus, &act, &err))
        fprintf(stderr, "fhirbus-topics: not in the audit trail: %s\n", err.text);
}

int main(int argc, char **argv)
{
    static Plan plan;
    static TopicReport reports[TOPICS_MAX];
    static const ConfigProgram program = {
        .name = "fhirbus-topics",
        .summary = "Creates the topics of fhirbus and keeps their settings as configured.",
        .usage =
            "  --verify         change nothing; exit 1 when something differs\n"
            "  acls [--check]   who may read and write what: brings the brokers' rules in line "
            "with\n                   the table in here; --check: only says what differs\n",
        .options = options,
    };
    ARENA_AUTO arena = arena_new(1 << 20);
    TopicsConfig config = {0};
    Err err = {0};
    int next = 0;
    ConfigStart start = config_start(&program, argc, argv, arena, &config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : 2;
    config.bus.client_id = "fhirbus-topics";
    if (next < argc && strcmp(argv[next], "acls") == 0) {
        bool check = next + 1 < argc && strcmp(argv[next + 1], "--check") == 0;
        if (next + 1 + check == argc)
            return acls_run(&config.bus, config.principals, check, (uint32_t)config.wait_s * 1000);
    }
    bool verify = next < argc && strcmp(argv[next], "--verify") == 0;
    if (next + verify != argc) {
        fprintf(stderr, "fhirbus-topics: unknown argument; see --help\n");
        return 2;
    }
    plan_fill(&plan, &config);
    bool fine = bus_topics_ensure(&config.bus, plan.specs, plan.count, verify,
                                  (uint32_t)config.wait_s * 1000, reports, &err);
    print_reports(reports, plan.count);
    if (fine && !verify)
        tell_audit(&config.bus, reports, plan.count);
    if (!fine)
        fprintf(stderr, "fhirbus-topics: %s: %s\n", err.code, err.text);
    return fine ? 0 : 1;
}
