/* worker - topic in, verdicts out: consume, judge, publish, settle.
 *
 * Rule:    an offset is stored when both records of its verdict are acknowledged. What cannot be
 *          judged goes to `dlq`, and its sender is told.
 * Owner:   worker_run opens everything and closes it.
 * Threads: one, besides the private port's. Runs in the supervisor's child. */
#pragma once
#include "common/bus/supervisor.h"
#include "services/validator/settings.h"

/* The exit code: 0 stopped as asked, 1 start again, SUPERVISOR_REFUSED. */
int worker_run(const ValidatorConfig *config, const Log *log, Supervisor *supervisor);
