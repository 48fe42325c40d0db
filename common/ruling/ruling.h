/* ruling - what the rules in force make of what the engine said.
 *
 * Rule:    all rules look at what the engine said, never at each other's changes; so a severity
 *          that is changed for the sender does not change what becomes of the bundle.
 * Owner:   everything lives in `arena` or in the book.
 * Errors:  ERR_INPUT "memory-limit". A rule that cannot be evaluated does not hold; it is noted as
 *          a change "not-evaluated". */
#pragma once
#include "common/rules/match.h"

/* `validated` has bundle, envelope and the engine's outcome; gets disposition, rules_version,
 * rule_changes and, when diagnostics changed, a new outcome beside engine_outcome. */
bool ruling_apply(const RuleBook *book, int64_t now_us, Arena *arena, Validated *validated,
                  Err *err) MUST_USE;
