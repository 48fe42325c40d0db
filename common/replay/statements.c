#include "common/replay/replay.h"

#define PROGRESS " state, total, published, superseded, accepted, purged, rate "

const DbStatement replay_insert = {
    "replay-insert",
    "INSERT INTO fhirbus.replay (replay_id, asked_by, tenant, from_at, to_at, of_state, ids, go_to,"
    " include_superseded, resubmit, rate)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING"};
/* $2: whether the row may stay: a dry run's is cancelled before anybody sees it running. */
const DbStatement replay_count = {
    "replay-count",
    "WITH found AS (SELECT count(*) AS n, count(*) FILTER (WHERE superseded) AS old,"
    "        count(*) FILTER (WHERE accepted AND NOT superseded) AS had,"
    "        count(*) FILTER (WHERE payload IS NULL AND NOT superseded AND NOT accepted) AS gone"
    "   FROM fhirbus.replay_item WHERE replay_id = $1),"
    " kept AS (UPDATE fhirbus.replay SET total = found.n, state = CASE WHEN NOT $2 THEN 'cancelled'"
    "          WHEN found.n = 0 THEN 'done' ELSE state END FROM found WHERE replay_id = $1)"
    " SELECT CASE WHEN n = 0 THEN 'done' ELSE 'running' END, n, 0::bigint, old, had, gone, 0"
    " FROM found"};
const DbStatement replay_take = {
    "replay-take", "UPDATE fhirbus.replay SET worker = $2, beat_at = now() WHERE replay_id = $1"
                   " AND (worker IS NULL OR worker = $2 OR beat_at < now() - interval '30 s')"
                   " RETURNING" PROGRESS ", go_to, resubmit"};
const DbStatement replay_page = {
    "replay-page",
    "SELECT received_at, interaction_id, tenant, sha256, payload, payload_bytes, content_type, "
    "route,"
    " uri, caller, correlation_id, parent_interaction_id::text, child_index, group_interaction_id,"
    " master_interaction_id, source_type, client_ip_address, user_agent, elaboration, provenance,"
    " traceparent, ordering_key, superseded, accepted FROM fhirbus.replay_item"
    " WHERE replay_id = $1 ORDER BY received_at, interaction_id, tenant LIMIT $2"};
/* $3-$5: the place; NULL: nothing is left. $6-$9: what this page added. */
const DbStatement replay_move = {
    "replay-move", "UPDATE fhirbus.replay SET at_received = coalesce($3, at_received), at_id = "
                   "coalesce($4, at_id),"
                   " at_tenant = coalesce($5, at_tenant), published = published + $6,"
                   " superseded = superseded + $7, accepted = accepted + $8, purged = purged + $9, "
                   "beat_at = now(),"
                   " state = CASE WHEN state = 'running' AND $3 IS NULL THEN 'done' ELSE state END"
                   " WHERE replay_id = $1 AND worker = $2 RETURNING" PROGRESS};
const DbStatement replay_read = {"replay-read",
                                 "SELECT" PROGRESS "FROM fhirbus.replay WHERE replay_id = $1"};
const DbStatement replay_stop = {
    "replay-cancel",
    "UPDATE fhirbus.replay SET state = 'cancelled' WHERE replay_id = $1 AND state <> 'done'"};
const DbStatement replay_find = {
    "replay-orphan",
    "SELECT replay_id::text FROM fhirbus.replay WHERE state = 'running' AND asked_by = $1"
    " AND (worker IS NULL OR beat_at < now() - interval '30 s') ORDER BY asked_at LIMIT 1"};

const DbStatement *const replay_statements[] = {&replay_insert, &replay_count, &replay_take,
                                                &replay_page,   &replay_move,  &replay_read,
                                                &replay_stop,   &replay_find,  NULL};
