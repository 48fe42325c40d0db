#include "services/validator/faults.h"

#ifdef FHIRBUS_FAULTS
#include <signal.h>
#include <unistd.h>

static bool asks_for(Str document, Str fault)
{
    return str_find(document, fault) != SIZE_MAX;
}

void faults_on(Str document)
{
    if (asks_for(document, STR("fhirbus-fault:abort")))
        abort();
    if (asks_for(document, STR("fhirbus-fault:segv"))) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would tell of it: this one is meant */
        raise(SIGSEGV);
    }
    if (asks_for(document, STR("fhirbus-fault:exit")))
        _exit(3);
    while (asks_for(document, STR("fhirbus-fault:hang")))
        pause();
}
#else
typedef int FaultsAreOff; /* ISO C wants something in a file */
#endif
