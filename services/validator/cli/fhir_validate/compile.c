#include "services/validator/cli/fhir_validate/compile.h"

#include "services/validator/cli/fhir_validate/settings.h"
#include "services/validator/engine/fhir_compile.h"

static const size_t ARENA_BYTES = (size_t)4 << 30;

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

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
    else if (strcmp(argv[0], "--reference") != 0 ||
             !fhir_reference_find(argv[1], &lists->options.reference))
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
    printf("%s: %.*s#%.*s, reference %s, %u profiles, %u elements, %u expressions (%u cannot be "
           "evaluated), "
           "%u value sets (%u not checkable), %u code systems, %u codes; %.1f MB in %.1f s\n",
           lists->output, STR_ARG(report.name), STR_ARG(report.version),
           fhir_reference_name(report.reference), report.profiles, report.elements,
           report.expressions, report.problems, report.value_sets, report.not_checkable,
           report.code_systems, report.codes, (double)report.bytes / 1e6, (now_ms() - start) / 1e3);
    return EXIT_VALID;
}

int main_compile(int argc, char **argv)
{
    Lists lists = {0};
    const char **all = calloc((size_t)argc * 3 + 1, sizeof *all);
    if (!all)
        return complain("no memory", "compile");
    lists.packages = all;
    lists.folders = all + argc;
    lists.codes = all + 2 * argc;
    lists.options.packages = lists.packages;
    lists.options.reference = FHIR_REFERENCE_AUTO;
    lists.options.folders = lists.folders;
    lists.options.code_lists = lists.codes;
    int status = EXIT_VALID;
    for (int i = 2; i < argc && status == EXIT_VALID;) {
        int taken = parse_compile_option(&lists, argv + i, argc - i);
        if (taken == 0)
            status = complain("not understood; see fhir-validate compile --help", argv[i]);
        i += taken;
    }
    if (status == EXIT_VALID && (!lists.output || lists.options.package_count == 0))
        status = complain("a package and -o IMAGE are needed", "compile");
    if (status == EXIT_VALID)
        status = run_compile(&lists);
    free(all);
    return status;
}

static void show_packages(const FhirValidator *validator)
{
    enum { SHOWN_MAX = 200 };
    FhirPackageName names[SHOWN_MAX];
    size_t count = fhir_validator_image_packages(validator, 0, names, SHOWN_MAX);
    for (size_t i = 0; i < count && i < SHOWN_MAX; i++)
        printf("  %.*s%s%.*s\n", STR_ARG(names[i].name), names[i].version.len ? "#" : "",
               STR_ARG(names[i].version));
}

int main_info(int argc, char **argv)
{
    int status = argc > 2 ? EXIT_VALID : complain("an image is needed", "info");
    for (int i = 2; i < argc; i++) {
        FhirValidator *validator = NULL;
        Err err = {0};
        const char *const path = argv[i];
        if (!fhir_validator_open(&path, 1, &validator, &err)) {
            status = complain(err.text, "info");
            continue;
        }
        printf("%s: %.*s#%.*s, reference %.*s, undamaged\n", path,
               STR_ARG(fhir_validator_image_name(validator, 0)),
               STR_ARG(fhir_validator_image_version(validator, 0)),
               STR_ARG(fhir_validator_image_reference(validator, 0)));
        show_packages(validator);
        fhir_validator_close(validator);
    }
    return status;
}
