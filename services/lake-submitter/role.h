/* role - what the two roles share: a thread each, in the supervisor's child. */
#pragma once
#include <stdatomic.h>

#include "common/bus/supervisor.h"
#include "common/envelope/envelope.h"
#include "services/lake-submitter/counts.h"
#include "services/lake-submitter/directory.h"

typedef struct Service {
    const SubmitterConfig *config;
    const Log *log;
    Supervisor *supervisor;
    Counts *counts;
    Directory *directory;
    atomic_bool quit; /* one role cannot go on: all end, the supervisor starts again */
} Service;

enum { ROLE_POLL_MS = 100, ROLE_RETRY_MS = 1000, ROLE_DRAIN_MS = 15000 };

static inline bool role_stopping(const Service *service)
{
    return supervisor_stopping() || service->quit;
}

/* Each runs until told to stop: 0, or 1 when it could not go on. */
int route_run(Service *service);
int deliver_run(Service *service);

/* False when told to stop before the destinations are known. */
bool role_await_directory(const Service *service);
/* Sleeps until consumer or producer have something, at most ROLE_POLL_MS. */
void role_await(BusConsumer *consumer, BusProducer *producer);
/* Is `name` in the comma-separated list? */
bool role_listed(const char *list, Str name);
