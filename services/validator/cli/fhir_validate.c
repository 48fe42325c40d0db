/* fhir-validate - FHIR resources in, what is wrong with them out. */
#include "services/validator/cli/fhir_validate/bench.h"
#include "services/validator/cli/fhir_validate/compile.h"
#include "services/validator/cli/fhir_validate/run.h"

static const char usage[] =
    "usage: fhir-validate [--image FILE]... [--package FILE|DIR]... [--ig NAME#VERSION]\n"
    "                     [--profile URL]... [--format text|json|ndjson|sarif]\n"
    "                     [--min-severity information|warning|error|fatal]\n"
    "                     [--reference hapi|core|auto] [--rule NAME[=off]]... [--threads N]\n"
    "                     [--memory MIB]\n"
    "                     FILE|DIR|-...\n"
    "       fhir-validate compile|info|bench --help\n"
    "       fhir-validate --help | --version\n"
    "\n"
    "Validates FHIR R4 resources (JSON); a DIR stands for the *.json files in it and below, -\n"
    "for standard input. Without image and package: JSON form, known properties and types.\n"
    "--image: made by compile; several may be given, meta.profile chooses.\n"
    "--package: compiled on the fly; a .tgz, a folder, a .json, or a folder of them.\n"
    "Dependencies are looked for beside it, in $FHIR_PACKAGES, ~/.fhir/packages, packages and\n"
    "beside the program.\n"
    "--ig: validate with that guide, whatever meta.profile says.\n"
    "--profile: validate against this profile, too.\n"
    "--min-severity: lesser issues are not shown; the verdict stays.\n"
    "--format json: an OperationOutcome, of several inputs a Bundle of them; ndjson: a line for\n"
    "each input, in order: {\"file\",\"valid\",\"ms\",\"outcome\":{OperationOutcome}};\n"
    "sarif: SARIF 2.1.0.\n"
    "--reference, of what --package compiles: see compile --help.\n"
    "--rule (=off: not that one): unknown-profile-warns, unknown-extension-fails,\n"
    "html-in-markdown-fails, html-in-text-fails, for-publication, unknown-system-warns,\n"
    "vital-signs, rest-references, references-resolve, example-url-fails, contained-ignored,\n"
    "json-comments, narrative-links, global-profiles, search-parameters.\n"
    "--threads: inputs at a time (1). --memory: limit of one resource (4096).\n"
    "Exit status: 0 all valid, 1 some invalid, 2 wrong usage or unreadable input.\n";

static const char compile_usage[] =
    "usage: fhir-validate compile PACKAGE... -o IMAGE [--packages DIR]... [--codes FILE]...\n"
    "                     [--no-dependencies] [--lenient-terminology]\n"
    "                     [--reference hapi|core|auto]\n"
    "\n"
    "Packages -> the image that --image reads. PACKAGE is a .tgz, a folder or a loose resource\n"
    "(.json); the first one is the root.\n"
    "--packages: folders in which dependencies are looked for.\n"
    "--no-dependencies: only the packages named.\n"
    "--codes: a list of codes of a system that no package has, a code a line.\n"
    "--lenient-terminology: as HAPI, filters of value sets are not looked at, imports unite, and\n"
    "a required binding that cannot be checked is an error, not a warning.\n"
    "--reference: whose answers where the Java core's users differ; the image keeps it. hapi:\n"
    "HAPI as servers run it; an unknown profile is an error, an unknown extension information.\n"
    "core: HL7's validator; an unknown profile warns, an unknown extension is an error, vital\n"
    "signs are known by their codes. auto (the default): hapi for packages with a guide among\n"
    "them, core for R4 itself, HL7's terminology and extensions, and loose resources.\n"
    "Exit status: 0 made, 2 wrong usage, or it cannot be made.\n";

static const char info_usage[] =
    "usage: fhir-validate info IMAGE...\n"
    "\n"
    "Of each image: the guide, its version and its reference; a damaged one is refused.\n"
    "Exit status: 0 all undamaged, 2 wrong usage, or some cannot be read.\n";

static const char bench_usage[] =
    "usage: fhir-validate bench [--image FILE]... [--seconds N] [--threads N] FILE|DIR...\n"
    "\n"
    "Validates the files over and over, for 5 seconds on 1 thread, and prints as JSON: bundles/s,\n"
    "MB/s, CPU ms per bundle, p50 and p99 (CPU time), the time to the first verdict, RSS.\n"
    "Exit status: 0 measured, 2 wrong usage, or something cannot be read.\n";

typedef struct Command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage;
} Command;

static const Command commands[] = {
    {"bench",   bench_main,   bench_usage  },
    {"compile", main_compile, compile_usage},
    {"info",    main_info,    info_usage   },
};

/* Wherever it stands, save behind "--": who asks for help wants nothing else done. */
static bool has_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int print(const char *text)
{
    return fputs(text, stdout) < 0 || fflush(stdout) != 0 ? EXIT_USAGE : EXIT_VALID;
}

static int validate(int argc, char **argv)
{
    Settings settings = {
        .threads = 1, .memory_bytes = (size_t)4 << 30, .reference = FHIR_REFERENCE_AUTO};
    settings.inputs = calloc((size_t)argc, sizeof *settings.inputs);
    if (!settings.inputs)
        return complain("no memory", "fhir-validate");
    int status = settings_parse(&settings, argc, argv) ? run_all(&settings) : EXIT_USAGE;
    free(settings.inputs);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    bool help = has_help(argc, argv);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return help ? print(commands[i].usage) : commands[i].run(argc, argv);
    if (help)
        return print(usage);
    if (strcmp(argv[1], "--version") == 0)
        return print("fhir-validate " FHIR_VALIDATOR_VERSION "\n");
    return validate(argc, argv);
}
