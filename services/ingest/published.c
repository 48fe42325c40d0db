#include "services/ingest/published.h"

#include <assert.h>

#include "common/auth/callers.h"
#include "common/catalog/catalog.h"
#include "common/destinations/destination.h"

bool published_open(Ingest *ingest, BusConfig *bus, Err *err)
{
    CatalogKind kinds[AUTH_KIND_COUNT + 1];
    for (size_t i = 0; i < AUTH_KIND_COUNT; i++)
        kinds[i] = auth_kinds[i];
    kinds[AUTH_KIND_COUNT] =
        (CatalogKind){"destinations", destination_make, destination_unmake, NULL};
    static_assert(AUTH_KIND_COUNT + 1 <= CATALOG_KINDS_MAX, "the catalog copies them");
    const CatalogOptions options = {.bus = bus, .kinds = kinds, .kind_count = AUTH_KIND_COUNT + 1};
    TRY(catalog_open(&options, &ingest->catalog, err));
    ingest->callers = callers_new(ingest->catalog, ingest->log);
    return true;
}

void published_close(Ingest *ingest)
{
    callers_free(ingest->callers);
    catalog_close(ingest->catalog);
    ingest->callers = NULL;
    ingest->catalog = NULL;
}
