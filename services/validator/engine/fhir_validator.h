/* fhir_validator - is this resource what the profiles say it should be? libfhirvalidator's only
 * door.
 *
 * Spec:    hl7.org/fhir/R4/validation.html. Verdicts, issue paths and message ids are those of
 *          the HL7 Java core (tests/golden/validator/DIFFERENCES.md: where the specification wins).
 * Owner:   a FhirValidator owns its mapped images; Issues and all they point to live in the
 *          caller's arena or in the image: both must outlive them.
 * Threads: a FhirValidator is immutable once open and shared; fhir_validate is pure, one arena per
 *          thread.
 * Reload:  open a new one, swap the pointer, close the old one when its users are done.
 * Errors:  ERR_INPUT "image-..." from open. fhir_validate never fails for what it finds in a
 *          resource: findings are Issues, unreadable JSON and exceeded limits are one fatal Issue.
 * Limits:  ValidateLimits. No network, no logging, no global state. */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"

#define FHIR_VALIDATOR_VERSION "0.1.0"

typedef struct FhirValidator FhirValidator;

/* Maps compiled images (`fhir-validate compile`). With count 0 it validates what needs no
 * definitions: JSON, duplicate properties, resourceType, the shape of a Bundle. */
bool fhir_validator_open(const char *const *image_paths, size_t count,
                         FhirValidator **ret_validator, Err *err) MUST_USE;
/* The same over images in memory: borrowed, 8-byte aligned, checksums not compared. */
bool fhir_validator_over(const Str *images, size_t count, FhirValidator **ret_validator,
                         Err *err) MUST_USE;
void fhir_validator_close(FhirValidator *validator); /* NULL is fine */

/* What is loaded: name and version of each image's first (root) package. */
size_t fhir_validator_image_count(const FhirValidator *validator);
Str fhir_validator_image_name(const FhirValidator *validator, size_t index);      /* "us.ny.hrsn" */
Str fhir_validator_image_version(const FhirValidator *validator, size_t index);   /* "1.8.1" */
Str fhir_validator_image_reference(const FhirValidator *validator, size_t index); /* core, hapi */
uint64_t fhir_validator_image_id(const FhirValidator *validator, size_t index); /* of its content */
size_t fhir_validator_image_bytes(const FhirValidator *validator, size_t index);
typedef struct FhirPackageName {
    Str name, version; /* the version is empty where the package says none */
} FhirPackageName;
/* The packages that an image was made of, root first; writes at most `room` and returns how many
 * there are. An image of a build that did not note them has its root alone. */
size_t fhir_validator_image_packages(const FhirValidator *validator, size_t index,
                                     FhirPackageName *ret_packages, size_t room);
/* Likewise the canonicals of its profiles of resources, without those that FHIR itself brings. */
size_t fhir_validator_image_profiles(const FhirValidator *validator, size_t index, Str *ret_urls,
                                     size_t room);
/* Index of the image that defines `canonical` (a |version is honoured), or SIZE_MAX. */
size_t fhir_validator_image_of_profile(const FhirValidator *validator, Str canonical);

typedef enum IssueSeverity {
    SEVERITY_INFORMATION,
    SEVERITY_WARNING,
    SEVERITY_ERROR,
    SEVERITY_FATAL,
} IssueSeverity;

typedef struct Issue {
    const struct Issue *next;
    IssueSeverity severity;
    Str code;           /* OperationOutcome.issue.code: "structure", "invariant", ... */
    Str message_id;     /* java-core-messageId, or empty */
    Str message_system; /* of message_id; empty: the Java core's */
    Str location; /* the Java core's path: Bundle.entry[0].resource, then the resource in slash-star
                     marks, .name[0] */
    Str expression;  /* the same as plain FHIRPath: Bundle.entry[0].resource.name[0] */
    Str text;        /* for people; never a whole payload value */
    uint32_t line;   /* from 1; 0: none */
    uint32_t column; /* from 1, code points, first character of the value */
} Issue;

typedef struct ValidateLimits { /* 0: the default in brackets */
    size_t bytes;               /* of the resource (64 MiB) */
    uint32_t depth;             /* JSON nesting (256) */
    uint32_t nodes;             /* JSON values (5 million) */
    uint32_t issues;            /* told, errors first; the rest is counted (10 000) */
    uint64_t steps;             /* FHIRPath and walk steps (2 billion) */
} ValidateLimits;

