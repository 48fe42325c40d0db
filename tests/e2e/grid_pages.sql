-- Pages of the grid against what a plain ORDER BY says: every sort, both ways, walked by cursor, with and without words, for
-- everybody and for one tenant, whichever way is taken: by what it believes of a table's size. Many equal values and many small facets: what merges them may lose or double a row there.
-- Says 'ok', or raises what differs. Nothing of it stays.
BEGIN;
INSERT INTO fhirbus.facet (tenant, state, source_type, disposition, ig_version, valid)
SELECT 'pages-' || t, s, 'FHIR', d, '1.' || g, v FROM generate_series(1, 3) t, unnest('{COMPLETE,FAIL}'::text[]) s, unnest('{accept,reject}'::text[]) d,
       generate_series(1, 2) g, unnest('{0,1}'::smallint[]) v;
SELECT set_config('pages.seed', setseed(0.4)::text, true);
INSERT INTO fhirbus.grid (interaction_id, tenant, received_at, facet_id, state_at, errors, warnings, payload_bytes, verdict_ms, complete_ms, lag_ms,
                          sender, verdict_of, changed)
SELECT gen_random_uuid(), f.tenant, t.at, f.facet_id, t.at + floor(random() * 3) * interval '1 s', floor(random() * 4), floor(random() * 30),
       floor(1000 * random() * random()), floor(random() * 5) - 1, CASE WHEN random() < 0.5 THEN -1 ELSE random() END, 1, 's', NULL, 0
FROM generate_series(1, 700) AS n
CROSS JOIN LATERAL (SELECT timestamptz '2026-01-01' + floor(60 * random() + 0 * n) * interval '1 minute' AS at) t
CROSS JOIN LATERAL (SELECT facet_id, tenant FROM (SELECT *, row_number() OVER (ORDER BY facet_id) AS place FROM fhirbus.facet WHERE tenant LIKE 'pages-%') p
                    WHERE place = 1 + floor(48 * power((n * 7919 % 701) / 701.0, 3))) f;
INSERT INTO fhirbus.grid_words (interaction_id, tenant, received_at, words)
SELECT interaction_id, tenant, received_at, array_to_tsvector(ARRAY['every'] || CASE WHEN random() < 0.4 THEN '{some}'::text[] ELSE '{}' END
                                                              || CASE WHEN random() < 0.02 THEN '{rare}'::text[] ELSE '{}' END)
FROM fhirbus.grid WHERE tenant LIKE 'pages-%';
ANALYZE fhirbus.grid_words;
-- Words of which it is not known how frequent they are.
UPDATE fhirbus.grid_words SET words = words || array_to_tsvector(ARRAY['late' || floor(random() * 5)]) WHERE tenant LIKE 'pages-%' AND random() < 0.03;
DO $$
DECLARE
    asked   record;
    facets  integer[];
    wanted  uuid[];
    found   uuid[];
    page    uuid[];
    after   record;
    walked  integer := 0;
    believed integer;
BEGIN
    FOR asked IN SELECT * FROM unnest('{received_at,state_at,errors,warnings,payload_bytes,verdict_ms,complete_ms}'::text[]) AS sort,
                 unnest('{false,true}'::boolean[]) AS ascending, unnest('{NULL,some,rare,''late'':*}'::text[]) AS word,
                 unnest('{NULL,pages-1}'::text[]) AS tenant, unnest('{700,200000,1000000}'::integer[]) AS rows
                 WHERE word IS NULL AND tenant IS NULL AND rows = 700 OR word IS NOT NULL AND tenant IS NULL AND sort = 'received_at' AND ascending
                    OR word IS NOT NULL AND tenant IS NULL AND sort = 'errors' AND NOT ascending OR word IS NULL AND sort = 'warnings' AND rows = 700
                 ORDER BY rows LOOP
        IF asked.rows IS DISTINCT FROM believed THEN
            believed := asked.rows;
            PERFORM set_config('role', 'none', true);
            UPDATE pg_catalog.pg_class SET reltuples = believed WHERE oid = 'fhirbus.grid_words'::regclass;
            DELETE FROM fhirbus.grid_count WHERE facet_id IN (SELECT facet_id FROM fhirbus.facet WHERE tenant LIKE 'pages-%');
            INSERT INTO fhirbus.grid_count SELECT 86400, '2026-01-01', facet_id, believed - 600 FROM fhirbus.facet WHERE tenant LIKE 'pages-%';
            PERFORM set_config('role', 'fhirbus_ingest', true);
        END IF;
        PERFORM set_config('fhirbus.scope', CASE WHEN asked.tenant IS NULL THEN '{*}' ELSE '{' || asked.tenant || '}' END, true);
        facets := ARRAY(SELECT facet_id FROM fhirbus.facet f WHERE f.tenant LIKE 'pages-%');
        EXECUTE format('SELECT array_agg(g.interaction_id ORDER BY g.%1$I %2$s, g.received_at %2$s, g.interaction_id %2$s, g.tenant %2$s) '
                       'FROM fhirbus.grid g WHERE g.facet_id = ANY ($1) AND ($2 IS NULL OR EXISTS (SELECT FROM fhirbus.grid_words w '
                       'WHERE w.interaction_id = g.interaction_id AND w.tenant = g.tenant AND w.words @@ $2::tsquery))',
                       asked.sort, CASE WHEN asked.ascending THEN 'ASC' ELSE 'DESC' END) INTO wanted USING facets, asked.word;
        found := '{}';
        SELECT NULL::text AS key, NULL::timestamptz AS received_at, NULL::uuid AS interaction_id, NULL::text AS tenant INTO after;
        LOOP
            SELECT array_agg(p.interaction_id ORDER BY p.n) INTO page FROM fhirbus.grid_page(facets, NULL, false, '-infinity', 'infinity',
                asked.word::tsquery, NULL, NULL, NULL, asked.sort, asked.ascending, after.key, after.received_at, after.interaction_id, after.tenant, 37)
                WITH ORDINALITY AS p (interaction_id, tenant, received_at, facet_id, key, changed, sender, verdict_ms, complete_ms, n);
            EXIT WHEN page IS NULL;
            found := found || page;
            EXIT WHEN cardinality(found) > cardinality(wanted) + 37;
            EXECUTE format('SELECT g.%I::text AS key, g.received_at, g.interaction_id, g.tenant FROM fhirbus.grid g WHERE g.interaction_id = $1',
                           asked.sort) INTO after USING page[cardinality(page)];
        END LOOP;
        IF found IS DISTINCT FROM wanted OR found IS NULL THEN
            RAISE EXCEPTION 'pages by % (ascending: %, word: %, tenant: %) have % rows, not these %', asked.sort, asked.ascending, asked.word,
                asked.tenant, cardinality(found), cardinality(wanted);
        END IF;
        walked := walked + cardinality(found);
    END LOOP;
    IF walked < 5000 THEN
        RAISE EXCEPTION 'only % rows were there to look at', walked;
    END IF;
END
$$;
ROLLBACK;
SELECT 'ok';
