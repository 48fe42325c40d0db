/* The R4 types as constant tables: nothing is computed at start but the hash slots of the names. */
#include <pthread.h>

#include "common/base/check.h"
#include "common/fhir/model.h"

#include "common/fhir/r4/tables.inc"

static uint16_t slots[SLOT_COUNT];
static FhirModel r4 = {
    .types = types,
    .children = children,
    .by_name = by_name,
    .names = {.at = name_starts, .pool = pool, .count = NAME_COUNT, .slot_count = SLOT_COUNT},
    MODEL_FIELDS,
};

static void index_names(void)
{
    json_names_index(&r4.names, slots);
}

const FhirModel *fhir_model_r4(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, index_names) == 0);
    return &r4;
}
