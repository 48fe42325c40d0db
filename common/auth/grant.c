/* Our own issuer: clients -> tokens. */
#include "common/auth/auth_inner.h"
#include "common/auth/credential.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/json/write.h"

#include <gnutls/crypto.h>

enum { TOKEN_MAX = 8 * 1024, JTI_BYTES = 16, JTI_MAX = 200 };

static bool refused(AuthGrant *grant, const char *code, const char *text)
{
    return ERR(&grant->why, ERR_INPUT, code, "%s", text);
}

/* --- who is the client? ----------------------------------------------------------------------- */

/* Without client: takes the time that it takes with one. */
static bool secret_fits(const Auth *auth, const AuthGrant *grant, Str secret)
{
    const OAuthClient nobody = {.id = STR("nobody")};
    const OAuthClient *client = grant->client ? grant->client : &nobody;
    uint8_t hmac[CREDENTIAL_HMAC_BYTES];
    bool fits = false;
    if (!auth->options.credential_key.len)
        return false;
    credential_hmac(auth->options.credential_key, CREDENTIAL_CLIENT_SECRET, client->id, secret,
                    hmac);
    for (size_t i = 0; i < client->secret_count; i++) {
        const StoredSecret *kept = &client->secrets[i];
        bool same = credential_equal(hmac, kept->hmac);
        fits = (same && secret_in_force(kept, clock_wall_us())) || fits;
    }
    return fits;
}

/* spec: RFC 7523 §3, SMART "client authentication": iss and sub are the client, jti is required;
 * RS384 and ES384 are what every server must take. */
static bool assertion_fits(const Jwt *jwt, const Jwks *jwks, const Str *audiences, size_t count,
                           AuthGrant *grant)
{
    enum {
        ANY = 1u << JWS_RS256 | 1u << JWS_RS384 | 1u << JWS_PS256 | 1u << JWS_ES256 |
              1u << JWS_ES384 | 1u << JWS_EDDSA
    };
    const JwtExpected expected = {.iss = grant->client->id,
                                  .audiences = audiences,
                                  .audience_count = count,
                                  .now_s = clock_wall_ms() / 1000,
                                  .leeway_s = AUTH_LEEWAY_S,
                                  .life_max_s = AUTH_ASSERTION_LIFE_S,
                                  .jti_required = true};
    TRY(jwt_verify(jwt, jwks, ANY, &grant->why));
    TRY(jwt_check(jwt, &expected, &grant->why));
    if (!str_eq(jwt->sub, jwt->iss))
        return refused(grant, "jwt-issuer", "its subject is not its issuer");
    if (jwt->jti.len > JTI_MAX)
        return refused(grant, "jwt-id", "its jti is too long");
    grant->jti = jwt->jti;
    grant->jti_expires_s = jwt->exp_s + AUTH_LEEWAY_S;
    return true;
}

static const Jwks *keys_of(Auth *auth, const OAuthClient *client)
{
    Jwks *jwks = NULL;
    Err unused;
    if (client->jwks_uri.len)
        return keys_acquire(auth->keys, client->jwks_uri);
    return client->jwks.len && jwks_read(client->jwks, &jwks, &unused) ? jwks : NULL;
}

static AuthResult by_assertion(Auth *auth, const Jwt *jwt, const Str *audiences, size_t count,
                               AuthGrant *grant)
{
    const Jwks *jwks = keys_of(auth, grant->client);
    bool newer = (!jwks || !jwks_has(jwks, jwt->algorithm, jwt->kid)) &&
                 keys_want(auth->keys, grant->client->jwks_uri);
    AuthResult result = AUTH_REFUSED;
    if (newer) {
        ERR(&grant->why, ERR_RETRY, "auth-not-ready", "the client's keys are on their way");
        result = AUTH_NOT_READY;
    } else if (!jwks) {
        refused(grant, "client-keys", "the client has no keys that could be used");
    } else if (assertion_fits(jwt, jwks, audiences, count, grant)) {
        result = AUTH_KNOWN;
    }
    jwks_free(jwks);
    return result;
}

static AuthResult by_secret(const Auth *auth, Str secret, AuthGrant *grant)
{
    if (secret_fits(auth, grant, secret))
        return AUTH_KNOWN;
    refused(grant, "client-secret", "the secret is wrong, revoked or expired");
    return AUTH_REFUSED;
}

static AuthResult by_certificate(const AuthIdentity *over, AuthGrant *grant)
{
    bool fits = grant->client->certificate && over->has_certificate &&
                book_certificate(grant->book, &over->certificate, clock_wall_us()) == grant->caller;
    if (fits)
        return AUTH_KNOWN;
    refused(grant, "client-certificate", "nothing shows that it is this client");
    return AUTH_REFUSED;
}

