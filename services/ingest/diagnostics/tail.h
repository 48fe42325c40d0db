/* tail - waiting for changes of the grid: whoever follows is parked, no thread waits with it, and
 * one thread looks for all of them, as long as there are any.
 *
 * Owner:   counted: a parked exchange is held until it is woken or leaves.
 * Threads: one of its own, with one connection; park and leave: any.
 * Errors:  database away: everybody is woken when its time has come. */
#pragma once
#include "services/ingest/exchange.h"

enum { TAIL_LOOK_MS = 300 };

Tail *tail_start(Ingest *ingest, Err *err) MUST_USE;
void tail_stop(Tail *tail); /* NULL is fine */
/* The last change that was seen: said before a question is asked, it is what to wait beyond. */
int64_t tail_seen(Tail *tail);
/* Wakes the exchange once there is a change beyond `after`, or at `until_ms` (monotonic). */
void tail_park(Tail *tail, Exchange *exchange, int64_t after, int64_t until_ms);
/* Its request has ended. */
void tail_leave(Tail *tail, Exchange *exchange);
