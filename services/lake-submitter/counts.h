/* counts - the lake-submitter's metrics and its private port. Any thread may count. */
#pragma once
#include "common/bus/bus_metrics.h"
#include "common/catalog/catalog.h"
#include "common/http/ops_server.h"
#include "services/lake-submitter/settings.h"

typedef struct Counts Counts;
/* What one consumer and its producer show: the role route, or the delivery to one destination. */
typedef struct CountsSlot CountsSlot;

bool counts_start(const SubmitterConfig *config, Counts **ret_counts, Err *err) MUST_USE;
void counts_stop(Counts *counts); /* NULL is fine */
/* Before that the process is not ready. */
void counts_catalog_read(Counts *counts);

/* `destination` NULL: the role route. The same name gets the same slot again; NULL without memory
 * or past COUNTS_SLOTS, and then everything below does nothing. */
enum { COUNTS_SLOTS = 128 };
CountsSlot *counts_slot(Counts *counts, const char *destination);
void counts_slot_ends(CountsSlot *slot);
/* About once a second, on the slot's own thread; does nothing more often. */
void counts_update(CountsSlot *slot, BusConsumer *consumer, BusProducer *producer,
                   const Supervisor *supervisor);
void counts_breaker(CountsSlot *slot, int state);
void counts_secret_failures(CountsSlot *slot, uint32_t in_a_row);
/* Its topic keeps documents for too short a time: not ready. */
void counts_retention(CountsSlot *slot, bool fine);

void counts_rules(Counts *counts, CatalogCounts rules);
void counts_routed(Counts *counts, const char *what); /* submitted, discarded, validate_only */
void counts_attempt(Counts *counts, const char *destination, const char *error_class,
                    double seconds);
void counts_delivered(Counts *counts, double seconds_since_received);
/* delivered, failed, already_accepted, already_failed */
void counts_ended(Counts *counts, const char *destination, const char *how);
void counts_dead_letter(Counts *counts, const char *code);
void counts_ledger(Counts *counts, const char *what); /* received, sent, lost */
