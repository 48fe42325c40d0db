#include "common/destinations/destination.h"

#include <stdlib.h>

#include "common/catalog/fields.h"

enum { ARENA_BYTES = 4 << 20, TEXT_MAX = 500, TEXTS_MAX = 200 };

/* --- what texts may be --------------------------------------------------------------------------
 */

static bool has_blanks(Str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || (unsigned char)text.ptr[i] >= 0x7f)
            return true;
    return false;
}

/* A header's or an id's. */
static const char *a_name(Str text)
{
    return text.len > TEXT_MAX || has_blanks(text)
               ? "a text of at most 500 printable characters without blanks is expected"
               : NULL;
}

/* What a secret's file may be called: no path, nothing hidden. */
static const char *a_file(Str text)
{
    return text.len > TEXT_MAX || has_blanks(text) || str_find_char(text, '/') < text.len ||
                   text.ptr[0] == '.'
               ? "a file's name without path is expected; the service's setting "
                 "DESTINATION_SECRETS says in which folder"
               : NULL;
}

/* scheme "://" host [":" port] without the rest; STR_NONE when it is no such URL. */
static Str origin_of(Str url)
{
    size_t scheme = str_find(url, STR("://"));
    if (scheme == SIZE_MAX)
        return STR_NONE;
    Str rest = str_skip(url, scheme + 3);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    return str_cut(url, 0, scheme + 3 + end);
}

static bool is_loopback(Str origin)
{
    static const char *const hosts[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        Str host = str_from(hosts[i]);
        if (str_starts(origin, host) && (origin.len == host.len || origin.ptr[host.len] == ':'))
            return true;
    }
    return false;
}

static const char *a_url(Str url)
{
    Str origin = origin_of(url);
    bool plain = str_starts(origin, STR("http://")) && is_loopback(origin);
    if (url.len > DESTINATION_URL_MAX || has_blanks(url) ||
        (!str_starts(origin, STR("https://")) && !plain) || origin.len <= STR("https://").len)
        return "an https:// URL is expected (http:// to loopback only)";
    if (str_find_char(origin, '@') < origin.len || str_find_char(url, '#') < url.len)
        return "a URL without user, password and fragment is expected";
    return NULL;
}

/* --- the members ---------------------------------------------------------------------------------
 */
/* clang-format off */

