/* fhir-validate - FHIR resources in, what is wrong with them out. */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "services/validator/cli/fhir_validate/bench.h"
#include "services/validator/engine/fhir_compile.h"
#include "services/validator/engine/fhir_validator.h"

enum {
    EXIT_VALID = 0,
    EXIT_INVALID = 1,
    EXIT_USAGE = 2,
    IMAGES_MAX = 16,
    PROFILES_MAX = 32,
    PATH_BYTES_MAX = 4096,
    INPUT_BYTES_MAX = 1 << 30,
};
static const size_t ARENA_BYTES = (size_t)4 << 30;

typedef enum Format { FORMAT_TEXT, FORMAT_JSON, FORMAT_NDJSON } Format;

typedef struct Settings {
    const char *images[IMAGES_MAX];
    size_t image_count;
    Str profiles[PROFILES_MAX];
    size_t profile_count;
    Format format;
    IssueSeverity min_severity;
    unsigned rules;
    const char *const *inputs;
    size_t input_count;
} Settings;

typedef struct Run {
    const Settings *settings;
    FhirValidator *validator;
    Arena *arena;
    Buf input;
    size_t shown;
    bool any_invalid;
    bool any_unreadable;
} Run;

static const char usage[] =
    "usage: fhir-validate [--image FILE]... [--profile URL]... [--format text|json|ndjson]\n"
    "                     [--min-severity information|warning|error|fatal] [--rule NAME]...\n"
    "                     FILE|DIR|-...\n"
    "       fhir-validate compile PACKAGE... -o IMAGE [--packages DIR]... [--codes FILE]...\n"
    "                     [--no-dependencies] [--lenient-terminology]\n"
    "       fhir-validate info IMAGE... [--verify]\n"
    "       fhir-validate bench [--image FILE]... [--seconds N] [--threads N] FILE...\n"
    "       fhir-validate --help\n"
    "\n"
    "Validates FHIR R4 resources (JSON). Without an image: JSON form, known properties and types.\n"
    "ndjson prints one line per input: "
    "{\"file\",\"valid\",\"ms\",\"outcome\":{OperationOutcome}}.\n"
    "--rule: unknown-profile-warns, unknown-extension-fails, html-in-markdown-fails,\n"
    "html-in-text-fails, for-publication, unknown-system-warns, rest-references,\n"
    "references-resolve, example-url-fails, contained-ignored, json-comments.\n"
    "compile: PACKAGE is a .tgz, a folder or a loose resource (.json); the first one is the root.\n"
    "Dependencies are looked for in the --packages folders.\n"
    "Exit status: 0 all valid, 1 some invalid, 2 usage or unreadable input.\n";

static int complain(const char *what, const char *about)
{
    fprintf(stderr, "fhir-validate: %s: %s\n", about, what);
    return EXIT_USAGE;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool read_stream(FILE *stream, Buf *buf)
{
    buf_reset(buf);
    for (;;) {
        char *room = buf_reserve(buf, 1 << 16);
        if (!room)
            return false;
        size_t got = fread(room, 1, 1 << 16, stream);
        buf->len += got;
        if (got == 0)
            return !ferror(stream);
    }
}

static bool read_input(const char *path, Buf *buf)
{
    if (strcmp(path, "-") == 0)
        return read_stream(stdin, buf);
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return false;
    bool ok = read_stream(stream, buf);
    fclose(stream);
    return ok;
}

/* --- showing ---------------------------------------------------------------------------------- */

static void show_quoted(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < 0x20)
            printf("\\u%04x", *c);
        else
            putchar(*c);
    }
    putchar('"');
}

static const char *severity_name(IssueSeverity severity)
{
    static const char *const names[] = {"information", "warning", "error", "fatal"};
    return names[severity];
}

static void show_text(const Run *run, const char *path, const Verdict *verdict)
{
    printf("%s: %s (%u errors, %u warnings, %u information)\n", path,
           verdict->valid ? "valid" : "INVALID", verdict->errors, verdict->warnings,
           verdict->information);
    for (const Issue *issue = verdict->issues; issue; issue = issue->next) {
        if (issue->severity < run->settings->min_severity)
            continue;
        printf("  %u:%u %s %.*s: %.*s", issue->line, issue->column, severity_name(issue->severity),
               STR_ARG(issue->expression), STR_ARG(issue->text));
        if (issue->message_id.len)
            printf(" [%.*s]", STR_ARG(issue->message_id));
        putchar('\n');
    }
}

static void show(Run *run, const char *path, const Verdict *verdict, double ms)
{
    Format format = run->settings->format;
    if (format == FORMAT_TEXT) {
        show_text(run, path, verdict);
        return;
    }
    Str outcome = fhir_verdict_outcome(verdict, run->arena);
    if (format == FORMAT_JSON) {
        printf("%.*s\n", STR_ARG(outcome));
        return;
    }
    fputs("{\"file\":", stdout);
    show_quoted(path);
    printf(",\"valid\":%s,\"ms\":%.3f,\"outcome\":", verdict->valid ? "true" : "false", ms);
    fwrite(outcome.ptr, 1, outcome.len, stdout);
    fputs("}\n", stdout);
}

