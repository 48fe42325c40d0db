#include "services/validator/engine/fhir_compile.h"

#include "services/validator/engine/schema/compile.h"
#include "services/validator/engine/terminology/terminology.h"

static const size_t TERMINOLOGY_BYTES_MAX = (size_t)2 << 30;

static const char *const reference_names[] = {"hapi", "core", "auto"};

const char *fhir_reference_name(FhirReference reference)
{
    return reference_names[reference];
}

bool fhir_reference_find(const char *name, FhirReference *ret_reference)
{
    for (size_t i = 0; i < sizeof reference_names / sizeof *reference_names; i++)
        if (strcmp(reference_names[i], name) == 0) {
            *ret_reference = (FhirReference)i;
            return true;
        }
    return false;
}

static bool load(const FhirCompileOptions *options, Packages **ret_packages, Err *err)
{
    PackagesOptions load_options = {.paths = options->packages,
                                    .path_count = options->package_count,
                                    .folders = options->folders,
                                    .folder_count = options->folder_count,
                                    .no_dependencies = options->no_dependencies,
                                    .names = &fhir_model_r4()->names};
    return packages_load(&load_options, ret_packages, err);
}

/* Packages that say what R4 is, and for no purpose. */
static bool is_of_r4_itself(const Package *package)
{
    return package->kind != PACKAGE_IG || str_starts(package->name, STR("hl7.terminology")) ||
           str_starts(package->name, STR("hl7.fhir.uv.extensions"));
}

static FhirReference choose_reference(const Packages *packages, FhirReference asked)
{
    if (asked != FHIR_REFERENCE_AUTO)
        return asked;
    for (size_t i = 0; i < packages_count(packages); i++) {
        const Package *package = packages_at(packages, i);
        if (package->asked_for && !is_of_r4_itself(package))
            return FHIR_REFERENCE_HAPI;
    }
    return FHIR_REFERENCE_CORE;
}

static bool copy_warnings(const Packages *packages, Arena *arena, FhirCompileReport *report)
{
    size_t count = packages_warning_count(packages);
    Str *texts = ARENA_ARRAY(arena, Str, count + 1);
    if (!texts)
        return false;
    for (size_t i = 0; i < count; i++) {
        const PackageWarning *warning = packages_warning(packages, i);
        texts[i] = arena_format(arena, "%.*s: %.*s [%s]", STR_ARG(warning->package),
                                STR_ARG(warning->text), warning->code);
    }
    report->warnings = texts;
    report->warning_count = count;
    return true;
}

/* The parts of the schema, then the terminology that its bindings name. */
static bool compile_parts(Packages *packages, const char *path, FhirReference reference,
                          Arena *arena, const Buf *terms, FhirCompileReport *report, Err *err)
{
    Terminology terminology;
    TRY(terminology_open(buf_str(terms), &terminology, err));
    SchemaCompiled compiled;
    TRY(schema_compile(packages, fhir_model_r4(), &terminology, reference, arena, &compiled, err));
    compiled.parts[compiled.part_count++] = (ImagePart){IMAGE_TERMINOLOGY, buf_str(terms)};
    TRY(image_write(path, compiled.parts, compiled.part_count, err));
    report->profiles = compiled.profile_count;
    report->elements = compiled.node_count;
    report->expressions = compiled.expression_count;
    report->problems = compiled.problem_count;
    for (size_t i = 0; i < compiled.part_count; i++)
        report->bytes += compiled.parts[i].bytes.len;
    return true;
}

bool fhir_compile(const FhirCompileOptions *options, const char *image_path, Arena *arena,
                  FhirCompileReport *ret_report, Err *err)
{
    PACKAGES_AUTO packages = NULL;
    TRY(load(options, &packages, err));
    if (!packages_find(packages, NULL, STR("StructureDefinition"),
                       STR("http://hl7.org/fhir/StructureDefinition/Element")))
        return ERR(err, ERR_INPUT, "package-core",
                   "hl7.fhir.r4.core#4.0.1 is neither given nor in a folder of packages: nothing "
                   "defines FHIR's types");
    FhirCompileReport report = {0};
    const Package *root = packages_root(packages);
    if (root) {
        report.name = arena_copy(arena, root->name);
        report.version = arena_copy(arena, root->version);
    }
    report.reference = choose_reference(packages, options->reference);
    if (!copy_warnings(packages, arena, &report))
        return ERR(err, ERR_FATAL, "memory", "no memory to compile");
    BUF_AUTO terms;
    buf_init(&terms, TERMINOLOGY_BYTES_MAX);
    TerminologyOptions term_options = {.code_lists = options->code_lists,
                                       .code_list_count = options->code_list_count,
                                       .flags =
                                           options->lenient_terminology ? TERMINOLOGY_LENIENT : 0};
    TerminologyStats stats = {0};
    TRY(terminology_build(packages, NULL, &term_options, &terms, &stats, err));
    report.code_systems = stats.systems;
    report.codes = stats.codes;
    report.value_sets = stats.value_sets;
    report.not_checkable = stats.not_checkable;
    TRY(compile_parts(packages, image_path, report.reference, arena, &terms, &report, err));
    *ret_report = report;
    return true;
}
