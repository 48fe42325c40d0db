-- Several destinations: an answer is due of each that was chosen (step 'routed', attempt 0), whether or not its
-- topic ever gets as far. And of each final failure whether its dead letter is on dlq (step 'buried').

-- As in 0010. A thread that a later replay did not choose any more (its destination is not this tenant's any
-- more) is over, unless it was accepted.
CREATE OR REPLACE VIEW fhirbus.thread_state WITH (security_invoker = true) AS
SELECT t.tenant, t.interaction_id, t.sha256, t.destination, t.received_at, t.to_state AS state, t.reason, t.happened_at,
       t.replay_id, t.attempt
FROM (SELECT DISTINCT ON (w.tenant, w.interaction_id, w.received_at, w.sha256, w.destination) w.*
      FROM (SELECT e.tenant, e.interaction_id, e.received_at, e.sha256, e.destination, e.step, e.to_state, e.reason,
                   e.happened_at, e.replay_id, e.attempt, s.rank,
                   max(CASE WHEN e.step = 'routed' THEN e.replay_id::text COLLATE "C" END) OVER document AS routed_last,
                   max(CASE WHEN e.step = 'routed' THEN e.replay_id::text COLLATE "C" END) OVER thread AS routed_here
            FROM fhirbus.event e JOIN fhirbus.state s ON s.name = e.to_state
            WINDOW document AS (PARTITION BY e.tenant, e.interaction_id, e.received_at, e.sha256),
                   thread AS (PARTITION BY e.tenant, e.interaction_id, e.received_at, e.sha256, e.destination)) w
      ORDER BY w.tenant, w.interaction_id, w.received_at, w.sha256, w.destination,
               (w.to_state = 'COMPLETE' OR w.step LIKE 'called-back:%') DESC, w.replay_id DESC, (w.step LIKE 'called-back:%') DESC,
               CASE WHEN w.step LIKE 'called-back:%' THEN w.happened_at END DESC, w.attempt DESC, w.rank DESC, w.step) t
WHERE t.destination = '' OR t.to_state = 'COMPLETE' OR t.routed_last IS NULL
   OR t.routed_last <= greatest(t.routed_here, t.replay_id::text COLLATE "C");

-- As in 0005 and 0010; what could not be worked on after some of it was sent is no longer under way.
CREATE OR REPLACE VIEW fhirbus.interaction_state WITH (security_invoker = true) AS
WITH threads AS (
    SELECT tenant, interaction_id, sha256,
           max(received_at) AS received_at,
           bool_or(destination <> '') AS sent,
           bool_or(destination <> '' AND state = 'FAIL') AS some_failed,
           bool_and(state = 'COMPLETE') FILTER (WHERE destination <> '') AS all_complete,
           max(state) FILTER (WHERE destination = '') AS before_sending,
           max(happened_at) AS happened_at
    FROM fhirbus.thread_state GROUP BY tenant, interaction_id, sha256
)
SELECT r.tenant, r.interaction_id, t.sha256, r.received_at,
       CASE WHEN t.interaction_id IS NULL THEN
                CASE WHEN r.received_at < h.received_before THEN 'expired' ELSE 'received' END
            WHEN t.sent AND t.all_complete THEN 'COMPLETE'
            WHEN t.sent AND t.some_failed THEN 'FAIL'
            WHEN t.sent AND t.before_sending = 'FAIL' THEN 'FAIL'
            WHEN t.sent THEN 'FORWARD'
            ELSE t.before_sending END AS state,
       t.happened_at
FROM fhirbus.registry r CROSS JOIN fhirbus.horizon h
LEFT JOIN threads t ON t.tenant = r.tenant AND t.interaction_id = r.interaction_id;

CREATE OR REPLACE VIEW fhirbus.interaction WITH (security_invoker = true) AS
SELECT r.interaction_id,
       r.tenant AS tenant_id,
       r.received_at,
       CASE WHEN t.before_sending IS NULL AND NOT coalesce(t.sent, false) THEN
                CASE WHEN r.received_at < h.received_before THEN 'expired' ELSE 'received' END
            WHEN t.sent AND t.some_failed THEN 'FAIL'
            WHEN t.sent AND t.all_complete THEN 'COMPLETE'
            WHEN t.sent AND t.before_sending = 'FAIL' THEN 'FAIL'
            WHEN t.sent THEN 'FORWARD'
            ELSE t.before_sending END AS state,
       t.happened_at AS state_at,
       m.source_type, m.route, m.uri, m.lane, m.caller, m.correlation_id, m.group_interaction_id, m.master_interaction_id,
       m.parent_interaction_id, m.payload_bytes, encode(m.sha256, 'hex') AS payload_sha256,
       coalesce(m.bundle_id, v.bundle_id) AS bundle_id,
       coalesce(m.bundle_type, v.bundle_type) AS bundle_type,
       coalesce(m.patient_id, v.patient_id) AS patient_id,
       coalesce(m.patient_mrn, v.patient_mrn) AS patient_mrn,
       coalesce(m.medicaid_cin, v.medicaid_cin) AS medicaid_cin,
       coalesce(m.organization_id, v.organization_id) AS organization_id,
       coalesce(m.organization_name, v.organization_name) AS organization_name,
       v.action AS disposition,
       v.valid AS is_bundle_valid,
       v.errors, v.warnings, v.information,
       v.precheck_code,
       coalesce(v.profile_url, m.profile_url) AS profile_url,
       v.ig_version,
       nullif(v.replay_id, '00000000-0000-0000-0000-000000000000') AS replay_id
