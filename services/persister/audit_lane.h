/* audit_lane - topic `audit` -> the chained trail, beside everything else.
 *
 * It has a consumer (group "<KAFKA_GROUP>.audit") and a connection of its own: what holds the
 * documents up does not hold the trail up, nor the other way round.
 *
 * Rule:    nothing is dropped: bytes that are no audit record are kept and marked `unreadable`.
 * What was kept is known by its partition and offset, so that a record that comes again changes
 *          nothing. An offset is stored after the commit.
 * Threads: the worker's; a step never waits. */
#pragma once
#include "common/bus/supervisor.h"
#include "services/persister/counts.h"
#include "services/persister/settings.h"

typedef struct AuditLane AuditLane;

bool audit_lane_new(const Settings *settings, const Counts *counts, const Log *log,
                    Supervisor *supervisor, AuditLane **ret_lane, Err *err) MUST_USE;
void audit_lane_free(AuditLane *lane); /* NULL is fine */
void audit_lane_step(AuditLane *lane);
/* Nothing that was taken is left when it returns, or wait_ms have passed. */
void audit_lane_finish(AuditLane *lane, uint32_t wait_ms);
bool audit_lane_fatal(const AuditLane *lane);
