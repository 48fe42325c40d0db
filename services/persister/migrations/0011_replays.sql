-- Replays: what was asked, how far each is. A page at a time is published, then the place is moved: whoever
-- takes over after a crash repeats at most one page, under the same replay id.
CREATE TABLE fhirbus.replay (
    replay_id          uuid        PRIMARY KEY,
    asked_at           timestamptz NOT NULL DEFAULT now(),
    asked_by           text        NOT NULL,
    tenant             text,                 -- NULL: all
    from_at            timestamptz NOT NULL, -- received in [from_at, to_at)
    to_at              timestamptz NOT NULL,
    of_state           text,                 -- NULL: any
    ids                uuid[],               -- NULL: any
    go_to              text        NOT NULL CHECK (go_to IN ('validate', 'store', 'submit')),
    include_superseded boolean     NOT NULL,
    resubmit           boolean     NOT NULL,
    rate               integer     NOT NULL, -- documents per second; 0: as fast as they go
    state              text        NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'cancelled')),
    total              bigint      NOT NULL DEFAULT 0,
    published          bigint      NOT NULL DEFAULT 0,
    superseded         bigint      NOT NULL DEFAULT 0, -- left out: a newer version is there
    accepted           bigint      NOT NULL DEFAULT 0, -- left out: the lake has it
    purged             bigint      NOT NULL DEFAULT 0, -- left out: its bytes are gone
    at_received        timestamptz NOT NULL DEFAULT '-infinity',
    at_id              uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    at_tenant          text        NOT NULL DEFAULT '',
    worker             text,
    beat_at            timestamptz,
    CHECK (from_at < to_at)
);
ALTER TABLE fhirbus.replay ENABLE ROW LEVEL SECURITY;
CREATE POLICY services ON fhirbus.replay TO fhirbus_ingest, fhirbus_reader USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON fhirbus.replay TO fhirbus_ingest;
GRANT SELECT ON fhirbus.replay TO fhirbus_reader;

CREATE INDEX message_by_replay ON fhirbus.message (received_at, interaction_id, tenant);
CREATE INDEX message_by_ordering_key ON fhirbus.message (ordering_key, received_at) WHERE ordering_key IS NOT NULL;

-- What a replay is about, in the order in which it was received. Superseded: the same sender's newer version of
-- the document; not for HL7 v2, where the ordering key is the sender.
CREATE VIEW fhirbus.replay_item WITH (security_invoker = true) AS
SELECT p.replay_id, m.received_at, m.interaction_id, m.tenant, m.sha256, m.payload, m.payload_bytes, m.content_type,
       m.route, m.uri, m.caller, m.correlation_id, m.parent_interaction_id, m.child_index, m.group_interaction_id,
       m.master_interaction_id, m.source_type, m.client_ip_address, m.user_agent, m.elaboration, m.provenance,
       m.traceparent, m.ordering_key,
       NOT p.include_superseded AND coalesce(m.source_type, 'FHIR') = 'FHIR' AND EXISTS (
           SELECT FROM fhirbus.message n
           WHERE n.ordering_key = m.ordering_key AND n.tenant = m.tenant AND n.received_at > m.received_at
             AND n.route = m.route) AS superseded,
       p.go_to = 'submit' AND NOT p.resubmit AND i.state = 'COMPLETE' AS accepted
FROM fhirbus.replay p
JOIN fhirbus.message m ON m.received_at >= p.from_at AND m.received_at < p.to_at
 AND m.received_at >= p.at_received AND (m.received_at, m.interaction_id, m.tenant) > (p.at_received, p.at_id, p.at_tenant)
 AND (p.tenant IS NULL OR m.tenant = p.tenant) AND (p.ids IS NULL OR m.interaction_id = ANY (p.ids))
LEFT JOIN LATERAL (SELECT j.state FROM fhirbus.interaction j
                   WHERE j.interaction_id = m.interaction_id AND j.tenant_id = m.tenant AND j.received_at = m.received_at
                   LIMIT 1) i ON true
WHERE p.of_state IS NULL OR i.state = p.of_state;
GRANT SELECT ON fhirbus.replay_item TO fhirbus_ingest, fhirbus_reader;

-- What a replay's verdicts say beside the ones before: a row per document that was judged again.
CREATE VIEW fhirbus.replay_difference WITH (security_invoker = true) AS
SELECT w.replay_id, w.tenant, w.interaction_id, w.sha256,
       o.valid AS valid_before, w.valid AS valid_after, o.action AS action_before, w.action AS action_after,
       (SELECT count(*) FROM (
            SELECT severity, message_id, location FROM fhirbus.diagnostic d
            WHERE d.interaction_id = w.interaction_id AND d.tenant = w.tenant AND d.received_at = w.received_at
              AND d.sha256 = w.sha256 AND d.replay_id = w.replay_id AND d.attempt = w.attempt
            EXCEPT ALL
            SELECT severity, message_id, location FROM fhirbus.diagnostic d
            WHERE d.interaction_id = o.interaction_id AND d.tenant = o.tenant AND d.received_at = o.received_at
              AND d.sha256 = o.sha256 AND d.replay_id = o.replay_id AND d.attempt = o.attempt) a) AS issues_added,
       (SELECT count(*) FROM (
            SELECT severity, message_id, location FROM fhirbus.diagnostic d
            WHERE d.interaction_id = o.interaction_id AND d.tenant = o.tenant AND d.received_at = o.received_at
              AND d.sha256 = o.sha256 AND d.replay_id = o.replay_id AND d.attempt = o.attempt
            EXCEPT ALL
            SELECT severity, message_id, location FROM fhirbus.diagnostic d
            WHERE d.interaction_id = w.interaction_id AND d.tenant = w.tenant AND d.received_at = w.received_at
              AND d.sha256 = w.sha256 AND d.replay_id = w.replay_id AND d.attempt = w.attempt) b) AS issues_gone
FROM fhirbus.verdict w
JOIN LATERAL (SELECT * FROM fhirbus.verdict v
              WHERE v.interaction_id = w.interaction_id AND v.tenant = w.tenant AND v.received_at = w.received_at
                AND v.sha256 = w.sha256 AND v.replay_id < w.replay_id
              ORDER BY v.replay_id DESC, v.attempt DESC LIMIT 1) o ON true;
GRANT SELECT ON fhirbus.replay_difference TO fhirbus_ingest, fhirbus_reader;
CREATE INDEX verdict_by_replay ON fhirbus.verdict (replay_id)
    WHERE replay_id <> '00000000-0000-0000-0000-000000000000';
