-- The overview over a million documents took a second and more. Now each sum is read once, by an index that has
-- nothing else in it, and added up as what adds up fastest; what is open is a sum too.
CREATE INDEX grid_latency_by_tenant ON fhirbus.grid_latency (step, tenant, at);
CREATE INDEX grid_issue_by_message ON fhirbus.grid_issue (tenant, message_id, step, at);

-- As in 0020: of each step, or of all, the bucket in which a quantile lies, and where in it.
CREATE OR REPLACE FUNCTION fhirbus.latency_at(step integer, tenants text[], from_at timestamptz, to_at timestamptz, by_step boolean)
RETURNS TABLE (at timestamptz, what smallint, quantile double precision, ms double precision, total bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH l AS (
        SELECT CASE WHEN by_step THEN g.at END AS at, g.what, g.bucket, sum(g.n::double precision) AS n
        FROM unnest(coalesce(tenants, '{*}')) AS t (tenant)
        JOIN fhirbus.grid_latency g ON g.step = latency_at.step AND g.tenant = t.tenant AND g.at >= from_at AND g.at < to_at
        GROUP BY 1, 2, 3 HAVING sum(g.n) > 0
    ), c AS (
        SELECT l.*, sum(n) OVER (PARTITION BY l.at, l.what ORDER BY l.bucket) AS upto, sum(n) OVER (PARTITION BY l.at, l.what) AS total FROM l
    )
    SELECT c.at, c.what, q.of,
           power(2, c.bucket / 4.0::double precision) * (1 + (power(2, 0.25::double precision) - 1) * (q.of * c.total - (c.upto - c.n)) / c.n) - 1,
           c.total::bigint
    FROM c JOIN unnest(ARRAY[0.5, 0.95, 0.99]::double precision[]) AS q (of) ON c.upto >= q.of * c.total AND c.upto - c.n < q.of * c.total
    ORDER BY 1, 2, 3;
$$;

-- As in 0020. A count is below 2^53.
CREATE OR REPLACE FUNCTION fhirbus.overview_funnel(step integer, tenants text[], from_at timestamptz, to_at timestamptz)
RETURNS TABLE (at timestamptz, tenant text, received bigint, judged bigint, valid bigint, accepted bigint, sent bigint,
               complete bigint, failed bigint, rejected bigint, discarded bigint, under_way bigint, not_sent bigint, invalid bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT c.at, f.tenant, sum(n)::bigint,
           coalesce(sum(n) FILTER (WHERE f.judged), 0)::bigint,
           coalesce(sum(n) FILTER (WHERE f.valid = 1), 0)::bigint,
           coalesce(sum(n) FILTER (WHERE f.accepted), 0)::bigint,
           coalesce(sum(n) FILTER (WHERE f.sent), 0)::bigint,
           coalesce(sum(n) FILTER (WHERE f.complete), 0)::bigint,
           coalesce(sum(n) FILTER (WHERE f.failed), 0)::bigint,
           coalesce(sum(n) FILTER (WHERE f.rejected), 0)::bigint,
           coalesce(sum(n) FILTER (WHERE f.discarded), 0)::bigint,
           coalesce(sum(n) FILTER (WHERE f.under_way), 0)::bigint,
           coalesce(sum(n) FILTER (WHERE f.accepted AND NOT f.sent), 0)::bigint,
           coalesce(sum(n) FILTER (WHERE f.valid = 0), 0)::bigint
    FROM (SELECT g.at, g.facet_id, g.n::double precision AS n FROM fhirbus.grid_count g
          WHERE g.step = overview_funnel.step AND g.at >= from_at AND g.at < to_at) c
    JOIN (SELECT g.facet_id, g.tenant, g.valid, g.disposition <> '' AS judged, g.disposition = 'accept' AS accepted,
                 g.disposition = 'reject' AS rejected, g.disposition = 'discard' AS discarded,
                 g.state IN ('FORWARD', 'FAIL', 'COMPLETE') AS sent, g.state = 'COMPLETE' AS complete, g.state = 'FAIL' AS failed,
                 g.state = 'FORWARD' AS under_way
          FROM fhirbus.facet g WHERE tenants IS NULL OR g.tenant = ANY (tenants) OFFSET 0) f ON f.facet_id = c.facet_id
    GROUP BY c.at, f.tenant;
$$;

-- Of each tenant, in a period and in one as long before it.
CREATE FUNCTION fhirbus.overview_sums(step integer, tenants text[], from_at timestamptz, to_at timestamptz)
RETURNS TABLE (tenant text, now_there boolean, received bigint, judged bigint, failed bigint, invalid bigint, failed_since timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH c AS MATERIALIZED (
        SELECT g.facet_id, g.at >= from_at AS now_there, sum(g.n::double precision) AS n, min(g.at) FILTER (WHERE g.n > 0) AS since
        FROM fhirbus.grid_count g WHERE g.step = overview_sums.step AND g.at >= from_at - (to_at - from_at) AND g.at < to_at GROUP BY 1, 2
    )
    SELECT f.tenant, c.now_there, sum(c.n)::bigint, coalesce(sum(c.n) FILTER (WHERE f.disposition <> ''), 0)::bigint,
           coalesce(sum(c.n) FILTER (WHERE f.state = 'FAIL'), 0)::bigint, coalesce(sum(c.n) FILTER (WHERE f.valid = 0), 0)::bigint,
           min(c.since) FILTER (WHERE f.state = 'FAIL')
    FROM c JOIN fhirbus.facet f ON f.facet_id = c.facet_id WHERE tenants IS NULL OR f.tenant = ANY (tenants) GROUP BY 1, 2;
$$;

-- What waits for a verdict, or for the lake: how many, since when.
CREATE FUNCTION fhirbus.overview_open(tenants text[]) RETURNS json
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH waiting AS MATERIALIZED (
        SELECT f.facet_id FROM fhirbus.facet f
        WHERE (f.state = 'FORWARD' OR (f.disposition = '' AND f.state <> 'expired')) AND (tenants IS NULL OR f.tenant = ANY (tenants))
    )
    SELECT json_build_object(
        'count', (SELECT coalesce(sum(c.n), 0)::bigint FROM fhirbus.facet_counts('-infinity', 'infinity') c JOIN waiting USING (facet_id)),
        'oldest', fhirbus.iso((SELECT min(o.received_at) FROM waiting w CROSS JOIN LATERAL (
            SELECT g.received_at FROM fhirbus.grid g WHERE g.facet_id = w.facet_id ORDER BY g.received_at LIMIT 1) o)));
$$;

-- Errors of a period by message; `first`: from when on they were looked at.
CREATE FUNCTION fhirbus.overview_told(issue_step integer, tenants text[], from_at timestamptz, to_at timestamptz)
RETURNS TABLE (tenant text, message_id text, n numeric, since timestamptz, first timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT i.tenant, i.message_id, sum(i.interactions), min(i.at), fhirbus.step_of(issue_step, from_at) FROM fhirbus.grid_issue i
    WHERE i.step = issue_step AND i.at >= fhirbus.step_of(issue_step, from_at) AND i.at < to_at AND i.severity IN ('error', 'fatal')
      AND i.message_id <> '' AND (tenants IS NULL OR i.tenant = ANY (tenants))
    GROUP BY 1, 2;
$$;

CREATE FUNCTION fhirbus.documents(n numeric, one text, many text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT n || CASE n WHEN 1 THEN ' document ' || one ELSE ' documents ' || many END;
$$;

-- As in 0021; told by days where the period has some.
-- What wants somebody's eyes first: what is of now, and what is different from the period before.
CREATE OR REPLACE FUNCTION fhirbus.overview_attention(step integer, tenants text[], from_at timestamptz, to_at timestamptz) RETURNS json
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH sums AS MATERIALIZED (
        SELECT * FROM fhirbus.overview_sums(step, tenants, from_at, to_at)
    ), mine AS (
        SELECT * FROM sums WHERE now_there
    ), before AS (
        SELECT * FROM sums WHERE NOT now_there
    ), open AS (
        SELECT f.tenant, f.state, o.n, o.oldest FROM fhirbus.facet f CROSS JOIN LATERAL (
            SELECT count(*) AS n, min(received_at) AS oldest FROM (
                SELECT g.received_at FROM fhirbus.grid g
                WHERE g.facet_id = f.facet_id AND g.received_at < now() - interval '15 minutes' AND g.received_at >= from_at AND g.received_at < to_at
                ORDER BY g.received_at LIMIT 10000) few) o
        WHERE (f.state IN ('FORWARD', 'received') OR (f.disposition = '' AND f.state <> 'expired')) AND o.n > 0
          AND (tenants IS NULL OR f.tenant = ANY (tenants))
    ), dead AS ( -- those that failed lately, and left a dead letter
        SELECT x.tenant, count(*) AS n, min(x.received_at) AS oldest FROM (
            SELECT y.*, row_number() OVER (PARTITION BY y.tenant ORDER BY y.received_at DESC) AS place FROM fhirbus.facet f CROSS JOIN LATERAL (
                SELECT g.interaction_id, g.tenant, g.received_at FROM fhirbus.grid g
                WHERE g.facet_id = f.facet_id AND g.received_at >= from_at AND g.received_at < to_at
                ORDER BY g.received_at DESC LIMIT 100) y
            WHERE f.state = 'FAIL' AND (tenants IS NULL OR f.tenant = ANY (tenants))) x
        WHERE x.place <= 100 AND EXISTS (
            SELECT FROM fhirbus.event e WHERE e.interaction_id = x.interaction_id AND e.tenant = x.tenant
               AND e.received_at = x.received_at AND (e.step = 'buried' OR e.step LIKE 'failed-%'))
        GROUP BY x.tenant
    ), told AS MATERIALIZED (
        SELECT * FROM fhirbus.overview_told(CASE WHEN to_at - from_at > interval '2 days' THEN 86400 ELSE 3600 END, tenants, from_at, to_at)
    ), known AS ( -- whose messages are known from the ninety days before
        SELECT t.tenant FROM (SELECT DISTINCT tenant FROM told) t
        WHERE EXISTS (SELECT FROM fhirbus.grid_issue i WHERE i.tenant = t.tenant AND i.step = 86400
                         AND i.at >= from_at - interval '90 days' AND i.at < fhirbus.step_of(86400, from_at))
    ), fresh AS ( -- what was not among these
        SELECT t.*, row_number() OVER (PARTITION BY t.tenant ORDER BY t.n DESC, t.message_id) AS place FROM told t JOIN known USING (tenant)
        WHERE NOT EXISTS (SELECT FROM fhirbus.grid_issue i WHERE i.tenant = t.tenant AND i.message_id = t.message_id AND i.step = 86400
                             AND i.at >= from_at - interval '90 days' AND i.at < fhirbus.step_of(86400, from_at))
          AND NOT EXISTS (SELECT FROM fhirbus.grid_issue i WHERE i.tenant = t.tenant AND i.message_id = t.message_id AND i.step = 3600
                             AND i.at >= fhirbus.step_of(86400, from_at) AND i.at < t.first)
    ), found AS (
        SELECT 'failed' AS kind, 1 AS rank, tenant, failed AS n, failed_since AS since,
               fhirbus.documents(failed, 'was', 'were') || ' not taken by the lake' AS text, 'state=FAIL' AS filter FROM mine WHERE failed > 0
        UNION ALL
        SELECT 'not-judged', 1, tenant, sum(n), min(oldest), fhirbus.documents(sum(n), 'has been waiting for its', 'have been waiting for their') || ' verdict for more than 15 minutes',
               'state=received,ACCEPT_FHIR_BUNDLE,HL7_ACCEPT,CSV_ACCEPT,CCDA_ACCEPT' FROM open WHERE state <> 'FORWARD' GROUP BY tenant
        UNION ALL
        SELECT 'stuck', 2, tenant, sum(n), min(oldest), fhirbus.documents(sum(n), 'has been on its', 'have been on their') || ' way to the lake for more than 15 minutes',
               'state=FORWARD' FROM open WHERE state = 'FORWARD' GROUP BY tenant
        UNION ALL
        SELECT 'invalid-rise', 2, m.tenant, m.invalid, from_at,
               round(100.0 * m.invalid / m.judged) || ' % of its documents are invalid, ' || round(100.0 * b.invalid / b.judged) || ' % before',
               'valid=false'
        FROM mine m JOIN before b USING (tenant)
        WHERE m.judged >= 20 AND b.judged >= 20 AND 1.0 * m.invalid / m.judged > 1.0 * b.invalid / b.judged + 0.1
        UNION ALL
        SELECT 'dlq', 1, tenant, n, oldest, CASE WHEN n >= 100 THEN n || ' or more documents left a dead letter' ELSE fhirbus.documents(n, 'left', 'left') || ' a dead letter' END, 'state=FAIL' FROM dead
        UNION ALL
        SELECT 'new-issue', 2, tenant, n, since, 'an error that was not told in the 90 days before: ' || message_id,
               'message_id=' || fhirbus.percent(message_id) FROM fresh WHERE place <= 5
        UNION ALL
        SELECT 'silent', 3, b.tenant, 0, to_at, 'nothing came in this period; ' || fhirbus.documents(b.received, 'in', 'in') || ' the one before', ''
        FROM before b LEFT JOIN mine m USING (tenant) WHERE b.received >= 50 AND coalesce(m.received, 0) = 0
    )
    SELECT coalesce(json_agg(json_build_object('kind', kind, 'severity', (ARRAY['high', 'medium', 'low'])[rank], 'tenant', tenant, 'count', n,
                    'since', fhirbus.iso(since), 'text', text, 'filter', filter) ORDER BY rank, n DESC), '[]')
    FROM (SELECT * FROM found ORDER BY rank, n DESC LIMIT 50) first;
$$;

-- As in 0020, but for what is open.
CREATE OR REPLACE FUNCTION fhirbus.overview(step integer, tenants text[], from_at timestamptz, to_at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH c AS MATERIALIZED (
        SELECT * FROM fhirbus.overview_funnel(step, tenants, from_at, to_at)
    ), t AS (
        SELECT coalesce(sum(received), 0)::bigint AS received, coalesce(sum(judged), 0)::bigint AS judged, coalesce(sum(valid), 0)::bigint AS valid,
               coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(sent), 0)::bigint AS sent, coalesce(sum(complete), 0)::bigint AS complete,
               coalesce(sum(failed), 0)::bigint AS failed, coalesce(sum(rejected), 0)::bigint AS rejected,
               coalesce(sum(discarded), 0)::bigint AS discarded, coalesce(sum(under_way), 0)::bigint AS under_way,
               coalesce(sum(not_sent), 0)::bigint AS not_sent, coalesce(sum(invalid), 0)::bigint AS invalid FROM c
    ), steps AS (
        SELECT generate_series(from_at, to_at - step * interval '1 second', step * interval '1 second') AS at
    ), per_step AS (
        SELECT s.at, coalesce(sum(c.received), 0)::bigint AS received, coalesce(sum(c.valid), 0)::bigint AS valid,
               coalesce(sum(c.accepted), 0)::bigint AS accepted, coalesce(sum(c.complete), 0)::bigint AS complete,
               coalesce(sum(c.failed), 0)::bigint AS failed
        FROM steps s LEFT JOIN c ON c.at = s.at GROUP BY s.at
    ), l AS MATERIALIZED (
        SELECT * FROM fhirbus.latency_at(step, tenants, from_at, to_at, true)
    ), whole AS MATERIALIZED (
        SELECT * FROM fhirbus.latency_at(step, tenants, from_at, to_at, false)
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
        FROM kinds k LEFT JOIN whole w ON w.what = k.what GROUP BY k.name
    )
    SELECT json_build_object(
        'from', fhirbus.iso(from_at), 'to', fhirbus.iso(to_at), 'step_s', step,
        'as_of', (SELECT fhirbus.iso(seen_at) FROM fhirbus.grid_seen WHERE seen_at > '-infinity'),
        'funnel', (SELECT json_build_object('received', received, 'judged', judged, 'valid', valid, 'accepted', accepted, 'sent', sent,
                                            'complete', complete) FROM t),
        'leaks', (SELECT json_build_array(
            json_build_object('after', 'received', 'why', 'not-judged', 'count', received - judged,
                              'filter', 'state=received,ACCEPT_FHIR_BUNDLE,HL7_ACCEPT,CSV_ACCEPT,CCDA_ACCEPT'),
            json_build_object('after', 'judged', 'why', 'invalid', 'count', invalid, 'filter', 'valid=false'),
            json_build_object('after', 'valid', 'why', 'reject', 'count', rejected, 'filter', 'disposition=reject'),
            json_build_object('after', 'valid', 'why', 'discard', 'count', discarded, 'filter', 'disposition=discard'),
            json_build_object('after', 'accepted', 'why', 'not-sent', 'count', not_sent, 'filter', 'disposition=accept&state=DISPOSITION'),
            json_build_object('after', 'sent', 'why', 'under-way', 'count', under_way, 'filter', 'state=FORWARD'),
            json_build_object('after', 'sent', 'why', 'failed', 'count', failed, 'filter', 'state=FAIL')) FROM t),
        'tenants', (SELECT coalesce(json_agg(r), '[]') FROM (
            SELECT tenant, sum(received)::bigint AS received, sum(judged)::bigint AS judged, sum(valid)::bigint AS valid,
                   sum(accepted)::bigint AS accepted, sum(sent)::bigint AS sent, sum(complete)::bigint AS complete, sum(failed)::bigint AS failed
            FROM c GROUP BY tenant ORDER BY 2 DESC LIMIT 500) r),
        'series', (SELECT json_build_object(
            'at', json_agg(fhirbus.iso(at) ORDER BY at), 'received', json_agg(received ORDER BY at), 'valid', json_agg(valid ORDER BY at),
            'accepted', json_agg(accepted ORDER BY at), 'complete', json_agg(complete ORDER BY at), 'failed', json_agg(failed ORDER BY at),
            'verdict_ms', (SELECT line FROM lines WHERE name = 'verdict_ms'), 'complete_ms', (SELECT line FROM lines WHERE name = 'complete_ms'),
            'lag_ms', (SELECT line FROM lines WHERE name = 'lag_ms')) FROM per_step),
        'latency', (SELECT json_object_agg(name, line) FROM summary),
        'open', fhirbus.overview_open(tenants),
        'issues', fhirbus.overview_issues(CASE WHEN to_at - from_at > interval '2 days' THEN 86400 ELSE 3600 END, tenants, from_at, to_at),
        'attention', fhirbus.overview_attention(step, tenants, from_at, to_at))::text;
$$;

DO $$
DECLARE
    made regprocedure;
BEGIN
    FOR made IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'fhirbus'::regnamespace
                 AND p.proname IN ('overview_sums', 'overview_open', 'overview_told', 'documents') LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO fhirbus_ingest', made);
    END LOOP;
END
$$;
