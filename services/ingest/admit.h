/* admit - a tenant's share of what is in flight (step_admit in flow.h, and what follows it). */
#pragma once
#include "services/ingest/counts.h"
#include "services/ingest/exchange.h"
#include "services/ingest/flow.h"

#define ADMIT_BUSY "tenant-busy" /* the log's code of the refusal below */
/* 429: the tenant has its share. */
StepNext admit_refuse(Exchange *exchange, TenantCap cap);

/* Its body wants `more` bytes of memory; false: its tenant has enough of it. */
bool admit_room(Exchange *exchange, size_t more);
/* The request is over. */
void admit_leave(Exchange *exchange);
