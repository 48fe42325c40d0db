/* ended - sessions that somebody has signed out of, before their life was over: a cookie that was
 * kept opens nothing any more, on any replica.
 *
 * Spec:    the table session_end holds a digest of each until its life would be over; a thread of
 *          each replica writes what ended here and reads what ended anywhere, every
 *          ENDED_LOOK_MS. Here it counts at once.
 * Errors:  database away: what ended here is kept and written later, unless this replica is stopped
 *          before; what is known stays known.
 * Limits:  ENDED_MAX, the newest.
 * Threads: one of its own; the rest from any. */
#pragma once
#include "services/ingest/ingest.h"

enum { ENDED_LOOK_MS = 1000, ENDED_MAX = 100000 };

typedef struct Ended Ended;

Ended *ended_start(Ingest *ingest, Err *err) MUST_USE;
void ended_stop(Ended *ended); /* NULL is fine */

/* False before the first look: nobody can be told apart yet. */
bool ended_ready(Ended *ended);
/* `session` is what is random in it, and stays the same as long as it lasts. */
bool ended_has(Ended *ended, Str session, Arena *arena);
void ended_add(Ended *ended, Str session, int64_t until_s, Arena *arena);