FROM fhirbus.registry r
CROSS JOIN fhirbus.horizon h
LEFT JOIN LATERAL (
       SELECT * FROM fhirbus.message n
       WHERE n.interaction_id = r.interaction_id AND n.tenant = r.tenant AND n.received_at = r.received_at
       ORDER BY n.sent_at, n.sha256 LIMIT 1) m ON true
LEFT JOIN LATERAL (
       SELECT * FROM fhirbus.verdict w
       WHERE w.interaction_id = r.interaction_id AND w.tenant = r.tenant AND w.received_at = r.received_at
       ORDER BY w.replay_id DESC, w.attempt DESC, w.sha256 LIMIT 1) v ON true
LEFT JOIN LATERAL (
       SELECT bool_or(s.destination <> '') AS sent,
              bool_or(s.destination <> '' AND s.state = 'FAIL') AS some_failed,
              bool_and(s.state = 'COMPLETE') FILTER (WHERE s.destination <> '') AS all_complete,
              max(s.state) FILTER (WHERE s.destination = '') AS before_sending,
              max(s.happened_at) AS happened_at
       FROM fhirbus.thread_state s
       WHERE s.interaction_id = r.interaction_id AND s.tenant = r.tenant AND s.received_at = r.received_at) t ON true;

-- As in 0009; a destination that was chosen has a row of its own until it was tried
-- (or, a replay that finds it accepted, never).
CREATE OR REPLACE VIEW fhirbus.interaction_http_request WITH (security_invoker = true) AS
SELECT e.interaction_id,
       m.route AS interaction_key,
       e.tenant AS tenant_id,
       lower(e.tenant) AS tenant_id_lower,
       coalesce((SELECT display_name FROM fhirbus.tenant_setting s WHERE s.tenant = e.tenant), e.tenant) AS tenant_name,
       m.uri,
       e.nature,
       e.from_state,
       e.to_state,
       e.reason AS state_transition_reason,
       e.happened_at AS created_at,
       e.service AS created_by,
       CASE e.step WHEN 'accepted' THEN m.content_type
                   WHEN 'disposed' THEN 'application/fhir+json'
                   ELSE coalesce(c.content_type, d.response_content_type) END AS content_type,
       CASE e.step WHEN 'accepted' THEN m.payload
                   WHEN 'disposed' THEN v.outcome
                   ELSE coalesce(c.body, d.response) END AS payload_zstd,
       CASE e.step WHEN 'accepted' THEN m.payload_bytes
                   WHEN 'disposed' THEN v.outcome_bytes
                   ELSE coalesce(c.body_bytes, d.response_bytes) END AS payload_bytes,
       encode(e.sha256, 'hex') AS payload_sha256,
       CASE WHEN e.step IN ('undelivered', 'attempt-failed') THEN coalesce(d.error_text, d.error_class)
            ELSE NULLIF(e.reason, '') END AS error_message,
       m.client_ip_address,
       m.user_agent,
       coalesce(m.bundle_id, v.bundle_id) AS bundle_id,
       e.interaction_id AS bundle_session_id,
       coalesce(m.bundle_type, v.bundle_type) AS bundle_type,
       coalesce(m.bundle_last_updated, v.bundle_last_updated) AS bundle_last_updated,
       coalesce(m.organization_id, v.organization_id) AS organization_id,
       coalesce(m.organization_name, v.organization_name) AS organization_name,
       coalesce(m.patient_id, v.patient_id) AS patient_id,
       coalesce(m.patient_mrn, v.patient_mrn) AS patient_mrn,
       coalesce(m.patient_mrn_source_system, v.patient_mrn_source_system) AS patient_mrn_source_system,
       coalesce(m.medicaid_cin, v.medicaid_cin) AS medicaid_cin,
       coalesce(m.resource_types, v.resource_types) AS resource_type_set,
       v.errors + v.warnings + v.information AS issues_count,
       v.valid AS is_bundle_valid,
       v.valid AS passed,
       v.action AS techbd_disposition_action,
       v.disposition AS techbd_disposition,
       v.validation_initiated_at,
       v.validation_completed_at,
       v.engine_name || ' ' || v.engine_version AS validation_engine,
       v.ig_version,
       coalesce(v.profile_url, m.profile_url) AS profile_url,
       m.source_type,
       m.master_interaction_id AS source_hub_interaction_id,
       m.group_interaction_id AS group_hub_interaction_id,
       m.parent_interaction_id,
       m.sent_at AS interaction_start_time,
       e.happened_at AS interaction_end_time,
       nullif(e.replay_id, '00000000-0000-0000-0000-000000000000') AS replay_id,
       e.destination,
       e.attempt,
       d.http_status AS destination_http_status,
       m.elaboration,
       m.provenance,
       e.received_at,
       d.error_class AS destination_error_class,
       d.final AS destination_final,
       d.url AS destination_url,
       d.idempotency_key,
       d.started_at AS destination_started_at,
       d.finished_at AS destination_finished_at,
       d.response_truncated AS destination_answer_truncated,
       d.response_headers::jsonb AS destination_headers
