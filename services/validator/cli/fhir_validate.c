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
    "       fhir-validate compile PACKAGE... -o IMAGE [--packages DIR]... [--codes FILE]...\n"
    "                     [--no-dependencies] [--lenient-terminology] [--reference "
    "hapi|core|auto]\n"
    "       fhir-validate info IMAGE...\n"
    "       fhir-validate bench [--image FILE]... [--seconds N] [--threads N] FILE|DIR...\n"
    "       fhir-validate --help | --version\n"
    "\n"
    "Validates FHIR R4 resources (JSON); a DIR stands for the *.json files in it and below, - for\n"
    "standard input. Without image and package: JSON form, known properties and types.\n"
    "--package: compiled on the fly; a .tgz, a folder, a .json, or a folder of them. Dependencies "
    "are\n"
    "looked for beside it, in $FHIR_PACKAGES, ~/.fhir/packages, packages and beside the program.\n"
    "--ig: validate with that guide, whatever meta.profile says. --memory: limit of one resource.\n"
    "--format json: an OperationOutcome, of several inputs a Bundle of them; ndjson: a line for "
    "each\n"
    "input, in order: {\"file\",\"valid\",\"ms\",\"outcome\":{OperationOutcome}}; sarif: SARIF "
    "2.1.0.\n"
    "--reference: whose answers where the Java core's users differ; an image keeps it. hapi: HAPI "
    "as\n"
    "servers run it; an unknown profile is an error, an unknown extension information. core: "
    "HL7's\n"
    "validator; an unknown profile warns, an unknown extension is an error, vital signs are known "
    "by\n"
    "their codes. auto (the default): hapi for packages with a guide among them, core for R4 "
    "itself,\n"
    "HL7's terminology and extensions, and loose resources.\n"
    "--lenient-terminology: as HAPI, filters of value sets are not looked at, imports unite, and "
    "a\n"
    "required binding that cannot be checked is an error, not a warning.\n"
    "--rule (=off: not that one): unknown-profile-warns, unknown-extension-fails, "
    "html-in-markdown-fails,\n"
    "html-in-text-fails, for-publication, unknown-system-warns, vital-signs, rest-references,\n"
    "references-resolve, example-url-fails, contained-ignored, json-comments, narrative-links,\n"
    "global-profiles, search-parameters.\n"
    "compile: PACKAGE is a .tgz, a folder or a loose resource (.json); the first one is the root.\n"
    "Dependencies are looked for in the --packages folders.\n"
    "Exit status: 0 all valid, 1 some invalid, 2 wrong usage or unreadable input.\n";

typedef struct Command {
    const char *name;
    int (*run)(int argc, char **argv);
} Command;

static const Command commands[] = {
    {"bench",   bench_main  },
    {"compile", main_compile},
    {"info",    main_info   },
};

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
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return fputs(usage, stdout) < 0 ? EXIT_USAGE : EXIT_VALID;
    if (strcmp(argv[1], "--version") == 0) {
        printf("fhir-validate %s\n", FHIR_VALIDATOR_VERSION);
        return EXIT_VALID;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    return validate(argc, argv);
}
