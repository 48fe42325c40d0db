#include "common/replay/inner.h"

#define PROGRESS                                                                                   \
    " state, go_to, source, topic, total, published, superseded, accepted, purged, skipped,"       \
    " unreadable, from_store, redriven, past, rate, tenant "

const DbStatement replay_insert = {
    "replay-insert",
    "INSERT INTO fhirbus.replay (replay_id, asked_by, tenant, from_at, to_at, of_state, ids, go_to,"
    " include_superseded, resubmit, rate, source, topic, ranges, total, state)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
    " CASE WHEN $14 = '' THEN 'done' ELSE 'running' END) ON CONFLICT DO NOTHING"};
/* What the store has of it. $2: whether it is what the replay is all about. */
const DbStatement replay_count = {
    "replay-count",
    "WITH found AS (SELECT count(*) AS n, count(*) FILTER (WHERE superseded) AS old,"
    "        count(*) FILTER (WHERE accepted AND NOT superseded) AS had,"
    "        count(*) FILTER (WHERE payload IS NULL AND NOT superseded AND NOT accepted) AS gone"
    "   FROM fhirbus.replay_item WHERE replay_id = $1),"
    " kept AS (UPDATE fhirbus.replay SET total = found.n,"
    "          state = CASE WHEN found.n = 0 THEN 'done' ELSE state END FROM found"
    "          WHERE replay_id = $1 AND $2)"
    " SELECT n, old, had, gone FROM found"};
const DbStatement replay_forget = {"replay-forget",
                                   "DELETE FROM fhirbus.replay WHERE replay_id = $1"};
const DbStatement replay_take = {
    "replay-take",
    "UPDATE fhirbus.replay SET worker = $2, beat_at = now() WHERE replay_id = $1"
    " AND (worker IS NULL OR worker = $2 OR beat_at < now() - interval '10 s')"
    " RETURNING" PROGRESS ", resubmit, include_superseded, tenant, of_state, ids::text[], from_at,"
    " to_at, ranges, gap_partitions IS NOT NULL"};
const DbStatement replay_page = {
    "replay-page",
    "SELECT received_at, interaction_id, tenant, sha256, payload, payload_bytes, content_type, "
    "route,"
    " uri, caller, correlation_id, parent_interaction_id::text, child_index, group_interaction_id,"
    " master_interaction_id, source_type, client_ip_address, user_agent, elaboration, provenance,"
    " traceparent, ordering_key, headers, superseded, accepted FROM fhirbus.replay_item"
    " WHERE replay_id = $1 ORDER BY received_at, interaction_id, tenant, sha256 LIMIT $2"};
/* $3-$6: the place; NULL: the store has no more of it. $7-$10: what this page added. */
const DbStatement replay_move = {
    "replay-move",
    "UPDATE fhirbus.replay SET at_received = coalesce($3, at_received), at_id = coalesce($4, "
    "at_id),"
    " at_tenant = coalesce($5, at_tenant), at_sha256 = coalesce($6, at_sha256),"
    " published = published + $7, superseded = superseded + $8, accepted = accepted + $9,"
    " purged = purged + $10, beat_at = now(),"
    " from_store = from_store + CASE WHEN source = 'store' THEN 0 ELSE $7 END,"
    " skipped = skipped + CASE WHEN $3 IS NULL THEN gap_left ELSE 0 END,"
    " gap_left = CASE WHEN $3 IS NULL THEN 0 ELSE greatest(gap_left - $7 - $8 - $9 - $10, 0) END,"
    " gap_partitions = CASE WHEN $3 IS NOT NULL THEN gap_partitions END,"
    " state = CASE WHEN state = 'running' AND $3 IS NULL AND coalesce(ranges, '') = '' THEN 'done'"
    " ELSE state END"
    " WHERE replay_id = $1 AND worker = $2 RETURNING" PROGRESS};
/* $3: what is left of the topic. */
const DbStatement replay_move_topic = {
    "replay-move-topic",
    "UPDATE fhirbus.replay SET ranges = $3, published = published + $4, superseded = superseded + "
    "$5,"
    " accepted = accepted + $6, purged = purged + $7, skipped = skipped + $8,"
    " unreadable = unreadable + $9, redriven = redriven + $10, beat_at = now(),"
    " state = CASE WHEN state = 'running' AND $3 = '' THEN 'done' ELSE state END"
    " WHERE replay_id = $1 AND worker = $2 RETURNING" PROGRESS};
/* $2: what is past retention, as ranges; $3: what is left of the topic; $4: how many records. */
const DbStatement replay_open_gap = {
    "replay-open-gap",
    "WITH g AS (SELECT array_agg(split_part(r, ':', 1)::int) AS partitions,"
    "   array_agg(split_part(split_part(r, ':', 2), '-', 1)::bigint) AS firsts,"
    "   array_agg(split_part(r, '-', 2)::bigint) AS ends"
    "   FROM unnest(string_to_array($2::text, ',')) AS r)"
    " UPDATE fhirbus.replay SET gap_partitions = g.partitions, gap_from = g.firsts,"
    " gap_end = g.ends, gap_left = $4::bigint, past = past + $4::bigint, ranges = $3,"
    " at_received = '-infinity', at_id = '00000000-0000-0000-0000-000000000000', at_tenant = '',"
    " at_sha256 = '' FROM g WHERE replay_id = $1"};