FROM fhirbus.event e
LEFT JOIN fhirbus.message m
       ON m.tenant = e.tenant AND m.interaction_id = e.interaction_id AND m.sha256 = e.sha256 AND m.received_at = e.received_at
LEFT JOIN LATERAL (
       SELECT * FROM fhirbus.verdict w
       WHERE w.tenant = e.tenant AND w.interaction_id = e.interaction_id AND w.sha256 = e.sha256 AND w.received_at = e.received_at
         AND e.step <> 'accepted' AND (e.step <> 'disposed' OR (w.replay_id = e.replay_id AND w.attempt = e.attempt))
       ORDER BY w.replay_id DESC, w.attempt DESC LIMIT 1) v ON true
LEFT JOIN fhirbus.delivery d
       ON e.step IN ('delivered', 'undelivered', 'attempt-failed') AND d.tenant = e.tenant AND d.interaction_id = e.interaction_id AND d.sha256 = e.sha256
      AND d.received_at = e.received_at AND d.destination = e.destination AND d.replay_id = e.replay_id
      AND d.attempt = e.attempt AND d.success = (e.step = 'delivered')
LEFT JOIN fhirbus.callback c
       ON e.step = 'called-back:' || c.event_id AND c.interaction_id = e.interaction_id AND c.tenant = e.tenant
WHERE e.nature IS NOT NULL
  AND (e.step <> 'routed' OR NOT EXISTS (
       SELECT FROM fhirbus.event f
       WHERE f.tenant = e.tenant AND f.interaction_id = e.interaction_id AND f.sha256 = e.sha256 AND f.received_at = e.received_at
         AND f.destination = e.destination
         AND (f.step = 'delivered' OR f.step = 'forwarded' AND f.replay_id >= e.replay_id)));

-- As in 0012, with how an attempt ended.
CREATE OR REPLACE VIEW fhirbus.delivered WITH (security_invoker = true) AS
SELECT d.tenant, d.interaction_id, d.sha256, d.destination, d.idempotency_key,
       d.success AND NOT EXISTS (SELECT FROM fhirbus.event e
                                 WHERE e.tenant = d.tenant AND e.interaction_id = d.interaction_id AND e.sha256 = d.sha256
                                   AND e.received_at = d.received_at AND e.destination = d.destination
                                   AND e.replay_id >= d.replay_id AND e.step LIKE 'called-back:%' AND e.to_state = 'FAIL'
                                   AND NOT EXISTS (SELECT FROM fhirbus.event l
                                                   WHERE l.tenant = e.tenant AND l.interaction_id = e.interaction_id
                                                     AND l.sha256 = e.sha256 AND l.received_at = e.received_at
                                                     AND l.destination = e.destination AND l.step LIKE 'called-back:%'
                                                     AND l.happened_at > e.happened_at)) AS success,
       d.final, d.attempt, d.replay_id, d.finished_at,
       d.final AND NOT d.success AS failed,
       d.budget_used, d.error_class, d.http_status
FROM fhirbus.delivery d;

-- Until now a dead letter was written before its failure was on record: each of them is there.
INSERT INTO fhirbus.event (received_at, tenant, interaction_id, sha256, step, destination, replay_id, attempt, service, happened_at)
SELECT received_at, tenant, interaction_id, sha256, 'buried', destination, replay_id, attempt, 'lake-submitter',
       coalesce(finished_at, stored_at)
FROM fhirbus.delivery WHERE final AND NOT success
ON CONFLICT DO NOTHING;

-- What DataLedger was told, an attempt a row, for the lake-submitter to go on from. It sees these notices
-- without the right to read all.
CREATE VIEW fhirbus.ledger_told AS
SELECT n.tenant, n.interaction_id, d.destination, d.news, d.attempt, coalesce(d."budgetUsed", 0) AS budget_used,
       coalesce(d.success, false) AS success, coalesce(d.final, false) AS final, d."errorClass" AS error_class,
       n.http_status, n.kind = 'dataledger-buried' AS buried, n.happened_at
FROM fhirbus.notice n
CROSS JOIN LATERAL jsonb_to_record(n.details::jsonb) AS d (destination text, news text, attempt integer, "budgetUsed" integer,
                                                          success boolean, final boolean, "errorClass" text)
WHERE n.kind IN ('dataledger', 'dataledger-buried') AND n.details IS NOT NULL;
GRANT SELECT ON fhirbus.ledger_told TO fhirbus_submitter;

-- Too small for anybody to analyze them by themselves; unknown, they are taken for thousands of rows, and so is all
-- that is joined to them.
ANALYZE fhirbus.horizon, fhirbus.state;
