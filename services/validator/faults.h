/* faults - documents that kill or hang their worker, for the poison tests. Compiled in only under
 * FHIRBUS_FAULTS (`make FAULTS=1`, a folder of its own); else it is nothing at all.
 *
 * A document that holds "fhirbus-fault:abort", ":segv", ":exit" or ":hang" does so. */
#pragma once
#include "common/base/str.h"

#ifdef FHIRBUS_FAULTS
void faults_on(Str document);
#else
static inline void faults_on(Str document)
{
    (void)document;
}
#endif
