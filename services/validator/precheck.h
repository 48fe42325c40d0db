/* precheck - what a bundle must show before the engine looks at it.
 *
 * Spec:    TECHBD-1000 unreadable JSON, TECHBD-1002 no meta.profile, TECHBD-1001 none of them
 *          allowed; in this order, the first one wins.
 * Owner:   texts live in `arena`.
 * Errors:  ERR_INPUT "memory-limit" only; what is wrong with the document is the result.
 * Limits:  those given; exceeding depth or nodes counts as unreadable. */
#pragma once
#include "common/json/json.h"

typedef struct Precheck {
    bool passed;
    Str code;              /* "TECHBD-1002" */
    Str message;           /* "TECHBD-1002: Bundle profile url must be provided" */
    uint32_t line, column; /* 0: nowhere */
    Str profile;           /* the first of meta.profile, as written; empty: none */
} Precheck;

bool precheck(Str document, const char *allowed_profiles, const JsonLimits *limits, Arena *arena,
              Precheck *ret_precheck, Err *err) MUST_USE;
