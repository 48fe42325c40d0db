/* reveal - may what documents say be shown as it is? To callers always: it is what was sent for
 * them. To people, in their sessions, when they ask for it by ?reveal=true, and may; that is on
 * record.
 *
 * Threads: those of the exchange. */
#pragma once
#include "services/ingest/exchange.h"
#include "services/ingest/flow.h"

/* STEP_REPLY: refused. `what` is revealed, for the record: a literal. */
StepNext reveal_asked(Exchange *exchange, const char *what, bool *ret_revealed);
/* Where nothing can be masked: refused to people who do not ask for it. */
StepNext reveal_needed(Exchange *exchange, const char *what);
