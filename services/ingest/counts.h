/* counts - what operators see of ingest on /metrics. Names begin with fhirbus_ingest_.
 *
 * Threads: any. */
#pragma once
#include "services/ingest/ingest.h"

typedef enum ClaimCount {
    CLAIM_FRESH,
    CLAIM_REPEATED,
    CLAIM_CONFLICT,
    CLAIM_SKIPPED, /* the database was away */
    CLAIM_COUNTS,
} ClaimCount;

typedef enum TenantCap {
    CAP_REQUESTS,
    CAP_BYTES,
    CAP_COUNT,
} TenantCap;

IngestMetrics *counts_new(Ingest *ingest); /* NULL without memory */
void counts_free(IngestMetrics *counts);   /* NULL is fine */
void count_claim(IngestMetrics *counts, ClaimCount what);
void count_tenant_refused(IngestMetrics *counts, TenantCap cap);
/* route: index of the table, or route_count() for none. */
void count_request(IngestMetrics *counts, size_t route, unsigned status, double seconds,
                   size_t body_bytes, bool sent);
