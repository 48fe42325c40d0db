/* settings - everything that can be set on the persister: fhirbus-persister --help-config. */
#pragma once
#include "common/bus/bus_options.h"
#include "common/config/config.h"
#include "common/db/db_options.h"
#include "common/vault/vault.h"

typedef struct Settings {
    BusConfig bus;
    DbConfig db;
    VaultConfig vault;
    const char *group;
    const char *ops_bind;
    uint64_t ops_port;
    int log_level;
    bool no_supervisor;
    uint64_t batch_messages;
    uint64_t batch_bytes;
    uint64_t gather_ms;
    uint64_t bulk_share;
    uint64_t message_memory_bytes;
    uint64_t compression_level;
    uint64_t months_ahead;
    uint64_t upkeep_interval_s;
    uint64_t grid_interval_ms;
    uint64_t purge_rows;
    uint64_t hang_limit_ms;
    uint64_t drain_limit_ms;
    uint64_t retry_ms;
    uint64_t audit_retention_days;
} Settings;

extern const ConfigProgram persister_program;
