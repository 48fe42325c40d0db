/* limit_counts - what operators see of limits on /metrics: fhirbus_ingest_limit_*, _shed_total.
 *
 * Threads: any. */
#pragma once
#include "common/limits/leases.h"
#include "common/limits/shed.h"
#include "services/ingest/ingest.h"

typedef struct LimitCounts LimitCounts;

typedef enum LimitRefusal { /* the first ones are LimitReason's */
                            REFUSAL_BODY = LIMIT_REASONS,
                            REFUSAL_ADDRESS,
                            REFUSAL_COUNT,
} LimitRefusal;

LimitCounts *limit_counts_new(Ingest *ingest);
void limit_counts_free(LimitCounts *counts); /* NULL is fine */
void count_limit_granted(LimitCounts *counts, LimitScope scope, bool by_default);
/* scope LIMIT_SCOPES: an address */
void count_limit_refused(LimitCounts *counts, LimitScope scope, int refusal);
void count_shed(LimitCounts *counts, ShedReason reason);
