/* loaded - what a validator says it has open -> the parameters of sql_loaded.
 *
 * Owner:   what is added lives in `arena` or in *loaded. Threads: pure. Errors: ERR_INPUT
 *          "record-id" (no instance); params->failed without room. */
#pragma once
#include "common/db/db.h"
#include "common/envelope/envelope.h"

bool loaded_params(const Loaded *loaded, int64_t at_us, Arena *arena, DbParams *params,
                   Err *err) MUST_USE;