#define AT(member) .offset = offsetof(Destination, member)
static const Field auth_fields[] = {
    {"kind", FIELD_CHOICE, AT(auth), .choices = "none api-key mtls oauth2"},
    {"header", FIELD_TEXT, AT(api_key_header), .check = a_name},
    {"apiKeyFile", FIELD_TEXT, AT(api_key_file), .check = a_file},
    {"tokenUrl", FIELD_TEXT, AT(token_url), .check = a_url},
    {"clientId", FIELD_TEXT, AT(client_id), .check = a_name},
    {"clientSecretFile", FIELD_TEXT, AT(client_secret_file), .check = a_file},
    {"scope", FIELD_TEXT, AT(scope)},
    {0},
};
static const Field tls_fields[] = {
    {"caFile", FIELD_TEXT, AT(ca_file), .check = a_file},
    {"certFile", FIELD_TEXT, AT(cert_file), .check = a_file},
    {"keyFile", FIELD_TEXT, AT(key_file), .check = a_file},
    {0},
};
static const Field timeouts_fields[] = {
    {"connectMs", FIELD_UINT, AT(connect_ms), .initial = 5000, .min = 10, .max = 600000},
    {"totalMs", FIELD_UINT, AT(total_ms), .initial = 60000, .min = 10, .max = 3600000},
    {0},
};
static const Field retry_fields[] = {
    {"attempts", FIELD_UINT, AT(attempts_max), .initial = 10, .min = 1, .max = 1000000},
    {"backoffMinMs", FIELD_UINT, AT(backoff_min_ms), .initial = 500, .min = 1, .max = 3600000},
    {"backoffMaxMs", FIELD_UINT, AT(backoff_max_ms), .initial = 60000, .min = 1, .max = 86400000},
    {0},
};
static const Field limits_fields[] = {
    {"freshConnections", FIELD_BOOL, AT(fresh_connections)},
    {"concurrency", FIELD_UINT, AT(concurrency), .initial = 32, .min = 1, .max = 10000},
    {"perMinute", FIELD_UINT, AT(per_minute), .initial = 0, .min = 0, .max = 10000000},
    {0},
};
static const Field breaker_fields[] = {
    {"failures", FIELD_UINT, AT(breaker_failures), .initial = 5, .min = 1, .max = 100000},
    {"openMinMs", FIELD_UINT, AT(breaker_open_min_ms), .initial = 1000, .min = 1, .max = 3600000},
    {"openMaxMs", FIELD_UINT, AT(breaker_open_max_ms), .initial = 30000, .min = 1, .max = 3600000},
    {0},
};
static const Field callback_fields[] = {
    {"kind", FIELD_CHOICE, AT(callback), .choices = "none hmac api-key"},
    {"secretFile", FIELD_TEXT, AT(callback_secret_file), .check = a_file},
    {0},
};
static const Field data_ledger_fields[] = {
    {"actor", FIELD_TEXT, AT(ledger_actor)},
    {"destination", FIELD_TEXT, AT(ledger_receiver)},
    {0},
};
static const Field fields[] = {
    {"about", FIELD_TEXT, AT(about)},
    {"format", FIELD_CHOICE, AT(format), .choices = "lake dataledger"},
    {"paused", FIELD_BOOL, AT(paused)},
    {"url", FIELD_TEXT, AT(url), .check = a_url},
    {"otherUrls", FIELD_TEXTS, AT(other_urls), .check = a_url},
    {"tenants", FIELD_TEXTS, AT(tenants)},
    {"auth", FIELD_GROUP, .fields = auth_fields},
    {"tls", FIELD_GROUP, .fields = tls_fields},
    {"timeouts", FIELD_GROUP, .fields = timeouts_fields},
    {"retry", FIELD_GROUP, .fields = retry_fields},
    {"limits", FIELD_GROUP, .fields = limits_fields},
    {"breaker", FIELD_GROUP, .fields = breaker_fields},
    {"callback", FIELD_GROUP, .fields = callback_fields},
    {"dataLedger", FIELD_GROUP, .fields = data_ledger_fields},
    {0},
};
#undef AT
/* clang-format on */

/* What no single member can say. */
static const char *contradiction(const Destination *d)
{
    if (!d->url.len)
        return "url is required";
    if (d->tenants.count > TEXTS_MAX || d->other_urls.count > TEXTS_MAX)
        return "tenants and otherUrls have at most 200 elements";
    if (d->auth == DESTINATION_AUTH_API_KEY && !d->api_key_file.len)
        return "auth.kind api-key needs auth.apiKeyFile";
    if (d->auth != DESTINATION_AUTH_API_KEY && d->api_key_file.len)
        return "auth.apiKeyFile needs auth.kind api-key";
    if (d->auth == DESTINATION_AUTH_OAUTH2 &&
        (!d->token_url.len || !d->client_id.len || !d->client_secret_file.len))
        return "auth.kind oauth2 needs auth.tokenUrl, auth.clientId and auth.clientSecretFile";
    if (d->auth == DESTINATION_AUTH_MTLS && !d->cert_file.len)
        return "auth.kind mtls needs tls.certFile and tls.keyFile";
    if ((d->cert_file.len > 0) != (d->key_file.len > 0))
        return "tls.certFile and tls.keyFile need each other";
    if (d->backoff_min_ms > d->backoff_max_ms)
        return "retry.backoffMinMs is above retry.backoffMaxMs";
    if (d->breaker_open_min_ms > d->breaker_open_max_ms)
        return "breaker.openMinMs is above breaker.openMaxMs";
    if (d->connect_ms > d->total_ms)
        return "timeouts.connectMs is above timeouts.totalMs";
    if ((d->callback != DESTINATION_CALLBACK_NONE) != (d->callback_secret_file.len > 0))
        return "callback.kind and callback.secretFile need each other";
    if (d->format == DESTINATION_DATALEDGER && d->other_urls.count)
        return "a dataledger has no otherUrls";
    return NULL;
}

