/* events - what the sender was told, for the record: topic `events`, batched, after the answer.
 *
 * Threads: any. Errors: an event that cannot be published is counted by the bus and dropped: the
 * record of the answer is not worth holding the next request for. */
#pragma once
#include "services/ingest/exchange.h"

void event_replied(const Exchange *exchange, unsigned status, bool sent);
