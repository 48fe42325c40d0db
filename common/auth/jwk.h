/* jwk - public keys as JSON Web Key Sets: JSON -> keys to check signatures with.
 *
 * Spec:    RFC 7517, RFC 7518 §6, RFC 8037. RSA of 2048 to 8192 bits, EC on P-256 and P-384,
 *          Ed25519; for signatures. Other keys of a set are passed over, as RFC 7517 §5 wants it;
 *          a private or a symmetric key is never read.
 * Owner:   counted: jwks_hold and jwks_free. Threads: immutable once read.
 * Errors:  ERR_INPUT "jwks-json": not a key set. A set may turn out empty.
 * Limits:  JWKS_BYTES_MAX, JWKS_KEYS_MAX. */
#pragma once
#include <gnutls/abstract.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/str.h"

enum { JWKS_BYTES_MAX = 256 * 1024, JWKS_KEYS_MAX = 100, JWK_THUMBPRINT_LEN = 43 };

typedef enum JwsAlgorithm {
    JWS_NONE, /* unknown, and never accepted */
    JWS_RS256,
    JWS_RS384, /* of clients' assertions alone */
    JWS_PS256,
    JWS_ES256,
    JWS_ES384, /* the same */
    JWS_EDDSA,
} JwsAlgorithm;
JwsAlgorithm jws_algorithm(Str name);
const char *jws_algorithm_name(JwsAlgorithm algorithm);

typedef struct Jwks Jwks;

bool jwks_read(Str json, Jwks **ret_jwks, Err *err) MUST_USE;
const Jwks *jwks_hold(const Jwks *jwks);
void jwks_free(const Jwks *jwks); /* NULL is fine */
size_t jwks_count(const Jwks *jwks);
uint64_t jwks_stamp(const Jwks *jwks); /* of its text */

/* Is `signature` one over `input`, made with this algorithm by the key that `kid` names? Without
 * kid: by the set's only key of that kind. A key is used with its own algorithms alone. */
bool jwks_verify(const Jwks *jwks, JwsAlgorithm algorithm, Str kid, Str input, Str signature);
/* Is there a key that may be meant? If not, newer keys may be worth a look. */
bool jwks_has(const Jwks *jwks, JwsAlgorithm algorithm, Str kid);

/* One public key as JSON: {"kty":...,"kid":...,"use":"sig","alg":...}; kid is its thumbprint (RFC
 * 7638). False for a kind of key that is not ours. */
bool jwk_write(gnutls_pubkey_t key, JwsAlgorithm algorithm, Buf *out) MUST_USE;
bool jwk_thumbprint(gnutls_pubkey_t key, char ret_text[JWK_THUMBPRINT_LEN + 1]) MUST_USE;