Destination *destination_new(Str name)
{
    Destination *destination = calloc(1, sizeof *destination);
    Arena *arena = destination ? arena_new(ARENA_BYTES) : NULL;
    if (!arena) {
        free(destination);
        return NULL;
    }
    fields_initial(fields, destination);
    destination->arena = arena;
    destination->name = arena_copy(arena, name).ptr;
    destination->api_key_header = STR("x-api-key");
    destination->ledger_actor = STR("TechBD");
    destination->ledger_receiver = STR("NYeC");
    if (destination->name)
        return destination;
    destination_free(destination);
    return NULL;
}

void destination_free(Destination *destination)
{
    if (!destination)
        return;
    arena_free(destination->arena);
    free(destination);
}

static bool fill(Destination *destination, Str json, Err *err)
{
    TRY(fields_read(fields, json, destination->arena, destination, err));
    const char *wrong = contradiction(destination);
    return !wrong || ERR(err, ERR_INPUT, "object-field", "%s", wrong);
}

bool destination_read(Str name, Str json, Destination **ret_destination, Err *err)
{
    if (name.len == 0 || name.len > DESTINATION_NAME_MAX)
        return ERR(err, ERR_INPUT, "object-field", "a name of 1 to %d bytes is expected",
                   DESTINATION_NAME_MAX);
    Destination *destination = destination_new(name);
    if (!destination)
        return ERR(err, ERR_FATAL, "destination-memory", "no memory");
    if (!fill(destination, json, err)) {
        destination_free(destination);
        return false;
    }
    *ret_destination = destination;
    return true;
}

bool destination_make(void *opaque, const CatalogObject *object, void **ret_made, Err *err)
{
    Destination *destination;
    (void)opaque;
    TRY(destination_read(object->name, object->data, &destination, err));
    destination->version = object->version;
    *ret_made = destination;
    return true;
}

void destination_unmake(void *made)
{
    destination_free(made);
}

/* --- questions ---------------------------------------------------------------------------------
 */
static bool listed(FieldTexts list, Str text)
{
    for (size_t i = 0; i < list.count; i++)
        if (str_eq(list.list[i], text))
            return true;
    return false;
}

bool destination_names(const Destination *destination, Str tenant)
{
    return listed(destination->tenants, STR("*")) || listed(destination->tenants, tenant);
}

static Str without_slash(Str url)
{
    return str_ends(url, STR("/")) ? str_cut(url, 0, url.len - 1) : url;
}

bool destination_allows(const Destination *destination, Str url)
{
    bool allowed = str_eq(without_slash(url), without_slash(destination->url));
    for (size_t i = 0; i < destination->other_urls.count; i++)
        allowed |= str_eq(without_slash(url), without_slash(destination->other_urls.list[i]));
    return allowed;
}

bool destination_same_origin(const Destination *destination, Str url)
{
    Str own = origin_of(destination->url);
    return own.len && str_eq_ignore_case(own, origin_of(url));
}

size_t destinations_choose(const Destination *const *all, size_t count, Str tenant,
                           const Destination **ret_chosen)
{
    size_t chosen = 0;
    bool named = false, star = str_is(tenant, "*"); /* nobody is called that */
    for (size_t i = 0; i < count; i++)
        named |= !star && all[i]->format == DESTINATION_LAKE && listed(all[i]->tenants, tenant);
    for (size_t i = 0; i < count; i++) {
        bool mine = named ? listed(all[i]->tenants, tenant) : all[i]->tenants.count == 0;
        if (all[i]->format == DESTINATION_LAKE && (mine || listed(all[i]->tenants, STR("*"))))
            ret_chosen[chosen++] = all[i];
    }
    return chosen;
}
