/* counts - the lake-submitter's metrics and its private port. Any thread may count. */
#pragma once
#include "common/bus/bus_metrics.h"
#include "common/http/ops_server.h"
#include "services/lake-submitter/settings.h"

typedef struct Counts Counts;
typedef enum CountsRole { COUNTS_ROUTE, COUNTS_DELIVER, COUNTS_ROLES } CountsRole;

bool counts_start(const SubmitterConfig *config, Counts **ret_counts, Err *err) MUST_USE;
void counts_stop(Counts *counts); /* NULL is fine */

void counts_routed(Counts *counts, const char *what); /* submitted, discarded, validate_only */
void counts_attempt(Counts *counts, const char *error_class, double seconds);
void counts_delivered(Counts *counts, double seconds_since_received);
void counts_ended(Counts *counts, const char *how); /* delivered, failed, already_accepted */
void counts_dead_letter(Counts *counts, const char *code);
void counts_breaker(Counts *counts, int state);
/* About once a second, on the role's own thread; does nothing more often. */
void counts_update(Counts *counts, CountsRole role, BusConsumer *consumer, BusProducer *producer,
                   const Supervisor *supervisor);