/* --- validating ------------------------------------------------------------------------------- */

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void drop_below(const Run *run, Verdict *verdict)
{
    Issue *last = NULL;
    const Issue *kept = NULL;
    uint32_t count = 0;
    for (const Issue *issue = verdict->issues; issue; issue = issue->next) {
        if (issue->severity < run->settings->min_severity)
            continue;
        Issue *copy = arena_alloc(run->arena, sizeof *copy);
        if (!copy)
            return;
        *copy = *issue;
        copy->next = NULL;
        if (last)
            last->next = copy;
        else
            kept = copy;
        last = copy;
        count++;
    }
    verdict->issues = kept;
    verdict->issue_count = count;
}

static void validate_file(Run *run, const char *path)
{
    if (!read_input(path, &run->input)) {
        complain(strerror(errno), path);
        run->any_unreadable = true;
        return;
    }
    arena_reset(run->arena);
    ValidateOptions options = {.image = SIZE_MAX,
                               .profiles = run->settings->profiles,
                               .profile_count = run->settings->profile_count,
                               .rules = run->settings->rules};
    Verdict verdict;
    Err err = {0};
    double start = now_ms();
    if (!fhir_validate(run->validator, buf_str(&run->input), &options, run->arena, &verdict,
                       &err)) {
        complain(err.text, path);
        run->any_unreadable = true;
        return;
    }
    double ms = now_ms() - start;
    if (!verdict.valid)
        run->any_invalid = true;
    if (run->settings->min_severity > SEVERITY_INFORMATION)
        drop_below(run, &verdict);
    show(run, path, &verdict, ms);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void validate_path(Run *run, const char *path, int depth)
{
    struct stat info;
    if (strcmp(path, "-") == 0 || stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        validate_file(run, path);
        return;
    }
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_input, by_name);
    for (int i = 0; i < count; i++) {
        char inner[PATH_BYTES_MAX];
        int len = snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        bool is_json = str_ends(str_from(entries[i]->d_name), STR(".json"));
        bool is_folder = entries[i]->d_type == DT_DIR;
        if (len > 0 && (size_t)len < sizeof inner && depth < 16 && (is_json || is_folder))
            validate_path(run, inner, depth + 1);
        free(entries[i]);
    }
    free(entries);
}

static int validate_all(const Settings *settings)
{
    Err err = {0};
    Run run = {.settings = settings};
    if (!fhir_validator_open(settings->images, settings->image_count, &run.validator, &err))
        return complain(err.text, "image");
    buf_init(&run.input, INPUT_BYTES_MAX);
    run.arena = arena_new(ARENA_BYTES);
    if (run.arena)
        for (size_t i = 0; i < settings->input_count; i++)
            validate_path(&run, settings->inputs[i], 0);
    else
        run.any_unreadable = true;
    arena_free(run.arena);
    buf_clear(&run.input);
    fhir_validator_close(run.validator);
    return run.any_unreadable ? EXIT_USAGE : run.any_invalid ? EXIT_INVALID : EXIT_VALID;
}

/* --- compile, info ------------------------------------------------------------------------------
 */

typedef struct Lists {
    const char **packages, **folders, **codes;
    FhirCompileOptions options;
    const char *output;
} Lists;

/* The number of arguments taken, 0: not understood. */
static int parse_compile_option(Lists *lists, char **argv, int left)
{
    if (argv[0][0] != '-') {
        lists->packages[lists->options.package_count++] = argv[0];
        return 1;
    }
    if (strcmp(argv[0], "--no-dependencies") == 0) {
        lists->options.no_dependencies = true;
        return 1;
    }
    if (strcmp(argv[0], "--lenient-terminology") == 0) {
        lists->options.lenient_terminology = true;
        return 1;
    }
    if (left < 2)
        return 0;
    if (strcmp(argv[0], "-o") == 0)
        lists->output = argv[1];
    else if (strcmp(argv[0], "--packages") == 0)
        lists->folders[lists->options.folder_count++] = argv[1];
    else if (strcmp(argv[0], "--codes") == 0)
        lists->codes[lists->options.code_list_count++] = argv[1];
    else
        return 0;
    return 2;
}

