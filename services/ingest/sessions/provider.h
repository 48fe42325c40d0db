/* provider - what is asked of the OpenID Connect provider itself: its document, tokens, keys.
 *
 * Threads: the desk's; each call may wait for PROVIDER_TIMEOUT_MS.
 * Errors:  ERR_RETRY "oidc-away"; ERR_INPUT "oidc-answer", "oidc-code" (it does not accept the
 *          code), "oidc-token" (its ID token does not hold), "jwt-...". */
#pragma once
#include "services/ingest/sessions/sessions.h"

enum { PROVIDER_TIMEOUT_MS = 5000, PROVIDER_ANSWER_MAX = 256 * 1024, PROVIDER_KNOWN_MS = 3600000 };

/* Reads the discovery document, unless it was read a while ago. */
bool provider_discover(Sessions *sessions, Arena *arena, Err *err) MUST_USE;
/* A copy of what is known. */
Str provider_authorization_url(Sessions *sessions, Arena *arena);
/* The code for an ID token. */
bool provider_redeem(Sessions *sessions, Str code, Str verifier, Str redirect, Arena *arena,
                     Str *ret_token, Err *err) MUST_USE;
/* What OIDC_CLAIM says, of a token that holds. */
bool provider_check(Sessions *sessions, Str token, Str nonce, Arena *arena, Str *ret_claim,
                    Err *err) MUST_USE;
