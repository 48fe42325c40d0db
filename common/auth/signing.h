/* signing - our own issuer's keys: a folder of private keys -> tokens, and a JWKS to check them.
 *
 * Rule:    every NAME.pem of the folder is published and verifies; of those the last by name that
 *          has been there for publish_s seconds signs, so that every replica (and whoever caches
 * the JWKS) knows a key before it is used. Where none is that old yet, the first by name signs. A
 * key that is taken out of the folder verifies no more: leave it until its last token has expired.
 * RSA signs RS256, P-256 ES256, Ed25519 EdDSA. Owner:   ring_free. Threads: immutable once read;
 * any may sign and verify. Errors:  ERR_FATAL "signing-keys": folder or a key unreadable, no key at
 * all. Limits:  SIGNING_KEYS_MAX. */
#pragma once
#include "common/auth/jwk.h"

enum { SIGNING_KEYS_MAX = 16 };

typedef struct SigningRing SigningRing;

bool ring_read(const char *folder, uint64_t publish_s, SigningRing **ret_ring, Err *err) MUST_USE;
void ring_free(SigningRing *ring); /* NULL is fine */
const Jwks *ring_jwks(const SigningRing *ring);
Str ring_json(const SigningRing *ring); /* for /.well-known/jwks.json */
/* A signed token of these claims; typ as in "at+jwt". */
bool ring_sign(const SigningRing *ring, const char *typ, Str claims, int64_t now_s, Buf *out,
               Err *err) MUST_USE;
/* Differs when the folder's contents do. */
uint64_t ring_folder_stamp(const char *folder);
