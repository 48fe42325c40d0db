#include "services/ingest/sessions/provider.h"

#include <poll.h>

#include "common/auth/base64url.h"
#include "common/auth/jwt.h"
#include "common/base/clock.h"
#include "common/http/client.h"
#include "common/json/json.h"
#include "services/ingest/sessions/form.h"

enum { LOOK_MS = 50 };

static const SessionConfig *config_of(const Sessions *sessions)
{
    return &sessions->ingest->config->sessions;
}

/* --- asking ----------------------------------------------------------------------------------- */

typedef struct Answered {
    Arena *arena;
    HttpFailure failure;
    unsigned status;
    Str body;
} Answered;

static void keep(void *context, const HttpResult *result)
{
    Answered *answered = context;
    answered->failure = result->failure;
    answered->status = result->status;
    answered->body = arena_copy(answered->arena, result->body);
}

/* An answer of whatever status, as JSON. */
static bool ask(const Sessions *sessions, HttpCall *call, Arena *arena, unsigned *ret_status,
                JsonDoc *ret_doc, Err *err)
{
    const HttpClientOptions options = {
        .ca_file = config_of(sessions)->oidc_ca_file,
        .timeout_ms = PROVIDER_TIMEOUT_MS,
        .response_max_bytes = PROVIDER_ANSWER_MAX,
        .allow_plain_http = true, /* oidc_url_fits takes such addresses on loopback alone */
    };
    Answered answered = {.arena = arena};
    HttpClient *client = NULL;
    call->done = keep;
    call->context = &answered;
    TRY(http_client_new(&options, &client, err));
    bool started = http_client_start(client, call, err);
    while (started && http_client_active(client))
        http_client_poll(client, LOOK_MS);
    http_client_free(client);
    if (!started)
        return false;
    if (answered.failure != HTTP_FAILURE_NONE)
        return ERR(err, ERR_RETRY, "oidc-away", "%s", http_failure_name(answered.failure));
    *ret_status = answered.status;
    Err broken = {0};
    if (!json_read(answered.body, NULL, NULL, arena, ret_doc, NULL, &broken))
        return ERR(err, ERR_RETRY, "oidc-answer", "status %u, and no JSON", answered.status);
    return true;
}

/* --- what it says of itself ------------------------------------------------------------------- */

static bool read_document(Sessions *sessions, const JsonDoc *doc, Err *err)
{
    Provider *p = &sessions->provider;
    ProviderUrls told;
    TRY(documents_discovery(doc, str_from(config_of(sessions)->oidc_issuer), &told, err));
    pthread_mutex_lock(&p->lock);
    p->urls = told;
    p->known = true;
    p->known_ms = clock_mono_ms();
    pthread_mutex_unlock(&p->lock);
    const char *ca_file = config_of(sessions)->oidc_ca_file;
    const KeySource source = {.url = str_from(told.jwks),
                              .ca_file = ca_file ? str_from(ca_file) : STR(""),
                              .refresh_s = 600};
    keys_follow(sessions->keys, &source, 1);
    return true;
}

static Str known_url(Sessions *sessions, const char *url, Arena *arena)
{
    pthread_mutex_lock(&sessions->provider.lock);
    Str copy = arena_copy(arena, str_from(url));
    pthread_mutex_unlock(&sessions->provider.lock);
    return copy;
}

Str provider_authorization_url(Sessions *sessions, Arena *arena)
{
    return known_url(sessions, sessions->provider.urls.authorization, arena);
}

bool provider_discover(Sessions *sessions, Arena *arena, Err *err)
{
    Provider *p = &sessions->provider;
    pthread_mutex_lock(&p->lock);
    bool fresh = p->known && clock_mono_ms() - p->known_ms < PROVIDER_KNOWN_MS;
    pthread_mutex_unlock(&p->lock);
    if (fresh)
        return true;
    Str issuer = str_from(config_of(sessions)->oidc_issuer);
    Str base = str_ends(issuer, STR("/")) ? str_cut(issuer, 0, issuer.len - 1) : issuer;
    HttpCall call = {.url = ARENA_JOIN(arena, base, STR("/.well-known/openid-configuration")).ptr};
    unsigned status = 0;
    JsonDoc doc;
    TRY(ask(sessions, &call, arena, &status, &doc, err));
    if (status != 200)
        return ERR(err, ERR_RETRY, "oidc-away", "its document: status %u", status);
    return read_document(sessions, &doc, err);
}

