/* Credentials -> caller. */
#include "common/auth/auth_inner.h"
#include "common/auth/base64url.h"
#include "common/auth/credential.h"
#include "common/base/check.h"
#include "common/base/clock.h"

/* --- certificate ------------------------------------------------------------------------------ */

Str certificate_thumbprint(const CertificateFacts *facts, Arena *arena)
{
    union {
        const uint8_t *bytes;
        const char *chars;
    } cast = {.bytes = facts->fingerprint};
    BUF_AUTO text;
    buf_init(&text, 64);
    base64url_write(&text, (Str){cast.chars, sizeof facts->fingerprint});
    return arena_copy(arena, buf_str(&text));
}

static bool by_certificate(Auth *auth, const AuthFiles *files, const AuthPresented *presented,
                           Arena *arena, AuthIdentity *identity, const Caller **ret_caller)
{
    if (!presented->chain_count || !files->trust)
        return true;
    VerifiedKey key = verified_key(files->stamp, presented->chain, presented->chain_count);
    if (!known_find(auth->known, &key, clock_wall_us() / 1000000, arena, &identity->certificate)) {
        int64_t from_s, until_s;
        TRY(trust_check(files->trust, presented->chain, presented->chain_count, arena,
                        &identity->certificate, &identity->why));
        TRY(trust_window(files->trust, presented->chain, presented->chain_count, &from_s, &until_s,
                         &identity->why));
        known_add(auth->known, &key, &identity->certificate, from_s, until_s);
    }
    identity->has_certificate = true;
    *ret_caller = book_certificate(identity->book, &identity->certificate, clock_wall_us());
    return true;
}

/* --- token ------------------------------------------------------------------------------------ */

static unsigned allowed_by(const TokenIssuer *issuer)
{
    unsigned allowed = 0;
    for (size_t i = 0; i < issuer->algorithms.count; i++)
        allowed |= 1u << jws_algorithm(issuer->algorithms.list[i]);
    return allowed & ~(1u << JWS_NONE);
}

static bool signature_fits(Auth *auth, const Jwt *jwt, const Jwks *jwks, unsigned allowed, Err *err)
{
    const Str parts[] = {jwt->iss, jwt->input, jwt->signature};
    VerifiedKey key = verified_key(jwks_stamp(jwks), parts, 3);
    if (verified_known(auth->verified, &key) && (allowed & 1u << jwt->algorithm))
        return true;
    TRY(jwt_verify(jwt, jwks, allowed, err));
    verified_add(auth->verified, &key);
    return true;
}

/* A token that is bound is of use with its certificate alone (RFC 8705 §3). */
static bool binding_holds(const Jwt *jwt, const AuthIdentity *identity, Arena *arena, Err *err)
{
    if (!jwt->certificate.ptr)
        return true;
    if (identity->has_certificate &&
        str_eq(jwt->certificate, certificate_thumbprint(&identity->certificate, arena)))
        return true;
    return ERR(err, ERR_INPUT, "jwt-binding", "it is bound to another certificate");
}

static bool own_token(Auth *auth, const AuthFiles *files, const Jwt *jwt, Arena *arena,
                      AuthIdentity *identity, const Caller **ret_caller)
{
    enum { OWN_ALGORITHMS = 1u << JWS_RS256 | 1u << JWS_ES256 | 1u << JWS_EDDSA };
    const JwtExpected expected = {.iss = auth->options.issuer,
                                  .audiences = &auth->options.audience,
                                  .audience_count = 1,
                                  .typ = "at+jwt",
                                  .now_s = clock_wall_ms() / 1000,
                                  .leeway_s = AUTH_LEEWAY_S,
                                  .life_max_s = 3600,
                                  .jti_required = true};
    Err *err = &identity->why;
    TRY(signature_fits(auth, jwt, ring_jwks(files->ring), OWN_ALGORITHMS, err));
    TRY(jwt_check(jwt, &expected, err));
    TRY(binding_holds(jwt, identity, arena, err));
    const Caller *caller = NULL;
    const OAuthClient *client = book_client(identity->book, jwt->client_id, &caller);
    if (!client || !str_eq(jwt->sub, jwt->client_id))
        return ERR(err, ERR_INPUT, "jwt-client", "its client is not known any more");
    if (client->certificate_bound && !jwt->certificate.ptr)
        return ERR(err, ERR_INPUT, "jwt-binding", "it should be bound to a certificate");
    identity->scoped = true;
    identity->scope = jwt->scope;
    *ret_caller = caller;
    return true;
}

