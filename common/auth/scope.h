/* scope - what a token may be used for, of what its caller may do.
 *
 * Spec:    SMART App Launch 2.2, "Scopes for requesting FHIR resources", system level:
 *          system/TYPE.LETTERS, TYPE a resource type or '*', LETTERS some of c r u d s in this
 * order; the older .read, .write and .* too. Ours: fhirbus/replay, fhirbus/administer. Threads:
 * pure. */
#pragma once
#include "common/auth/texts.h"

typedef struct ScopeNeed {
    const char *own;  /* "fhirbus/replay"; NULL: */
    const char *type; /* "Bundle" */
    char letter;      /* one of c r u d s */
} ScopeNeed;

/* Does one of the scopes, by blanks, cover it? */
bool scope_covers(Str scopes, const ScopeNeed *need);
/* Does the text name any scope of ours at all? */
bool scope_is_ours(Str scopes);
/* Those of `requested` that `allowed` covers wholly, by blanks; empty `requested`: all of
 * `allowed`. STR_NONE: none of them. allowed.count 0: system/ *.cruds. */
Str scope_grant(Str requested, AuthTexts allowed, Arena *arena);
