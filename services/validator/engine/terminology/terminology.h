/* terminology - code systems and value sets, compiled into one flat table, and asked from it.
 *
 * Spec:    hl7.org/fhir/R4/valueset.html#composition, codesystem.html, terminologies.html#strength.
 *          Verdicts and message ids of bindings are those of the HL7 Java core with HAPI's
 * in-memory terminology: what that ignores (filters, displays), TERMINOLOGY_LENIENT ignores too.
 * Owner:   terminology_build fills a Buf. A Terminology borrows such bytes (8-byte aligned, in a
 *          mapped image as a rule); it and all it hands out live as long as they do. Texts of
 *          findings live in the caller's arena.
 * Threads: building is one thread's; a Terminology is immutable and shared.
 * Errors:  ERR_INPUT "code-list-..." for a list that cannot be used, "terminology-damaged" from
 *          terminology_open, "memory-limit". What a package lacks is never an error: a value set
 *          that cannot be expanded says so when it is asked (TX_NOT_CHECKABLE).
 * Limits:  16 million codes a system, 65535 bytes a code or display.
 *
 * Code lists (see README.md for the file form) complete or add code systems, or add codes to a
 * value set. A lookup hashes once, allocates nothing and touches three cache lines. */
#pragma once
#include "common/base/buf.h"
#include "services/validator/engine/package/package.h"

/* --- building ----------------------------------------------------------------------------------
 */

enum {
    /* As HAPI's in-memory terminology: filters are ignored (the whole system is in the set), an
     * include of value sets is their union, expansions packages are not looked at. */
    TERMINOLOGY_LENIENT = 1,
};

typedef struct TerminologyOptions {
    const char *const *code_lists; /* paths */
    size_t code_list_count;
    unsigned flags;
} TerminologyOptions;

typedef struct TerminologyStats {
    uint32_t systems, codes, value_sets, not_checkable; /* value sets that nothing can answer */
    uint64_t bytes;
} TerminologyStats;

/* Every CodeSystem and ValueSet in reach of `from` (NULL: the root), and the lists. `out` gets the
 * bytes appended at an 8-byte aligned offset from its start. ret_stats may be NULL. */
bool terminology_build(Packages *packages, const Package *from, const TerminologyOptions *options,
                       Buf *out, TerminologyStats *ret_stats, Err *err) MUST_USE;

/* --- reading -----------------------------------------------------------------------------------
 */

typedef struct Terminology { /* the fields are terminology's own */
    const char *base;
    size_t bytes;
} Terminology;

/* Checks all offsets but those of codes, which are checked where they are used. */
bool terminology_open(Str bytes, Terminology *ret_terminology, Err *err) MUST_USE;

typedef uint32_t TxSystem;   /* index; TX_NONE */
typedef uint32_t TxValueSet; /* index; TX_NONE */
enum { TX_NONE = UINT32_MAX };

typedef enum TxContent {
    TX_CONTENT_UNKNOWN,     /* no CodeSystem is loaded; value sets may name codes of it */
    TX_CONTENT_NOT_PRESENT, /* loaded without its codes */
    TX_CONTENT_EXAMPLE,
    TX_CONTENT_FRAGMENT,
    TX_CONTENT_COMPLETE,
    TX_CONTENT_GRAMMAR, /* UCUM, BCP-47, MIME types: checked by rule */
} TxContent;

typedef enum TxAnswer {
    TX_YES,
    TX_NO,
    TX_UNKNOWN_CODE,        /* no code of a complete system (or against its grammar) */
    TX_UNKNOWN_IN_FRAGMENT, /* not among those loaded of a fragment */
    TX_UNKNOWN_SYSTEM,      /* nothing is known of the system */
    TX_NOT_CHECKABLE,       /* the value set needs what is not loaded */
} TxAnswer;

/* A code system by url or url|version; TX_NONE if none is loaded and no value set names it. */
TxSystem terminology_system(const Terminology *tx, Str url);
TxContent terminology_system_content(const Terminology *tx, TxSystem system);
Str terminology_system_url(const Terminology *tx, TxSystem system);
Str terminology_system_version(const Terminology *tx, TxSystem system);
Str terminology_system_name(const Terminology *tx, TxSystem system);
bool terminology_system_case_sensitive(const Terminology *tx, TxSystem system);

/* Is it a supplement? No coding may name one. */
bool terminology_has_supplements(const Terminology *tx);
bool terminology_is_supplement(const Terminology *tx, Str system);

bool terminology_is_lenient(const Terminology *tx); /* built with TERMINOLOGY_LENIENT */

/* TX_YES, TX_UNKNOWN_CODE, TX_UNKNOWN_IN_FRAGMENT or TX_UNKNOWN_SYSTEM. */
TxAnswer terminology_code(const Terminology *tx, Str system, Str code);

