#include "services/ingest/sessions/documents.h"

#include <string.h>

#include "common/auth/seal.h"

enum { TOKEN_LIFE_MAX_S = 7 * 86400, LEEWAY_S = 60 };

bool oidc_url_fits(Str url)
{
    static const char *const loopback[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
    if (str_starts(url, STR("https://")))
        return url.len > STR("https://").len;
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
        Str host = str_from(loopback[i]);
        if (str_starts(url, host) &&
            (url.len == host.len || url.ptr[host.len] == ':' || url.ptr[host.len] == '/'))
            return true;
    }
    return false;
}

/* --- its documents ---------------------------------------------------------------------------- */

static bool put_url(const JsonDoc *doc, const char *name, char to[PROVIDER_URL_SIZE], Err *err)
{
    Str url = json_get_text(doc, json_root(doc), name);
    if (!oidc_url_fits(url) || url.len >= PROVIDER_URL_SIZE || memchr(url.ptr, '\0', url.len))
        return ERR(err, ERR_RETRY, "oidc-answer", "its document has no fitting %s", name);
    memcpy(to, url.ptr, url.len);
    to[url.len] = '\0';
    return true;
}

bool documents_discovery(const JsonDoc *doc, Str issuer, ProviderUrls *ret_urls, Err *err)
{
    ProviderUrls told;
    if (!str_eq(json_get_text(doc, json_root(doc), "issuer"), issuer))
        return ERR(err, ERR_RETRY, "oidc-answer", "its document is of another issuer");
    TRY(put_url(doc, "authorization_endpoint", told.authorization, err));
    TRY(put_url(doc, "token_endpoint", told.token, err));
    TRY(put_url(doc, "jwks_uri", told.jwks, err));
    *ret_urls = told;
    return true;
}

bool documents_answer(const JsonDoc *doc, Str *ret_token, Err *err)
{
    Str token = json_get_text(doc, json_root(doc), "id_token");
    if (!token.len)
        return ERR(err, ERR_INPUT, "oidc-token", "no id_token came");
    *ret_token = token;
    return true;
}

/* --- its token -------------------------------------------------------------------------------- */

/* spec: Core §3.1.3.7: several audiences need azp, and azp is us */
static bool meant_for_us(const Jwt *jwt, const SessionConfig *config, Err *err)
{
    Str azp = jwt_claim(jwt, STR("azp"));
    if ((azp.ptr || jwt->audience_count > 1) && !str_is(azp, config->oidc_client_id))
        return ERR(err, ERR_INPUT, "oidc-token", "it is for another client");
    return true;
}

static bool take_claim(const Jwt *jwt, const SessionConfig *config, Str *ret_claim, Err *err)
{
    Str claim = jwt_claim(jwt, str_from(config->oidc_claim));
    if (!claim.len)
        return ERR(err, ERR_INPUT, "oidc-token", "it has no %s", config->oidc_claim);
    if (strcmp(config->oidc_claim, "email") == 0 &&
        !json_get_true(&jwt->claims, json_root(&jwt->claims), "email_verified"))
        return ERR(err, ERR_INPUT, "oidc-token", "its address is not verified");
    *ret_claim = claim;
    return true;
}

bool documents_claim(const Jwt *jwt, const SessionConfig *config, Str nonce, int64_t now_s,
                     Str *ret_claim, Err *err)
{
    const Str audience = str_from(config->oidc_client_id);
    const JwtExpected expected = {.iss = str_from(config->oidc_issuer),
                                  .audiences = &audience,
                                  .audience_count = 1,
                                  .now_s = now_s,
                                  .leeway_s = LEEWAY_S,
                                  .life_max_s = TOKEN_LIFE_MAX_S};
    TRY(jwt_check(jwt, &expected, err));
    TRY(meant_for_us(jwt, config, err));
    if (!seal_same(jwt_claim(jwt, STR("nonce")), nonce))
        return ERR(err, ERR_INPUT, "oidc-token", "it answers another question");
    return take_claim(jwt, config, ret_claim, err);
}
