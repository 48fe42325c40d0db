/* lake_guard - whom a lake stand-in lets in: everybody, an API key, a bearer token, a certificate.
 *
 * Spec:    RFC 6749 section 4.4: POST /oauth2/token with HTTP Basic gives a token for life_s.
 * Threads: all calls may come from any thread.
 * Limits:  the newest LAKE_TOKENS_MAX tokens are good. */
#pragma once
#include "common/base/buf.h"

enum { LAKE_TOKENS_MAX = 16 };

struct MHD_Connection;
typedef struct LakeGuard LakeGuard;

LakeGuard *lake_guard_new(void);
void lake_guard_free(LakeGuard *guard);
/* kind: none, api-key, oauth2 (secret "id:word"), mtls. False: no such kind. */
bool lake_guard_set(LakeGuard *guard, const char *kind, const char *secret, unsigned life_s);
void lake_guard_revoke(LakeGuard *guard); /* all tokens so far */
/* 0: may come in; else the status to refuse it with. */
unsigned lake_guard_check(LakeGuard *guard, struct MHD_Connection *connection);
/* The answer to a token request; returns its status. */
unsigned lake_guard_token(LakeGuard *guard, struct MHD_Connection *connection, Str body, Buf *out);
/* "tokens":..,"refused":.. */
void lake_guard_print(LakeGuard *guard, Buf *out);
