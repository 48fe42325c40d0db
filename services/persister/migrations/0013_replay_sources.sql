-- Replays from topics and dead letters, with the headers that documents came with; replays that only judge.

-- As a document came: where its record stood, and what steers judging and sending (a JSON object of texts, NULL
-- when there is nothing of it). Rows from before have neither.
ALTER TABLE fhirbus.message ADD COLUMN headers text, ADD COLUMN topic text, ADD COLUMN partition integer, ADD COLUMN topic_offset bigint;

-- What a replay to `validate` found: its own record, beside the verdicts, which stay as they are.
CREATE TABLE fhirbus.replay_verdict (
    received_at     timestamptz NOT NULL,
    tenant          text        NOT NULL,
    interaction_id  uuid        NOT NULL,
    sha256          bytea       NOT NULL,
    replay_id       uuid        NOT NULL,
    failure         text,                 -- it could not be judged, and is on dlq; then all below is NULL
    valid           boolean,
    action          text,
    disposition     text,
    precheck_code   text,
    errors          integer,
    warnings        integer,
    information     integer,
    issues_left_out integer,
    ig_name         text,
    ig_version      text,
    profile_url     text,
    engine_version  text,
    rules_version   text,
    judged_at       timestamptz,
    severities      text[],               -- these eight: one element per issue
    codes           text[],
    message_ids     text[],
    locations       text[],
    expressions     text[],
    diagnostics     text[],
    lines           integer[],
    cols            integer[],
    stored_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (replay_id, interaction_id, tenant, sha256, received_at)
) PARTITION BY RANGE (received_at);
CREATE INDEX replay_verdict_by_age ON fhirbus.replay_verdict USING brin (received_at);
CREATE TABLE fhirbus.replay_verdict_default PARTITION OF fhirbus.replay_verdict DEFAULT;
SELECT fhirbus.make_months(3);
ALTER TABLE fhirbus.replay_verdict ENABLE ROW LEVEL SECURITY;
CREATE POLICY services ON fhirbus.replay_verdict TO fhirbus_persister, fhirbus_ingest, fhirbus_reader USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON fhirbus.replay_verdict TO fhirbus_persister;
GRANT SELECT ON fhirbus.replay_verdict TO fhirbus_ingest, fhirbus_reader;

-- Where a replay reads: `ranges` are what is left of the topic, "PARTITION:FROM-END,..." with END excluded; the gap
-- is what was past retention when it was come to, and is taken from the store.
ALTER TABLE fhirbus.replay
    ADD COLUMN source         text   NOT NULL DEFAULT 'store' CHECK (source IN ('store', 'topic', 'dlq')),
    ADD COLUMN topic          text,
    ADD COLUMN ranges         text,
    ADD COLUMN gap_partitions integer[],
    ADD COLUMN gap_from       bigint[],
    ADD COLUMN gap_end        bigint[],
    ADD COLUMN gap_left       bigint NOT NULL DEFAULT 0,
    ADD COLUMN at_sha256      bytea  NOT NULL DEFAULT '',
    ADD COLUMN skipped        bigint NOT NULL DEFAULT 0, -- records that are not selected, repeats, or no documents
    ADD COLUMN unreadable     bigint NOT NULL DEFAULT 0,
    ADD COLUMN from_store     bigint NOT NULL DEFAULT 0, -- of published: past the topic's retention
    ADD COLUMN redriven       bigint NOT NULL DEFAULT 0, -- of published: records of dlq that are no documents, back on their topic
    ADD COLUMN past           bigint NOT NULL DEFAULT 0; -- records of the topic that were past retention
GRANT DELETE ON fhirbus.replay TO fhirbus_ingest; -- a dry run's, before its transaction ends

-- As in 0011; one interaction may have several payloads, and a state is only asked for where it matters.
CREATE OR REPLACE VIEW fhirbus.replay_item WITH (security_invoker = true) AS
SELECT p.replay_id, m.received_at, m.interaction_id, m.tenant, m.sha256, m.payload, m.payload_bytes, m.content_type,
       m.route, m.uri, m.caller, m.correlation_id, m.parent_interaction_id, m.child_index, m.group_interaction_id,
       m.master_interaction_id, m.source_type, m.client_ip_address, m.user_agent, m.elaboration, m.provenance,
       m.traceparent, m.ordering_key,
       NOT p.include_superseded AND coalesce(m.source_type, 'FHIR') = 'FHIR' AND EXISTS (
           SELECT FROM fhirbus.message n
           WHERE n.ordering_key = m.ordering_key AND n.tenant = m.tenant AND n.received_at > m.received_at
             AND n.route = m.route) AS superseded,
       CASE WHEN p.go_to = 'submit' AND NOT p.resubmit THEN coalesce((
           SELECT j.state = 'COMPLETE' FROM fhirbus.interaction j
           WHERE j.interaction_id = m.interaction_id AND j.tenant_id = m.tenant AND j.received_at = m.received_at
           LIMIT 1), false) ELSE false END AS accepted,
       m.headers, m.topic, m.partition, m.topic_offset