/* Where a validation departs from what the Java core does as HAPI runs it; or-ed. An image made
 * with the core as its reference has RULES_OF_CORE, one made with HAPI none. */
typedef enum ValidateRule {
    RULE_UNKNOWN_PROFILE_WARNS = 1 << 0,   /* unknown meta.profile: a warning, no error */
    RULE_UNKNOWN_EXTENSION_FAILS = 1 << 1, /* an error, no information; examples excepted */
    RULE_HTML_IN_MARKDOWN_FAILS = 1 << 2,  /* tags in markdown: an error */
    RULE_HTML_IN_TEXT_FAILS = 1 << 3,      /* tags in any text: an error, no information */
    RULE_FOR_PUBLICATION = 1 << 4,         /* what HL7 demands of what it publishes */
    RULE_UNKNOWN_SYSTEM_WARNS = 1 << 5,    /* a required binding to a system that is not loaded */
    RULE_REST_REFERENCES = 1 << 6,         /* the type in a reference of REST form is believed */
    RULE_REFERENCES_RESOLVE = 1 << 7,      /* one that leads out of the document: an error */
    RULE_EXAMPLE_URL_FAILS = 1 << 8,       /* http://example.org and the like: an error */
    RULE_CONTAINED_IGNORED = 1 << 9,       /* contained resources are not looked at */
    RULE_JSON_COMMENTS = 1 << 10,          /* comments in JSON are read over */
    RULE_VITAL_SIGNS = 1 << 11,            /* their codes make their profiles apply */
    RULE_NARRATIVE_LINKS = 1 << 12,        /* narrativeLink leads to one place in the bundle */
    RULE_GLOBAL_PROFILES = 1 << 13,        /* those of a guide apply to whatever is of their type */
    RULE_SEARCH_PARAMETERS = 1 << 14, /* those that a CapabilityStatement lists are looked up */
} ValidateRule;
enum {
    RULES_OF_CORE = RULE_UNKNOWN_PROFILE_WARNS | RULE_UNKNOWN_EXTENSION_FAILS |
                    RULE_UNKNOWN_SYSTEM_WARNS | RULE_REST_REFERENCES | RULE_VITAL_SIGNS |
                    RULE_NARRATIVE_LINKS | RULE_GLOBAL_PROFILES | RULE_SEARCH_PARAMETERS
};
/* The rule of that name: "unknown-profile-warns", "for-publication" ...; 0: there is none. */
ValidateRule fhir_rule_find(const char *name);

typedef struct ValidateOptions {
    size_t image;          /* index; SIZE_MAX: choose by meta.profile, else image 0 */
    const Str *profiles;   /* validate against these besides the base definition ... */
    size_t profile_count;  /* ... and meta.profile; usually 0 */
    bool no_best_practice; /* leave out best-practice warnings */
    unsigned rules;        /* ValidateRule: beside the image's */
    unsigned rules_off;    /* ... and without these */
    ValidateLimits limits;
} ValidateOptions;

typedef struct Verdict {
    bool valid;           /* no error, no fatal */
    bool readable;        /* JSON was read and has a known resourceType */
    const Issue *issues;  /* in document order */
    uint32_t issue_count; /* in the list */
    uint32_t issues_left_out;
    uint32_t errors, warnings, information; /* all, left out ones included; fatal counts as error */
    Str resource_type;
    Str ig_name, ig_version; /* of the image that was used; empty without one */
    Str profile;             /* the first meta.profile known to the image, else empty */
} Verdict;

/* options may be NULL. False only if `arena` is exhausted before a verdict could be formed
 * (ERR_INPUT "memory-limit"). */
bool fhir_validate(const FhirValidator *validator, Str resource, const ValidateOptions *options,
                   Arena *arena, Verdict *ret_verdict, Err *err) MUST_USE;

/* The verdict as OperationOutcome JSON, with line, column and message-id extensions; STR_NONE when
 * the arena is exhausted. Without issues: one information "All OK". */
Str fhir_verdict_outcome(const Verdict *verdict, Arena *arena);
