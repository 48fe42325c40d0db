/* walk - what one validation carries along; internal to engine/validate and fhir_validator.c.
 *
 * Owner:   a Walk and all that it points to live in the caller's arena.
 * Threads: one walk, one thread; image and model are shared and immutable. */
#pragma once
#include "services/validator/engine/fhir_validator.h"
#include "services/validator/engine/validate/element.h"
#include "services/validator/engine/validate/report.h"

typedef struct Walk {
    Arena *arena;
    Str source;
    const FhirModel *model;
    const JsonDoc *doc;
    Elems elems;
    Findings *out; /* where issues go now */
    bool best_practice;
    uint32_t sequence; /* of findings */
    uint32_t depth;    /* of the recursion */
} Walk;
