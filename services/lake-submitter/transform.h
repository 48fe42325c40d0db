/* transform - what goes to the lake: the bundle as it came, and its diagnostics as one more entry.
 *
 * Spec:    TechBD's forwarded payload:
 * {"resource":{"resourceType":"OperationOutcome","issue":[...], "techByDesignDisposition":[...]}}
 * appended to Bundle.entry; issues at or above a severity, or one that says that there are none.
 * Rule:    a splice: every byte of the bundle stays; only the new entry is inserted.
 * Owner:   the result lives in `arena`.
 * Errors:  ERR_INPUT "transform-json" (not an object), "transform-entry" (entry is no array),
 *          "memory-limit". */
#pragma once
#include "common/envelope/envelope.h"

/* information, warning, error, fatal -> 0..3; anything else -> -1. */
int transform_severity(Str name);

bool transform_bundle(Str bundle, const Outcome *outcome, const Disposition *disposition,
                      Str severity_level, Arena *arena, Str *ret_body, Err *err) MUST_USE;
