-- Asking: one row per interaction, fast by time, bundle and patient.

-- As in 0009; received_at is the interaction's own, so naming it here changes nothing, and lets a question
-- about one interaction look into one month only.
CREATE OR REPLACE VIEW fhirbus.thread_state WITH (security_invoker = true) AS
SELECT DISTINCT ON (e.tenant, e.interaction_id, e.received_at, e.sha256, e.destination)
       e.tenant, e.interaction_id, e.sha256, e.destination, e.received_at,
       e.to_state AS state, e.reason, e.happened_at, e.replay_id, e.attempt
FROM fhirbus.event e JOIN fhirbus.state s ON s.name = e.to_state
ORDER BY e.tenant, e.interaction_id, e.received_at, e.sha256, e.destination,
         (e.to_state = 'COMPLETE' OR e.step LIKE 'called-back:%') DESC, e.replay_id DESC, (e.step LIKE 'called-back:%') DESC,
         CASE WHEN e.step LIKE 'called-back:%' THEN e.happened_at END DESC, e.attempt DESC, s.rank DESC, e.step;

-- An interaction as lists show it: what was sent (the first copy), what the latest verdict says, how far it
-- is. The aggregates keep each part a question about one interaction, asked only for rows that a page holds.
CREATE VIEW fhirbus.interaction WITH (security_invoker = true) AS
SELECT r.interaction_id,
       r.tenant AS tenant_id,
       r.received_at,
       CASE WHEN t.before_sending IS NULL AND NOT coalesce(t.sent, false) THEN
                CASE WHEN r.received_at < h.received_before THEN 'expired' ELSE 'received' END
            WHEN t.sent AND t.some_failed THEN 'FAIL'
            WHEN t.sent AND t.all_complete THEN 'COMPLETE'
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
GRANT SELECT ON fhirbus.interaction TO fhirbus_persister, fhirbus_ingest, fhirbus_reader, fhirbus_tenant;

-- Pages go backwards through these.
CREATE INDEX registry_by_page ON fhirbus.registry (received_at, interaction_id, tenant);
CREATE INDEX registry_by_tenant_page ON fhirbus.registry (tenant, received_at, interaction_id);
DROP INDEX fhirbus.registry_by_time; -- registry_by_page begins with the same column

-- A verdict has these facts only of what was no FHIR bundle when it came.
CREATE INDEX message_by_patient ON fhirbus.message (patient_id) WHERE patient_id IS NOT NULL;
CREATE INDEX message_by_mrn ON fhirbus.message (patient_mrn) WHERE patient_mrn IS NOT NULL;
CREATE INDEX message_by_cin ON fhirbus.message (medicaid_cin) WHERE medicaid_cin IS NOT NULL;
CREATE INDEX verdict_by_bundle ON fhirbus.verdict (bundle_id) WHERE bundle_id IS NOT NULL;
CREATE INDEX verdict_by_patient ON fhirbus.verdict (patient_id) WHERE patient_id IS NOT NULL;
CREATE INDEX verdict_by_mrn ON fhirbus.verdict (patient_mrn) WHERE patient_mrn IS NOT NULL;
CREATE INDEX verdict_by_cin ON fhirbus.verdict (medicaid_cin) WHERE medicaid_cin IS NOT NULL;

-- Failures by the time at which they happened: few rows.
CREATE INDEX event_by_failure ON fhirbus.event (happened_at) WHERE to_state = 'FAIL';
