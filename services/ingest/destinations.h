/* destinations - what ingest asks the catalog: which addresses a sender may choose, who may call
 * back.
 *
 * Threads: any. */
#pragma once
#include "services/ingest/exchange.h"

typedef enum UrlChoice {
    URL_REFUSED,
    URL_ALLOWED,
    URL_UNKNOWN /* catalog not read yet */
} UrlChoice;

/* May this tenant's documents be sent there? */
UrlChoice destinations_url(const Ingest *ingest, Str tenant, Str url);
