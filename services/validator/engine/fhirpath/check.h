/* check - what can be known of an expression before it runs, from the types of the model.
 *
 * Spec:    FHIRPath N1 10 (type safety and strict evaluation), hl7.org/fhir/R4/fhirpath.html#types.
 * Owner:   reads the tree only.
 * Errors:  ERR_INPUT "fhirpath-semantic" for what can never be right; with `strict` also for paths
 *          and casts that can never yield anything and for order where there is none. */
#pragma once
#include "services/validator/engine/fhirpath/parser.h"

bool fp_check(Str text, const FpTree *tree, const FhirpathCompileOptions *options,
              FhirpathAt *ret_at, Err *err);
