/* settings - what a lake-submitter is told; `fhirbus-lake-submitter --help-config` prints it. */
#pragma once
#include "common/bus/bus.h"
#include "common/config/config.h"
#include "common/db/db.h"

typedef struct SubmitterConfig {
    BusConfig bus;
    DbConfig db;
    const char *roles;        /* "route,deliver" */
    const char *destinations; /* those that the settings LAKE_* describe, by comma */
    const char *destination;  /* deliver: the ones we serve, by comma; NULL: all */
    const char *secrets;      /* the folder of the files that destinations name */
    uint64_t retention_min_h;
    const char *severity_level;
    const char *txd_tenants; /* by comma: these submit as TXD */
    const char *lake_url, *lake_api_key, *datalake_urls;
    const char *lake_ca_file, *lake_cert_file, *lake_key_file;
    bool lake_plain_http;
    uint64_t lake_connect_timeout_ms, lake_timeout_ms;
    uint64_t connections_max, lake_per_minute;
    uint64_t answer_keep_bytes;
    uint64_t attempts_max, backoff_min_ms, backoff_max_ms;
    uint64_t breaker_failures, breaker_open_min_ms, breaker_open_max_ms;
    bool recorded_results;
    uint64_t recorded_patience_ms;
    uint64_t message_mib;
    uint64_t in_flight_max;
    uint64_t publish_timeout_ms, bulk_linger_ms, gather_ms;
    uint64_t session_timeout_ms, revoke_wait_ms;
    uint64_t hang_limit_ms, drain_ms;
    bool no_supervisor;
    int log_level;
    const char *ops_bind;
    uint64_t ops_port;
} SubmitterConfig;

extern const ConfigOption submitter_options[];
bool submitter_has_role(const SubmitterConfig *config, const char *role);
