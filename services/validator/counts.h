/* counts - the validator's own metrics, and its private port. */
#pragma once
#include "common/bus/bus_metrics.h"
#include "common/catalog/catalog.h"
#include "common/envelope/envelope.h"
#include "common/http/ops_server.h"
#include "common/obs/metrics.h"
#include "services/validator/settings.h"

typedef struct Counts Counts;

/* Starts the private port too. */
bool counts_start(const ValidatorConfig *config, Counts **ret_counts, Err *err) MUST_USE;
void counts_stop(Counts *counts); /* NULL is fine */

void counts_verdict(Counts *counts, const Validated *validated, double seconds, double waited);
void counts_rule(Counts *counts, const RuleChange *change);
void counts_rules(Counts *counts, CatalogCounts rules);
void counts_failed(Counts *counts, const char *code);
/* About once a second, on the worker's thread; does nothing more often. */
void counts_update(Counts *counts, BusConsumer *consumer, BusProducer *producer,
                   const Supervisor *supervisor);