static Str caller_named(const TokenIssuer *issuer, Str claim)
{
    for (size_t i = 0; i < issuer->callers.count && claim.len; i++)
        if (str_eq(issuer->callers.list[i].name, claim))
            return issuer->callers.list[i].value;
    return STR_NONE;
}

static bool foreign_token(Auth *auth, const TokenIssuer *issuer, const Jwks *jwks, const Jwt *jwt,
                          Arena *arena, AuthIdentity *identity, const Caller **ret_caller)
{
    const JwtExpected expected = {.iss = issuer->iss,
                                  .audiences = issuer->audience.list,
                                  .audience_count = issuer->audience.count,
                                  .typ = issuer->type_required ? "at+jwt" : NULL,
                                  .now_s = clock_wall_ms() / 1000,
                                  .leeway_s = (int64_t)issuer->leeway_s,
                                  .life_max_s = (int64_t)issuer->life_max_s};
    Err *err = &identity->why;
    TRY(signature_fits(auth, jwt, jwks, allowed_by(issuer), err));
    TRY(jwt_check(jwt, &expected, err));
    TRY(binding_holds(jwt, identity, arena, err));
    const Caller *caller =
        book_caller(identity->book, caller_named(issuer, jwt_claim(jwt, issuer->claim)));
    if (!caller)
        return ERR(err, ERR_INPUT, "jwt-caller", "its issuer's object names no caller for it");
    identity->scoped = scope_is_ours(jwt->scope);
    identity->scope = jwt->scope;
    *ret_caller = caller;
    return true;
}

static bool not_ready(AuthIdentity *identity, const char *what)
{
    identity->result = AUTH_NOT_READY;
    return ERR(&identity->why, ERR_RETRY, "auth-not-ready", "%s", what);
}

bool token_identify(Auth *auth, const AuthFiles *files, Str token, Arena *arena,
                    AuthIdentity *identity, const Caller **ret_caller)
{
    Jwt jwt;
    TRY(jwt_read(token, arena, &jwt, &identity->why));
    if (files->ring && str_eq(jwt.iss, auth->options.issuer))
        return own_token(auth, files, &jwt, arena, identity, ret_caller);
    const TokenIssuer *issuer = book_issuer(identity->book, jwt.iss);
    if (!issuer)
        return ERR(&identity->why, ERR_INPUT, "jwt-issuer", "it is of an unknown issuer");
    Str source = issuer->jwks.len ? issuer->jwks : issuer->jwks_uri;
    const Jwks *jwks = keys_acquire(auth->keys, source);
    if (!jwks)
        return not_ready(identity, "its issuer's keys are not known yet");
    bool fine = jwks_has(jwks, jwt.algorithm, jwt.kid) || !keys_want(auth->keys, source);
    fine = fine ? foreign_token(auth, issuer, jwks, &jwt, arena, identity, ret_caller)
                : not_ready(identity, "its issuer's newest keys are on their way");
    jwks_free(jwks);
    return fine;
}

/* spec: RFC 6750 §2.1 */
static bool by_token(Auth *auth, const AuthFiles *files, const AuthPresented *presented,
                     Arena *arena, AuthIdentity *identity, const Caller **ret_caller)
{
    Str value = str_trim(presented->authorization);
    size_t blank = str_find_char(value, ' ');
    if (!presented->authorization_count)
        return true;
    if (presented->authorization_count > 1)
        return ERR(&identity->why, ERR_INPUT, "authorization-twice", "more than one Authorization");
    if (!str_eq_ignore_case(str_cut(value, 0, blank), STR("Bearer")))
        return ERR(&identity->why, ERR_INPUT, "authorization-scheme", "not a Bearer token");
    return token_identify(auth, files, str_trim(str_skip(value, blank)), arena, identity,
                          ret_caller);
}

