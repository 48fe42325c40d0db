/* await - who waits for which answer on the response topic.
 *
 * A thread reads this replica's partition from its end on (exact offsets, no group), finds those
 * who wait for that (tenant, interaction id, payload, route), hands them a copy and wakes them;
 * what nobody waits for is somebody else's. The same thread keeps the deadlines.
 *
 * Owner:   the table holds a reference to each exchange in it.
 * Threads: any.
 * Errors:  the brokers being away is not one: the thread tries until they are there, and
 *          Ingest.ready says when. */
#pragma once
#include "common/base/err.h"
#include "services/ingest/exchange.h"

Await *await_start(Ingest *ingest, Err *err) MUST_USE; /* NULL on failure */
void await_stop(Await *await);                         /* NULL is fine */
/* Its answer is handed over from now on; woken at until_ms (monotonic) at the latest. Again: only
 * the time changes. */
void await_add(Await *await, Exchange *exchange, int64_t until_ms);
void await_remove(Await *await, Exchange *exchange); /* not in it: nothing happens */
size_t await_size(Await *await);
bool await_connected(Await *await);
/* Everybody in it is woken as if the deadline had passed: draining. */
void await_expire_all(Await *await);
/* For tests and the reader: gives `bytes` (a Response) to those who wait for it; how many. */
size_t await_deliver(Await *await, Str bytes, Arena *scratch);
