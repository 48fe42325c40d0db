/* replays - works off what POST /Bundle/replay asked for, on a thread of its own.
 *
 * Any replica takes a replay that nobody works on; one that dies is followed by another after 30 s.
 */
#pragma once
#include "common/replay/replay.h"
#include "services/ingest/exchange.h"

Replays *replays_start(Ingest *ingest, Err *err) MUST_USE;
void replays_stop(Replays *replays); /* NULL is fine */

/* As whom a replay is asked for: its row says by whom, and that ingest works it off. */
Str replays_asker(const Exchange *exchange);
/* Asks for it, or looks what it would be (words->dry_run). On a thread with a database. */
bool replays_ask(const Ingest *ingest, Db *db, const Uuid *id, const ReplayWords *words,
                 Arena *arena, ReplayProgress *ret_progress, Err *err) MUST_USE;
