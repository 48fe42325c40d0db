/* rules - a rule file, read, checked and compiled: dispositions, diagnostics, transforms.
 *
 * Spec:    docs/rules.md; the shape of the file is written there, with an example of everything.
 * Owner:   a RuleSet owns all it points to (rules_free); it is immutable once read.
 * Threads: sets are shared as const.
 * Errors:  rules_read refuses the whole file, ERR_INPUT "rules-json", "rules-field",
 *          "rules-fhirpath", "rules-limit"; RulesProblem says where, in the file and in the
 *          expression. A member that is not known is an error: it would be a rule not obeyed.
 * Limits:  RULES_FILE_BYTES_MAX, RULES_MAX rules a file, RULES_LIST_MAX entries of a list. */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/envelope/envelope.h"
#include "common/json/json.h"

enum {
    RULES_FILE_BYTES_MAX = 960 * 1024,
    RULES_MAX = 5000,
    RULES_LIST_MAX = 1000,
    RULES_STEPS_MAX = 100,
    RULES_STAMP_BYTES = 256,
};

typedef struct StrList {
    const Str *list;
    size_t count;
} StrList;

/* --- conditions ------------------------------------------------------------------------------- */

/* Bundle.entry[0].resource(Patient).name.**: see path.h. */
typedef struct PathPattern PathPattern;

enum { SEVERITY_ANY = 0xf };

/* All that is given must hold; of a list, one. */
typedef struct RuleWhen {
    StrList message_ids; /* whole, or up to a trailing '*' */
    StrList invariants;  /* keys: what follows '#' in the message id of an invariant */
    StrList codes;       /* OperationOutcome.issue.code */
    StrList profiles;    /* that the bundle was judged by; may end in '*' */
    const PathPattern *const *paths;
    size_t path_count;
    uint8_t severities; /* bit i: severity i is meant; SEVERITY_ANY: not asked */
    uint8_t actions;    /* transforms: bit per DispositionAction; 0: not asked */
    Str payload;        /* FHIRPath on the bundle, as written; empty: not asked */
    Str payload_code;   /* compiled against fhir_model_r4() */
    bool about_issues;  /* something of an issue is asked */
} RuleWhen;

/* --- what is done ----------------------------------------------------------------------------- */

typedef enum RuleSection {
    RULES_DISPOSITIONS,
    RULES_DIAGNOSTICS,
    RULES_TRANSFORMS,
    RULES_SECTIONS,
} RuleSection;

/* A text may name {text}, {path}, {messageId}, {severity} and {code} of the issue that matched. */
typedef struct DispositionDo {
    DispositionAction action;
    Str reason; /* empty: the issue's text */
} DispositionDo;

typedef struct DiagnosticDo {
    bool suppress;
    int severity; /* -1: left alone */
    Str text;     /* empty: left alone */
    bool add;     /* one issue, whatever is below */
    int add_severity;
    Str add_code, add_text, add_message_id, add_path;
} DiagnosticDo;

typedef enum StepKind {
    STEP_SET,
    STEP_REMOVE,
    STEP_REPLACE,
    STEP_MAP,
    STEP_ADD_TAG,
    STEP_ADD_SECURITY,
    STEP_APPEND_OUTCOME,
} StepKind;

typedef struct MapTarget {
    Str source, code; /* from this Coding (source empty: any system) ... */
    Str target_system, target_code, target_display; /* ... to this one */
    bool used;                                      /* false: there is none */
    uint32_t order;                                 /* in the ConceptMap */
} MapTarget;

/* A ConceptMap as a table, sorted by source code; groups in order within one code. */
typedef struct CodeMap {
    Str name;
    const MapTarget *rows;
    size_t count;
    /* group.unmapped, a row a group: target_code empty: keep the code ("provided"), else the fixed
     * one; used: the group says something of it. */
    const MapTarget *unmapped;
    size_t unmapped_count;
} CodeMap;

typedef struct RuleStep {
    StepKind kind;
    Str path, path_code; /* FHIRPath: parents (set, addTag, addSecurity) or what is meant */
    Str name;            /* set: of the property */
    Str value;           /* set, replace: JSON as written; empty: value_from */
    Str value_from, value_from_code; /* FHIRPath on the element found */
    const CodeMap *map;
    bool keep;  /* map: the original coding stays beside the new one */
    Str coding; /* addTag, addSecurity: JSON as written */
    Str coding_system, coding_code;
    int severity; /* appendOutcome: -1: the sender's or the setting's */
} RuleStep;

typedef struct TransformDo {
    StrList destinations; /* none: every one */
    bool idempotent;      /* declared: applied twice is applied once */
    const RuleStep *steps;
    size_t step_count;
} TransformDo;

typedef struct Rule {
    Str id, about;
    int32_t priority;
    uint32_t order;  /* position in its section */
    uint32_t number; /* in the whole set, from 0 */
    RuleSection section;
    int64_t from_us, to_us; /* in force from (inclusive) to (exclusive) */
    StrList tenants;        /* none: all of the set */
    RuleWhen when;
    union {
        DispositionDo disposition;
        DiagnosticDo diagnostic;
        TransformDo transform;
    };
} Rule;

typedef struct RuleIndex RuleIndex; /* index.h */

typedef struct RuleSet {
    Arena *arena;
    Str name, about;
    StrList tenants; /* none: everybody */
    const Rule *rules[RULES_SECTIONS];
    size_t counts[RULES_SECTIONS];
    size_t total;
    const RuleIndex *indexes[RULES_SECTIONS];
    char stamp[RULES_STAMP_BYTES]; /* "nyec@4#1a2b3c4d" */
} RuleSet;

/* Why a file was refused. */
typedef struct RulesProblem {
    JsonPosition at; /* in the file */
    char where[160]; /* dispositions[2].when.payload */
    char text[320];  /* what is wrong; for FHIRPath with its place in the expression */
} RulesProblem;

/* `file` is copied. ret_problem may be NULL; err->text holds the same in one line. */
bool rules_read(Str file, RuleSet **ret_set, RulesProblem *ret_problem, Err *err) MUST_USE;
void rules_free(RuleSet *set); /* NULL is fine */
/* What is in force as long as nobody has published a set "default": TechBD's seeds. */
Str rules_default_file(void);
bool rules_read_default(RuleSet **ret_set, Err *err) MUST_USE;

bool rules_is_issue_code(Str name);
int rules_severity(Str name); /* information 0 .. fatal 3; -1 */
const char *rules_severity_name(int severity);
const char *rules_section_name(RuleSection section); /* "dispositions" */
const char *rules_step_name(StepKind kind);          /* "addTag" */
bool rules_listed(StrList list, Str name);
/* "default/last-updated" */
Str rules_label(const RuleSet *set, const Rule *rule, Arena *arena);
