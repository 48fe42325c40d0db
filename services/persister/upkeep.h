/* upkeep - what a database of months needs from time to time: months made ahead, the default
 * partitions looked at and emptied, retention applied.
 *
 * Rule:    a connection of its own, one statement at a time, never waits: upkeep_step() is called
 *          from the worker's loop. Any number of persisters may do it; the database's functions
 *          queue up or step back.
 * Errors:  logged, and tried again at the next turn. */
#pragma once
#include "services/persister/counts.h"
#include "services/persister/settings.h"

typedef struct Upkeep Upkeep;

Upkeep *upkeep_new(const Settings *settings, const Counts *counts, const Log *log);
/* The same, of what the diagnostics pages read (grid): every GRID_INTERVAL_MS. */
Upkeep *upkeep_new_grid(const Settings *settings, const Counts *counts, const Log *log);
void upkeep_free(Upkeep *upkeep);
void upkeep_step(Upkeep *upkeep);
/* Rounds finished without error: for tests, and to know that months are there. */
uint64_t upkeep_rounds(const Upkeep *upkeep);
