#include "services/lake-submitter/access.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/destinations/secret.h"
#include "common/json/json.h"
#include "services/lake-submitter/encode.h"

enum {
    MEMORY_BYTES = 1 << 20,
    TOKEN_MAX = 7000, /* a header line's worth */
    TOKEN_MS_MAX = 30000,
    LIFE_S_UNSAID = 300,
    LIFE_S_MAX = 86400,
    BACKOFF_MIN_MS = 500,
    BACKOFF_MAX_MS = 30000,
};

struct Access {
    const Destination *destination;
    const char *secrets;
    const Log *log;
    Arena *secret;  /* the header's value */
    Arena *request; /* of the token request under way */
    Str value;
    uint64_t edition;
    bool fetching;
    uint32_t failures;
    int64_t not_before_ms, renew_at_ms, ends_at_ms;
};

Access *access_new(const Destination *destination, const char *secrets, const Log *log)
{
    Access *access = calloc(1, sizeof *access);
    if (!access)
        return NULL;
    *access = (Access){.destination = destination,
                       .secrets = secrets,
                       .log = log,
                       .secret = arena_new(MEMORY_BYTES),
                       .request = arena_new(MEMORY_BYTES)};
    if (access->secret && access->request)
        return access;
    access_free(access);
    return NULL;
}

void access_free(Access *access)
{
    if (!access)
        return;
    arena_free(access->secret);
    arena_free(access->request);
    free(access);
}

/* --- failing -----------------------------------------------------------------------------------
 */
static void failed(Access *access, const char *what, const char *why, unsigned status)
{
    uint32_t most = BACKOFF_MIN_MS;
    for (uint32_t i = 0; i < access->failures && most < BACKOFF_MAX_MS; i++)
        most *= 2;
    access->failures++;
    access->not_before_ms = clock_mono_ms() + BACKOFF_MIN_MS / 2 + arc4random_uniform(most);
    log_warn(access->log, what, LOG_TEXT("destination", access->destination->name),
             LOG_U64("failures", access->failures), LOG_U64("status", status),
             LOG_TEXT("why", why));
}

/* --- an API key --------------------------------------------------------------------------------
 */
static bool read_key(Access *access)
{
    const Destination *d = access->destination;
    Err err = {0};
    Str key = d->api_key;
    arena_reset(access->secret);
    if (!key.len && !secret_read(access->secrets, d->api_key_file, access->secret, &key, &err)) {
        access->value = STR_NONE;
        failed(access, "delivery.no_key", err.text, 0);
        return false;
    }
    access->value = key;
    access->edition = str_hash(key) | 1;
    access->failures = 0;
    return true;
}

/* --- a token -----------------------------------------------------------------------------------
 */
static const char *read_token(Access *access, const HttpResult *result)
{
    JsonDoc doc;
    Err ignored = {0};
    uint64_t life_s = LIFE_S_UNSAID;
    if (result->failure != HTTP_FAILURE_NONE)
        return http_failure_name(result->failure);
    if (result->status != 200)
        return "the status is not 200";
    arena_reset(access->request);
    if (!json_read(result->body, NULL, NULL, access->request, &doc, NULL, &ignored))
        return "the answer is not JSON";
    const JsonNode *life = json_get(&doc, json_root(&doc), "expires_in");
    Str token = json_get_text(&doc, json_root(&doc), "access_token");
    if (!str_eq_ignore_case(json_get_text(&doc, json_root(&doc), "token_type"), STR("bearer")))
        return "token_type is not bearer";
    if (token.len == 0 || token.len > TOKEN_MAX)
        return "no usable access_token";
    if (life)
        (void)str_to_u64(json_text(life), &life_s);
    arena_reset(access->secret);
    access->value = arena_format(access->secret, "Bearer %.*s", STR_ARG(token));
    int64_t now = clock_mono_ms(), ms = (int64_t)(life_s < LIFE_S_MAX ? life_s : LIFE_S_MAX) * 1000;
    access->ends_at_ms = now + ms;
    access->renew_at_ms = now + ms - (ms / 10 < 30000 ? ms / 10 : 30000);
    access->edition++;
    return access->value.ptr ? NULL : "no memory";
}