FROM fhirbus.replay p
JOIN fhirbus.message m ON m.received_at >= p.from_at AND m.received_at < p.to_at
 AND m.received_at >= p.at_received
 AND (m.received_at, m.interaction_id, m.tenant, m.sha256) > (p.at_received, p.at_id, p.at_tenant, p.at_sha256)
 AND (p.tenant IS NULL OR m.tenant = p.tenant) AND (p.ids IS NULL OR m.interaction_id = ANY (p.ids))
 AND (p.source = 'store' OR m.topic = p.topic AND EXISTS (
      SELECT FROM unnest(p.gap_partitions, p.gap_from, p.gap_end) AS g (partition, first, after_last)
      WHERE g.partition = m.partition AND m.topic_offset >= g.first AND m.topic_offset < g.after_last))
WHERE p.of_state IS NULL OR p.of_state = (
      SELECT j.state FROM fhirbus.interaction j
      WHERE j.interaction_id = m.interaction_id AND j.tenant_id = m.tenant AND j.received_at = m.received_at LIMIT 1);

-- What replays said, one row per document, and the verdict that stood before.
CREATE VIEW fhirbus.replay_judgement WITH (security_invoker = true) AS
SELECT w.replay_id, w.tenant, w.interaction_id, w.sha256, w.received_at, w.failure, w.valid AS valid_after,
       w.action AS action_after, o.valid AS valid_before, o.action AS action_before,
       o.replay_id AS before_replay_id, o.attempt AS before_attempt, NULL::integer AS attempt
FROM fhirbus.replay_verdict w
LEFT JOIN LATERAL (SELECT * FROM fhirbus.verdict v
              WHERE v.interaction_id = w.interaction_id AND v.tenant = w.tenant AND v.received_at = w.received_at
                AND v.sha256 = w.sha256 AND v.replay_id < w.replay_id
              ORDER BY v.replay_id DESC, v.attempt DESC LIMIT 1) o ON true
UNION ALL
SELECT w.replay_id, w.tenant, w.interaction_id, w.sha256, w.received_at, NULL, w.valid,
       w.action, o.valid, o.action, o.replay_id, o.attempt, w.attempt
FROM fhirbus.verdict w
LEFT JOIN LATERAL (SELECT * FROM fhirbus.verdict v
              WHERE v.interaction_id = w.interaction_id AND v.tenant = w.tenant AND v.received_at = w.received_at
                AND v.sha256 = w.sha256 AND v.replay_id < w.replay_id
              ORDER BY v.replay_id DESC, v.attempt DESC LIMIT 1) o ON true
WHERE w.replay_id <> '00000000-0000-0000-0000-000000000000';

-- The issues of either side: what 'before' has more of is gone, what 'after' has more of was added.
CREATE VIEW fhirbus.replay_issue WITH (security_invoker = true) AS
SELECT j.replay_id, j.tenant, j.interaction_id, j.sha256, d.before, d.severity, d.message_id, d.location, d.diagnostics
FROM fhirbus.replay_judgement j
CROSS JOIN LATERAL (
    SELECT true AS before, d.severity, d.message_id, d.location, d.diagnostics FROM fhirbus.diagnostic d
    WHERE d.interaction_id = j.interaction_id AND d.tenant = j.tenant AND d.received_at = j.received_at
      AND d.sha256 = j.sha256 AND d.replay_id = j.before_replay_id AND d.attempt = j.before_attempt
    UNION ALL
    SELECT false, d.severity, d.message_id, d.location, d.diagnostics FROM fhirbus.diagnostic d
    WHERE d.interaction_id = j.interaction_id AND d.tenant = j.tenant AND d.received_at = j.received_at
      AND d.sha256 = j.sha256 AND d.replay_id = j.replay_id AND d.attempt = j.attempt
    UNION ALL
    SELECT false, n.severity, n.message_id, n.location, n.diagnostics
    FROM fhirbus.replay_verdict w, unnest(w.severities, w.message_ids, w.locations, w.diagnostics)
         AS n (severity, message_id, location, diagnostics)
    WHERE j.attempt IS NULL AND w.replay_id = j.replay_id AND w.interaction_id = j.interaction_id AND w.tenant = j.tenant
      AND w.sha256 = j.sha256 AND w.received_at = j.received_at) d;
GRANT SELECT ON fhirbus.replay_judgement, fhirbus.replay_issue TO fhirbus_ingest, fhirbus_reader;
