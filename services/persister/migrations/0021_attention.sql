-- What needs attention knows two more kinds: documents that left a dead letter, and errors that are new.

-- As a query of a URL has it. spec: RFC 3986 2.1, 2.3
CREATE FUNCTION fhirbus.percent(plain text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(string_agg(CASE WHEN c ~ '^[A-Za-z0-9._~-]$' THEN c
                                    ELSE upper(regexp_replace(encode(convert_to(c, 'UTF8'), 'hex'), '(..)', '%\1', 'g')) END, '' ORDER BY place), '')
    FROM regexp_split_to_table(plain, '') WITH ORDINALITY AS x (c, place);
$$;
REVOKE ALL ON FUNCTION fhirbus.percent(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus.percent(text) TO fhirbus_ingest;

-- What wants somebody's eyes first: what is of now, and what is different from the period before.
CREATE OR REPLACE FUNCTION fhirbus.overview_attention(step integer, tenants text[], from_at timestamptz, to_at timestamptz) RETURNS json
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH now_there AS (
        SELECT * FROM fhirbus.overview_funnel(step, tenants, from_at, to_at)
    ), mine AS (
        SELECT tenant, sum(received) AS received, sum(judged) AS judged, sum(failed) AS failed, sum(invalid) AS invalid,
               min(at) FILTER (WHERE failed > 0) AS failed_since
        FROM now_there GROUP BY tenant
    ), before AS (
        SELECT tenant, sum(received) AS received, sum(judged) AS judged, sum(invalid) AS invalid
        FROM fhirbus.overview_funnel(step, tenants, from_at - (to_at - from_at), from_at) GROUP BY tenant
    ), open AS (
        SELECT f.tenant, f.state, o.n, o.oldest FROM fhirbus.facet f CROSS JOIN LATERAL (
            SELECT count(*) AS n, min(received_at) AS oldest FROM (
                SELECT g.received_at FROM fhirbus.grid g
                WHERE g.facet_id = f.facet_id AND g.received_at < now() - interval '15 minutes' AND g.received_at >= from_at AND g.received_at < to_at
                ORDER BY g.received_at LIMIT 10000) few) o
        WHERE (f.state IN ('FORWARD', 'received') OR (f.disposition = '' AND f.state <> 'expired')) AND o.n > 0
          AND (tenants IS NULL OR f.tenant = ANY (tenants))
    ), dead AS ( -- those that failed lately, and left a dead letter
        SELECT f.tenant, count(*) AS n, min(x.received_at) AS oldest FROM fhirbus.facet f CROSS JOIN LATERAL (
            SELECT g.interaction_id, g.tenant, g.received_at FROM fhirbus.grid g
            WHERE g.facet_id = f.facet_id AND g.received_at >= from_at AND g.received_at < to_at
            ORDER BY g.received_at DESC LIMIT 2000) x
        WHERE f.state = 'FAIL' AND (tenants IS NULL OR f.tenant = ANY (tenants)) AND EXISTS (
            SELECT FROM fhirbus.event e WHERE e.interaction_id = x.interaction_id AND e.tenant = x.tenant
               AND e.received_at = x.received_at AND (e.step = 'buried' OR e.step LIKE 'failed-%'))
        GROUP BY f.tenant
    ), told AS ( -- errors of this period, by message
        SELECT i.tenant, i.message_id, sum(i.interactions) AS n, min(i.at) AS since FROM fhirbus.grid_issue i
        WHERE i.step = 3600 AND i.at >= fhirbus.step_of(3600, from_at) AND i.at < to_at AND i.severity IN ('error', 'fatal')
          AND i.message_id <> '' AND (tenants IS NULL OR i.tenant = ANY (tenants))
        GROUP BY 1, 2
    ), known AS ( -- what was told in the ninety days before
        SELECT DISTINCT i.tenant, i.message_id FROM fhirbus.grid_issue i
        WHERE (tenants IS NULL OR i.tenant = ANY (tenants))
          AND (i.step = 86400 AND i.at >= from_at - interval '90 days' AND i.at < fhirbus.step_of(86400, from_at)
            OR i.step = 3600 AND i.at >= fhirbus.step_of(86400, from_at) AND i.at < fhirbus.step_of(3600, from_at))
    ), fresh AS ( -- of a tenant of which something was known
        SELECT t.*, row_number() OVER (PARTITION BY t.tenant ORDER BY t.n DESC, t.message_id) AS place FROM told t
        WHERE EXISTS (SELECT FROM known k WHERE k.tenant = t.tenant)
          AND NOT EXISTS (SELECT FROM known k WHERE k.tenant = t.tenant AND k.message_id = t.message_id)
    ), found AS (
        SELECT 'failed' AS kind, 1 AS rank, tenant, failed AS n, failed_since AS since,
               failed || ' documents were not taken by the lake' AS text, 'state=FAIL' AS filter FROM mine WHERE failed > 0
        UNION ALL
        SELECT 'not-judged', 1, tenant, sum(n), min(oldest), sum(n) || ' documents have been waiting for their verdict for more than 15 minutes',
               'state=received,ACCEPT_FHIR_BUNDLE,HL7_ACCEPT,CSV_ACCEPT,CCDA_ACCEPT' FROM open WHERE state <> 'FORWARD' GROUP BY tenant
        UNION ALL
        SELECT 'stuck', 2, tenant, sum(n), min(oldest), sum(n) || ' documents have been on their way to the lake for more than 15 minutes',
               'state=FORWARD' FROM open WHERE state = 'FORWARD' GROUP BY tenant
        UNION ALL
        SELECT 'invalid-rise', 2, m.tenant, m.invalid, from_at,
               round(100.0 * m.invalid / m.judged) || ' % of its documents are invalid, ' || round(100.0 * b.invalid / b.judged) || ' % before',
               'valid=false'
        FROM mine m JOIN before b USING (tenant)
        WHERE m.judged >= 20 AND b.judged >= 20 AND 1.0 * m.invalid / m.judged > 1.0 * b.invalid / b.judged + 0.1
        UNION ALL
        SELECT 'dlq', 1, tenant, n, oldest, n || CASE WHEN n >= 2000 THEN ' or more' ELSE '' END || ' documents left a dead letter', 'state=FAIL' FROM dead
        UNION ALL
        SELECT 'new-issue', 2, tenant, n, since, 'an error that was not told in the 90 days before: ' || message_id,
               'message_id=' || fhirbus.percent(message_id) FROM fresh WHERE place <= 5
        UNION ALL
        SELECT 'silent', 3, b.tenant, 0, to_at, 'nothing came in this period; ' || b.received || ' documents in the one before', ''
        FROM before b LEFT JOIN mine m USING (tenant) WHERE b.received >= 50 AND coalesce(m.received, 0) = 0
    )
    SELECT coalesce(json_agg(json_build_object('kind', kind, 'severity', (ARRAY['high', 'medium', 'low'])[rank], 'tenant', tenant, 'count', n,
                    'since', fhirbus.iso(since), 'text', text, 'filter', filter) ORDER BY rank, n DESC), '[]')
    FROM (SELECT * FROM found ORDER BY rank, n DESC LIMIT 50) first;
$$;
