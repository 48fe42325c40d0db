/* ucum_table - rows of ucum_table.c, for ucum.c alone.
 *
 * Owner:   static, read-only.
 * Threads: immutable. */
#pragma once
#include "common/fhir/ucum.h"

typedef enum UcumKind {
    UCUM_BASE,    /* one of the seven */
    UCUM_DEFINED, /* value x unit */
    UCUM_OFFSET,  /* (x + offset) x value x unit */
    UCUM_SPECIAL, /* logarithmic and the like: known, not converted */
} UcumKind;

typedef struct UcumPrefix {
    const char *code, *value;
} UcumPrefix;

typedef struct UcumRow {
    const char *code, *value, *unit, *offset;
    uint8_t kind; /* UcumKind */
    uint8_t metric;
    uint8_t base; /* index, for UCUM_BASE */
} UcumRow;

extern const UcumPrefix ucum_prefixes[]; /* longest first */
extern const size_t ucum_prefix_count;
extern const char *const ucum_base_codes[UCUM_BASE_COUNT];
extern const UcumRow ucum_rows[];
extern const size_t ucum_row_count;
