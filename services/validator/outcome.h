/* outcome - the engine's verdict, or a failed pre-check -> what goes to the topics.
 *
 * Owner:   texts live in `arena`, in the image or in the verdict.
 * Errors:  ERR_INPUT "memory-limit". */
#pragma once
#include "common/envelope/envelope.h"
#include "services/validator/engine/fhir_validator.h"
#include "services/validator/precheck.h"

/* When judging began and ended, and since when the engine is open; microseconds. */
typedef struct OutcomeTimes {
    int64_t started_us, finished_us, engine_us;
} OutcomeTimes;

/* What a document says may hold a NUL, what is a text on the topics may not: "?" stands for it. */
Str outcome_plain(Str text, Arena *arena);
bool outcome_of_verdict(const Verdict *verdict, const OutcomeTimes *times, Arena *arena,
                        Outcome *ret_outcome, Err *err) MUST_USE;
bool outcome_of_precheck(const Precheck *precheck, const OutcomeTimes *times, Arena *arena,
                         Outcome *ret_outcome, Err *err) MUST_USE;
