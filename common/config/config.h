/* config - one table of options: environment or file -> a const struct, and its own manual.
 *
 *   typedef struct IngestConfig { const char *brokers; uint64_t reply_deadline_ms; } IngestConfig;
 *   #define OPT(...) CONFIG_OPTION(IngestConfig, __VA_ARGS__)
 *   static const ConfigOption options[] = {
 *       OPT("KAFKA_BROKERS", CONFIG_TEXT, brokers, CONFIG_REQUIRED, "host:port,..."),
 *       OPT("REPLY_DEADLINE_MS", CONFIG_UINT, reply_deadline_ms, "8000", "...", .min = 1, .max =
 * 600000), {0},
 *   };
 *
 * Sources: environment before file (KEY=VALUE lines, named by --config or CONFIG_FILE) before
 *          default. A CONFIG_SECRET may also be given as the name of a file in NAME_FILE. An empty
 *          value counts as not given. A key in the file that the table does not know is an error.
 * Units:   are part of the names (_MS, _S, _BYTES, _MIB); values are plain decimal numbers.
 * Owner:   texts live in `arena`, for as long as the config is used.
 * Errors:  ERR_FATAL, codes "config-missing", "config-value", "config-file", "config-unknown"; the
 *          text names option, source and what would be right, and never shows a secret. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

typedef enum ConfigType {
    CONFIG_TEXT = 1, /* const char *; NULL when not given and without default      */
    CONFIG_SECRET,   /* const char *; NAME or NAME_FILE; never shown               */
    CONFIG_BOOL,     /* bool; 1 0 true false yes no on off                         */
    CONFIG_UINT,     /* uint64_t; within min..max when max is set                  */
    CONFIG_NUMBER,   /* double; within min..max when max is set; not NaN, not inf  */
    CONFIG_CHOICE,   /* int: index into choices "a|b|c"                            */
} ConfigType;

typedef struct ConfigOption {
    const char *name;
    ConfigType type;
    size_t offset;
    size_t field_bytes;
    const char *initial; /* default as text; NULL: none; CONFIG_REQUIRED */
    const char *help;
    uint64_t min, max;
    const char *choices;
} ConfigOption;

extern const char config_required[];
#define CONFIG_REQUIRED config_required

/* `field` may be a path ("db.host"), so that a library's settings struct can be embedded. */
#define CONFIG_OPTION(Struct, name_, type_, field_, initial_, help_, ...)                          \
    {                                                                                              \
        .name = (name_), .type = (type_), .offset = offsetof(Struct, field_),                      \
        .field_bytes = sizeof(((Struct *)0)->field_), .initial = (initial_), .help = (help_),      \
        __VA_ARGS__                                                                                \
    }

/* Where values come from; `environment` is like environ, `file` NULL or a path. */
typedef struct ConfigSource {
    const char *const *environment;
    const char *file;
} ConfigSource;

/* The table ends with an entry without name. */
bool config_read(const ConfigOption *options, const ConfigSource *source, Arena *arena,
                 void *ret_config, Err *err) MUST_USE;
void config_print_help(const ConfigOption *options, Buf *out);
/* NAME=value lines as used now; secrets as "(set)" or "(not set)". */
void config_print_values(const ConfigOption *options, const void *config, Buf *out);

/* What main() does first. Handles --help, --version, --help-config, --check-config, --config FILE;
 * prints errors to stderr. */
typedef struct ConfigProgram {
    const char *name;    /* "fhirbus-ingest" */
    const char *summary; /* one or two lines for --help */
    const char *usage;   /* lines about further arguments, or NULL */
    const ConfigOption *options;
} ConfigProgram;
typedef enum ConfigStart {
    CONFIG_RUN,    /* config is filled in; arguments from *ret_next on are the caller's */
    CONFIG_DONE,   /* exit(0) */
    CONFIG_REFUSED /* exit(2) */
} ConfigStart;
ConfigStart config_start(const ConfigProgram *program, int argc, char **argv, Arena *arena,
                         void *ret_config, int *ret_next) MUST_USE;

#define FHIRBUS_VERSION "0.1.0"
