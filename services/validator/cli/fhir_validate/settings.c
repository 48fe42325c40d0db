#include "services/validator/cli/fhir_validate/settings.h"

enum { RULE_BYTES_MAX = 64 };

int complain(const char *what, const char *about)
{
    fprintf(stderr, "fhir-validate: %s: %s\n", about, what);
    return EXIT_USAGE;
}

const char *severity_name(IssueSeverity severity)
{
    static const char *const names[] = {"information", "warning", "error", "fatal"};
    return names[severity];
}

static bool set_image(Settings *settings, const char *value)
{
    if (settings->image_count == IMAGES_MAX)
        return false;
    settings->images[settings->image_count++] = value;
    return true;
}

static bool set_package(Settings *settings, const char *value)
{
    if (settings->package_count == PACKAGES_MAX)
        return false;
    settings->packages[settings->package_count++] = value;
    return true;
}

static bool set_profile(Settings *settings, const char *value)
{
    if (settings->profile_count == PROFILES_MAX || !*value)
        return false;
    settings->profiles[settings->profile_count++] = str_from(value);
    return true;
}

static bool set_ig(Settings *settings, const char *value)
{
    settings->ig = str_from(value);
    return settings->ig.len > 0 && value[0] != '#';
}

static bool set_format(Settings *settings, const char *value)
{
    static const char *const names[] = {"text", "json", "ndjson", "sarif"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(value, names[i]) == 0) {
            settings->format = (Format)i;
            return true;
        }
    return false;
}

static bool set_severity(Settings *settings, const char *value)
{
    for (IssueSeverity s = SEVERITY_INFORMATION; s <= SEVERITY_FATAL; s++)
        if (strcmp(value, severity_name(s)) == 0) {
            settings->min_severity = s;
            return true;
        }
    return false;
}

/* NAME or NAME=on, NAME=off; the last one counts. */
static bool set_rule(Settings *settings, const char *value)
{
    char name[RULE_BYTES_MAX];
    size_t len = strcspn(value, "=");
    bool off = strcmp(value + len, "=off") == 0;
    if (len >= sizeof name || (value[len] && !off && strcmp(value + len, "=on") != 0))
        return false;
    memcpy(name, value, len);
    name[len] = '\0';
    ValidateRule rule = fhir_rule_find(name);
    settings->rules = off ? settings->rules & ~rule : settings->rules | rule;
    settings->rules_off = off ? settings->rules_off | rule : settings->rules_off & ~rule;
    return rule != 0;
}

static bool set_reference(Settings *settings, const char *value)
{
    settings->has_reference = true;
    return fhir_reference_find(value, &settings->reference);
}

static bool number(const char *value, uint64_t min, uint64_t max, uint64_t *ret)
{
    return str_to_u64(str_from(value), ret) && *ret >= min && *ret <= max;
}

static bool set_threads(Settings *settings, const char *value)
{
    uint64_t threads;
    if (!number(value, 1, THREADS_MAX, &threads))
        return false;
    settings->threads = (unsigned)threads;
    return true;
}

static bool set_memory(Settings *settings, const char *value)
{
    uint64_t mib;
    if (!number(value, 1, 1 << 20, &mib))
        return false;
    settings->memory_bytes = (size_t)mib << 20;
    return true;
}

typedef struct Option {
    const char *name;
    bool (*set)(Settings *settings, const char *value);
    const char *wanted;
} Option;

static const Option options[] = {
    {"--format",       set_format,    "text, json, ndjson or sarif"         },
    {"--ig",           set_ig,        "NAME#VERSION"                        },
    {"--image",        set_image,     "an image file, 16 at most"           },
    {"--memory",       set_memory,    "MiB, from 1"                         },
    {"--min-severity", set_severity,  "information, warning, error or fatal"},
    {"--package",      set_package,   "a package, 64 at most"               },
    {"--profile",      set_profile,   "a canonical URL, 32 at most"         },
    {"--reference",    set_reference, "hapi, core or auto"                  },
    {"--rule",         set_rule,      "NAME or NAME=off, a rule of --help"  },
    {"--threads",      set_threads,   "a number from 1 to 64"               },
};

static const Option *find_option(Str name)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (str_is(name, options[i].name))
            return &options[i];
    return NULL;
}

/* --name VALUE or --name=VALUE; moves *at behind what was taken. */
static bool parse_option(Settings *settings, int argc, char **argv, int *at)
{
    Str word = str_from(argv[*at]);
    size_t equals = str_find_char(word, '=');
    const Option *option = find_option(str_cut(word, 0, equals));
    if (!option) {
        complain("no such option; see fhir-validate --help", argv[*at]);
        return false;
    }
    const char *value = equals < word.len ? argv[*at] + equals + 1 : NULL;
    if (!value && *at + 1 < argc)
        value = argv[++*at];
    ++*at;
    if (value && option->set(settings, value))
        return true;
    fprintf(stderr, "fhir-validate: %s%s%s: expected %s\n", option->name, value ? " " : "",
            value ? value : "", option->wanted);
    return false;
}

static bool add_input(Settings *settings, const char *path)
{
    for (size_t i = 0; strcmp(path, "-") == 0 && i < settings->input_count; i++)
        if (strcmp(settings->inputs[i], "-") == 0) {
            complain("standard input can be read once only", "-");
            return false;
        }
    settings->inputs[settings->input_count++] = path;
    return true;
}

bool settings_parse(Settings *settings, int argc, char **argv)
{
    bool only_inputs = false;
    for (int i = 1; i < argc;) {
        if (!only_inputs && strcmp(argv[i], "--") == 0) {
            only_inputs = true;
            i++;
        } else if (only_inputs || argv[i][0] != '-' || argv[i][1] == '\0') {
            if (!add_input(settings, argv[i++]))
                return false;
        } else if (!parse_option(settings, argc, argv, &i)) {
            return false;
        }
    }
    bool has_definitions = settings->image_count || settings->package_count;
    if (settings->input_count == 0)
        complain("what to validate is missing; see fhir-validate --help", "usage");
    else if (settings->profile_count && !has_definitions)
        complain("no --image or --package is given to find it in", "--profile");
    else if (settings->has_reference && !settings->package_count)
        complain("an image has its own; this one is for --package", "--reference");
    else
        return true;
    return false;
}