static AuthResult prove(Auth *auth, const AuthClientProof *proof, const Str *audiences,
                        size_t count, Arena *arena, AuthGrant *grant)
{
    Jwt jwt = {0};
    Str id = proof->id;
    if (proof->assertion.len && proof->secret.len) {
        refused(grant, "client-twice", "two kinds of client authentication");
        return AUTH_REFUSED;
    }
    if (proof->assertion.len) {
        if (!jwt_read(proof->assertion, arena, &jwt, &grant->why))
            return AUTH_REFUSED;
        if (id.len && !str_eq(id, jwt.sub)) {
            refused(grant, "jwt-issuer", "client_id and assertion disagree");
            return AUTH_REFUSED;
        }
        id = jwt.sub;
    }
    grant->client = book_client(grant->book, id, &grant->caller);
    if (!grant->client || grant->caller->disabled) {
        grant->client = NULL;
        (void)secret_fits(auth, grant, proof->secret);
        refused(grant, "client-unknown", "no such client");
        return AUTH_REFUSED;
    }
    if (proof->assertion.len)
        return by_assertion(auth, &jwt, audiences, count, grant);
    return proof->secret.len ? by_secret(auth, proof->secret, grant)
                             : by_certificate(proof->over, grant);
}

AuthResult auth_client(Auth *auth, const AuthClientProof *proof, const Str *audiences,
                       size_t audience_count, Arena *arena, AuthGrant *ret_grant)
{
    AuthGrant grant = {.book = callers_acquire(auth->callers)};
    AuthResult result = AUTH_NOT_READY;
    if (auth_ready(auth))
        result = prove(auth, proof, audiences, audience_count, arena, &grant);
    else
        ERR(&grant.why, ERR_RETRY, "auth-not-ready", "callers are not known yet");
    if (result == AUTH_KNOWN && grant.client->certificate_bound && !proof->over->has_certificate) {
        refused(&grant, "client-certificate", "this client's tokens are bound to a certificate");
        result = AUTH_REFUSED;
    }
    *ret_grant = grant;
    return result;
}

void auth_grant_release(AuthGrant *grant)
{
    callers_release(grant->book);
    *grant = (AuthGrant){0};
}

/* --- its token -------------------------------------------------------------------------------- */

static void add_text(Buf *out, const char *name, Str value)
{
    buf_add_format(out, ",\"%s\":", name);
    json_write_string(out, value);
}

static void write_claims(const Auth *auth, const AuthGrant *grant, Str scope, Str thumbprint,
                         int64_t now_s, Buf *out)
{
    unsigned char random[JTI_BYTES];
    CHECK(gnutls_rnd(GNUTLS_RND_RANDOM, random, sizeof random) == 0);
    buf_add(out, STR("{\"jti\":\""));
    for (size_t i = 0; i < sizeof random; i++)
        buf_add_format(out, "%02x", random[i]);
    buf_add_format(out, "\",\"iat\":%lld,\"exp\":%lld", (long long)now_s,
                   (long long)now_s + (long long)grant->client->token_life_s);
    add_text(out, "iss", auth->options.issuer);
    add_text(out, "aud", auth->options.audience);
    add_text(out, "sub", grant->client->id);
    add_text(out, "client_id", grant->client->id);
    add_text(out, "scope", scope);
    if (thumbprint.len) {
        buf_add(out, STR(",\"cnf\":{\"x5t#S256\":"));
        json_write_string(out, thumbprint);
        buf_add(out, STR("}"));
    }
    buf_add(out, STR("}"));
}

bool auth_issue(Auth *auth, const AuthGrant *grant, Str scope, const CertificateFacts *certificate,
                Arena *arena, Str *ret_token, int64_t *ret_life_s, Err *err)
{
    int64_t now_s = clock_wall_ms() / 1000;
    bool bind = certificate && (grant->client->certificate_bound || grant->client->certificate);
    Str thumbprint = bind ? certificate_thumbprint(certificate, arena) : STR_NONE;
    const AuthFiles *files = files_acquire(auth);
    BUF_AUTO claims, token;
    buf_init(&claims, TOKEN_MAX);
    buf_init(&token, TOKEN_MAX);
    write_claims(auth, grant, scope, thumbprint, now_s, &claims);
    bool fine = files->ring && !claims.overflowed &&
                ring_sign(files->ring, "at+jwt", buf_str(&claims), now_s, &token, err);
    files_release(files);
    if (!fine)
        return ERR(err, ERR_FATAL, "signing-keys", "no token could be made");
    *ret_token = arena_copy(arena, buf_str(&token));
    *ret_life_s = (int64_t)grant->client->token_life_s;
    return ret_token->ptr || ERR(err, ERR_INPUT, "memory-limit", "no room for a token");
}
