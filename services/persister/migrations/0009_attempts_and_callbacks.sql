-- More of each attempt, and what a destination says later (POST /lake/callback/{id}).

ALTER TABLE fhirbus.delivery ADD COLUMN response_headers text; -- a JSON object: those of interest

-- A destination's later answer. It names a document by interaction id and destination; whose it is, is
-- found by the delivery on record, which may come after it: until then it is not settled. One that fits
-- the documents of several tenants, or several payloads, stays unsettled.
CREATE TABLE fhirbus.callback (
    interaction_id uuid        NOT NULL,
    event_id       uuid        NOT NULL,
    destination    text        NOT NULL,
    tenant         text,                 -- as the destination said, or as found; NULL: not known yet
    success        boolean     NOT NULL,
    reason         text,
    content_type   text,
    body           bytea,                -- zstd; NULL after purge
    body_bytes     bigint,
    happened_at    timestamptz NOT NULL,
    settled        boolean     NOT NULL DEFAULT false,
    stored_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (interaction_id, event_id)
);
ALTER TABLE fhirbus.callback ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX callback_open ON fhirbus.callback (happened_at) WHERE NOT settled;
CREATE INDEX callback_by_age ON fhirbus.callback USING brin (happened_at);

ALTER TABLE fhirbus.callback ENABLE ROW LEVEL SECURITY;
CREATE POLICY services ON fhirbus.callback TO fhirbus_persister, fhirbus_ingest, fhirbus_submitter, fhirbus_reader
    USING (true) WITH CHECK (true);
CREATE POLICY tenants ON fhirbus.callback FOR SELECT TO fhirbus_tenant
    USING (settled AND tenant = ANY (ARRAY(SELECT fhirbus.my_tenants())));
GRANT SELECT ON fhirbus.callback TO fhirbus_persister, fhirbus_ingest, fhirbus_reader, fhirbus_tenant;

-- Gives open callbacks their documents: all of them, or those of one interaction.
CREATE FUNCTION fhirbus.settle_callbacks(of_interaction uuid DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    touched bigint;
BEGIN
    WITH found AS (
        SELECT DISTINCT ON (c.interaction_id, c.event_id, d.tenant, d.sha256)
               c.interaction_id, c.event_id, c.success, c.reason, c.happened_at,
               d.received_at, d.tenant, d.sha256, d.destination, d.replay_id, d.attempt,
               CASE WHEN d.success THEN 'COMPLETE' WHEN d.final THEN 'FAIL' ELSE 'FORWARD' END AS from_state
        FROM fhirbus.callback c
        JOIN fhirbus.delivery d ON d.interaction_id = c.interaction_id AND d.destination = c.destination
                               AND (c.tenant IS NULL OR d.tenant = c.tenant)
        WHERE NOT c.settled AND (of_interaction IS NULL OR c.interaction_id = of_interaction)
        ORDER BY c.interaction_id, c.event_id, d.tenant, d.sha256, d.success DESC, d.replay_id DESC, d.attempt DESC
    ), single AS (
        SELECT f.* FROM found f
        WHERE (SELECT count(*) FROM found o WHERE o.interaction_id = f.interaction_id AND o.event_id = f.event_id) = 1
    ), told AS (
        INSERT INTO fhirbus.event (received_at, tenant, interaction_id, sha256, step, destination, replay_id, attempt,
                                   nature, from_state, to_state, reason, service, happened_at)
        SELECT s.received_at, s.tenant, s.interaction_id, s.sha256, 'called-back:' || s.event_id, s.destination,
               s.replay_id, s.attempt, 'Lake Callback', s.from_state, CASE WHEN s.success THEN 'COMPLETE' ELSE 'FAIL' END,
               s.reason, 'ingest', s.happened_at
        FROM single s ON CONFLICT DO NOTHING
    )
    UPDATE fhirbus.callback c SET settled = true, tenant = s.tenant
    FROM single s WHERE c.interaction_id = s.interaction_id AND c.event_id = s.event_id;
    GET DIAGNOSTICS touched = ROW_COUNT;
    RETURN touched;
END
$$;

-- What the persister calls for each that comes; 0: it was there, or is not settled yet.
CREATE FUNCTION fhirbus.take_callback(of_interaction uuid, of_event uuid, of_destination text, of_tenant text,
                                      was_success boolean, said text, of_type text, bytes bytea, bytes_len bigint,
                                      at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO fhirbus.callback (interaction_id, event_id, destination, tenant, success, reason, content_type, body,
                                  body_bytes, happened_at)
    SELECT of_interaction, of_event, of_destination, nullif(of_tenant, ''), was_success, said, of_type, bytes, bytes_len, at
    FROM fhirbus.horizon WHERE at >= received_before
    ON CONFLICT DO NOTHING;
    RETURN fhirbus.settle_callbacks(of_interaction);
END
$$;

-- Part of the upkeep: settles what came before its delivery was on record; forgets what is old.
CREATE FUNCTION fhirbus.keep_callbacks() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    DELETE FROM fhirbus.callback WHERE happened_at < (SELECT received_before FROM fhirbus.horizon);
    UPDATE fhirbus.callback SET body = NULL
    WHERE body IS NOT NULL AND happened_at < now() - fhirbus.retention_days(coalesce(tenant, ''), true) * interval '1 day';
    RETURN fhirbus.settle_callbacks();
END
$$;
REVOKE ALL ON FUNCTION fhirbus.settle_callbacks(uuid), fhirbus.keep_callbacks(),
    fhirbus.take_callback(uuid, uuid, text, text, boolean, text, text, bytea, bigint, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus.keep_callbacks(),
    fhirbus.take_callback(uuid, uuid, text, text, boolean, text, text, bytea, bigint, timestamptz) TO fhirbus_persister;

-- As in 0005; and a destination's later answer counts more than what it said at once: the newest one of
-- the latest replay.
CREATE OR REPLACE VIEW fhirbus.thread_state WITH (security_invoker = true) AS
SELECT DISTINCT ON (e.tenant, e.interaction_id, e.sha256, e.destination)
       e.tenant, e.interaction_id, e.sha256, e.destination, e.received_at,
       e.to_state AS state, e.reason, e.happened_at, e.replay_id, e.attempt
FROM fhirbus.event e JOIN fhirbus.state s ON s.name = e.to_state
ORDER BY e.tenant, e.interaction_id, e.sha256, e.destination,
         (e.to_state = 'COMPLETE' OR e.step LIKE 'called-back:%') DESC, e.replay_id DESC, (e.step LIKE 'called-back:%') DESC,
         CASE WHEN e.step LIKE 'called-back:%' THEN e.happened_at END DESC, e.attempt DESC, s.rank DESC, e.step;

-- As in 0005, with the answer that came later, and more of each attempt.
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
WHERE e.nature IS NOT NULL;

-- As in 0005; what the destination took back later it has not accepted.
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
       d.final, d.attempt, d.replay_id, d.finished_at
FROM fhirbus.delivery d;
GRANT SELECT ON fhirbus.event TO fhirbus_submitter;
