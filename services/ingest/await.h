/* await - who waits for which answer.
 *
 * Those who wait are found by (tenant, interaction id, payload, route) and are handed the
 * answer; what nobody waits for is somebody else's. Who waits too long is woken without one.
 *
 * Owner:   the table holds a reference to each exchange in it.
 * Threads: any. answers.h feeds it from the response topic. */
#pragma once
#include "services/ingest/exchange.h"

Await *await_new(const Log *log);
void await_free(Await *await); /* NULL is fine */

/* Its answer is handed over from now on; woken at until_ms (monotonic) at the latest. Again: only
 * the time changes. */
void await_add(Await *await, Exchange *exchange, int64_t until_ms);
void await_remove(Await *await, Exchange *exchange); /* not in it: nothing happens */
size_t await_size(Await *await);
/* Gives `bytes`, a Response, to those who wait for it; returns how many. `id`: the interaction that
 * its record's header names, if any. `reader`: whose present message it is, which then is kept with
 * the answer; NULL: `bytes` outlive it. */
size_t await_deliver(Await *await, Str id, Str bytes, BusReader *reader);
/* Wakes those whose time is up; INT64_MAX: everybody. */
void await_sweep(Await *await, int64_t now_ms);
