-- Who asked for a replay, where it was asked for over HTTP: `asked_by` is "ingest:" and the caller, so that ingest
-- knows what it works off.
CREATE FUNCTION fhirbus.asker(asked_by text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT regexp_replace(asked_by, '^ingest:(account:)?', '');
$$;
REVOKE ALL ON FUNCTION fhirbus.asker(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus.asker(text) TO fhirbus_ingest;

-- As in 0020.
-- One interaction: all that is known of it, but what is compressed. `of_replay`: whose verdict's issues; NULL: the
-- latest's.
CREATE OR REPLACE FUNCTION fhirbus.story(of_id uuid, of_tenant text, of_time timestamptz, of_replay uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH zero (id) AS (VALUES ('00000000-0000-0000-0000-000000000000'::uuid)
    ), v AS MATERIALIZED (
        SELECT w.*, row_number() OVER (ORDER BY (w.replay_id IS NOT DISTINCT FROM of_replay) DESC, w.replay_id DESC, w.attempt DESC, w.sha256) = 1
                    AS shown
        FROM fhirbus.verdict w WHERE w.interaction_id = of_id AND w.tenant = of_tenant AND w.received_at = of_time
    ), m AS MATERIALIZED (
        SELECT * FROM fhirbus.message n WHERE n.interaction_id = of_id AND n.tenant = of_tenant AND n.received_at = of_time
        ORDER BY n.sent_at, n.sha256 LIMIT 1
    ), e AS (
        SELECT x.*, lag(x.happened_at) OVER (ORDER BY x.happened_at, x.step) AS before FROM fhirbus.event x
        WHERE x.interaction_id = of_id AND x.tenant = of_tenant AND x.received_at = of_time
    )
    SELECT json_build_object(
        'more', (SELECT json_build_object('caller', nullif(m.caller, ''), 'route', m.route, 'content_type', m.content_type,
                    'client_ip_address', nullif(m.client_ip_address, ''), 'user_agent', nullif(m.user_agent, ''),
                    'parent_interaction_id', m.parent_interaction_id, 'payload_available', m.payload IS NOT NULL,
                    'bundle_available', EXISTS (SELECT FROM v WHERE v.bundle IS NOT NULL), 'elaboration', m.elaboration,
                    'provenance', m.provenance, 'headers', m.headers, 'traceparent', m.traceparent,
                    'topic', m.topic, 'partition', m.partition, 'offset', m.topic_offset) FROM m),
        'events', (SELECT coalesce(json_agg(json_build_object('at', fhirbus.iso(e.happened_at), 'step', e.step, 'nature', e.nature,
                    'from_state', e.from_state, 'to_state', e.to_state, 'reason', nullif(e.reason, ''), 'service', e.service,
                    'destination', nullif(e.destination, ''), 'replay_id', nullif(e.replay_id, zero.id), 'attempt', e.attempt,
                    'since_received_ms', round(extract(epoch FROM e.happened_at - of_time) * 1000, 1),
                    'since_previous_ms', round(extract(epoch FROM e.happened_at - coalesce(e.before, of_time)) * 1000, 1))
                    ORDER BY e.happened_at, e.step), '[]') FROM e),
        'verdicts', (SELECT coalesce(json_agg(json_build_object('replay_id', nullif(v.replay_id, zero.id), 'attempt', v.attempt, 'valid', v.valid,
                    'action', v.action, 'disposition', nullif(v.disposition, '')::json,
                    'precheck_code', v.precheck_code, 'precheck_message', v.precheck_message, 'errors', v.errors, 'warnings', v.warnings,
                    'information', v.information, 'issues_left_out', v.issues_left_out, 'ig_name', v.ig_name, 'ig_version', v.ig_version,
                    'profile_url', v.profile_url, 'engine', concat_ws(' ', v.engine_name, v.engine_version),
                    'started_at', fhirbus.iso(v.validation_initiated_at), 'finished_at', fhirbus.iso(v.validation_completed_at),
                    'took_ms', round(extract(epoch FROM v.validation_completed_at - v.validation_initiated_at) * 1000, 1),
                    'rules_version', v.rules_version, 'engine_errors', v.engine_errors, 'engine_warnings', v.engine_warnings,
                    'engine_information', v.engine_information, 'rules_changed', v.engine_outcome_bytes IS NOT NULL, 'shown', v.shown)
                    ORDER BY v.replay_id, v.attempt), '[]') FROM v),
        'issues', (SELECT coalesce(json_agg(json_build_object('ordinal', d.ordinal, 'severity', d.severity, 'code', d.code,
                    'message_id', nullif(d.message_id, ''), 'location', d.location, 'expression', d.expression, 'diagnostics', d.diagnostics,
                    'line', d.line, 'col', d.col) ORDER BY d.ordinal), '[]')
                   FROM v JOIN fhirbus.diagnostic d ON d.interaction_id = of_id AND d.tenant = of_tenant AND d.received_at = of_time
                    AND d.sha256 = v.sha256 AND d.replay_id = v.replay_id AND d.attempt = v.attempt WHERE v.shown),
        'rule_changes', (SELECT coalesce(json_agg(json_build_object('ordinal', c.ordinal, 'rule', c.rule, 'what', c.what, 'issue', c.issue,
                    'before', c.before, 'after', c.after) ORDER BY c.ordinal), '[]')
                   FROM v JOIN fhirbus.rule_change c ON c.interaction_id = of_id AND c.tenant = of_tenant AND c.received_at = of_time
                    AND c.sha256 = v.sha256 AND c.replay_id = v.replay_id AND c.attempt = v.attempt WHERE v.shown),
        'replays', (SELECT coalesce(json_agg(json_build_object('replay_id', j.replay_id, 'asked_at', fhirbus.iso(r.asked_at), 'asked_by', fhirbus.asker(r.asked_by),
                    'to', r.go_to, 'failure', j.failure, 'valid_before', j.valid_before, 'valid_after', j.valid_after,
                    'action_before', j.action_before, 'action_after', j.action_after,
                    'issues_added', (SELECT coalesce(json_agg(i), '[]') FROM (
                        SELECT severity, message_id, location, diagnostics FROM fhirbus.replay_issue i
                        WHERE i.replay_id = j.replay_id AND i.interaction_id = of_id AND i.tenant = of_tenant AND i.sha256 = j.sha256 AND NOT i.before
                        EXCEPT ALL
                        SELECT severity, message_id, location, diagnostics FROM fhirbus.replay_issue i
                        WHERE i.replay_id = j.replay_id AND i.interaction_id = of_id AND i.tenant = of_tenant AND i.sha256 = j.sha256 AND i.before
                        LIMIT 500) i),
                    'issues_gone', (SELECT coalesce(json_agg(i), '[]') FROM (
                        SELECT severity, message_id, location, diagnostics FROM fhirbus.replay_issue i
                        WHERE i.replay_id = j.replay_id AND i.interaction_id = of_id AND i.tenant = of_tenant AND i.sha256 = j.sha256 AND i.before
                        EXCEPT ALL
                        SELECT severity, message_id, location, diagnostics FROM fhirbus.replay_issue i
                        WHERE i.replay_id = j.replay_id AND i.interaction_id = of_id AND i.tenant = of_tenant AND i.sha256 = j.sha256 AND NOT i.before
                        LIMIT 500) i)) ORDER BY j.replay_id DESC), '[]')
                   FROM (SELECT * FROM fhirbus.replay_judgement k WHERE k.interaction_id = of_id AND k.tenant = of_tenant
                           AND k.received_at = of_time ORDER BY k.replay_id DESC LIMIT 20) j
                   LEFT JOIN fhirbus.replay r ON r.replay_id = j.replay_id))::text
    FROM zero;
$$;
