/* disposition - diagnostics -> accept | reject | discard.
 *
 * Spec:    TechBD's seed rules: a failed pre-check is discarded; what its engine said about
 *          Bundle.meta.lastUpdated is rejected; else accepted. Only discard stops a bundle.
 * Owner:   actions_json lives in `arena`.
 * Errors:  ERR_INPUT "memory-limit". */
#pragma once
#include "common/envelope/envelope.h"

bool disposition_decide(const Outcome *outcome, Arena *arena, Disposition *ret_disposition,
                        Err *err) MUST_USE;
