#include "services/ingest/published.h"

#include <assert.h>

#include "common/auth/auth.h"
#include "common/catalog/catalog.h"
#include "common/destinations/destination.h"
#include "common/rules/book.h"

static bool open_auth(Ingest *ingest, Err *err)
{
    const IngestConfig *c = ingest->config;
    Str issuer = str_from(c->token_issuer);
    const AuthOptions options = {
        .catalog = ingest->catalog,
        .log = ingest->log,
        .credential_key = str_from(c->credential_key),
        .client_ca_file = c->client_ca_file,
        .client_crl_file = c->client_crl_file,
        .signing_folder = c->signing_keys,
        .signing_publish_s = c->signing_publish_s,
        .issuer = issuer,
        .audience = c->token_audience ? str_from(c->token_audience) : issuer,
    };
    return auth_open(&options, &ingest->auth, err);
}

bool published_open(Ingest *ingest, BusConfig *bus, Err *err)
{
    CatalogKind kinds[AUTH_KIND_COUNT + 2];
    for (size_t i = 0; i < AUTH_KIND_COUNT; i++)
        kinds[i] = auth_kinds[i];
    kinds[AUTH_KIND_COUNT] =
        (CatalogKind){"destinations", destination_make, destination_unmake, NULL};
    kinds[AUTH_KIND_COUNT + 1] = rules_catalog_kind;
    static_assert(AUTH_KIND_COUNT + 2 <= CATALOG_KINDS_MAX, "the catalog copies them");
    const CatalogOptions options = {
        .bus = bus, .kinds = kinds, .kind_count = AUTH_KIND_COUNT + 2, .publishes = true};
    TRY(rules_read_default(&ingest->rules_default, err));
    TRY(catalog_open(&options, &ingest->catalog, err));
    return open_auth(ingest, err);
}

void published_close(Ingest *ingest)
{
    auth_close(ingest->auth);
    catalog_close(ingest->catalog);
    rules_free(ingest->rules_default);
    ingest->rules_default = NULL;
    ingest->auth = NULL;
    ingest->catalog = NULL;
}
