-- What the rest of the world reads. Views run with the reader's rights (security_invoker), so that
-- row-level security (0006) holds through them.

-- How far a state is along one try. Numbers leave room.
CREATE TABLE fhirbus.state (
    name text    PRIMARY KEY,
    rank integer NOT NULL
);
INSERT INTO fhirbus.state (name, rank) VALUES
    ('NONE', 0),
    ('ACCEPT_FHIR_BUNDLE', 10), ('HL7_ACCEPT', 10), ('CSV_ACCEPT', 10), ('CCDA_ACCEPT', 10),
    ('VALIDATION_SUCCESS', 20), ('VALIDATION_FAILED', 20),
    ('CONVERTED_TO_FHIR', 30), ('FHIR_CONVERSION_FAILED', 30),
    ('DISPOSITION', 40), ('FORWARD', 50), ('FAIL', 60), ('COMPLETE', 70);

-- The state of each thread of an interaction: one thread per payload and destination, and one (with
-- destination '') up to the disposition. Which event came first does not matter: a later replay
-- counts more than an earlier one, a later attempt more than an earlier one, within an attempt the
-- rank decides; and what a destination has accepted stays accepted.
CREATE VIEW fhirbus.thread_state WITH (security_invoker = true) AS
SELECT DISTINCT ON (e.tenant, e.interaction_id, e.sha256, e.destination)
       e.tenant, e.interaction_id, e.sha256, e.destination, e.received_at,
       e.to_state AS state, e.reason, e.happened_at, e.replay_id, e.attempt
FROM fhirbus.event e JOIN fhirbus.state s ON s.name = e.to_state
ORDER BY e.tenant, e.interaction_id, e.sha256, e.destination,
         (e.to_state = 'COMPLETE') DESC, e.replay_id DESC, e.attempt DESC, s.rank DESC, e.step;

-- The state of an interaction. Where there are destinations they decide: one failure is a failure,
-- else one still under way is under way, else complete. Without destinations the
-- disposition is the end. 'expired': its month is gone; 'received': claimed, not stored yet.
CREATE VIEW fhirbus.interaction_state WITH (security_invoker = true) AS
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
            WHEN t.sent THEN 'FORWARD'
            ELSE t.before_sending END AS state,
       t.happened_at
FROM fhirbus.registry r CROSS JOIN fhirbus.horizon h
LEFT JOIN threads t ON t.tenant = r.tenant AND t.interaction_id = r.interaction_id;

-- What $status answers with: a row per nature and state, named as TechBD's view names them. What is
-- stored compressed comes as payload_zstd (NULL: none, or purged). Where only the claim is known, one
-- row says RECEIVED.
CREATE VIEW fhirbus.interaction_http_request WITH (security_invoker = true) AS
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
                   ELSE d.response_content_type END AS content_type,
       CASE e.step WHEN 'accepted' THEN m.payload
                   WHEN 'disposed' THEN v.outcome
                   ELSE d.response END AS payload_zstd,
       CASE e.step WHEN 'accepted' THEN m.payload_bytes
                   WHEN 'disposed' THEN v.outcome_bytes
                   ELSE d.response_bytes END AS payload_bytes,
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
       e.received_at
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
WHERE e.nature IS NOT NULL;

-- What the lake-submitter asks before it sends anything again.
CREATE VIEW fhirbus.delivered WITH (security_invoker = true) AS
SELECT tenant, interaction_id, sha256, destination, idempotency_key, success, final, attempt, replay_id, finished_at
FROM fhirbus.delivery;
