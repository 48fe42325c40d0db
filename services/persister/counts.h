/* counts - what the persister counts. All handles may be NULL. */
#pragma once
#include "common/obs/metrics.h"

typedef struct Counts {
    Metrics *metrics;
    Counter *messages; /* settled */
    Counter *rows;
    Counter *repeated;
    Counter *transactions;
    Counter *retries;
    Counter *dead_lettered;
    Counter *payload_bytes;
    Histogram *batch_messages;
    Histogram *transaction_seconds;
    Histogram *age_seconds; /* from the broker's time of a message to its commit */
    Gauge *database_up;
    Gauge *default_rows;
    Counter *purged_rows;
    Counter *months_made;
    Counter *months_dropped;
    Counter *audit_kept;
} Counts;

void counts_init(Counts *counts, Metrics *metrics);
