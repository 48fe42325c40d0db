/* functions - what can follow a dot with parentheses: one table, sorted by name.
 *
 * Spec:    FHIRPath N1 5, 6.6.7; hl7.org/fhir/R4/fhirpath.html#functions; later additions of the
 *          FHIRPath specification that the R4 suite tests are marked STU. */
#pragma once
#include "services/validator/engine/fhirpath/code.h"

struct FhirpathEval;
struct FpCall;

enum {                   /* FpFunction.flags */
       FP_FN_LAMBDA = 1, /* arguments see each item as $this */
       FP_FN_TYPE = 2,   /* the argument is the name of a type */
       FP_FN_TEXT = 4,   /* its input is one string */
       FP_FN_ORDER = 8,  /* means something on ordered collections only */
       FP_FN_WORLD = 16, /* does or sees more than its input: not to be remembered */
       FP_FN_SORT = 32,  /* a minus before an argument means descending */
       FP_FN_JAVA = 64,  /* of the Java core, in its dialect only */
       FP_FN_SELF = 128, /* in the java dialect, too, arguments see $this, not the input */
};

typedef struct FpFunction {
    const char *name;
    uint8_t min, max; /* arguments */
    uint8_t flags;
    const char *section; /* of FHIRPath N1, "FHIR" or "STU" */
    bool (*run)(struct FhirpathEval *eval, const struct FpCall *call);
} FpFunction;

const FpFunction *fp_function_find(Str name); /* NULL: no such function */
const FpFunction *fp_function_at(uint32_t id);
uint32_t fp_function_id(const FpFunction *function);
uint32_t fp_function_count(void);
uint32_t fp_functions_hash(void); /* of names and order: code from another table is refused */
