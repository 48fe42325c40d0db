/* store - a batch of records as one transaction.
 *
 * Rule:    first the registrations (sorted), then each record's statement, then all state events.
 *          Repeating a batch, whole or in parts, changes nothing.
 * Errors:  those of db_send and db_end. */
#pragma once
#include "services/persister/record.h"

typedef struct StoreCounts {
    uint64_t rows;     /* new ones */
    uint64_t repeated; /* statements that found theirs there already, or expired */
} StoreCounts;

typedef struct Store Store;

/* `db` is borrowed; it must be made with store_statements. NULL without memory. */
Store *store_new(Db *db);
void store_free(Store *store);
/* Sends the batch in one go and returns; db_progress and db_outcome tell how it goes. Only the
 * parameters are built in `arena`: it may be reset afterwards, the records must stay. */
bool store_send(Store *store, const Record *records, size_t count, Arena *arena, Err *err) MUST_USE;
/* Of the last batch, once it ended well. */
StoreCounts store_counts(const Store *store);
