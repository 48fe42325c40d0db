/* documents - what an OpenID Connect provider writes, read: its discovery document, its answer to a
 * code, what its ID token says. Nothing is asked here, and no signature looked at.
 *
 * Spec:    Discovery 1.0 §4.3; Core 1.0 §3.1.3.3, §3.1.3.7.
 * Errors:  ERR_RETRY "oidc-answer": the document does not do; ERR_INPUT "oidc-token", "jwt-...":
 * the token does not. Threads: pure. */
#pragma once
#include "common/auth/jwt.h"
#include "services/ingest/sessions/session_options.h"

enum { PROVIDER_URL_SIZE = 1000 };

typedef struct ProviderUrls {
    char authorization[PROVIDER_URL_SIZE], token[PROVIDER_URL_SIZE], jwks[PROVIDER_URL_SIZE];
} ProviderUrls;

/* https, or plain http to this machine. */
bool oidc_url_fits(Str url);
/* All three URLs, of a document that is of this issuer. */
bool documents_discovery(const JsonDoc *doc, Str issuer, ProviderUrls *ret_urls, Err *err) MUST_USE;
bool documents_answer(const JsonDoc *doc, Str *ret_token, Err *err) MUST_USE;
/* Is it meant for us, now, and as the answer to `nonce`? Then what OIDC_CLAIM says. */
bool documents_claim(const Jwt *jwt, const SessionConfig *config, Str nonce, int64_t now_s,
                     Str *ret_claim, Err *err) MUST_USE;
