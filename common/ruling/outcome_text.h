/* outcome_text - issues <-> the OperationOutcome that senders read.
 *
 * Owner:   texts live in `arena` or where the issues have them.
 * Errors:  ERR_INPUT "memory-limit"; of reading, those of json_read. */
#pragma once
#include "common/envelope/envelope.h"

/* The system of message ids that are not the Java core's. */
#define OWN_MESSAGES "urn:fhirbus:message-id"

/* Issues from `own_from` on are not the engine's: their message ids are of our own making. */
bool outcome_write(const Outcome *outcome, uint32_t own_from, Arena *arena, Str *ret_json,
                   Err *err) MUST_USE;
/* What an OperationOutcome says: issues, counts, a failed pre-check, validity; texts may point into
 * `text`. */
bool outcome_read(Str text, Arena *arena, Outcome *ret_outcome, Err *err) MUST_USE;
