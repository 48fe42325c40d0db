/* reveal - may what documents say be shown as it is? To callers always: it is what was sent for
 * them. To people, in their sessions, when they ask for it by ?reveal=true, and may; that is on
 * record. Nobody's lists and reports (where anonymous callers are allowed) are masked for good.
 *
 * Threads: those of the exchange. */
#pragma once
#include "services/ingest/exchange.h"
#include "services/ingest/flow.h"

/* A person at the pages, or nobody: not one whose documents they are. */
bool reveal_is_needed_by(const Exchange *exchange);
/* STEP_REPLY: refused. `what` is revealed, for the record: a literal. */
StepNext reveal_asked(Exchange *exchange, const char *what, bool *ret_revealed);
/* Where nothing can be masked: refused to people who do not ask for it. Nobody is taken for the
 * sender he says he is, as all that senders' routes answer him. */
StepNext reveal_needed(Exchange *exchange, const char *what);
