/* rewrite - diagnostics as the rules want the sender to see them.
 *
 * Rule:    suppress beats everything; severity and text each come from the strongest rule that
 *          gives one; issues that rules add stand behind the engine's. Counts and `valid` follow
 *          from what is told; issues that a cap left out are counted as they were.
 * Owner:   the new issues live in `arena`, the outcome given stays as it is.
 * Errors:  ERR_INPUT "memory-limit". */
#pragma once
#include "common/ruling/changes.h"

/* *ret_outcome is `outcome` itself when no rule changed it (*ret_changed false). */
bool rewrite_outcome(Matcher *matcher, const Outcome *outcome, Arena *arena, Outcome *ret_outcome,
                     bool *ret_changed, Changes *changes, Err *err) MUST_USE;
