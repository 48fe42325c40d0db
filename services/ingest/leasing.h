/* leasing - the thread that settles the leases of usage plans with the ledger in PostgreSQL.
 *
 * One call for all that there is to ask at a moment, whoever waits for it; what is still held is
 * given back when it is stopped.
 *
 * Errors:  a call that fails, or takes longer than LIMITS_TIMEOUT_MS, makes common/limits grant by
 *          itself; it is tried again every second. */
#pragma once
#include "common/limits/leases.h"
#include "services/ingest/ingest.h"

typedef struct Leasing Leasing;

Leasing *leasing_start(Ingest *ingest, Err *err) MUST_USE;
/* After the last request. NULL is fine. */
void leasing_stop(Leasing *leasing);
Leases *leasing_leases(Leasing *leasing);
