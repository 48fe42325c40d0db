/* settings - what a validator worker is told; `fhirbus-validator --help-config` prints the table.
 */
#pragma once
#include "common/bus/bus.h"
#include "common/config/config.h"

typedef struct ValidatorConfig {
    BusConfig bus;
    const char *images;           /* files or folders of *.image, by comma */
    const char *allowed_profiles; /* by comma; "*": any */
    uint64_t image_check_s;
    uint64_t images_report_s;
    uint64_t message_mib;
    uint64_t depth_max, nodes_max, issues_max, steps_max;
    bool best_practice;
    uint64_t in_flight_max;
    uint64_t bulk_share;
    uint64_t publish_timeout_ms;
    uint64_t bulk_linger_ms;
    uint64_t session_timeout_ms;
    uint64_t revoke_wait_ms;
    uint64_t hang_limit_ms, drain_ms;
    bool no_supervisor;
    int log_level;
    const char *ops_bind;
    uint64_t ops_port;
} ValidatorConfig;

extern const ConfigOption validator_options[];
