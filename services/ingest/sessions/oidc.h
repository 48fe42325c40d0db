/* oidc - signing in by an OpenID Connect provider: authorization code with PKCE.
 *
 * Spec:    OpenID Connect Core 1.0 §3.1, Discovery 1.0, RFC 7636 (S256), RFC 9207 (iss).
 * What is under way (state, nonce, verifier, where to go) is in a sealed cookie of its own, good
 * for OIDC_LIFE_S; nothing is kept here. The ID token's signature, issuer, audience, times and
 * nonce are checked; its claim OIDC_CLAIM names the account (member `oidc` of accounts/NAME).
 * Threads: the desk's, for what goes to the provider. */
#pragma once
#include "common/base/str.h"

enum { OIDC_LIFE_S = 600 };