static int run_compile(const Lists *lists)
{
    ARENA_AUTO arena = arena_new(ARENA_BYTES);
    if (!arena)
        return complain("no memory", "compile");
    FhirCompileReport report;
    Err err = {0};
    double start = now_ms();
    if (!fhir_compile(&lists->options, lists->output, arena, &report, &err))
        return complain(err.text, "compile");
    for (size_t i = 0; i < report.warning_count; i++)
        fprintf(stderr, "fhir-validate: warning: %.*s\n", STR_ARG(report.warnings[i]));
    printf("%s: %.*s#%.*s, %u profiles, %u elements, %u expressions (%u cannot be evaluated), "
           "%u value sets (%u not checkable), %u code systems, %u codes; %.1f MB in %.1f s\n",
           lists->output, STR_ARG(report.name), STR_ARG(report.version), report.profiles,
           report.elements, report.expressions, report.problems, report.value_sets,
           report.not_checkable, report.code_systems, report.codes, (double)report.bytes / 1e6,
           (now_ms() - start) / 1e3);
    return EXIT_VALID;
}

static int main_compile(int argc, char **argv)
{
    Lists lists = {0};
    const char **all = calloc((size_t)argc * 3 + 1, sizeof *all);
    if (!all)
        return complain("no memory", "compile");
    lists.packages = all;
    lists.folders = all + argc;
    lists.codes = all + 2 * argc;
    lists.options.packages = lists.packages;
    lists.options.folders = lists.folders;
    lists.options.code_lists = lists.codes;
    int status = EXIT_VALID;
    for (int i = 2; i < argc && status == EXIT_VALID;) {
        int taken = parse_compile_option(&lists, argv + i, argc - i);
        if (taken == 0)
            status = complain("not understood; see fhir-validate --help", argv[i]);
        i += taken;
    }
    if (status == EXIT_VALID && (!lists.output || lists.options.package_count == 0))
        status = complain("a package and -o IMAGE are needed", "compile");
    if (status == EXIT_VALID)
        status = run_compile(&lists);
    free(all);
    return status;
}

static int main_info(int argc, char **argv)
{
    bool verify = false;
    for (int i = 2; i < argc; i++)
        verify = verify || strcmp(argv[i], "--verify") == 0;
    int status = argc > 2 ? EXIT_VALID : complain("an image is needed", "info");
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--verify") == 0)
            continue;
        FhirValidator *validator = NULL;
        Err err = {0};
        const char *const path = argv[i];
        if (!fhir_validator_open(&path, 1, &validator, &err)) {
            status = complain(err.text, "info");
            continue;
        }
        printf("%s: %.*s#%.*s%s\n", path, STR_ARG(fhir_validator_image_name(validator, 0)),
               STR_ARG(fhir_validator_image_version(validator, 0)), verify ? ", verified" : "");
        fhir_validator_close(validator);
    }
    return status;
}

/* --- arguments -------------------------------------------------------------------------------- */

static bool parse_format(const char *name, Format *ret)
{
    static const char *const names[] = {"text", "json", "ndjson"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *ret = (Format)i;
            return true;
        }
    return false;
}

static bool parse_severity(const char *name, IssueSeverity *ret)
{
    for (IssueSeverity s = SEVERITY_INFORMATION; s <= SEVERITY_FATAL; s++)
        if (strcmp(name, severity_name(s)) == 0) {
            *ret = s;
            return true;
        }
    return false;
}

/* One option with its value; false: not understood. */
static bool parse_option(Settings *settings, const char *name, const char *value)
{
    if (!value)
        return false;
    if (strcmp(name, "--image") == 0 && settings->image_count < IMAGES_MAX) {
        settings->images[settings->image_count++] = value;
        return true;
    }
    if (strcmp(name, "--profile") == 0 && settings->profile_count < PROFILES_MAX) {
        settings->profiles[settings->profile_count++] = str_from(value);
        return true;
    }
    if (strcmp(name, "--format") == 0)
        return parse_format(value, &settings->format);
    if (strcmp(name, "--rule") == 0) {
        ValidateRule rule = fhir_rule_find(value);
        settings->rules |= rule;
        return rule != 0;
    }
    if (strcmp(name, "--min-severity") == 0)
        return parse_severity(value, &settings->min_severity);
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_VALID;
    }
    if (strcmp(argv[1], "compile") == 0)
        return main_compile(argc, argv);
    if (strcmp(argv[1], "info") == 0)
        return main_info(argc, argv);
    if (strcmp(argv[1], "bench") == 0)
        return bench_main(argc, argv);
    Settings settings = {.format = FORMAT_TEXT};
    const char **inputs = calloc((size_t)argc, sizeof *inputs);
    if (!inputs)
        return complain("no memory", argv[0]);
    settings.inputs = inputs;
    int status = EXIT_VALID;
    for (int i = 1; i < argc && status == EXIT_VALID; i++) {
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            inputs[settings.input_count++] = argv[i];
        } else if (!parse_option(&settings, argv[i], i + 1 < argc ? argv[i + 1] : NULL)) {
            status = complain("not understood; see fhir-validate --help", argv[i]);
        } else {
            i++;
        }
    }
    if (status == EXIT_VALID && settings.input_count == 0)
        status = complain("what to validate is missing; see fhir-validate --help", "usage");
    if (status == EXIT_VALID)
        status = validate_all(&settings);
    free(inputs);
    return status;
}
