/* snapshot - differential + base definition -> the full list of elements.
 *
 * Spec:    hl7.org/fhir/R4/profiling.html#snapshot, elementdefinition.html
 * Owner:   a Snapshots keeps what it generated in an arena of its own until snapshots_free; the
 *          packages it was made for are borrowed and must outlive it.
 * Threads: one thread (packages are read on demand).
 * Errors:  ERR_INPUT "snapshot-no-base", "snapshot-no-type", "snapshot-circular",
 *          "snapshot-not-a-profile", "snapshot-too-large", "memory-limit". A poor differential
 *          is an Issue, not an error: what can be applied is applied.
 * Limits:  SNAPSHOT_ELEMENTS_MAX elements in one snapshot, SNAPSHOT_DEPTH_MAX snapshots that need
 *          each other, SNAPSHOT_PATH_MAX segments in a path.
 *
 * The result is a StructureDefinition in the form that packages ship: all that was in the source,
 * with snapshot.element made anew. Its nodes have positions in a text of our own. */
#pragma once
#include "services/validator/engine/package/package.h"

enum {
    SNAPSHOT_ELEMENTS_MAX = 20000,
    SNAPSHOT_DEPTH_MAX = 40,
    SNAPSHOT_PATH_MAX = 64,
};

typedef struct Snapshots Snapshots;

typedef enum SnapshotSeverity {
    SNAPSHOT_NOTE,    /* worth a look */
    SNAPSHOT_WARNING, /* the author may mean something else */
    SNAPSHOT_ERROR,   /* impossible: this part of the differential was not applied */
} SnapshotSeverity;

typedef struct SnapshotIssue {
    SnapshotSeverity severity;
    const char *code; /* "no-element", "min-below-base", "slicing-missing", ... */
    Str profile;      /* url of the StructureDefinition */
    Str element;      /* id or path of the differential's element */
    Str text;         /* one sentence */
} SnapshotIssue;

/* With `remake` even bases and types that ship a snapshot get one of ours. */
Snapshots *snapshots_new(Packages *packages, bool remake);
void snapshots_free(Snapshots *snapshots); /* NULL is fine */

/* The StructureDefinition with a snapshot: the shipped one, or made from its differential when it
 * has none. Generated once. */
bool snapshots_of(Snapshots *snapshots, const PackageResource *resource, const JsonDoc **ret_doc,
                  Err *err) MUST_USE;
/* The same for a definition that is in no package; canonicals are looked up for `from` (NULL: the
 * root). Whatever snapshot it has is ignored. */
bool snapshots_generate(Snapshots *snapshots, const Package *from, const JsonDoc *definition,
                        const JsonDoc **ret_doc, Err *err) MUST_USE;

size_t snapshots_issue_count(const Snapshots *snapshots);
const SnapshotIssue *snapshots_issue(const Snapshots *snapshots, size_t index);
const char *snapshot_severity_name(SnapshotSeverity severity);

/* For people: `fhir-validate snapshot`. The definition as JSON, two spaces per level. */
Str snapshot_print(const JsonDoc *doc, Arena *arena); /* STR_NONE past the arena's limit */
