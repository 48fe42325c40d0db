#include "services/persister/statements.h"

/* The month of every interaction: whoever comes first decides. Sorted, so that two persisters
 * never wait for each other in a circle. */
const DbStatement sql_register = {
    "register",
    "INSERT INTO fhirbus.registry (tenant, interaction_id, received_at) "
    "SELECT r.tenant, r.interaction_id, min(r.received_at) "
    "FROM unnest($1::text[], $2::uuid[], $3::timestamptz[]) AS r(tenant, interaction_id, "
    "received_at), fhirbus.horizon h WHERE r.received_at >= h.received_before "
    "GROUP BY r.tenant, r.interaction_id ORDER BY r.tenant, r.interaction_id "
    "ON CONFLICT DO NOTHING"};

/* Whoever is not registered, or registered before the horizon, has expired: no row. */
#define MONTH_OF(tenant, id)                                                                       \
    "SELECT received_at FROM fhirbus.registry WHERE interaction_id = " id " AND tenant = " tenant  \
    " AND received_at >= (SELECT received_before FROM fhirbus.horizon)"

#define FACT_COLUMNS                                                                               \
    "bundle_id, bundle_type, bundle_last_updated, profile_url, organization_id, "                  \
    "organization_name, patient_id, patient_mrn, patient_mrn_source_system, medicaid_cin, "        \
    "resource_types"

const DbStatement sql_message = {
    "message",
    "INSERT INTO fhirbus.message (received_at, tenant, interaction_id, sha256, sent_at, payload, "
    "payload_bytes, content_type, lane, route, uri, caller, correlation_id, "
    "parent_interaction_id, child_index, group_interaction_id, master_interaction_id, "
    "source_type, client_ip_address, user_agent, elaboration, provenance, traceparent, "
    "ordering_key, " FACT_COLUMNS ", headers, topic, partition, topic_offset) "
    "SELECT m.received_at, $1::text, $2::uuid, $3::bytea, $4::timestamptz, $5::bytea, $6::bigint, "
    "$7::text, $8::text, $9::text, $10::text, $11::text, $12::text, $13::uuid, $14::int, "
    "$15::text, $16::text, $17::text, $18::text, $19::text, $20::text, $21::text, $22::text, "
    "$23::bytea, $24::text, $25::text, $26::text, $27::text, $28::text, $29::text, $30::text, "
    "$31::text, $32::text, $33::text, $34::text[], $35::text, $36::text, $37::int, $38::bigint "
    "FROM (" MONTH_OF("$1::text", "$2::uuid") ") m ON CONFLICT DO NOTHING"};

/* Issues and changes follow their verdict: they are there exactly when it was new. */
const DbStatement sql_verdict = {
    "verdict",
    "WITH v AS (INSERT INTO fhirbus.verdict (received_at, tenant, interaction_id, sha256, "
    "replay_id, attempt, valid, action, disposition, precheck_code, precheck_message, outcome, "
    "outcome_bytes, bundle, bundle_bytes, errors, warnings, information, issues_left_out, "
    "ig_name, ig_version, engine_name, engine_version, engine_started_at, "
    "validation_initiated_at, validation_completed_at, " FACT_COLUMNS ", rules_version, "
    "engine_outcome, engine_outcome_bytes, engine_errors, engine_warnings, engine_information) "
    "SELECT m.received_at, $1::text, $2::uuid, $3::bytea, $4::uuid, $5::int, $6::bool, $7::text, "
    "$8::text, $9::text, $10::text, $11::bytea, $12::bigint, $13::bytea, $14::bigint, $15::int, "
    "$16::int, $17::int, $18::int, $19::text, $20::text, $21::text, $22::text, $23::timestamptz, "
    "$24::timestamptz, $25::timestamptz, $26::text, $27::text, $28::text, $29::text, $30::text, "
    "$31::text, $32::text, $33::text, $34::text, $35::text, $36::text[], $45::text, $46::bytea, "
    "$47::bigint, $48::int, $49::int, $50::int "
    "FROM (" MONTH_OF("$1::text",
                      "$2::uuid") ") m ON CONFLICT DO NOTHING RETURNING received_at), "
                                  "c AS (INSERT INTO fhirbus.rule_change (received_at, tenant, "
                                  "interaction_id, sha256, "
                                  "replay_id, attempt, ordinal, rule, what, issue, before, after) "
                                  "SELECT v.received_at, $1, $2, $3, $4, $5, (r.ordinal - 1)::int, "
                                  "r.rule, r.what, "
                                  "nullif(r.issue, 0) - 1, r.before, r.after FROM v, "
                                  "unnest($51::text[], $52::text[], "
                                  "$53::int[], $54::text[], $55::text[]) WITH ORDINALITY AS "
                                  "r(rule, what, issue, before, after, "
                                  "ordinal)) "
                                  "INSERT INTO fhirbus.diagnostic (received_at, tenant, "
                                  "interaction_id, sha256, replay_id, "
                                  "attempt, ordinal, severity, code, message_id, location, "
                                  "expression, diagnostics, line, col) "
                                  "SELECT v.received_at, $1, $2, $3, $4, $5, (d.ordinal - 1)::int, "
                                  "d.severity, d.code, "
                                  "d.message_id, d.location, d.expression, d.diagnostics, "
                                  "nullif(d.line, 0), nullif(d.col, 0) "
                                  "FROM v, unnest($37::text[], $38::text[], $39::text[], "
                                  "$40::text[], $41::text[], $42::text[], "
                                  "$43::int[], $44::int[]) WITH ORDINALITY AS d(severity, code, "
                                  "message_id, location, "
                                  "expression, diagnostics, line, col, ordinal)"};

