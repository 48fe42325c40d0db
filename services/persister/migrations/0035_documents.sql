-- How many documents have a message, a profile, a sender: each once, however many of its issues are of it. The sums of
-- issues say how many there are of each message in how many documents; added up over messages that was no number of
-- documents. What is counted here is what a search finds: the words 'm:', 's:' and 'p:' of grid_words, as these change.
SELECT pg_advisory_xact_lock(hashtextextended('fhirbus.refresh_grid', 0)); -- nothing changes meanwhile

CREATE TABLE fhirbus.grid_document (
    step   integer     NOT NULL, -- hours and days
    word   text        NOT NULL, -- word_key()
    tenant text        NOT NULL,
    at     timestamptz NOT NULL,
    n      bigint      NOT NULL,
    PRIMARY KEY (step, word, tenant, at)
) WITH (fillfactor = 70);
ALTER TABLE fhirbus.grid_document ENABLE ROW LEVEL SECURITY;
CREATE POLICY asked ON fhirbus.grid_document FOR SELECT TO fhirbus_ingest
    USING ('*' = ANY ((SELECT fhirbus.scope())::text[]) OR tenant = ANY ((SELECT fhirbus.scope())::text[]));
CREATE POLICY readers ON fhirbus.grid_document FOR SELECT TO fhirbus_reader USING (true);
CREATE POLICY tenants ON fhirbus.grid_document FOR SELECT TO fhirbus_tenant
    USING (tenant = ANY (ARRAY(SELECT fhirbus.my_tenants())));
GRANT SELECT ON fhirbus.grid_document TO fhirbus_ingest, fhirbus_reader, fhirbus_tenant;

