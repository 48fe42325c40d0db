-- A destination's later answer names a document by its Idempotency-Key, which is the interaction id and what tells
-- apart the documents that have the same: it settles that one alone. NULL: the id alone, as keys were before.
ALTER TABLE fhirbus.callback ADD COLUMN idempotency_key text;

-- As in 0009, and of the document of the key when there is one.
CREATE OR REPLACE FUNCTION fhirbus.settle_callbacks(of_interaction uuid DEFAULT NULL) RETURNS bigint
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
                               AND (c.idempotency_key IS NULL OR d.idempotency_key = c.idempotency_key)
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

-- As in 0009, with the key ('': none); a persister of before calls the other.
CREATE FUNCTION fhirbus.take_callback(of_interaction uuid, of_event uuid, of_destination text, of_tenant text,
                                      was_success boolean, said text, of_type text, bytes bytea, bytes_len bigint,
                                      at timestamptz, of_key text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO fhirbus.callback (interaction_id, event_id, destination, tenant, success, reason, content_type, body,
                                  body_bytes, happened_at, idempotency_key)
    SELECT of_interaction, of_event, of_destination, nullif(of_tenant, ''), was_success, said, of_type, bytes, bytes_len, at,
           nullif(of_key, '')
    FROM fhirbus.horizon WHERE at >= received_before
    ON CONFLICT DO NOTHING;
    RETURN fhirbus.settle_callbacks(of_interaction);
END
$$;
REVOKE ALL ON FUNCTION fhirbus.take_callback(uuid, uuid, text, text, boolean, text, text, bytea, bigint, timestamptz, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus.take_callback(uuid, uuid, text, text, boolean, text, text, bytea, bigint, timestamptz, text)
    TO fhirbus_persister;