/* A replay that only judges keeps its own record, whether or not the interaction is known. */
#define OF_REPLAY                                                                                  \
    "INSERT INTO fhirbus.replay_verdict (tenant, interaction_id, sha256, replay_id, received_at, "
const DbStatement sql_replay_verdict = {
    "replay-verdict",
    OF_REPLAY "valid, action, disposition, precheck_code, errors, warnings, information, "
              "issues_left_out, ig_name, ig_version, profile_url, engine_version, rules_version, "
              "judged_at, severities, codes, message_ids, locations, expressions, diagnostics, "
              "lines, cols) VALUES ($1::text, $2::uuid, $3::bytea, $4::uuid, $5::timestamptz, "
              "$6::bool, $7::text, $8::text, $9::text, $10::int, $11::int, $12::int, $13::int, "
              "$14::text, $15::text, $16::text, $17::text, $18::text, $19::timestamptz, "
              "$20::text[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[], "
              "$26::int[], $27::int[]) ON CONFLICT DO NOTHING"};
const DbStatement sql_replay_failure = {
    "replay-failure",
    OF_REPLAY "failure, judged_at) VALUES ($1::text, $2::uuid, $3::bytea, $4::uuid, "
              "$5::timestamptz, $6::text, $7::timestamptz) ON CONFLICT DO NOTHING"};

const DbStatement sql_delivery = {
    "delivery",
    "INSERT INTO fhirbus.delivery (received_at, tenant, interaction_id, sha256, destination, "
    "replay_id, attempt, success, final, url, idempotency_key, http_status, error_class, "
    "error_text, response, response_bytes, response_truncated, response_content_type, "
    "request_sha256, request_bytes, started_at, finished_at, rules_version, transforms, "
    "response_headers, budget_used) "
    "SELECT m.received_at, $1::text, $2::uuid, $3::bytea, $4::text, $5::uuid, $6::int, $7::bool, "
    "$8::bool, $9::text, $10::text, nullif($11::int, 0), $12::text, $13::text, $14::bytea, "
    "$15::bigint, $16::bool, $17::text, $18::bytea, $19::bigint, $20::timestamptz, "
    "$21::timestamptz, $22::text, $23::text, $24::text, $25::int FROM (" MONTH_OF(
        "$1::text", "$2::uuid") ") m ON CONFLICT DO NOTHING"};

/* A notice is filed under its own time, which never changes either. */
const DbStatement sql_notice = {
    "notice",
    "INSERT INTO fhirbus.notice (received_at, tenant, interaction_id, event_id, kind, service, "
    "http_status, content_type, body, body_bytes, details, traceparent, happened_at) "
    "SELECT $4::timestamptz, $1::text, $2::uuid, $3::uuid, $5::text, $6::text, "
    "nullif($7::int, 0), $8::text, $9::bytea, $10::bigint, $11::text, $12::text, $4 "
    "FROM fhirbus.horizon WHERE $4 >= received_before ON CONFLICT DO NOTHING"};

