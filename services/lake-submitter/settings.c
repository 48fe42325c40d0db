#include "services/lake-submitter/settings.h"

#include "common/bus/bus_options.h"
#include "common/db/db_options.h"
#include "common/obs/log.h"

#define OPT(...) CONFIG_OPTION(SubmitterConfig, __VA_ARGS__)

const ConfigOption submitter_options[] = {
    BUS_OPTIONS(SubmitterConfig, bus),
    DB_OPTIONS(SubmitterConfig, db, "fhirbus_submitter"),
    OPT("ROLE", CONFIG_TEXT, roles, "route,deliver",
        "route: validated -> submit.<destination>; deliver: submit.<destination> -> HTTPS"),
    OPT("DESTINATIONS", CONFIG_TEXT, destinations, "lake",
        "names of the destinations that the settings LAKE_* describe unless an object "
        "destinations/NAME of the topic config does; none: only objects"),
    OPT("DESTINATION", CONFIG_TEXT, destination, NULL,
        "deliver: names of those that this process serves, by comma; default: all"),
    OPT("DESTINATION_SECRETS", CONFIG_TEXT, secrets, "/etc/fhirbus/destinations",
        "the folder of the files that destinations name: keys, certificates, client secrets"),
    OPT("RETENTION_MIN_H", CONFIG_UINT, retention_min_h, "168",
        "deliver: not ready when a topic submit.<destination> keeps less: a destination that is "
        "down for longer would lose documents; 0: not checked",
        .max = 876000),
    OPT("SEVERITY_LEVEL", CONFIG_TEXT, severity_level, "error",
        "least severity of issues that go along, unless the sender chose: information, warning, "
        "error, fatal"),
    OPT("TXD_TENANTS", CONFIG_TEXT, txd_tenants, NULL,
        "tenants that are submitted with processingAgent=TXD, by comma"),
    OPT("LAKE_URL", CONFIG_TEXT, lake_url, NULL, "where the destinations of the settings are"),
    OPT("DATALAKE_API_URLS", CONFIG_TEXT, datalake_urls, NULL,
        "what X-TechBD-DataLake-API-URL may say for them, by comma; as in ingest"),
    OPT("LAKE_API_KEY", CONFIG_SECRET, lake_api_key, NULL, "sent as x-api-key"),
    OPT("LAKE_CA_FILE", CONFIG_TEXT, lake_ca_file, NULL, "PEM; default: the system's"),
    OPT("LAKE_CERT_FILE", CONFIG_TEXT, lake_cert_file, NULL, "PEM, for mutual TLS"),
    OPT("LAKE_KEY_FILE", CONFIG_TEXT, lake_key_file, NULL, "PEM, its key"),
    OPT("LAKE_PLAIN_HTTP", CONFIG_BOOL, lake_plain_http, "0",
        "allow http:// URLs; for peers on loopback"),
    OPT("LAKE_CONNECT_TIMEOUT_MS", CONFIG_UINT, lake_connect_timeout_ms, "5000", "TCP and TLS",
        .min = 10, .max = 600000),
    OPT("LAKE_TIMEOUT_MS", CONFIG_UINT, lake_timeout_ms, "60000", "a whole request", .min = 10,
        .max = 3600000),
    OPT("LAKE_CONNECTIONS_MAX", CONFIG_UINT, connections_max, "32",
        "requests at a time, each document key one at a time", .min = 1, .max = 10000),
    OPT("LAKE_PER_MINUTE", CONFIG_UINT, lake_per_minute, "0",
        "requests to each destination, of all processes together; 0: no limit", .max = 10000000),
    OPT("ANSWER_KEEP_BYTES", CONFIG_UINT, answer_keep_bytes, "65536",
        "of a destination's answer kept for the record", .min = 0, .max = 1048576),
    OPT("ATTEMPTS_MAX", CONFIG_UINT, attempts_max, "10",
        "failed attempts of one document while others may get through; then it is recorded as "
        "failed and dead-lettered. Time with the breaker open does not count",
        .min = 1, .max = 1000000),
    OPT("BACKOFF_MIN_MS", CONFIG_UINT, backoff_min_ms, "500",
        "most before the second attempt; doubles; the wait is random between 0 and it", .min = 1,
        .max = 3600000),
    OPT("BACKOFF_MAX_MS", CONFIG_UINT, backoff_max_ms, "60000", "most between attempts", .min = 1,
        .max = 86400000),
    OPT("BREAKER_FAILURES", CONFIG_UINT, breaker_failures, "5",
        "in a row: the destination counts as down", .min = 1, .max = 100000),
    OPT("BREAKER_OPEN_MIN_MS", CONFIG_UINT, breaker_open_min_ms, "1000",
        "before one document tries again; doubles", .min = 1, .max = 3600000),
    OPT("BREAKER_OPEN_MAX_MS", CONFIG_UINT, breaker_open_max_ms, "30000", "between such tries",
        .min = 1, .max = 3600000),
    OPT("RECORDED_RESULTS", CONFIG_BOOL, recorded_results, "1",
        "look in the database before sending what may have been sent already"),
    OPT("RECORDED_PATIENCE_MS", CONFIG_UINT, recorded_patience_ms, "30000",
        "database away for longer: send, with the same Idempotency-Key", .min = 0, .max = 86400000),
    OPT("MESSAGE_MIB", CONFIG_UINT, message_mib, "256", "memory limit of one message", .min = 16,
        .max = 65536),
    OPT("IN_FLIGHT_MAX", CONFIG_UINT, in_flight_max, "256", "documents in hand", .min = 1,
        .max = 4096),
    OPT("PUBLISH_TIMEOUT_MS", CONFIG_UINT, publish_timeout_ms, "300000",
        "brokers away for longer: the message is worked on again; till then it waits, in order",
        .min = 100, .max = 3600000),
    OPT("GATHER_MS", CONFIG_UINT, gather_ms, "50",
        "role route: the brokers may hold records back this long, so that they come many at a "
        "time; 0: not",
        .max = 5000),
    OPT("BULK_LINGER_MS", CONFIG_UINT, bulk_linger_ms, "5", "batching of what is published",
        .min = 0, .max = 60000),
    OPT("SESSION_TIMEOUT_MS", CONFIG_UINT, session_timeout_ms, "6000",
        "a killed worker's partitions move after this", .min = 1000, .max = 600000),
    OPT("REVOKE_WAIT_MS", CONFIG_UINT, revoke_wait_ms, "4000",
        "for requests under way when partitions move; then they are cancelled", .min = 0,
        .max = 60000),
    OPT("HANG_LIMIT_MS", CONFIG_UINT, hang_limit_ms, "120000",
        "a message in hand for longer (not waiting for the network) kills its worker", .min = 100,
        .max = 3600000),
    OPT("DRAIN_MS", CONFIG_UINT, drain_ms, "25000", "from SIGTERM until a worker is killed",
        .min = 100, .max = 600000),
    OPT("NO_SUPERVISOR", CONFIG_BOOL, no_supervisor, "0",
        "one process without a parent; for debuggers"),
    OPT("LOG_LEVEL", CONFIG_CHOICE, log_level, "info", "least level to log",
        .choices = LOG_LEVEL_CHOICES),
    OPT("OPS_BIND", CONFIG_TEXT, ops_bind, "127.0.0.1",
        "numeric address of /healthz /readyz /metrics"),
    OPT("OPS_PORT", CONFIG_UINT, ops_port, "9104", "0: the system chooses", .max = 65535),
    {0},
};

bool submitter_has_role(const SubmitterConfig *config, const char *role)
{
    Str rest = str_from(config->roles), one;
    while (rest.ptr && str_split(&rest, ',', &one))
        if (str_is(str_trim(one), role))
            return true;
    return false;
}
