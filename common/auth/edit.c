#include "common/auth/edit.h"

#include <gnutls/gnutls.h>
#include <stdio.h>

#include "common/auth/certificate.h"
#include "common/base/check.h"
#include "common/base/clock.h"

/* --- one more --------------------------------------------------------------------------------- */

static void *one_more(Caller *caller, const void *list, size_t count, size_t bytes)
{
    char *grown = arena_zero(caller->arena, (count + 1) * bytes);
    CHECK(grown);
    if (count)
        memcpy(grown, list, count * bytes);
    return grown;
}

StoredSecret *caller_add_key(Caller *caller)
{
    caller->api_keys =
        one_more(caller, caller->api_keys, caller->api_key_count, sizeof *caller->api_keys);
    return &caller->api_keys[caller->api_key_count++];
}

StoredSecret *caller_add_secret(Caller *caller, OAuthClient *client)
{
    client->secrets =
        one_more(caller, client->secrets, client->secret_count, sizeof *client->secrets);
    return &client->secrets[client->secret_count++];
}

CertificateMatcher *caller_add_certificate(Caller *caller)
{
    caller->certificates = one_more(caller, caller->certificates, caller->certificate_count,
                                    sizeof *caller->certificates);
    return &caller->certificates[caller->certificate_count++];
}

OAuthClient *caller_client(Caller *caller, Str id, bool make)
{
    for (size_t i = 0; i < caller->client_count; i++)
        if (str_eq(caller->clients[i].id, id))
            return &caller->clients[i];
    if (!make)
        return NULL;
    caller->clients =
        one_more(caller, caller->clients, caller->client_count, sizeof *caller->clients);
    OAuthClient *client = &caller->clients[caller->client_count++];
    client->id = arena_copy(caller->arena, id);
    client->token_life_s = EDIT_TOKEN_LIFE_S;
    return client;
}

void caller_add_text(Caller *caller, AuthTexts *texts, Str text)
{
    for (size_t i = 0; i < texts->count; i++)
        if (str_eq(texts->list[i], text))
            return;
    texts->list = one_more(caller, texts->list, texts->count, sizeof *texts->list);
    texts->list[texts->count++] = arena_copy(caller->arena, text);
}

void caller_take_text(AuthTexts *texts, Str text)
{
    size_t kept = 0;
    for (size_t i = 0; i < texts->count; i++)
        if (!str_eq(texts->list[i], text))
            texts->list[kept++] = texts->list[i];
    texts->count = kept;
}

AuthTexts *caller_permission(Caller *caller, Str name)
{
    if (str_is(name, "sendCategories"))
        return &caller->send_categories;
    for (Permission p = 0; p < PERMISSION_COUNT; p++)
        if (str_is(name, permission_name(p)))
            return &caller->may[p];
    return NULL;
}

/* --- credentials ------------------------------------------------------------------------------ */

static StoredSecret *find(StoredSecret *secrets, size_t count, Str id)
{
    for (size_t i = 0; i < count; i++)
        if (id.len && str_eq(secrets[i].id, id))
            return &secrets[i];
    return NULL;
}

StoredSecret *caller_key(Caller *caller, Str id)
{
    return find(caller->api_keys, caller->api_key_count, id);
}

StoredSecret *caller_secret(Caller *caller, Str id, OAuthClient **ret_client)
{
    for (size_t i = 0; i < caller->client_count; i++) {
        OAuthClient *client = &caller->clients[i];
        StoredSecret *secret = find(client->secrets, client->secret_count, id);
        if (secret) {
            *ret_client = client;
            return secret;
        }
    }
    return NULL;
}

bool caller_mint(Caller *caller, const Minting *minting, StoredSecret *to,
                 Credential *ret_credential, Err *err)
{
    Str id;
    if (minting->key.len < CREDENTIAL_KEY_BYTES_MIN)
        return ERR(err, ERR_FATAL, "credential-key",
                   "CREDENTIAL_KEY_FILE, of %d bytes or more, is needed: that of ingest",
                   CREDENTIAL_KEY_BYTES_MIN);
    credential_new(minting->kind, ret_credential);
    CHECK(credential_id(minting->kind, str_from(ret_credential->text), &id));
    to->id = arena_copy(caller->arena, id);
    to->about = arena_copy(caller->arena, minting->about);
    to->created_us = clock_wall_us();
    to->expires_us = minting->expires_us;
    credential_hmac(minting->key, minting->kind, minting->owner, str_from(ret_credential->text),
                    to->hmac);
    return true;
}

