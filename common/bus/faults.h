/* faults - documents that kill or hang their worker, for the poison tests. Compiled in only under
 * FHIRBUS_FAULTS (`make FAULTS=1`, a folder of its own); else it is nothing at all.
 *
 * A document that holds "fhirbus-fault:" and the worker's word for where ("" in the validator,
 * "route-" and "answer-" in the lake-submitter), then "abort", "segv", "exit" or "hang" does so. */
#pragma once
#include "common/base/str.h"

#ifdef FHIRBUS_FAULTS
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline bool faults_asked(Str document, const char *where, const char *what)
{
    char words[64];
    snprintf(words, sizeof words, "fhirbus-fault:%s%s", where, what);
    return str_find(document, str_from(words)) != SIZE_MAX;
}

static inline void faults_on(Str document, const char *where)
{
    if (faults_asked(document, where, "abort"))
        abort();
    if (faults_asked(document, where, "segv")) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would tell of it: this one is meant */
        raise(SIGSEGV);
    }
    if (faults_asked(document, where, "exit"))
        _exit(3);
    while (faults_asked(document, where, "hang"))
        pause();
}
#else
static inline void faults_on(Str document, const char *where)
{
    (void)document;
    (void)where;
}
#endif
