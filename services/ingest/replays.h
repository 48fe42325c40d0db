/* replays - works off what POST /Bundle/replay asked for, on a thread of its own.
 *
 * Any replica takes a replay that nobody works on; one that dies is followed by another after 30 s.
 */
#pragma once
#include "services/ingest/ingest.h"

Replays *replays_start(Ingest *ingest, Err *err) MUST_USE;
void replays_stop(Replays *replays); /* NULL is fine */