bool caller_match_pem(Caller *caller, Str pem, CertificateMatcher *to, Err *err)
{
    Str copy = arena_copy(caller->arena, pem);
    union {
        const char *chars;
        unsigned char *bytes;
    } in = {.chars = copy.ptr}, out;
    gnutls_datum_t text = {in.bytes, (unsigned)copy.len}, der = {0};
    CertificateFacts facts;
    if (!copy.len || gnutls_pem_base64_decode2("CERTIFICATE", &text, &der) != 0)
        return ERR(err, ERR_INPUT, "certificate-pem", "no certificate in PEM");
    out.bytes = der.data;
    bool fine = certificate_facts((Str){out.chars, der.size}, caller->arena, &facts, err);
    gnutls_free(der.data);
    if (fine)
        memcpy(to->fingerprint, facts.fingerprint, sizeof to->fingerprint);
    return fine;
}

bool caller_certificate_is(const CertificateMatcher *matcher, Str wanted)
{
    char hex[2 * sizeof matcher->fingerprint + 1];
    for (size_t i = 0; i < sizeof matcher->fingerprint; i++)
        snprintf(hex + 2 * i, 3, "%02x", matcher->fingerprint[i]);
    return str_is(wanted, hex) || (matcher->subject.len && str_eq(matcher->subject, wanted)) ||
           (matcher->san.len && str_eq(matcher->san, wanted));
}

/* --- whose is it already ---------------------------------------------------------------------- */

/* Is a certificate thinkable that fits both? Of one named by its fingerprint and one by its names
 * nobody can tell before it is shown. */
static bool may_both_fit(const CertificateMatcher *a, const CertificateMatcher *b)
{
    static const uint8_t none[32];
    bool prints = memcmp(a->fingerprint, none, 32) != 0 && memcmp(b->fingerprint, none, 32) != 0;
    if (prints)
        return memcmp(a->fingerprint, b->fingerprint, 32) == 0;
    bool issuers = !a->issuer.len || !b->issuer.len || str_eq(a->issuer, b->issuer);
    bool subjects = a->subject.len && str_eq(a->subject, b->subject);
    return issuers && (subjects || (a->san.len && str_eq(a->san, b->san)));
}

static const char *callers_clash(const Caller *mine, const Caller *other)
{
    for (size_t i = 0; i < mine->client_count; i++)
        for (size_t k = 0; k < other->client_count; k++)
            if (str_eq(mine->clients[i].id, other->clients[k].id))
                return "a client of that id";
    for (size_t i = 0; i < mine->api_key_count; i++)
        for (size_t k = 0; k < other->api_key_count; k++)
            if (str_eq(mine->api_keys[i].id, other->api_keys[k].id))
                return "an API key of that id";
    for (size_t i = 0; i < mine->certificate_count; i++)
        for (size_t k = 0; k < other->certificate_count; k++)
            if (may_both_fit(&mine->certificates[i], &other->certificates[k]))
                return "that certificate";
    return NULL;
}

static const char *tenants_clash(const Tenant *mine, const Tenant *other)
{
    if (str_eq(mine->tenant, other->tenant))
        return "that tenant";
    for (size_t i = 0; i < mine->organisation_count; i++)
        for (size_t k = 0; k < other->organisation_count; k++)
            if (str_eq(mine->organisations[i].source_domain,
                       other->organisations[k].source_domain) &&
                str_eq(mine->organisations[i].organisation_code,
                       other->organisations[k].organisation_code))
                return "that organisation";
    return NULL;
}

const char *auth_clash(const CatalogView *view, AuthKind kind, Str name, const void *object)
{
    CatalogRun run = catalog_kind(view, auth_kinds[kind].name);
    const char *taken = NULL;
    for (size_t i = 0; i < run.count && !taken; i++) {
        const void *other = run.entries[i].made;
        if (str_eq(run.entries[i].object->name, name))
            continue;
        if (kind == AUTH_CALLERS)
            taken = callers_clash(object, other);
        else if (kind == AUTH_TENANTS)
            taken = tenants_clash(object, other);
        else if (kind == AUTH_ISSUERS &&
                 str_eq(((const TokenIssuer *)object)->iss, ((const TokenIssuer *)other)->iss))
            taken = "that iss";
    }
    return taken;
}
