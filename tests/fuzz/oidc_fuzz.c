/* What an OpenID Connect provider writes: the first byte chooses its discovery document, its answer
 * to a code, the claims of an ID token (which claim names the account is chosen too), or the token
 * as it comes. Whoever is let in is named by a token for us, now, and of this question. */
#include <string.h>

#include "common/auth/base64url.h"
#include "common/base/check.h"
#include "services/ingest/sessions/documents.h"
#include "tests/fuzz/target.h"

enum { NOW_S = 1800000000, LEEWAY_S = 60 };
#define ISSUER "https://id.example.org"
#define CLIENT "fhirbus"
#define NONCE STR("nonce")

static bool read(Str text, Arena *arena, JsonDoc *ret_doc)
{
    Err err = {0};
    return json_read(text, NULL, NULL, arena, ret_doc, NULL, &err);
}

static void check_url(const char *url)
{
    CHECK(memchr(url, '\0', PROVIDER_URL_SIZE) && oidc_url_fits(str_from(url)));
}

static void discovery(Str text, Arena *arena)
{
    JsonDoc doc;
    ProviderUrls urls;
    Err err = {0};
    if (!read(text, arena, &doc))
        return;
    if (!documents_discovery(&doc, STR(ISSUER), &urls, &err)) {
        CHECK(err.kind == ERR_RETRY && str_is(str_from(err.code), "oidc-answer"));
        return;
    }
    check_url(urls.authorization);
    check_url(urls.token);
    check_url(urls.jwks);
}

static void answer(Str text, Arena *arena)
{
    JsonDoc doc;
    Str token;
    Err err = {0};
    if (read(text, arena, &doc))
        CHECK(documents_answer(&doc, &token, &err) ? token.len > 0 : err.kind == ERR_INPUT);
}

static void token(Str text, const char *claim, Arena *arena)
{
    const SessionConfig config = {
        .oidc_issuer = ISSUER, .oidc_client_id = CLIENT, .oidc_claim = claim};
    Jwt jwt;
    Str named = STR_NONE;
    Err err = {0};
    if (!jwt_read(text, arena, &jwt, &err))
        return;
    if (!documents_claim(&jwt, &config, NONCE, NOW_S, &named, &err)) {
        CHECK(err.kind == ERR_INPUT && err.code && !named.ptr);
        return;
    }
    CHECK(named.len && str_is(jwt.iss, ISSUER) && str_eq(jwt_claim(&jwt, STR("nonce")), NONCE));
    CHECK(jwt.exp_s > NOW_S - LEEWAY_S);
    CHECK(jwt.audience_count == 1 || str_is(jwt_claim(&jwt, STR("azp")), CLIENT));
    CHECK(strcmp(claim, "email") != 0 ||
          json_get_true(&jwt.claims, json_root(&jwt.claims), "email_verified"));
}

/* Else the base64url of three parts would be most of the work. */
static void claims(Str text, const char *claim, Arena *arena)
{
    BUF_AUTO out;
    buf_init(&out, 2 * text.len + 100);
    base64url_write(&out, STR("{\"alg\":\"RS256\"}"));
    buf_add_char(&out, '.');
    base64url_write(&out, text);
    buf_add(&out, STR(".c2lnbmF0dXJl"));
    token(buf_str(&out), claim, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new((size_t)16 << 20);
    Str text = {(const char *)data + 1, size ? size - 1 : 0};
    if (size == 0)
        return 0;
    switch (data[0] % 5) {
    case 0:
        discovery(text, arena);
        break;
    case 1:
        answer(text, arena);
        break;
    case 2:
        claims(text, "sub", arena);
        break;
    case 3:
        claims(text, "email", arena);
        break;
    default:
        token(text, "sub", arena);
    }
    return 0;
}
