/* diff - two JSON texts, laid out one value a line, and the lines in which they differ.
 *
 * Owner:   everything lives in `arena`.
 * Limits:  past DIFF_EDITS_MAX differing lines the whole middle is shown as replaced.
 * Errors:  ERR_INPUT of json_read; "memory-limit". */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"

enum { DIFF_EDITS_MAX = 2000 };

/* Prints to stdout: '-' and '+' lines, two lines around them, "..." between. */
bool diff_print(Str before, Str after, Arena *arena, Err *err) MUST_USE;
