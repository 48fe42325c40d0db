/* transform - what goes to a destination: the bundle, and what the rules in force do to it.
 *
 * Spec:    docs/rules.md "Transforms". Rules that hold are applied from the strongest to the
 * weakest, the steps of each in order, each on what the one before has left. TechBD's, which is
 *          built in, appends the outcome as one more entry:
 *          {"resource":{"resourceType":"OperationOutcome","issue":[...],
 *          "techByDesignDisposition":[...]}}: issues at or above a severity, or one that says that
 *          there are none.
 * Rule:    splices: every byte that no step names stays. What cannot be done as a rule says is not
 *          sent at all: a step that fails, a condition that cannot be evaluated.
 * Owner:   results live in `arena`; the bundle given is never written to.
 * Errors:  ERR_INPUT "transform-json" (not an object), "transform-entry" (entry is no array),
 *          "transform-step", "transform-condition", "memory-limit". */
#pragma once
#include "common/rules/match.h"

/* information, warning, error, fatal -> 0..3, in either case; anything else -> -1. */
int transform_severity(Str name);

/* The step appendOutcome. */
bool transform_bundle(Str bundle, const Outcome *outcome, const Disposition *disposition,
                      Str severity_level, Arena *arena, Str *ret_body, Err *err) MUST_USE;

typedef struct TransformInput {
    const RuleBook *book;
    Str bundle;
    Str bundle_sha256;      /* 32 bytes, if known */
    const Outcome *outcome; /* as the sender was told */
    const Disposition *disposition;
    Str tenant;
    Str destination;
    Str severity_level; /* for steps that name none */
    int64_t now_us;
} TransformInput;

typedef struct Transformed {
    Str body;
    Str steps_json; /* see proto/submission.proto */
} Transformed;

bool transform_apply(const TransformInput *input, Arena *arena, Transformed *ret_transformed,
                     Err *err) MUST_USE;
