/* seal - small texts that a browser keeps for us and can neither read nor change.
 *
 * Spec:    AES-256-GCM, a random nonce each; base64url of nonce, ciphertext and tag. The key is
 *          derived (HMAC-SHA-256) from a secret that all replicas share and from `purpose`: what
 *          was sealed for one purpose opens for no other.
 * Owner:   results live in `arena`. Threads: pure.
 * Errors:  seal_open: false for whatever was not sealed so. */
#pragma once
#include "common/base/arena.h"

enum { SEAL_SECRET_MIN = 32, SEAL_BYTES_MAX = 4096, SEAL_TOKEN_BYTES = 32 };

Str seal_close(Str secret, const char *purpose, Str text, Arena *arena);
bool seal_open(Str secret, const char *purpose, Str sealed, Arena *arena, Str *ret_text);

/* Random, as base64url: 43 letters. */
Str seal_token(Arena *arena);
/* SHA-256 as base64url: PKCE's S256, and what stands for a credential within a session. */
Str seal_digest(Str text, Arena *arena);
/* In the same time, whatever they hold. */
bool seal_same(Str a, Str b);
