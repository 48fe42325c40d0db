/* settings - the command line of fhir-validate, understood. */
#pragma once
#include "services/validator/engine/fhir_compile.h"
#include "services/validator/engine/fhir_validator.h"

enum {
    EXIT_VALID = 0,
    EXIT_INVALID = 1,
    EXIT_USAGE = 2,
    IMAGES_MAX = 16,
    PACKAGES_MAX = 64,
    PROFILES_MAX = 32,
    THREADS_MAX = 64,
    PATH_BYTES_MAX = 4096,
};

typedef enum Format {
    FORMAT_TEXT,
    FORMAT_JSON,
    FORMAT_NDJSON,
    FORMAT_SARIF,
} Format;

typedef struct Settings {
    const char *images[IMAGES_MAX];
    size_t image_count;
    const char *packages[PACKAGES_MAX];
    size_t package_count;
    Str profiles[PROFILES_MAX];
    size_t profile_count;
    Str ig; /* NAME or NAME#VERSION; empty: by meta.profile */
    Format format;
    IssueSeverity min_severity;
    unsigned rules, rules_off;
    FhirReference reference; /* of what --package compiles */
    bool has_reference;
    unsigned threads;
    size_t memory_bytes; /* of one resource */
    const char **inputs;
    size_t input_count;
} Settings;

/* False: said on stderr what is wrong. settings->inputs has room for argc. */
bool settings_parse(Settings *settings, int argc, char **argv);
/* Prints "fhir-validate: ABOUT: WHAT"; yields EXIT_USAGE. */
int complain(const char *what, const char *about);
const char *severity_name(IssueSeverity severity);
