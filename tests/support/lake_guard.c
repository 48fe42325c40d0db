#include "tests/support/lake_guard.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdlib.h>

#include <microhttpd.h>

#include "common/base/check.h"

typedef enum Kind { KIND_NONE, KIND_API_KEY, KIND_OAUTH2, KIND_MTLS, KIND_COUNT } Kind;

struct LakeGuard {
    pthread_mutex_t lock;
    Kind kind;
    char secret[256];
    unsigned life_s;
    char tokens[LAKE_TOKENS_MAX][33];
    time_t ends[LAKE_TOKENS_MAX];
    unsigned long long issued, refused;
};

LakeGuard *lake_guard_new(void)
{
    LakeGuard *guard = calloc(1, sizeof *guard);
    CHECK(guard);
    pthread_mutex_init(&guard->lock, NULL);
    return guard;
}

void lake_guard_free(LakeGuard *guard)
{
    pthread_mutex_destroy(&guard->lock);
    free(guard);
}

bool lake_guard_set(LakeGuard *guard, const char *kind, const char *secret, unsigned life_s)
{
    static const char *const names[KIND_COUNT] = {"none", "api-key", "oauth2", "mtls"};
    for (int i = 0; i < KIND_COUNT; i++) {
        if (strcmp(kind, names[i]) != 0)
            continue;
        pthread_mutex_lock(&guard->lock);
        guard->kind = (Kind)i;
        guard->life_s = life_s;
        snprintf(guard->secret, sizeof guard->secret, "%s", secret ? secret : "");
        pthread_mutex_unlock(&guard->lock);
        return true;
    }
    return false;
}

void lake_guard_revoke(LakeGuard *guard)
{
    pthread_mutex_lock(&guard->lock);
    memset(guard->tokens, 0, sizeof guard->tokens);
    pthread_mutex_unlock(&guard->lock);
}

static Str header(struct MHD_Connection *connection, const char *name)
{
    return str_from(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name));
}

static bool token_good(const LakeGuard *guard, Str authorization)
{
    if (!str_starts(authorization, STR("Bearer ")))
        return false;
    Str token = str_skip(authorization, STR("Bearer ").len);
    for (int i = 0; i < LAKE_TOKENS_MAX; i++)
        if (token.len && str_is(token, guard->tokens[i]) && time(NULL) < guard->ends[i])
            return true;
    return false;
}

static bool certificate_good(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    unsigned status = 1, count = 0;
    gnutls_session_t session = info ? info->tls_session : NULL;
    return session && gnutls_certificate_get_peers(session, &count) && count > 0 &&
           gnutls_certificate_verify_peers2(session, &status) == 0 && status == 0;
}

unsigned lake_guard_check(LakeGuard *guard, struct MHD_Connection *connection)
{
    pthread_mutex_lock(&guard->lock);
    bool good = guard->kind == KIND_NONE;
    if (guard->kind == KIND_API_KEY)
        good = str_is(header(connection, "x-api-key"), guard->secret);
    else if (guard->kind == KIND_OAUTH2)
        good = token_good(guard, header(connection, "Authorization"));
    else if (guard->kind == KIND_MTLS)
        good = certificate_good(connection);
    guard->refused += !good;
    unsigned status = good ? 0 : guard->kind == KIND_MTLS ? 403 : 401;
    pthread_mutex_unlock(&guard->lock);
    return status;
}

static bool client_good(const LakeGuard *guard, struct MHD_Connection *connection)
{
    char *word = NULL, both[512];
    char *id = MHD_basic_auth_get_username_password(connection, &word);
    /* spec: RFC 6749 section 2.3.1: both come form-encoded */
    if (id && word) {
        MHD_http_unescape(id);
        MHD_http_unescape(word);
    }
    snprintf(both, sizeof both, "%s:%s", id ? id : "", word ? word : "");
    bool good = id && word && strcmp(both, guard->secret) == 0;
    if (id)
        MHD_free(id);
    if (word)
        MHD_free(word);
    return good;
}

unsigned lake_guard_token(LakeGuard *guard, struct MHD_Connection *connection, Str body, Buf *out)
{
    unsigned char bytes[16];
    unsigned status = 200;
    pthread_mutex_lock(&guard->lock);
    if (guard->kind != KIND_OAUTH2 || !client_good(guard, connection)) {
        status = 401;
        buf_add(out, STR("{\"error\":\"invalid_client\"}"));
    } else if (str_find(body, STR("grant_type=client_credentials")) == SIZE_MAX) {
        status = 400;
        buf_add(out, STR("{\"error\":\"unsupported_grant_type\"}"));
    } else {
        size_t slot = guard->issued++ % LAKE_TOKENS_MAX;
        CHECK(gnutls_rnd(GNUTLS_RND_NONCE, bytes, sizeof bytes) == 0);
        for (size_t i = 0; i < sizeof bytes; i++)
            snprintf(guard->tokens[slot] + 2 * i, 3, "%02x", bytes[i]);
        guard->ends[slot] = time(NULL) + guard->life_s;
        buf_add_format(out, "{\"access_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":%u}",
                       guard->tokens[slot], guard->life_s);
    }
    pthread_mutex_unlock(&guard->lock);
    return status;
}

void lake_guard_print(LakeGuard *guard, Buf *out)
{
    pthread_mutex_lock(&guard->lock);
    buf_add_format(out, "\"tokens\":%llu,\"refused\":%llu", guard->issued, guard->refused);
    pthread_mutex_unlock(&guard->lock);
}
