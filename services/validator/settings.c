#include "services/validator/settings.h"

#include "common/bus/bus_options.h"
#include "common/obs/log.h"

#define OPT(...) CONFIG_OPTION(ValidatorConfig, __VA_ARGS__)

const ConfigOption validator_options[] = {
    BUS_OPTIONS(ValidatorConfig, bus),
    OPT("FHIR_IMAGES", CONFIG_TEXT, images, NULL,
        "compiled definitions: files, or folders of *.image, by comma; none: JSON and the shape of "
        "a Bundle are all that is checked"),
    OPT("FHIR_IMAGES_CHECK_S", CONFIG_UINT, image_check_s, "10",
        "how often to look whether they changed; also at once on SIGHUP. 0: only then", .min = 0,
        .max = 86400),
    OPT("FHIR_IMAGES_REPORT_S", CONFIG_UINT, images_report_s, "30",
        "how often to tell what is loaded, for the page Guides; silent for three times as long: "
        "shown as gone",
        .min = 1, .max = 3600),
    OPT("ALLOWED_PROFILES", CONFIG_TEXT, allowed_profiles,
        "http://shinny.org/us/ny/hrsn/StructureDefinition/SHINNYBundleProfile,"
        "http://test.shinny.org/us/ny/hrsn/StructureDefinition/SHINNYBundleProfile",
        "a bundle must name one of these in meta.profile (TECHBD-1001), by comma; * allows any"),
    OPT("MESSAGE_MIB", CONFIG_UINT, message_mib, "512", "memory limit of one message", .min = 16,
        .max = 65536),
    OPT("JSON_DEPTH_MAX", CONFIG_UINT, depth_max, "256", "nesting of a document", .min = 8,
        .max = 10000),
    OPT("JSON_NODES_MAX", CONFIG_UINT, nodes_max, "2000000", "values in a document", .min = 1000,
        .max = 20000000),
    OPT("ISSUES_MAX", CONFIG_UINT, issues_max, "2000",
        "issues of one outcome; the rest is counted (\"n more issues\")", .min = 1, .max = 100000),
    OPT("STEPS_MAX", CONFIG_UINT, steps_max, "0",
        "validation and FHIRPath steps of one document; 0: the engine's default", .min = 0,
        .max = 1000000000000),
    OPT("BEST_PRACTICE", CONFIG_BOOL, best_practice, "1", "report best-practice warnings"),
    OPT("IN_FLIGHT_MAX", CONFIG_UINT, in_flight_max, "256",
        "verdicts published and not yet acknowledged", .min = 1, .max = 100000),
    OPT("BULK_SHARE", CONFIG_UINT, bulk_share, "10",
        "per cent of a worker's time that the bulk lane may have while interactive documents come; "
        "without any it has all",
        .min = 1, .max = 100),
    OPT("PUBLISH_TIMEOUT_MS", CONFIG_UINT, publish_timeout_ms, "300000",
        "brokers away for longer: the message is worked on again; till then it waits, in order",
        .min = 100, .max = 600000),
    OPT("BULK_LINGER_MS", CONFIG_UINT, bulk_linger_ms, "20",
        "batching of the bulk lane, and of what the other services are told", .min = 0,
        .max = 60000),
    OPT("SESSION_TIMEOUT_MS", CONFIG_UINT, session_timeout_ms, "6000",
        "a killed worker's partitions move after this", .min = 1000, .max = 600000),
    OPT("REVOKE_WAIT_MS", CONFIG_UINT, revoke_wait_ms, "4000",
        "for what is in flight when partitions move", .min = 0, .max = 60000),
    OPT("HANG_LIMIT_MS", CONFIG_UINT, hang_limit_ms, "120000",
        "a message in hand for longer kills its worker; twice: dead-lettered", .min = 100,
        .max = 3600000),
    OPT("DRAIN_MS", CONFIG_UINT, drain_ms, "25000", "from SIGTERM until a worker is killed",
        .min = 100, .max = 600000),
    OPT("NO_SUPERVISOR", CONFIG_BOOL, no_supervisor, "0",
        "one process without a parent; for debuggers"),
    OPT("LOG_LEVEL", CONFIG_CHOICE, log_level, "info", "least level to log",
        .choices = LOG_LEVEL_CHOICES),
    OPT("OPS_BIND", CONFIG_TEXT, ops_bind, "127.0.0.1",
        "numeric address of /healthz /readyz /metrics"),
    OPT("OPS_PORT", CONFIG_UINT, ops_port, "9102", "0: the system chooses", .max = 65535),
    {0},
};
