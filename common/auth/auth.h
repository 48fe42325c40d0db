/* auth - credentials -> caller: the front of this library, one per process.
 *
 * All that is presented must hold, and must be of one and the same caller; of what is presented the
 * certificate is trusted most, then the token, then the API key. A credential that is wrong is
 * never overlooked for the sake of another one, or because nobody needs to be known.
 *
 * Reloads by itself, within a second: authorities, revocation lists, signing keys (their files),
 * callers (the catalog), others' keys (keys.h).
 *
 * Owner:   an identity holds its book: auth_release.
 * Threads: any. One of its own looks for changes, one more fetches others' keys.
 * Errors:  auth_open: ERR_FATAL "client-ca", "signing-keys", "auth-settings". What became of a
 *          credential is data: AuthIdentity.result and .why, whose texts hold nothing of it. */
#pragma once
#include "common/auth/callers.h"
#include "common/auth/jwt.h"
#include "common/auth/scope.h"

enum { AUTH_LEEWAY_S = 30, AUTH_ASSERTION_LIFE_S = 300 };

typedef struct Auth Auth;

typedef struct AuthOptions {
    Catalog *catalog;
    const Log *log;
    Str credential_key;         /* empty: no API key and no client secret is accepted */
    const char *client_ca_file; /* NULL: certificates say nothing */
    const char *client_crl_file;
    const char *signing_folder; /* NULL: no tokens of our own */
    uint64_t signing_publish_s;
    Str issuer;   /* `iss` of our own tokens, and the base of the issuer's URLs */
    Str audience; /* `aud` of our own tokens */
} AuthOptions;

bool auth_open(const AuthOptions *options, Auth **ret_auth, Err *err) MUST_USE;
void auth_close(Auth *auth); /* NULL is fine; before the catalog */
/* Has the catalog been read? */
bool auth_ready(Auth *auth);
/* As it is now; callers_release. */
const CallerBook *auth_book(Auth *auth);
bool auth_has_issuer(const Auth *auth);
bool auth_wants_certificates(const Auth *auth);

/* --- who is it? ------------------------------------------------------------------------------- */

typedef struct AuthPresented {
    const Str *chain; /* DER, the client's own first */
    size_t chain_count;
    Str authorization; /* the header's value */
    size_t authorization_count;
    Str api_key;
    size_t api_key_count;
} AuthPresented;

typedef enum AuthResult {
    AUTH_NOBODY,    /* nothing was presented, or a good certificate of nobody */
    AUTH_KNOWN,     /* `caller` */
    AUTH_REFUSED,   /* 401 */
    AUTH_NOT_READY, /* callers or an issuer's keys are not read yet: 503 */
} AuthResult;

typedef enum AuthMeans {
    AUTH_BY_NOTHING,
    AUTH_BY_CERTIFICATE,
    AUTH_BY_TOKEN,
    AUTH_BY_API_KEY
} AuthMeans;

typedef struct AuthIdentity {
    AuthResult result;
    AuthMeans means; /* the most trusted */
    const CallerBook *book;
    const Caller *caller;
    bool scoped; /* a token restricts it to `scope` */
    Str scope;
    bool has_certificate;
    CertificateFacts certificate;
    Err why; /* AUTH_REFUSED, AUTH_NOT_READY */
} AuthIdentity;

/* Texts of the identity live in `arena`. */
void auth_identify(Auth *auth, const AuthPresented *presented, Arena *arena,
                   AuthIdentity *ret_identity);
void auth_release(AuthIdentity *identity); /* of zeros: nothing */

/* --- our own issuer --------------------------------------------------------------------------- */

/* How a client shows who it is, at the token endpoint. */
typedef struct AuthClientProof {
    const AuthIdentity *over; /* what the connection and headers said: its certificate */
    Str id;                   /* client_id, of whatever source */
    Str secret;               /* of Basic or the form */
    Str assertion;            /* private_key_jwt */
} AuthClientProof;

typedef struct AuthGrant {
    const CallerBook *book;
    const Caller *caller;
    const OAuthClient *client;
    /* Of an assertion: it may be used once; remember it until it has expired. */
    Str jti;
    int64_t jti_expires_s;
    Err why;
} AuthGrant;

/* AUTH_KNOWN, AUTH_REFUSED or AUTH_NOT_READY. `audiences`: what an assertion may be addressed to.
 */
AuthResult auth_client(Auth *auth, const AuthClientProof *proof, const Str *audiences,
                       size_t audience_count, Arena *arena, AuthGrant *ret_grant);
void auth_grant_release(AuthGrant *grant);
/* A token for the granted client; bound to `certificate` where the client wants it so. */
bool auth_issue(Auth *auth, const AuthGrant *grant, Str scope, const CertificateFacts *certificate,
                Arena *arena, Str *ret_token, int64_t *ret_life_s, Err *err) MUST_USE;
/* A copy in `arena`. */
Str auth_jwks_json(Auth *auth, Arena *arena);
