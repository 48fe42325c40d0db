/* worker - takes messages, keeps them, then settles them.
 *
 * Rule:    an offset is stored only after the commit. While one transaction is under way the next
 *          is prepared. Database away: the batch waits and is sent again, nothing more is taken
 *          than fits in flight, and the group is served all the while. Values that the database
 *          refuses: each message of the batch is tried alone, and what fails alone is
 *          dead-lettered.
 * Threads: one; worker_status may be asked from any. */
#pragma once
#include "common/bus/supervisor.h"
#include "services/persister/counts.h"
#include "services/persister/settings.h"

typedef struct Worker Worker;

bool worker_new(const Settings *settings, const Counts *counts, const Log *log,
                Supervisor *supervisor, Worker **ret_worker, Err *err) MUST_USE;
void worker_free(Worker *worker);
/* Until supervisor_stopping() or a fatal error; drains before it returns. */
bool worker_run(Worker *worker, Err *err) MUST_USE;

typedef struct WorkerStatus {
    bool database;      /* connected */
    bool broker;        /* connected and assigned */
    int64_t beat_at_ms; /* monotonic: the loop's last turn */
} WorkerStatus;
WorkerStatus worker_status(const Worker *worker);
/* False: why payloads can not be encrypted; from any thread. */
bool worker_keys_fit(const Worker *worker, Buf *why);
