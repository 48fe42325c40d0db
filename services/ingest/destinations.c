#include "services/ingest/destinations.h"

#include "common/catalog/catalog.h"
#include "common/destinations/destination.h"
#include "common/http/fields.h"

enum { CHOSEN_MAX = 200 };

static bool listed(Str list, Str url)
{
    Str allowed;
    while (list.ptr && http_list_next(&list, &allowed))
        if (str_eq(allowed, url))
            return true;
    return false;
}

/* One that is for this tenant. A destination of the settings is not seen here: it has a list. */
static bool some_allows(const CatalogView *view, Str tenant, Str url)
{
    const Destination *all[CHOSEN_MAX], *chosen[CHOSEN_MAX];
    CatalogRun run = catalog_kind(view, "destinations");
    size_t count = run.count < CHOSEN_MAX ? run.count : CHOSEN_MAX;
    for (size_t i = 0; i < count; i++)
        all[i] = run.entries[i].made;
    count = destinations_choose(all, count, tenant, chosen);
    for (size_t i = 0; i < count; i++)
        if (destination_allows(chosen[i], url))
            return true;
    return false;
}

UrlChoice destinations_url(const Ingest *ingest, Str tenant, Str url)
{
    if (listed(str_from(ingest->config->datalake_urls), url))
        return URL_ALLOWED;
    if (!catalog_ready(ingest->catalog, 0))
        return URL_UNKNOWN;
    const CatalogView *view = catalog_acquire(ingest->catalog);
    bool allowed = some_allows(view, tenant, url);
    catalog_release(ingest->catalog, view);
    return allowed ? URL_ALLOWED : URL_REFUSED;
}
