/* jwt - JSON Web Tokens: read, check, and (jws_) verify; never with a key that the token brings.
 *
 * Spec:    RFC 7519, RFC 7515 (compact form), RFC 8725. `alg` is looked up in a list of six, of
 *          which the caller says which count; `none`, HS* and everything else is unknown. jku, x5u,
 * jwk, x5c are not looked at; `crit` is refused; kid is only compared. Members that are there twice
 * are refused. Rule:    jwt_read says what a token claims, not that it is true: jwt_verify, then
 * jwt_check. Owner:   a Jwt lives in `arena` and borrows the token's bytes. Threads: pure. Errors:
 * ERR_INPUT "jwt-form", "jwt-algorithm", "jwt-signature", "jwt-issuer", "jwt-audience",
 *          "jwt-expired", "jwt-not-yet", "jwt-life", "jwt-id", "jwt-type". Texts never repeat it.
 * Limits:  JWT_BYTES_MAX. */
#pragma once
#include "common/auth/jwk.h"
#include "common/json/json.h"

enum { JWT_BYTES_MAX = 12 * 1024, JWT_AUDIENCES_MAX = 16 };

typedef struct Jwt {
    JwsAlgorithm algorithm;
    Str kid, typ; /* ptr NULL: absent */
    Str iss, sub, jti, client_id, scope;
    Str audiences[JWT_AUDIENCES_MAX];
    size_t audience_count;
    int64_t exp_s, nbf_s, iat_s; /* 0: absent */
    Str certificate;             /* cnf.x5t#S256, as written */
    JsonDoc claims;
    Str input, signature; /* what is signed, by what */
} Jwt;

bool jwt_read(Str token, Arena *arena, Jwt *ret_jwt, Err *err) MUST_USE;
/* A text claim, at the top; STR_NONE when absent or no text. */
Str jwt_claim(const Jwt *jwt, Str name);

/* `allowed`: bits 1 << JwsAlgorithm. */
bool jwt_verify(const Jwt *jwt, const Jwks *jwks, unsigned allowed, Err *err) MUST_USE;

typedef struct JwtExpected {
    Str iss;
    const Str *audiences; /* one of these */
    size_t audience_count;
    const char *typ; /* NULL: any */
    int64_t now_s, leeway_s;
    int64_t life_max_s; /* exp - (iat, or else now) */
    bool jti_required;
} JwtExpected;
bool jwt_check(const Jwt *jwt, const JwtExpected *expected, Err *err) MUST_USE;