const DbStatement sql_callback = {
    "callback", "SELECT fhirbus.take_callback($1::uuid, $2::uuid, $3::text, $4::text, $5::bool, "
                "$6::text, $7::text, $8::bytea, $9::bigint, $10::timestamptz, $11::text)"};

const DbStatement sql_loaded = {
    "loaded", "SELECT fhirbus.note_loaded($1::text, $2::text, $3::text, $4::timestamptz, "
              "$5::timestamptz, $6::int, $7::bool, $8::text[], $9::text[], $10::text[], "
              "$11::text[], $12::bigint[], $13::timestamptz[], $14::int[], $15::int[], "
              "$16::text[], $17::int[], $18::text[])"};

const DbStatement sql_events = {
    "events",
    "INSERT INTO fhirbus.event (received_at, tenant, interaction_id, sha256, step, destination, "
    "replay_id, attempt, nature, from_state, to_state, reason, service, happened_at) "
    "SELECT r.received_at, e.tenant, e.interaction_id, e.sha256, e.step, e.destination, "
    "e.replay_id, e.attempt, e.nature, e.from_state, e.to_state, e.reason, e.service, "
    "e.happened_at FROM unnest($1::text[], $2::uuid[], $3::bytea[], $4::text[], $5::text[], "
    "$6::uuid[], $7::int[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], "
    "$13::timestamptz[]) AS e(tenant, interaction_id, sha256, step, destination, replay_id, "
    "attempt, nature, from_state, to_state, reason, service, happened_at) "
    "JOIN fhirbus.registry r ON r.interaction_id = e.interaction_id AND r.tenant = e.tenant "
    "WHERE r.received_at >= (SELECT received_before FROM fhirbus.horizon) ON CONFLICT DO NOTHING"};

const DbStatement *const store_statements[] = {
    &sql_register,       &sql_message,  &sql_verdict, &sql_delivery,
    &sql_notice,         &sql_callback, &sql_events,  &sql_replay_verdict,
    &sql_replay_failure, &sql_loaded,   NULL};

const DbStatement sql_audit_append = {
    "audit-append",
    "SELECT fhirbus_audit.append($1::int, $2::bigint[], $3::bytea[], $4::timestamptz[], "
    "$5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], "
    "$12::int[], $13::int[], $14::bytea[])"};
const DbStatement *const audit_statements[] = {&sql_audit_append, NULL};

const DbStatement sql_audit_months = {"audit-months",
                                      "SELECT fhirbus_audit.keep_months($1::int, $2::int)"};
const DbStatement sql_make_months = {"make-months", "SELECT fhirbus.make_next_month($1::int)"};
const DbStatement sql_settle_defaults = {"settle-defaults", "SELECT fhirbus.settle_next_default()"};
const DbStatement sql_default_rows = {"default-rows", "SELECT fhirbus.default_rows()"};
const DbStatement sql_keep_callbacks = {"keep-callbacks", "SELECT fhirbus.keep_callbacks()"};
const DbStatement sql_purge = {"purge", "SELECT fhirbus.purge($1::int)"};
const DbStatement sql_drop_months = {"drop-months", "SELECT fhirbus.drop_next_month()"};

const DbStatement sql_purge_grid = {"purge-grid", "SELECT fhirbus.purge_grid($1::int)"};
const DbStatement sql_purge_loaded = {"purge-loaded", "SELECT fhirbus.purge_loaded()"};

const DbStatement *const upkeep_statements[] = {&sql_make_months,    &sql_settle_defaults,
                                                &sql_default_rows,   &sql_purge,
                                                &sql_keep_callbacks, &sql_drop_months,
                                                &sql_audit_months,   &sql_purge_grid,
                                                &sql_purge_loaded,   NULL};

const DbStatement sql_refresh_grid = {"refresh-grid", "SELECT fhirbus.refresh_grid($1::int)"};
const DbStatement *const grid_statements[] = {&sql_refresh_grid, NULL};
