/* fhir_compile - packages and code lists -> a compiled image for fhir_validator_open.
 *
 * Spec:    package/package.h says how packages and their dependencies are found.
 * Owner:   nothing is kept.
 * Threads: one; no global state.
 * Errors:  ERR_INPUT of the package, terminology and image parts; ERR_FATAL "memory".
 * Limits:  4 GiB per image. */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"

/* Whose answers an image gives where two users of the Java core differ; kept in the image. */
typedef enum FhirReference {
    FHIR_REFERENCE_HAPI, /* HAPI, as servers run it: no rule */
    FHIR_REFERENCE_CORE, /* HL7's validator as its own cases set it: RULES_OF_CORE of the validator
                          */
    /* What is compiled tells, and the image keeps one of the above: HAPI when the packages asked
     * for have an implementation guide, the core when they are R4 itself, HL7's terminology and
     * extensions, and loose resources: then a profile that is not known is no fault. */
    FHIR_REFERENCE_AUTO,
} FhirReference;
/* The one named "core", "hapi" or "auto"; false: there is none. */
bool fhir_reference_find(const char *name, FhirReference *ret_reference);
const char *fhir_reference_name(FhirReference reference);

typedef struct FhirCompileOptions {
    const char *const *packages; /* .tgz, folders, loose resources (.json); the first is the root */
    size_t package_count;
    const char *const *folders; /* where dependencies are looked for */
    size_t folder_count;
    const char *const *code_lists;
    size_t code_list_count;
    bool no_dependencies;     /* the packages named and nothing else */
    bool lenient_terminology; /* as HAPI: filters of value sets are not looked at, imports unite */
    FhirReference reference;
} FhirCompileOptions;

typedef struct FhirCompileReport {
    Str name, version;       /* of the root package; in the caller's arena */
    FhirReference reference; /* that the image has */
    uint32_t profiles, elements, expressions;
    uint32_t problems; /* expressions and slices that cannot be evaluated */
    uint32_t value_sets, code_systems, codes;
    uint32_t not_checkable; /* value sets that nothing can answer */
    uint64_t bytes;
    const Str *warnings; /* one sentence each */
    size_t warning_count;
} FhirCompileReport;

bool fhir_compile(const FhirCompileOptions *options, const char *image_path, Arena *arena,
                  FhirCompileReport *ret_report, Err *err) MUST_USE;
