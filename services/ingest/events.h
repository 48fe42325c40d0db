/* events - what the sender was told, for the record: topic `events`, after the answer.
 *
 * Events are gathered and published many at a time: one by one, each would cost a request to the
 * brokers, as much as the bundle itself.
 *
 * Owner:   events_new's caller. The queue keeps copies.
 * Threads: any; answers.h keeps the time.
 * Errors:  an event that cannot be published is counted by the bus and dropped: the record of the
 *          answer is not worth holding the next request for. A killed process loses the events of
 *          its last EVENTS_HOLD_MS.
 * Limits:  EVENTS_MAX wait at most. */
#pragma once
#include "services/ingest/exchange.h"

enum { EVENTS_HOLD_MS = 200, EVENTS_MAX = 256, EVENT_BODY_MAX = 8192 };

Events *events_new(Ingest *ingest);
void events_free(Events *events); /* publishes what waits; NULL is fine */

/* How many partitions the topic has. */
void events_spread(Events *events, int32_t partitions);

/* With the answer's bytes, up to EVENT_BODY_MAX, unless it is a verdict (200): that is on record by
 * itself. */
void event_replied(const Exchange *exchange, unsigned status, bool sent);
/* Publishes what waits, if the first has waited long enough. NULL is fine. */
void events_tick(Events *events, int64_t now_ms);
