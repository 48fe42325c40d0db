/* report - findings: collected as facts, put into words only when they are shown.
 *
 * Owner:   findings live in the walk's arena; their arguments point into the document, the image or
 *          the arena. One finding may stand in several lists: a resource validated against a
 *          profile once hands its findings to everyone who asks again.
 * Threads: one walk, one thread. */
#pragma once
#include "common/json/json.h"
#include "services/validator/engine/fhir_validator.h"
#include "services/validator/engine/validate/element.h"
#include "services/validator/engine/validate/messages.h"

typedef enum FindingPath {
    FINDING_PATH,       /* resources on the way are named in slash-star marks */
    FINDING_PATH_PLAIN, /* JSON form: no marks, value[x] */
    FINDING_PATH_BARE,  /* as FINDING_PATH, without the mark of the element's own resource */
    FINDING_PATH_TEXT,  /* the suffix alone */
} FindingPath;

enum { FINDING_ARGS = 4, FINDING_NO_LINE = UINT32_MAX };

typedef struct Finding {
    uint8_t severity; /* IssueSeverity */
    uint8_t path;     /* FindingPath */
    uint16_t message; /* Message */
    ElemId elem;
    uint32_t sequence;    /* in the order of discovery */
    uint32_t at;          /* byte offset of what it is about, or FINDING_NO_LINE */
    uint16_t suffix_name; /* element name appended to the path, 0: none */
    Str suffix;           /* text appended behind that */
    Str id;               /* replaces the message's own id: profileUrl#key */
    const char *code;     /* replaces the message's own issue code */
    Str args[FINDING_ARGS];
    bool withdrawn;        /* a later finding takes it back: not shown */
    struct Finding *older; /* another one of this element that may be taken back */
} Finding;

typedef struct Findings {
    const Finding **items;
    uint32_t count;
    uint32_t room;
    uint32_t errors; /* errors and fatals among them */
    bool counting;   /* nobody will read them: they are counted, not kept */
} Findings;

struct Walk;

/* Adds a finding to walk->out. NULL past the arena's limit; the pointer allows refinements
 * (suffix, other line, other path) until the next call. */
Finding *report(struct Walk *walk, IssueSeverity severity, Message message, ElemId elem);
/* With up to four texts for {0}..{3} of the message. */
Finding *report_with(struct Walk *walk, IssueSeverity severity, Message message, ElemId elem,
                     Str arg0, Str arg1, Str arg2, Str arg3);
void findings_add(struct Walk *walk, Findings *list, const Finding *finding);
/* Adds all of `from`; what is there already (same place, same words) is raised to the more severe.
 */
void findings_merge(struct Walk *walk, Findings *into, const Findings *from);

/* Where a finding stands: Bundle.entry[0].resource, the resource in marks, .name[0]. */
Str path_location(const struct Walk *walk, const Finding *finding);
/* The same as plain FHIRPath, without marks. */
Str path_expression(const struct Walk *walk, const Finding *finding);
Str path_of(const struct Walk *walk, ElemId elem);
/* The findings as Issues in the order of the document, in the arena. */
bool report_finish(struct Walk *walk, const Findings *findings, uint32_t limit, Verdict *verdict);
