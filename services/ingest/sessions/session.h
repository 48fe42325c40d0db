/* session - who has signed in to the diagnostics pages, as a cookie says that only we can make.
 *
 * Stateless: the cookie (sealed, common/auth/seal.h) names the account, when it signed in and was
 * seen last, a CSRF token, and a digest of what opened it. What the account may do is looked up by
 * every request anew; a session is over when the account is disabled or gone, when its password or
 * its subjects change, when it was signed out of (ended.h), when it was idle for SESSION_IDLE_S,
 * and after SESSION_LIFE_S.
 * Rule:    what changes something (any method but GET and HEAD) needs X-CSRF-Token; where else it
 *          is sent, it is this session's: what a page of another one asks gets 401.
 * Owner:   the exchange's arena. Threads: those of the exchange. */
#pragma once
#include "common/auth/objects.h"
#include "services/ingest/exchange.h"
#include "services/ingest/flow.h"

#define SESSION_COOKIE "__Host-fhirbus-session"

typedef struct Session {
    Str account;
    bool oidc; /* else by password */
    int64_t started_s, seen_s;
    Str stamp; /* digest of what opened it */
    Str csrf;
    bool rights[ACCOUNT_RIGHT_COUNT];
    AuthTexts tenants;
} Session;

/* Is there a cookie of that name at all? */
bool session_presented(const Exchange *exchange);
/* Do the pages ask? They send X-CSRF-Token with all they ask, and what is no fetch (an export's
 * link) is known by what browsers say of where it comes from: of this origin there is nothing else.
 */
bool session_meant(const Exchange *exchange);
/* The cookie's session becomes the exchange's caller; the cookie is renewed. STEP_REPLY: refused.
 */
StepNext session_take(Exchange *exchange);
/* A new one for an account that has just shown who it is. */
void session_begin(Exchange *exchange, const Account *account, bool oidc);
/* Signing out: the cookie goes, and opens nothing any more where it was kept. */
void session_end(Exchange *exchange);
/* 401 in the pages' words, with how one may sign in. */
StepNext session_refuse(Exchange *exchange, const char *code, const char *text);
/* What GET /admin/api/session says. */
StepNext session_tell(Exchange *exchange);
bool session_may(const Exchange *exchange, AccountRight right);

/* The value of one cookie; STR_NONE: there is none. */
Str session_cookie(const Exchange *exchange, Str name);
/* Seconds since 1970 as RFC 3339. */
Str session_time(Exchange *exchange, int64_t s);