static void on_token(void *context, const HttpResult *result)
{
    Access *access = context;
    access->fetching = false;
    if (result->failure == HTTP_FAILURE_CANCELLED)
        return;
    const char *why = read_token(access, result);
    if (why) {
        failed(access, "delivery.no_token", why, result->status);
        return;
    }
    access->failures = 0;
    log_info(access->log, "delivery.token", LOG_TEXT("destination", access->destination->name),
             LOG_I64("renewed_in_ms", access->renew_at_ms - clock_mono_ms()));
}

/* spec: RFC 6749 section 2.3.1: both are form-encoded before they are put together */
static Str basic(const Access *access, Str secret)
{
    Arena *arena = access->request;
    Str id = encode_percent(arena, access->destination->client_id);
    Str word = encode_percent(arena, secret);
    Str both = arena_format(arena, "%.*s:%.*s", STR_ARG(id), STR_ARG(word));
    Str packed = both.ptr ? encode_base64(arena, both) : STR_NONE;
    return packed.ptr ? arena_format(arena, "Basic %.*s", STR_ARG(packed)) : STR_NONE;
}

static bool ask_for_token(Access *access, HttpClient *client, Err *err)
{
    const Destination *d = access->destination;
    Arena *arena = access->request;
    Str secret;
    arena_reset(arena);
    TRY(secret_read(access->secrets, d->client_secret_file, arena, &secret, err));
    Str url = arena_copy(arena, d->token_url), scope = encode_percent(arena, d->scope);
    Str body = arena_format(arena, "grant_type=client_credentials%s%.*s",
                            d->scope.len ? "&scope=" : "", STR_ARG(scope));
    HttpHeader *headers = ARENA_ARRAY(arena, HttpHeader, 3);
    if (!url.ptr || !body.ptr || !headers)
        return ERR(err, ERR_RETRY, "token-memory", "no memory");
    headers[0] = (HttpHeader){STR("Content-Type"), STR("application/x-www-form-urlencoded")};
    headers[1] = (HttpHeader){STR("Accept"), STR("application/json")};
    headers[2] = (HttpHeader){STR("Authorization"), basic(access, secret)};
    const HttpCall call = {.method = "POST",
                           .url = url.ptr,
                           .headers = headers,
                           .header_count = 3,
                           .body = body,
                           .timeout_ms =
                               d->total_ms < TOKEN_MS_MAX ? (uint32_t)d->total_ms : TOKEN_MS_MAX,
                           .done = on_token,
                           .context = access};
    return http_client_start(client, &call, err);
}

static void fetch(Access *access, HttpClient *client, int64_t now_ms)
{
    Err err = {0};
    if (access->fetching || now_ms < access->not_before_ms)
        return;
    access->fetching = ask_for_token(access, client, &err);
    if (!access->fetching)
        failed(access, "delivery.no_token", err.text, 0);
}

/* --- from outside ------------------------------------------------------------------------------
 */
bool access_ready(Access *access, HttpClient *client, int64_t now_ms)
{
    switch ((DestinationAuth)access->destination->auth) {
    case DESTINATION_AUTH_API_KEY:
        return access->value.len || (now_ms >= access->not_before_ms && read_key(access));
    case DESTINATION_AUTH_OAUTH2:
        if (!access->value.len || now_ms >= access->renew_at_ms)
            fetch(access, client, now_ms);
        return access->value.len && now_ms < access->ends_at_ms;
    default:
        return true;
    }
}

HttpHeader access_header(const Access *access)
{
    const Destination *d = access->destination;
    if (d->auth == DESTINATION_AUTH_API_KEY)
        return (HttpHeader){d->api_key_header, access->value};
    if (d->auth == DESTINATION_AUTH_OAUTH2)
        return (HttpHeader){STR("Authorization"), access->value};
    return (HttpHeader){STR_NONE, STR_NONE};
}

uint64_t access_edition(const Access *access)
{
    return access->edition;
}

bool access_refused(Access *access, uint64_t edition)
{
    if (access->destination->auth == DESTINATION_AUTH_API_KEY) {
        if (edition == access->edition)
            (void)read_key(access);
        return edition != access->edition && access->value.len;
    }
    if (access->destination->auth != DESTINATION_AUTH_OAUTH2)
        return false;
    if (edition == access->edition)
        access->value = STR_NONE; /* others with that edition need not ask again */
    return true;
}

uint32_t access_failures(const Access *access)
{
    return access->failures;
}