typedef struct TxCode {
    Str code;    /* as the system writes it */
    Str display; /* empty: none known */
    bool is_abstract, is_inactive;
} TxCode;
bool terminology_lookup(const Terminology *tx, Str system, Str code, TxCode *ret_code);
/* Is `display` the display or a designation of the code (white space and case apart)? True too when
 * the code has none. */
bool terminology_display_ok(const Terminology *tx, Str system, Str code, Str display);
/* Is `code` below `ancestor`, or the same? TX_YES, TX_NO, or why it cannot be said. */
TxAnswer terminology_subsumed(const Terminology *tx, Str system, Str code, Str ancestor);

/* A value set by url or url|version (of hl7.org and terminology.hl7.org any version will do), or an
 * implicit one (http://loinc.org/vs, http://snomed.info/sct?fhir_vs, http://unitsofmeasure.org/vs);
 * "http://www.rfc-editor.org/bcp/bcp13.txt" is mimetypes. */
TxValueSet terminology_value_set(const Terminology *tx, Str canonical);
Str terminology_value_set_url(const Terminology *tx, TxValueSet set);
Str terminology_value_set_version(const Terminology *tx, TxValueSet set);
Str terminology_value_set_title(const Terminology *tx, TxValueSet set); /* title, else name */

/* Is the code in the set? `system` STR_NONE: the code alone is given (type code, string, uri): any
 * system of the set. TX_YES, TX_NO, TX_NOT_CHECKABLE (a system of the set is not loaded). */
TxAnswer terminology_contains(const Terminology *tx, TxValueSet set, Str system, Str code);
/* The system of the set that a bare code is of, or STR_NONE. */
Str terminology_infer_system(const Terminology *tx, TxValueSet set, Str code);

/* --- bindings ----------------------------------------------------------------------------------
 */

typedef enum TxStrength {
    TX_EXAMPLE,
    TX_PREFERRED,
    TX_EXTENSIBLE,
    TX_REQUIRED,
} TxStrength;

/* What a profile says of an element; flat, so that it may lie in an image beside the Terminology.
 * Made once per element by terminology_bind. */
typedef struct TxBinding {
    TxValueSet set;     /* TX_NONE: not found */
    TxValueSet max_set; /* extension elementdefinition-maxValueSet; TX_NONE: not found or absent */
    uint8_t strength;   /* TxStrength */
    uint8_t has_set;    /* the binding names a value set */
    uint8_t has_max_set;
    uint8_t is_system; /* `reference` is a code system's url */
} TxBinding;

/* reference and max_reference as the profile writes them; empty: none. */
TxBinding terminology_bind(const Terminology *tx, Str reference, TxStrength strength,
                           Str max_reference);

/* Do its numbers lead to value sets of this terminology? For bindings from a file. */
bool terminology_has_binding(const Terminology *tx, const TxBinding *binding);

typedef struct TxCoding { /* ptr NULL: absent */
    Str system, version, code, display;
} TxCoding;

typedef enum TxSeverity {
    TX_INFORMATION,
    TX_WARNING,
    TX_ERROR,
} TxSeverity;

typedef struct TxFinding {
    const struct TxFinding *next;
    TxSeverity severity;
    const char *message_id; /* the Java core's; NULL: it gives none */
    const char *issue_code; /* OperationOutcome.issue.code: "code-invalid", "business-rule" ... */
    Str text;
    /* A warning of an extensible binding: taken back when a stronger binding of another profile on
     * the same element is checked, or when an extensible one holds (see withdraws). */
    bool removable;
    bool
        unsure; /* not in the value set, as far as can be told: a system that it needs is missing */
} TxFinding;

typedef struct TxFindings { /* all on the element that was checked, in order */
    const TxFinding *first;
    uint32_t count;
    bool ok;        /* no error */
    bool withdraws; /* `removable` findings reported before on this element are to be taken back */
} TxFindings;

/* The set's text forms as the profile wrote them, for messages; both may be STR_NONE. */
typedef struct TxReference {
    Str reference, max_reference;
} TxReference;

/* A CodeableConcept; binding may be NULL (element without one: codes are still looked up). */
bool terminology_check_concept(const Terminology *tx, const TxBinding *binding,
                               const TxReference *reference, const TxCoding *codings, size_t count,
                               Arena *arena, TxFindings *ret) MUST_USE;
/* A Coding that is an element's value, or a Quantity (system, code, display = unit). */
bool terminology_check_coding(const Terminology *tx, const TxBinding *binding,
                              const TxReference *reference, const TxCoding *coding, Arena *arena,
                              TxFindings *ret) MUST_USE;
bool terminology_check_quantity(const Terminology *tx, const TxBinding *binding,
                                const TxReference *reference, const TxCoding *coding, Arena *arena,
                                TxFindings *ret) MUST_USE;
/* A code, string, uri, url or canonical. */
bool terminology_check_code(const Terminology *tx, const TxBinding *binding,
                            const TxReference *reference, Str code, Arena *arena,
                            TxFindings *ret) MUST_USE;
