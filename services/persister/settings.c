#include "services/persister/settings.h"

#include "common/obs/log.h"

#define OPT(...) CONFIG_OPTION(Settings, __VA_ARGS__)
static const ConfigOption options[] = {
    BUS_OPTIONS(Settings, bus),
    DB_OPTIONS(Settings, db, "fhirbus_persister"),
    VAULT_OPTIONS(Settings, vault),
    OPT("KAFKA_GROUP", CONFIG_TEXT, group, "persister", "consumer group; all persisters share one"),
    OPT("OPS_BIND", CONFIG_TEXT, ops_bind, "127.0.0.1",
        "numeric address of /healthz /readyz /metrics"),
    OPT("OPS_PORT", CONFIG_UINT, ops_port, "9103", "0: the system chooses", .max = 65535),
    OPT("LOG_LEVEL", CONFIG_CHOICE, log_level, "info", "least level that is written",
        .choices = LOG_LEVEL_CHOICES),
    OPT("NO_SUPERVISOR", CONFIG_BOOL, no_supervisor, "no",
        "one process alone, for a debugger: poison is then not caught"),
    OPT("BATCH_MESSAGES", CONFIG_UINT, batch_messages, "200", "most messages of a transaction",
        .min = 1, .max = 5000),
    OPT("BATCH_BYTES", CONFIG_UINT, batch_bytes, "16777216",
        "most bytes of a transaction; one message always fits", .min = 1048576, .max = 1073741824),
    OPT("GATHER_MS", CONFIG_UINT, gather_ms, "50",
        "the brokers may hold records back this long, so that they come many at a time; 0: not",
        .max = 5000),
    OPT("BULK_SHARE", CONFIG_UINT, bulk_share, "10",
        "per cent of its time that the bulk lane may have while interactive documents come; "
        "without "
        "any it has all",
        .min = 1, .max = 100),
    OPT("MESSAGE_MEMORY_BYTES", CONFIG_UINT, message_memory_bytes, "268435456",
        "most memory that the rows of one transaction may take", .min = 16777216,
        .max = 4294967296),
    OPT("COMPRESSION_LEVEL", CONFIG_UINT, compression_level, "1", "zstd's, of stored payloads",
        .min = 1, .max = 19),
    OPT("MONTHS_AHEAD", CONFIG_UINT, months_ahead, "3", "partitions to have ready", .min = 1,
        .max = 60),
    OPT("UPKEEP_INTERVAL_S", CONFIG_UINT, upkeep_interval_s, "600",
        "how often partitions are made, retention is applied and default partitions are looked at",
        .min = 1, .max = 86400),
    OPT("GRID_INTERVAL_MS", CONFIG_UINT, grid_interval_ms, "1000",
        "how often what the diagnostics pages read (lists, sums) is brought up to date", .min = 20,
        .max = 3600000),
    OPT("PURGE_ROWS", CONFIG_UINT, purge_rows, "2000", "most rows of a table purged at once",
        .min = 1, .max = 1000000),
    OPT("HANG_LIMIT_MS", CONFIG_UINT, hang_limit_ms, "120000",
        "a message that is worked on for longer kills its worker", .min = 1000, .max = 3600000),
    OPT("DRAIN_LIMIT_MS", CONFIG_UINT, drain_limit_ms, "25000",
        "from SIGTERM until the worker is killed", .min = 100, .max = 600000),
    OPT("RETRY_MS", CONFIG_UINT, retry_ms, "250",
        "pause before a transaction that failed is repeated", .min = 10, .max = 60000),
    OPT("AUDIT_RETENTION_DAYS", CONFIG_UINT, audit_retention_days, "2555",
        "months of the audit trail that are older as a whole are dropped; of each chain an anchor "
        "stays",
        .min = 1, .max = 36500),
    {0},
};

const ConfigProgram persister_program = {
    .name = "fhirbus-persister",
    .summary = "keeps what the topics carry in PostgreSQL",
    .options = options,
};