/* What the store knows of documents of a topic. $7: whether their states are of interest. */
const DbStatement replay_check = {
    "replay-check",
    "SELECT n.key IS NOT NULL AND coalesce(n.source, 'FHIR') = 'FHIR' AND EXISTS ("
    "   SELECT FROM fhirbus.message o WHERE o.ordering_key = n.key AND o.tenant = n.tenant"
    "     AND o.received_at > n.received_at AND o.route = n.route),"
    " CASE WHEN $7 THEN (SELECT j.state FROM fhirbus.interaction j"
    "   WHERE j.interaction_id = n.id AND j.tenant_id = n.tenant LIMIT 1) END"
    " FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::bytea[], $5::text[], $6::text[])"
    "   WITH ORDINALITY AS n (tenant, id, received_at, key, route, source, place) ORDER BY "
    "n.place"};
const DbStatement replay_payload = {
    "replay-payload", "SELECT payload FROM fhirbus.message WHERE tenant = $1 AND interaction_id = "
                      "$2 AND sha256 = $3 AND payload IS NOT NULL LIMIT 1"};
const DbStatement replay_read = {"replay-read",
                                 "SELECT" PROGRESS "FROM fhirbus.replay WHERE replay_id = $1"};
const DbStatement replay_stop = {
    "replay-cancel",
    "UPDATE fhirbus.replay SET state = 'cancelled' WHERE replay_id = $1 AND state <> 'done'"};
/* A version before this one takes what was asked for under its own name, and knows no topics. */
const DbStatement replay_find = {
    "replay-orphan",
    "SELECT replay_id::text FROM fhirbus.replay WHERE state = 'running'"
    " AND (asked_by IN ('ingest', 'POST /Bundle/replay') OR asked_by LIKE 'ingest:%')"
    " AND (worker IS NULL OR beat_at < now() - interval '10 s') ORDER BY asked_at LIMIT 1"};
const DbStatement replay_judged_count = {
    "replay-judged", "SELECT (SELECT count(*) FROM fhirbus.replay_verdict WHERE replay_id = $1)"
                     " + (SELECT count(*) FROM fhirbus.verdict WHERE replay_id = $1"
                     "    AND replay_id <> '00000000-0000-0000-0000-000000000000')"};

/* $2-$4: behind which document; NULL: from the first. What came and what went of its issues. */
const DbStatement replay_report_page = {
    "replay-report",
    "SELECT j.interaction_id, j.tenant, j.sha256, j.failure, j.valid_before, j.valid_after,"
    " j.action_before, j.action_after, coalesce(d.added, 0), coalesce(d.gone, 0)"
    " FROM (SELECT * FROM fhirbus.replay_judgement WHERE replay_id = $1"
    "        AND ($2::uuid IS NULL OR (interaction_id, tenant, sha256) > ($2, $3::text, $4::bytea))"
    "       ORDER BY interaction_id, tenant, sha256 LIMIT $5) j"
    " CROSS JOIN LATERAL (SELECT sum(greatest(n, 0))::bigint AS added,"
    "   sum(greatest(-n, 0))::bigint AS gone FROM ("
    "     SELECT sum(CASE WHEN i.before THEN -1 ELSE 1 END) AS n FROM fhirbus.replay_issue i"
    "     WHERE i.replay_id = $1 AND i.interaction_id = j.interaction_id AND i.tenant = j.tenant"
    "       AND i.sha256 = j.sha256 GROUP BY i.severity, i.message_id, i.location) x) d"
    " ORDER BY j.interaction_id, j.tenant, j.sha256"};
const DbStatement replay_report_issues = {
    "replay-report-issues",
    "SELECT CASE WHEN n > 0 THEN '+' ELSE '-' END, severity, coalesce(message_id, ''),"
    " coalesce(location, ''), text, abs(n) FROM ("
    "   SELECT sum(CASE WHEN i.before THEN -1 ELSE 1 END) AS n, i.severity, i.message_id,"
    "          i.location, coalesce(min(i.diagnostics), '') AS text FROM fhirbus.replay_issue i"
    "   WHERE i.replay_id = $1 AND i.interaction_id = $2 AND i.tenant = $3 AND i.sha256 = $4"
    "   GROUP BY i.severity, i.message_id, i.location) x WHERE n <> 0"
    " ORDER BY n > 0, location, message_id"};

const DbStatement *const replay_statements[] = {&replay_insert,
                                                &replay_count,
                                                &replay_forget,
                                                &replay_take,
                                                &replay_page,
                                                &replay_move,
                                                &replay_move_topic,
                                                &replay_open_gap,
                                                &replay_check,
                                                &replay_payload,
                                                &replay_read,
                                                &replay_stop,
                                                &replay_find,
                                                &replay_judged_count,
                                                &replay_report_page,
                                                &replay_report_issues,
                                                NULL};