/* --- code for token --------------------------------------------------------------------------- */

/* spec: RFC 6749 §2.3.1: both are form-encoded before they become Basic credentials */
static Str basic(const SessionConfig *config, Arena *arena)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    BUF_AUTO plain;
    BUF_AUTO out;
    buf_init(&plain, 8192);
    buf_init(&out, 16384);
    form_add_escaped(&plain, str_from(config->oidc_client_id));
    buf_add_char(&plain, ':');
    form_add_escaped(&plain, str_from(config->oidc_client_secret));
    buf_add(&out, STR("Basic "));
    for (size_t i = 0; i < plain.len; i += 3) {
        unsigned have = 0, bits = 0;
        for (size_t k = 0; k < 3; k++, bits <<= k < 3 ? 8 : 0) {
            bits |= i + k < plain.len ? (unsigned char)plain.data[i + k] : 0u;
            have += i + k < plain.len;
        }
        for (unsigned k = 0; k < 4; k++)
            buf_add_char(&out, k <= have ? letters[bits >> (18 - 6 * k) & 63] : '=');
    }
    return arena_copy(arena, buf_str(&out));
}

bool provider_redeem(Sessions *sessions, Str code, Str verifier, Str redirect, Arena *arena,
                     Str *ret_token, Err *err)
{
    const SessionConfig *config = config_of(sessions);
    BUF_AUTO form;
    buf_init(&form, 32 * 1024);
    buf_add(&form, STR("grant_type=authorization_code"));
    form_add(&form, "code", code);
    form_add(&form, "redirect_uri", redirect);
    form_add(&form, "code_verifier", verifier);
    form_add(&form, "client_id", str_from(config->oidc_client_id));
    const HttpHeader headers[] = {
        {STR("Content-Type"),      STR("application/x-www-form-urlencoded")},
        {                    STR("Accept"), STR("application/json")                                        },
        { STR("Authorization"),       config->oidc_client_secret ? basic(config,                                               arena) : STR_NONE},
    };
    HttpCall call = {
        .method = "POST",
        .url = known_url(sessions, sessions->provider.urls.token, arena).ptr,
        .headers = headers,
        .header_count = config->oidc_client_secret ? 3 : 2,
        .body = buf_str(&form),
    };
    unsigned status = 0;
    JsonDoc doc;
    TRY(ask(sessions, &call, arena, &status, &doc, err));
    if (status != 200)
        return ERR(err, status < 500 ? ERR_INPUT : ERR_RETRY, "oidc-code", "status %u", status);
    return documents_answer(&doc, ret_token, err);
}

/* --- the token -------------------------------------------------------------------------------- */

/* Its keys are fetched by a thread of their own: they are waited for. */
static const Jwks *wait_for_key(Sessions *sessions, const Jwt *jwt, Arena *arena)
{
    Str url = known_url(sessions, sessions->provider.urls.jwks, arena);
    int64_t until_ms = clock_mono_ms() + PROVIDER_TIMEOUT_MS;
    for (;;) {
        const Jwks *jwks = keys_acquire(sessions->keys, url);
        if (jwks && jwks_has(jwks, jwt->algorithm, jwt->kid))
            return jwks;
        if (clock_mono_ms() >= until_ms)
            return jwks;
        if (jwks) {
            keys_want(sessions->keys, url);
            jwks_free(jwks);
        }
        poll(NULL, 0, LOOK_MS);
    }
}

bool provider_check(Sessions *sessions, Str token, Str nonce, Arena *arena, Str *ret_claim,
                    Err *err)
{
    enum { ALGORITHMS = 1u << JWS_RS256 | 1u << JWS_PS256 | 1u << JWS_ES256 | 1u << JWS_EDDSA };
    Jwt jwt;
    TRY(jwt_read(token, arena, &jwt, err));
    const Jwks *jwks = wait_for_key(sessions, &jwt, arena);
    if (!jwks)
        return ERR(err, ERR_RETRY, "oidc-away", "its keys cannot be had");
    bool fine = jwt_verify(&jwt, jwks, ALGORITHMS, err);
    jwks_free(jwks);
    TRY(fine);
    return documents_claim(&jwt, config_of(sessions), nonce, clock_wall_ms() / 1000, ret_claim,
                           err);
}