-- What an index takes of a word.
CREATE FUNCTION fhirbus.word_key(word text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(word) <= 300 THEN word ELSE left(word, 2) || md5(word) END;
$$;
CREATE FUNCTION fhirbus.words_counted(words tsvector) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT fhirbus.word_key(w.word) FROM unnest(tsvector_to_array(words)) AS w (word) WHERE left(w.word, 2) IN ('m:', 's:', 'p:');
$$;
-- Whole steps. `tenants` NULL: of all.
CREATE FUNCTION fhirbus.documents_with(word text, step integer, tenants text[], from_at timestamptz, to_at timestamptz) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(sum(d.n), 0)::bigint FROM fhirbus.grid_document d
    WHERE d.step = documents_with.step AND d.word = fhirbus.word_key(documents_with.word) AND d.at >= from_at AND d.at < to_at
      AND (tenants IS NULL OR d.tenant = ANY (tenants));
$$;

-- As in 0020; but that what changes is counted, and that a document is found by each message that it has, not by those
-- of its first 500 issues.
CREATE OR REPLACE FUNCTION fhirbus.word_grid(fresh fhirbus.grid_fresh[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
    WITH made AS MATERIALIZED (
        SELECT w.interaction_id, w.tenant, w.received_at, o.words AS before, o.received_at AS before_at,
               fhirbus.words_of(d.texts) || array_to_tsvector(coalesce(d.ids, '{}') || ('s:' || w.sender) || ('p:' || w.profile_url)) AS words
        FROM unnest(fresh) w LEFT JOIN fhirbus.grid g USING (interaction_id, tenant)
        LEFT JOIN fhirbus.grid_words o USING (interaction_id, tenant)
        CROSS JOIN LATERAL (
            SELECT string_agg(DISTINCT concat_ws(' ', x.message_id, x.diagnostics, x.location), ' ') FILTER (WHERE x.place <= 500) AS texts,
                   array_agg(DISTINCT 'm:' || left(x.message_id, 200)) FILTER (WHERE x.message_id <> '') AS ids
            FROM (SELECT message_id, left(diagnostics, 500) AS diagnostics, left(location, 200) AS location,
                         row_number() OVER (ORDER BY y.ordinal) AS place FROM fhirbus.diagnostic y
                  WHERE y.interaction_id = w.interaction_id AND y.tenant = w.tenant AND y.received_at = w.received_at
                    AND y.sha256 = w.sha256 AND y.replay_id = w.verdict_of AND y.attempt = w.attempt) x) d
        WHERE g.interaction_id IS NULL OR g.verdict_of IS DISTINCT FROM w.verdict_of
    ), kept AS (
        INSERT INTO fhirbus.grid_words (interaction_id, tenant, received_at, words)
        SELECT interaction_id, tenant, received_at, words FROM made
        ON CONFLICT (interaction_id, tenant) DO UPDATE SET words = excluded.words
    ), moved AS (
        SELECT m.received_at AS at, m.tenant, c.word, 1 AS n FROM made m CROSS JOIN LATERAL fhirbus.words_counted(m.words) AS c (word)
        UNION ALL
        SELECT m.before_at, m.tenant, c.word, -1 FROM made m CROSS JOIN LATERAL fhirbus.words_counted(m.before) AS c (word)
        WHERE m.before IS NOT NULL
    )
    INSERT INTO fhirbus.grid_document (step, word, tenant, at, n)
    SELECT s.step, m.word, m.tenant, fhirbus.step_of(s.step, m.at), sum(m.n) FROM moved m CROSS JOIN (VALUES (3600), (86400)) AS s (step)
    GROUP BY 1, 2, 3, 4 HAVING sum(m.n) <> 0 ORDER BY 1, 2, 3, 4
    ON CONFLICT (step, word, tenant, at) DO UPDATE SET n = grid_document.n + excluded.n;
$$;

-- Of what is there: about a minute for a million documents.
INSERT INTO fhirbus.grid_document (step, word, tenant, at, n)
SELECT 3600, c.word, w.tenant, fhirbus.step_of(3600, w.received_at), count(*)
FROM fhirbus.grid_words w CROSS JOIN LATERAL fhirbus.words_counted(w.words) AS c (word) GROUP BY 2, 3, 4;
INSERT INTO fhirbus.grid_document (step, word, tenant, at, n)
SELECT 86400, d.word, d.tenant, fhirbus.step_of(86400, d.at), sum(d.n) FROM fhirbus.grid_document d GROUP BY 2, 3, 4;

-- As in 0020, with these.
CREATE OR REPLACE FUNCTION fhirbus.purge_grid(most integer, today timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    touched bigint;
    total   bigint := 0;
    who     text;
    until   timestamptz;
BEGIN
    FOR who IN SELECT DISTINCT tenant FROM fhirbus.facet LOOP
        until := greatest(today - fhirbus.retention_days(who, false) * interval '1 day',
                          (SELECT received_before FROM fhirbus.horizon));
        WITH gone AS (DELETE FROM fhirbus.grid WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM fhirbus.grid WHERE tenant = who AND received_at < until LIMIT most)) RETURNING interaction_id, tenant)
        DELETE FROM fhirbus.grid_words w USING gone WHERE w.interaction_id = gone.interaction_id AND w.tenant = gone.tenant;
        GET DIAGNOSTICS touched = ROW_COUNT;
        total := total + touched;
        DELETE FROM fhirbus.grid_latency WHERE tenant = who AND at < until - interval '1 day';
        DELETE FROM fhirbus.grid_issue WHERE tenant = who AND at < until - interval '1 day';
        DELETE FROM fhirbus.grid_document WHERE tenant = who AND at < until - interval '1 day';
        DELETE FROM fhirbus.grid_count c USING fhirbus.facet f
        WHERE f.facet_id = c.facet_id AND f.tenant = who AND c.at < until - interval '1 day';
    END LOOP;
    DELETE FROM fhirbus.grid_latency WHERE tenant = '*' AND at < (SELECT received_before FROM fhirbus.horizon) - interval '1 day';
    DELETE FROM fhirbus.grid_count WHERE step = 300 AND at < today - interval '3 days';
    DELETE FROM fhirbus.grid_latency WHERE step = 300 AND at < today - interval '3 days';
    RETURN total;
END
$$;

-- As in 0030 and 0032, but for the documents beside the issues.
CREATE OR REPLACE FUNCTION fhirbus.overview_whole(step integer, tenants text[], from_at timestamptz, to_at timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    each    interval := step * interval '1 second';
    -- Whole steps of five minutes: what is in those before has been there for 15 minutes at least.
    lately  timestamptz := fhirbus.step_of(300, now() - interval '15 minutes');
    by_day  integer := CASE WHEN to_at - from_at > interval '2 days' THEN 86400 ELSE 3600 END; -- of issues
    day_of  timestamptz := fhirbus.step_of(86400, from_at);
    -- The period before: whole days as such, where there are some.
    last_day  timestamptz := CASE WHEN to_at - from_at > interval '2 days' THEN fhirbus.step_of(86400, from_at) ELSE from_at END;
    first_day timestamptz := CASE WHEN to_at - from_at > interval '2 days'
                                  THEN fhirbus.step_of(86400, from_at - (to_at - from_at) + interval '1 day') ELSE from_at END;
    issues_from timestamptz := fhirbus.step_of(CASE WHEN to_at - from_at > interval '2 days' THEN 86400 ELSE 3600 END, from_at);
    issues_to   timestamptz := fhirbus.step_of(CASE WHEN to_at - from_at > interval '2 days' THEN 86400 ELSE 3600 END, to_at - interval '1 microsecond')
                               + CASE WHEN to_at - from_at > interval '2 days' THEN interval '1 day' ELSE interval '1 hour' END;
BEGIN
    RETURN (
    WITH f AS MATERIALIZED (
        SELECT g.facet_id, g.tenant, g.state, g.disposition, g.valid, g.disposition <> '' AS judged, g.disposition = 'accept' AS accepted,
               g.state IN ('FORWARD', 'FAIL', 'COMPLETE') AS sent,
               (g.valid = 1)::integer + 2 * (g.disposition = 'accept')::integer + 4 * (g.state = 'COMPLETE')::integer
                   + 8 * (g.state = 'FAIL')::integer AS kind,
               g.state IN ('FORWARD', 'received') OR (g.disposition = '' AND g.state <> 'expired') AS waits
        FROM fhirbus.facet g WHERE tenants IS NULL OR g.tenant = ANY (tenants)
    ), c AS MATERIALIZED ( -- a count is below 2^53
        SELECT g.at, g.facet_id, g.n::double precision AS n FROM fhirbus.grid_count g
        WHERE g.step = overview_whole.step AND g.at >= from_at AND g.at < to_at
    ), s AS MATERIALIZED ( -- of the period, and of one as long before it
        SELECT f.*, x.now_there, x.n, x.since FROM (
            SELECT c.facet_id, true AS now_there, sum(c.n) AS n, min(c.at) FILTER (WHERE c.n > 0) AS since FROM c GROUP BY 1
            UNION ALL
            SELECT g.facet_id, false, sum(g.n), NULL FROM (
                SELECT g.facet_id, g.n::double precision AS n FROM fhirbus.grid_count g
                WHERE g.step = overview_whole.step AND g.at >= from_at - (to_at - from_at) AND g.at < first_day
                UNION ALL
                SELECT g.facet_id, g.n FROM fhirbus.grid_count g WHERE g.step = 86400 AND g.at >= first_day AND g.at < last_day
                UNION ALL
                SELECT g.facet_id, g.n FROM fhirbus.grid_count g WHERE g.step = overview_whole.step AND g.at >= last_day AND g.at < from_at) g
            GROUP BY 1) x
        JOIN f ON f.facet_id = x.facet_id
    ), per_tenant AS MATERIALIZED (
        SELECT s.tenant, s.now_there, sum(n)::bigint AS received, coalesce(sum(n) FILTER (WHERE judged), 0)::bigint AS judged,
               coalesce(sum(n) FILTER (WHERE valid = 1), 0)::bigint AS valid, coalesce(sum(n) FILTER (WHERE accepted), 0)::bigint AS accepted,
               coalesce(sum(n) FILTER (WHERE sent), 0)::bigint AS sent, coalesce(sum(n) FILTER (WHERE state = 'COMPLETE'), 0)::bigint AS complete,
               coalesce(sum(n) FILTER (WHERE state = 'FAIL'), 0)::bigint AS failed,
               coalesce(sum(n) FILTER (WHERE disposition = 'reject'), 0)::bigint AS rejected,
               coalesce(sum(n) FILTER (WHERE disposition = 'discard'), 0)::bigint AS discarded,
               coalesce(sum(n) FILTER (WHERE state = 'FORWARD'), 0)::bigint AS under_way,
               coalesce(sum(n) FILTER (WHERE accepted AND NOT sent), 0)::bigint AS not_sent,
               coalesce(sum(n) FILTER (WHERE valid = 0), 0)::bigint AS invalid,
               coalesce(sum(n) FILTER (WHERE accepted AND valid = 0), 0)::bigint AS accepted_invalid,
               coalesce(sum(n) FILTER (WHERE disposition IN ('reject', 'discard') AND sent), 0)::bigint AS sent_otherwise,
               min(since) FILTER (WHERE state = 'FAIL') AS failed_since
        FROM s GROUP BY 1, 2
    ), mine AS (
        SELECT * FROM per_tenant WHERE now_there
    ), before AS (
        SELECT * FROM per_tenant WHERE NOT now_there
    ), t AS (
        SELECT coalesce(sum(received), 0)::bigint AS received, coalesce(sum(judged), 0)::bigint AS judged, coalesce(sum(valid), 0)::bigint AS valid,
               coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(sent), 0)::bigint AS sent, coalesce(sum(complete), 0)::bigint AS complete,
               coalesce(sum(failed), 0)::bigint AS failed, coalesce(sum(rejected), 0)::bigint AS rejected,
               coalesce(sum(discarded), 0)::bigint AS discarded, coalesce(sum(under_way), 0)::bigint AS under_way,
               coalesce(sum(not_sent), 0)::bigint AS not_sent, coalesce(sum(invalid), 0)::bigint AS invalid,
               coalesce(sum(accepted_invalid), 0)::bigint AS accepted_invalid, coalesce(sum(sent_otherwise), 0)::bigint AS sent_otherwise
        FROM mine
    ), steps AS (
        SELECT generate_series(from_at, to_at - each, each) AS at
    ), at_step AS ( -- by kinds first: there are few
        SELECT k.at, sum(n) AS received, sum(n) FILTER (WHERE k.kind & 1 > 0) AS valid, sum(n) FILTER (WHERE k.kind & 2 > 0) AS accepted,
               sum(n) FILTER (WHERE k.kind & 4 > 0) AS complete, sum(n) FILTER (WHERE k.kind & 8 > 0) AS failed
        FROM (SELECT c.at, f.kind, sum(c.n) AS n FROM c JOIN f ON f.facet_id = c.facet_id GROUP BY 1, 2) k GROUP BY k.at
    ), per_step AS (
        SELECT s.at, coalesce(a.received, 0)::bigint AS received, coalesce(a.valid, 0)::bigint AS valid,
               coalesce(a.accepted, 0)::bigint AS accepted, coalesce(a.complete, 0)::bigint AS complete, coalesce(a.failed, 0)::bigint AS failed
        FROM steps s LEFT JOIN at_step a ON a.at = s.at
    ), by_at AS MATERIALIZED (
        SELECT g.at, g.what, g.bucket, sum(g.n::double precision) AS n FROM unnest(coalesce(tenants, '{*}')) AS t (tenant)
        JOIN fhirbus.grid_latency g ON g.step = overview_whole.step AND g.tenant = t.tenant AND g.at >= from_at AND g.at < to_at
        GROUP BY 1, 2, 3 HAVING sum(g.n) > 0
    ), buckets AS MATERIALIZED ( -- at infinity: of all of it
        SELECT * FROM by_at UNION ALL SELECT 'infinity', b.what, b.bucket, sum(b.n) FROM by_at b GROUP BY 2, 3
    ), l AS MATERIALIZED ( -- the bucket in which a quantile lies, and where in it
        SELECT b.at, b.what, q.of AS quantile, o.total::bigint AS total,
               power(2, b.bucket / 4.0::double precision) * (1 + (power(2, 0.25::double precision) - 1) * (q.of * o.total - (b.upto - b.n)) / b.n) - 1 AS ms
        FROM (SELECT b.*, sum(b.n) OVER (PARTITION BY b.at, b.what ORDER BY b.bucket ROWS UNBOUNDED PRECEDING) AS upto FROM buckets b) b
        JOIN (SELECT b.at, b.what, sum(b.n) AS total FROM buckets b GROUP BY 1, 2) o ON o.at = b.at AND o.what = b.what
        JOIN unnest(ARRAY[0.5, 0.95, 0.99]::double precision[]) AS q (of) ON b.upto >= q.of * o.total AND b.upto - b.n < q.of * o.total
    ), kinds (what, name) AS (VALUES (1::smallint, 'verdict_ms'), (2, 'complete_ms'), (3, 'lag_ms')
    ), lines AS (
        SELECT k.name, json_build_object(
            'p50', json_agg(round(p50.ms::numeric, 1) ORDER BY s.at), 'p95', json_agg(round(p95.ms::numeric, 1) ORDER BY s.at),
            'p99', json_agg(round(p99.ms::numeric, 1) ORDER BY s.at)) AS line
        FROM kinds k CROSS JOIN steps s
        LEFT JOIN l p50 ON p50.at = s.at AND p50.what = k.what AND p50.quantile = 0.5
        LEFT JOIN l p95 ON p95.at = s.at AND p95.what = k.what AND p95.quantile = 0.95
        LEFT JOIN l p99 ON p99.at = s.at AND p99.what = k.what AND p99.quantile = 0.99
        GROUP BY k.name
    ), summary AS (
        SELECT k.name, json_build_object(
            'count', coalesce(max(w.total), 0), 'p50', max(round(w.ms::numeric, 1)) FILTER (WHERE w.quantile = 0.5),
            'p95', max(round(w.ms::numeric, 1)) FILTER (WHERE w.quantile = 0.95),
            'p99', max(round(w.ms::numeric, 1)) FILTER (WHERE w.quantile = 0.99)) AS line
        FROM kinds k LEFT JOIN l w ON w.what = k.what AND w.at = 'infinity' GROUP BY k.name
    ), i AS MATERIALIZED (
        SELECT tenant, sender, profile_url, message_id, severity, sum(issues::double precision) AS issues,
               sum(interactions::double precision) AS interactions, min(at) AS since
        FROM fhirbus.grid_issue
        WHERE step = by_day AND at >= issues_from AND at < to_at AND (tenants IS NULL OR tenant = ANY (tenants))
        GROUP BY 1, 2, 3, 4, 5
    ), waiting AS MATERIALIZED ( -- for more than 15 minutes
        SELECT w.tenant, w.state, w.n, o.oldest FROM (
            SELECT s.tenant, s.state, s.facet_id, (s.n - coalesce(r.n, 0))::bigint AS n FROM s
            LEFT JOIN (SELECT g.facet_id, sum(g.n) AS n FROM fhirbus.grid_count g
                       WHERE g.step = 300 AND g.at >= greatest(from_at, lately) AND g.at < to_at GROUP BY 1) r ON r.facet_id = s.facet_id
            WHERE s.waits AND s.now_there) w
        CROSS JOIN LATERAL (
            SELECT g.received_at AS oldest FROM fhirbus.grid g WHERE g.facet_id = w.facet_id AND g.received_at >= from_at AND g.received_at < to_at
            ORDER BY g.received_at LIMIT 1) o
        WHERE w.n > 0
    ), dead AS ( -- those that failed lately, and left a dead letter
        SELECT x.tenant, count(*) AS n, min(x.received_at) AS oldest FROM (
            SELECT y.*, row_number() OVER (PARTITION BY y.tenant ORDER BY y.received_at DESC) AS place FROM f CROSS JOIN LATERAL (
                SELECT g.interaction_id, g.tenant, g.received_at FROM fhirbus.grid g
                WHERE g.facet_id = f.facet_id AND g.received_at >= from_at AND g.received_at < to_at
                ORDER BY g.received_at DESC LIMIT 100) y
            WHERE f.state = 'FAIL') x
        WHERE x.place <= 100 AND EXISTS (
            SELECT FROM fhirbus.event e WHERE e.interaction_id = x.interaction_id AND e.tenant = x.tenant
               AND e.received_at = x.received_at AND (e.step = 'buried' OR e.step LIKE 'failed-%'))
        GROUP BY x.tenant
    ), told AS MATERIALIZED ( -- errors
        SELECT i.tenant, i.message_id, sum(i.interactions)::bigint AS n, min(i.since) AS since FROM i
        WHERE i.severity IN ('error', 'fatal') AND i.message_id <> '' GROUP BY 1, 2
    ), known AS MATERIALIZED ( -- whose messages are known from the ninety days before
        SELECT t.tenant FROM (SELECT DISTINCT tenant FROM told) t CROSS JOIN LATERAL (
            SELECT FROM fhirbus.grid_issue i WHERE i.tenant = t.tenant AND i.step = 86400
               AND i.at >= from_at - interval '90 days' AND i.at < day_of LIMIT 1) k
    ), fresh AS ( -- what was not among these
        SELECT t.*, row_number() OVER (PARTITION BY t.tenant ORDER BY t.n DESC, t.message_id) AS place FROM told t JOIN known USING (tenant)
        WHERE NOT EXISTS (SELECT FROM fhirbus.grid_issue i WHERE i.tenant = t.tenant AND i.message_id = t.message_id AND i.step = 86400
                             AND i.at >= from_at - interval '90 days' AND i.at < day_of)
          AND NOT EXISTS (SELECT FROM fhirbus.grid_issue i WHERE i.tenant = t.tenant AND i.message_id = t.message_id AND i.step = 3600
                             AND i.at >= day_of AND i.at < issues_from)
    ), found AS ( -- what wants somebody's eyes first
        SELECT 'failed' AS kind, 1 AS rank, tenant, failed AS n, failed_since AS since,
               fhirbus.documents(failed, 'was', 'were') || ' not taken by the lake' AS text, 'state=FAIL' AS filter FROM mine WHERE failed > 0
        UNION ALL
        SELECT 'not-judged', 1, tenant, sum(n), min(oldest), fhirbus.documents(sum(n), 'has been waiting for its', 'have been waiting for their') || ' verdict for more than 15 minutes',
               'state=received,ACCEPT_FHIR_BUNDLE,HL7_ACCEPT,CSV_ACCEPT,CCDA_ACCEPT' FROM waiting WHERE state <> 'FORWARD' GROUP BY tenant
        UNION ALL
        SELECT 'stuck', 2, tenant, sum(n), min(oldest), fhirbus.documents(sum(n), 'has been on its', 'have been on their') || ' way to the lake for more than 15 minutes',
               'state=FORWARD' FROM waiting WHERE state = 'FORWARD' GROUP BY tenant
        UNION ALL
        SELECT 'invalid-rise', 2, m.tenant, m.invalid, from_at,
               round(100.0 * m.invalid / m.judged) || ' % of its documents are invalid, ' || round(100.0 * b.invalid / b.judged) || ' % before',
               'valid=false'
        FROM mine m JOIN before b USING (tenant)
        WHERE m.judged >= 20 AND b.judged >= 20 AND 1.0 * m.invalid / m.judged > 1.0 * b.invalid / b.judged + 0.1
        UNION ALL
        SELECT 'dlq', 1, tenant, n, oldest, CASE WHEN n >= 100 THEN n || ' or more documents left a dead letter' ELSE fhirbus.documents(n, 'left', 'left') || ' a dead letter' END, 'state=FAIL' FROM dead
        UNION ALL
        SELECT 'new-issue', 2, tenant, fhirbus.documents_with('m:' || message_id, by_day, ARRAY[tenant], issues_from, to_at), since, 'an error that was not told in the 90 days before: ' || message_id,
               'message_id=' || fhirbus.percent(message_id) FROM fresh WHERE place <= 5
        UNION ALL
        SELECT 'silent', 3, b.tenant, 0, to_at, 'nothing came in this period; ' || fhirbus.documents(b.received, 'in', 'in') || ' the one before', ''
        FROM before b LEFT JOIN mine m USING (tenant) WHERE b.received >= 50 AND coalesce(m.received, 0) = 0
    )
    SELECT json_build_object(
        'from', fhirbus.iso(from_at), 'to', fhirbus.iso(to_at), 'step_s', step,
        'as_of', (SELECT fhirbus.iso(seen_at) FROM fhirbus.grid_seen WHERE seen_at > '-infinity'),
        'funnel', (SELECT json_build_object('received', received, 'judged', judged, 'valid', valid, 'accepted', accepted, 'sent', sent,
                                            'complete', complete) FROM t),
        'leaks', (SELECT json_build_array(
            json_build_object('after', 'received', 'why', 'not-judged', 'count', received - judged,
                              'filter', 'state=received,ACCEPT_FHIR_BUNDLE,HL7_ACCEPT,CSV_ACCEPT,CCDA_ACCEPT'),
            json_build_object('after', 'judged', 'why', 'reject', 'count', rejected, 'filter', 'disposition=reject'),
            json_build_object('after', 'judged', 'why', 'discard', 'count', discarded, 'filter', 'disposition=discard'),
            json_build_object('after', 'accepted', 'why', 'not-sent', 'count', not_sent, 'filter', 'disposition=accept&state=DISPOSITION'),
            json_build_object('after', 'sent', 'why', 'under-way', 'count', under_way, 'filter', 'state=FORWARD'),
            json_build_object('after', 'sent', 'why', 'failed', 'count', failed, 'filter', 'state=FAIL')) FROM t),
        'tenants', (SELECT coalesce(json_agg(r), '[]') FROM (
            SELECT tenant, received, judged, valid, accepted, sent, complete, failed FROM mine ORDER BY 2 DESC, 1 LIMIT 500) r),
        'series', (SELECT json_build_object(
            'at', json_agg(fhirbus.iso(at) ORDER BY at), 'received', json_agg(received ORDER BY at), 'valid', json_agg(valid ORDER BY at),
            'accepted', json_agg(accepted ORDER BY at), 'complete', json_agg(complete ORDER BY at), 'failed', json_agg(failed ORDER BY at),
            'verdict_ms', (SELECT line FROM lines WHERE name = 'verdict_ms'), 'complete_ms', (SELECT line FROM lines WHERE name = 'complete_ms'),
            'lag_ms', (SELECT line FROM lines WHERE name = 'lag_ms')) FROM per_step),
        'latency', (SELECT json_object_agg(name, line) FROM summary),
        'open', fhirbus.overview_open(tenants),
        'issues', json_build_object(
            'from', fhirbus.iso(issues_from), 'to', fhirbus.iso(issues_to),
            'by_message', (SELECT coalesce(json_agg(r), '[]') FROM (
                SELECT t.message_id, t.severity, t.issues, CASE WHEN t.message_id <> '' THEN
                       fhirbus.documents_with('m:' || t.message_id, by_day, tenants, issues_from, to_at) END AS interactions
                FROM (SELECT message_id, (array_agg(severity ORDER BY issues DESC, severity))[1] AS severity, sum(issues)::bigint AS issues
                      FROM i GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 20) t ORDER BY t.issues DESC, t.message_id) r),
            'by_profile', (SELECT coalesce(json_agg(r), '[]') FROM (
                SELECT t.profile_url, t.issues, fhirbus.documents_with('p:' || t.profile_url, by_day, tenants, issues_from, to_at) AS interactions,
                       t.message_id
                FROM (SELECT profile_url, sum(issues)::bigint AS issues, (array_agg(message_id ORDER BY issues DESC, message_id))[1] AS message_id
                      FROM i GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20) t ORDER BY t.issues DESC, t.profile_url) r),
            'by_sender', (SELECT coalesce(json_agg(r), '[]') FROM (
                SELECT t.tenant, t.sender, t.issues,
                       fhirbus.documents_with('s:' || t.sender, by_day, ARRAY[t.tenant], issues_from, to_at) AS interactions, t.message_id
                FROM (SELECT tenant, sender, sum(issues)::bigint AS issues, (array_agg(message_id ORDER BY issues DESC, message_id))[1] AS message_id
                      FROM i GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 20) t ORDER BY t.issues DESC, t.tenant, t.sender) r)),
        'attention', (SELECT coalesce(json_agg(json_build_object('kind', kind, 'severity', (ARRAY['high', 'medium', 'low'])[rank], 'tenant', tenant,
                             'count', n, 'since', fhirbus.iso(since), 'text', text, 'filter', filter) ORDER BY rank, n DESC), '[]')
                      FROM (SELECT * FROM found ORDER BY rank, n DESC LIMIT 50) first),
        'beside', (SELECT json_build_object('accepted_invalid', accepted_invalid, 'sent_otherwise', sent_otherwise) FROM t))::text);
END
$$;

REVOKE ALL ON FUNCTION fhirbus.word_key(text), fhirbus.words_counted(tsvector),
    fhirbus.documents_with(text, integer, text[], timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus.word_key(text), fhirbus.documents_with(text, integer, text[], timestamptz, timestamptz) TO fhirbus_ingest;
