/* decimal_inner - what decimal.c and decimal_math.c share; nobody else includes it.
 *
 * Owner:   as decimal.h.
 * Errors:  as decimal.h. */
#pragma once
#include "common/fhir/decimal.h"
#include "common/fhir/decimal_big.h"

typedef struct DecimalWide {
    uint32_t count;
    bool negative;
    uint32_t limb[];
} DecimalWide;

void decimal_to_big(Decimal d, Big *to);
bool decimal_from_big(const Big *big, int64_t scale, Arena *arena, Decimal *ret) MUST_USE;
bool decimal_rescale(Decimal d, int32_t scale, BigRounding rounding, Arena *arena,
                     Decimal *ret) MUST_USE;
