/* disposition - what the rules in force decide about a bundle: accept | reject | discard.
 *
 * Spec:    docs/rules.md "Dispositions". From the strongest rule that holds to the weakest: reject
 *          is listed, accept and discard end it. Nothing listed: accepted. Only discard stops a
 *          bundle. What is no JSON is discarded whatever the rules say: it cannot go on.
 * Owner:   actions_json lives in `arena`.
 * Errors:  ERR_INPUT "memory-limit". */
#pragma once
#include "common/ruling/changes.h"

bool disposition_decide(Matcher *matcher, const Outcome *outcome, Arena *arena,
                        Disposition *ret_disposition, Changes *changes, Err *err) MUST_USE;
