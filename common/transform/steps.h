/* steps - one step of a transform -> edits of the bundle.
 *
 * Spec:    docs/rules.md "Transforms": set, remove, replace, map, addTag, addSecurity.
 * Owner:   everything lives in `arena`.
 * Errors:  ERR_INPUT "transform-step": the step cannot be done on this document (its path throws or
 *          yields what is no element); then nothing of it may be sent. "memory-limit". */
#pragma once
#include "common/rules/rules.h"
#include "common/transform/edits.h"
#include "services/validator/engine/fhirpath/fhirpath.h"

/* The bundle as the steps before have left it. */
typedef struct Draft {
    Arena *arena;
    const JsonDoc *doc;
    FhirpathEval *eval;
    FhirpathItem root;
    Edits edits;
    uint32_t places; /* elements that this step changed */
} Draft;

bool draft_open(Str bundle, Arena *arena, Draft *ret_draft, Err *err) MUST_USE;
bool draft_step(Draft *draft, const RuleStep *step, Err *err) MUST_USE;

/* map.c: a Coding, a CodeableConcept or a code, in the codes of another system. */
bool draft_map(Draft *draft, const RuleStep *step, const JsonNode *node, Err *err) MUST_USE;
/* remove.c */
bool draft_remove(Draft *draft, const FhirpathItems *found, Err *err) MUST_USE;