/* --- API key ---------------------------------------------------------------------------------- */

static bool by_api_key(Auth *auth, const AuthPresented *presented, AuthIdentity *identity,
                       const Caller **ret_caller)
{
    Str key = str_trim(presented->api_key), id;
    uint8_t hmac[CREDENTIAL_HMAC_BYTES];
    const Caller *caller = NULL;
    Err *err = &identity->why;
    if (!presented->api_key_count)
        return true;
    if (presented->api_key_count > 1 || !auth->options.credential_key.len ||
        !credential_id(CREDENTIAL_API_KEY, key, &id))
        return ERR(err, ERR_INPUT, "api-key-form", "no API key of ours");
    static const StoredSecret nobody;
    const StoredSecret *kept = book_api_key(identity->book, id, &caller);
    /* Whether the key is known takes no other time than whether it is right. */
    credential_hmac(auth->options.credential_key, CREDENTIAL_API_KEY, STR_NONE, key, hmac);
    bool same = credential_equal(hmac, kept ? kept->hmac : nobody.hmac);
    if (!kept || !same)
        return ERR(err, ERR_INPUT, "api-key-unknown", "an unknown API key");
    if (!secret_in_force(kept, clock_wall_us()))
        return ERR(err, ERR_INPUT, "api-key-over", "a revoked or expired API key");
    *ret_caller = caller;
    return true;
}

/* --- all of it -------------------------------------------------------------------------------- */

typedef struct Claims {
    const Caller *certificate, *token, *api_key;
} Claims;

static bool agree(const Claims *claims, AuthIdentity *identity)
{
    const Caller *all[] = {claims->certificate, claims->token, claims->api_key};
    const AuthMeans means[] = {AUTH_BY_CERTIFICATE, AUTH_BY_TOKEN, AUTH_BY_API_KEY};
    for (size_t i = 0; i < 3; i++) {
        if (!all[i])
            continue;
        if (identity->caller && identity->caller != all[i])
            return ERR(&identity->why, ERR_INPUT, "credentials-disagree",
                       "credentials of more than one caller");
        if (!identity->caller)
            identity->means = means[i];
        identity->caller = all[i];
    }
    if (identity->caller && identity->caller->disabled)
        return ERR(&identity->why, ERR_INPUT, "caller-disabled", "a disabled caller");
    return true;
}

static bool presents(const AuthPresented *presented)
{
    return presented->chain_count || presented->authorization_count || presented->api_key_count;
}

void auth_identify(Auth *auth, const AuthPresented *presented, Arena *arena,
                   AuthIdentity *ret_identity)
{
    AuthIdentity identity = {.book = callers_acquire(auth->callers)};
    Claims claims = {0};
    if (presents(presented) && !auth_ready(auth)) {
        not_ready(&identity, "callers are not known yet");
        *ret_identity = identity;
        return;
    }
    const AuthFiles *files = files_acquire(auth);
    bool fine = by_certificate(auth, files, presented, arena, &identity, &claims.certificate) &&
                by_token(auth, files, presented, arena, &identity, &claims.token) &&
                by_api_key(auth, presented, &identity, &claims.api_key) &&
                agree(&claims, &identity);
    files_release(files);
    if (fine)
        identity.result = identity.caller ? AUTH_KNOWN : AUTH_NOBODY;
    else if (identity.result != AUTH_NOT_READY)
        identity.result = AUTH_REFUSED;
    if (!fine)
        identity.caller = NULL;
    *ret_identity = identity;
}

void auth_release(AuthIdentity *identity)
{
    callers_release(identity->book);
    identity->book = NULL;
    identity->caller = NULL;
}
