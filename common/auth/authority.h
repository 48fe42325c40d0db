/* authority - what an administrator may see, change and grant.
 *
 * Rule:    who may administer for every tenant, and acts for all of them, may change everything.
 *          Anybody else sees what is of its tenants alone, and changes of it
 *            callers/  that act for these tenants only, and may do nothing, before and after, that
 *                      it may not do itself; no jwksUri, no plan but its own or the one there is;
 *            hosts/    of these tenants: about, publisher, CORS without credentials;
 *            tenants/  of these: about.
 *          Who may administer for every tenant, but acts for one, grants what it likes there.
 * Threads: pure. */
#pragma once
#include "common/auth/objects.h"

typedef struct Authority {
    const Caller *caller;
    Str tenant; /* it acts for this one alone; empty: for all that it may */
} Authority;

/* For every tenant there is, and for what belongs to none? */
bool authority_is_whole(const Authority *authority);
bool authority_sees(const Authority *authority, AuthKind kind, const void *object);
/* Puts `after` in the place of `before`. NULL: there is none before, or it is taken away. */
bool authority_permits(const Authority *authority, AuthKind kind, const void *before,
                       const void *after);
