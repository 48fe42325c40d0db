-- A page in another order than by time merged the first rows of each facet: as many of each as the page has, four
-- hundred times. Now few of each are looked at first; they say how far down a page reaches at most, and only facets
-- that have more up to there are asked for it.

-- The statement that merges: the best `most` rows of the facets $8, of which `period` says more (of g). Exact: what a
-- facet has beyond its first `few` is behind the bound, the last of the `most` best seen, or it is read.
CREATE FUNCTION fhirbus.merged(sort text, ascending boolean, period text, few text, most text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT replace(replace(replace(replace(replace(
        'WITH seen AS MATERIALIZED ('
        'SELECT s.* FROM unnest($8) AS f (id) CROSS JOIN LATERAL ('
        'SELECT t.*, row_number() OVER () AS place FROM (SELECT g.* FROM fhirbus.grid g WHERE g.facet_id = f.id AND ' || period
        || ' ORDER BY ' || k.in_facet || ' LIMIT {few}) t) s'
        '), bound AS MATERIALIZED ('
        'SELECT ' || k.bounds || ' FROM (VALUES (true)) AS o (n) LEFT JOIN ('
        'SELECT * FROM seen g ORDER BY ' || k.ordered || ' OFFSET {most} - 1 LIMIT 1) g ON true'
        '), rest AS ('
        'SELECT r.* FROM seen e CROSS JOIN bound b CROSS JOIN LATERAL ('
        'SELECT g.*, 0::bigint AS place FROM fhirbus.grid g WHERE g.facet_id = e.facet_id AND ' || period
        || ' AND (' || k.of_g || ') {behind} (' || k.of_e || ') AND (' || k.of_g || ') {before}= (' || k.of_b || ')'
        ' ORDER BY ' || k.in_facet || ' LIMIT {most}) r'
        ' WHERE e.place = {few} AND (' || k.of_e || ') {before} (' || k.of_b || ')'
        ') SELECT g.* FROM (SELECT * FROM seen UNION ALL SELECT * FROM rest) g ORDER BY ' || k.ordered || ' LIMIT {most}',
        '{few}', few), '{most}', most), '{behind}', d.behind), '{before}', d.before), '{sort}', quote_ident(sort))
    FROM (SELECT CASE WHEN ascending THEN '>' ELSE '<' END AS behind, CASE WHEN ascending THEN '<' ELSE '>' END AS before,
                 CASE WHEN ascending THEN 'ASC' ELSE 'DESC' END AS direction) d
    CROSS JOIN LATERAL (
        SELECT string_agg('g.' || c.name || ' ' || d.direction, ', ' ORDER BY c.n) AS ordered,
               string_agg('g.' || c.name || ' ' || d.direction, ', ' ORDER BY c.n) FILTER (WHERE c.n < 4) AS in_facet, -- it has one tenant
               string_agg('g.' || c.name, ', ' ORDER BY c.n) AS of_g,
               string_agg('e.' || c.name, ', ' ORDER BY c.n) AS of_e, string_agg('b.' || c.name, ', ' ORDER BY c.n) AS of_b,
               string_agg(format('coalesce(g.%s, %L) AS %1$s', c.name, CASE WHEN ascending THEN c.last ELSE c.first END), ', ' ORDER BY c.n) AS bounds
        FROM (SELECT 1 AS n, '{sort}' AS name, f.first, f.last FROM (VALUES
                  ('state_at', '-infinity', 'infinity'), ('errors', '-2147483648', '2147483647'), ('warnings', '-2147483648', '2147483647'),
                  ('payload_bytes', '-9223372036854775808', '9223372036854775807'), ('verdict_ms', '-Infinity', 'Infinity'),
                  ('complete_ms', '-Infinity', 'Infinity')) AS f (name, first, last) WHERE f.name = sort
              UNION ALL SELECT 2, 'received_at', '-infinity', 'infinity'
              UNION ALL SELECT 3, 'interaction_id', '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'
              UNION ALL SELECT 4, 'tenant', '', '') c) k;
$$;

-- How many of each facet are looked at first: in all about twice the page, and what small facets need less.
CREATE FUNCTION fhirbus.merged_few(facets integer[], most bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT least(most, 2 + 2 * most / greatest(cardinality(facets), 1));
$$;

-- As in 0024, but for the merge, which is a way by time as well.
-- A page of rows whose issues have certain words. Either row by row in the order that was asked for, until the page
-- is full: the rarer the rarest word, the more rows have to be looked at. Or all rows that have the rarest word, sorted.
-- What takes least is done; should it take much longer than thought, because just these rows do not have the word,
-- it is thought over with that.
CREATE OR REPLACE FUNCTION fhirbus.grid_words_page(facets integer[], whole_tenant text, unfiltered boolean, from_at timestamptz, to_at timestamptz,
                                        words tsquery, sort text, ascending boolean, after_key text, after_at timestamptz, after_id uuid,
                                        after_tenant text, most integer)
RETURNS TABLE (interaction_id uuid, tenant text, received_at timestamptz, facet_id integer, key text, changed bigint,
               sender text, verdict_ms real, complete_ms real)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog SET cursor_tuple_fraction = 0.0001 AS $$
DECLARE
    direction text := CASE WHEN ascending THEN 'ASC' ELSE 'DESC' END;
    compare   text := CASE WHEN ascending THEN '>' ELSE '<' END;
    by_time   boolean := sort = 'received_at';
    key_type  text := CASE sort WHEN 'received_at' THEN 'timestamptz' WHEN 'state_at' THEN 'timestamptz' WHEN 'errors' THEN 'integer'
                               WHEN 'warnings' THEN 'integer' WHEN 'payload_bytes' THEN 'bigint' ELSE 'real' END;
    ordered   text := CASE WHEN by_time THEN '' ELSE format('g.%I %s, ', sort, direction) END
                      || format('g.received_at %1$s, g.interaction_id %1$s, g.tenant %1$s', direction);
    period    text := 'g.received_at >= $1 AND g.received_at < $2';
    beyond    text := CASE WHEN by_time THEN format(' AND (g.received_at, g.interaction_id, g.tenant) %s ($4, $5, $6)', compare)
                      ELSE format(' AND (g.%I, g.received_at, g.interaction_id, g.tenant) %s ($3::%s, $4, $5, $6)', sort, compare, key_type) END;
    mine      text := CASE WHEN whole_tenant IS NULL THEN '' ELSE ' AND g.tenant = $9' END
                      || CASE WHEN unfiltered THEN '' ELSE ' AND g.facet_id = ANY ($8)' END;
    total     double precision := (SELECT greatest(c.reltuples, 1) FROM pg_class c WHERE c.oid = 'fhirbus.grid_words'::regclass);
    fitting   double precision; -- rows
    around    double precision; -- rows of that time, whatever they are
    looks     double precision; -- rows to be looked at
    budget    double precision;
    costs     double precision[];
    way       integer;
    rarest    tsquery;
    of_issues boolean;
    share     double precision;
    rows      refcursor;
    r         record;
    last      record;
    hits      integer := 0;
    looked    bigint := 0;
BEGIN
    SELECT (array_agg(s.word ORDER BY s.share))[1], min(s.share), bool_or(s.word::text !~ '^''[sp]:') INTO rarest, share, of_issues
    FROM fhirbus.word_shares(words) s;
    IF of_issues THEN -- before there is a verdict, only sender and profile are known
        facets := ARRAY(SELECT f.facet_id FROM fhirbus.facet f WHERE f.facet_id = ANY (facets) AND f.valid >= 0);
    END IF;
    SELECT coalesce(sum(c.n) FILTER (WHERE c.facet_id = ANY (facets)), 0), coalesce(sum(c.n), 0) INTO fitting, around
    FROM fhirbus.facet_counts(from_at, to_at) c JOIN fhirbus.facet f ON f.facet_id = c.facet_id AND (whole_tenant IS NULL OR f.tenant = whole_tenant);
    looks := ceil(1.3 * most / share) + 1;
    LOOP
        -- Microseconds, about: all that have the word; along time; all that fit; the first of each facet.
        costs := ARRAY[9 * share * total,
                       CASE WHEN by_time THEN 6 * least(looks, fitting) + 0.8 * looks * around / greatest(fitting, 1) ELSE 'Infinity' END,
                       2 * fitting + 6 * least(looks, fitting),
                       21 * cardinality(facets) + 12 * looks + 6 * least(looks, fitting)];
        way := (SELECT w.n FROM unnest(costs) WITH ORDINALITY AS w (cost, n) ORDER BY w.cost, w.n LIMIT 1);
        EXIT WHEN way = 1;
        budget := CASE WHEN way = 3 AND 6 * fitting < costs[1] THEN 'Infinity' ELSE 3 * looks + 500 END;
        looked := 0;
        OPEN rows NO SCROLL FOR EXECUTE format(
            'SELECT g.interaction_id, g.tenant, g.received_at, g.facet_id, g.%1$I::text AS key, g.changed, g.sender, g.verdict_ms, '
            'g.complete_ms, (SELECT w.words @@ $7 FROM fhirbus.grid_words w WHERE w.interaction_id = g.interaction_id '
            'AND w.tenant = g.tenant) AS hit FROM '
            || CASE way WHEN 2 THEN 'fhirbus.grid g WHERE %2$s%3$s ORDER BY %4$s'
                        WHEN 3 THEN '(SELECT g.* FROM unnest($8) AS f (id) CROSS JOIN LATERAL (SELECT * FROM fhirbus.grid g '
                             'WHERE g.facet_id = f.id AND %2$s OFFSET 0) g ORDER BY %4$s OFFSET 0) g'
                        ELSE '(' || fhirbus.merged(sort, ascending, '%2$s', '$11', '$10') || ') g' END,
            sort, period || CASE WHEN after_id IS NULL THEN '' ELSE beyond END, mine, ordered)
            USING from_at, to_at, after_key, after_at, after_id, after_tenant, words, facets, whole_tenant, looks::bigint,
                  fhirbus.merged_few(facets, looks::bigint);
        LOOP
            FETCH rows INTO r;
            EXIT WHEN NOT FOUND;
            looked := looked + 1;
            last := r;
            IF r.hit THEN
                hits := hits + 1;
                SELECT r.interaction_id, r.tenant, r.received_at, r.facet_id, r.key, r.changed, r.sender, r.verdict_ms, r.complete_ms
                INTO interaction_id, tenant, received_at, facet_id, key, changed, sender, verdict_ms, complete_ms;
                RETURN NEXT;
            END IF;
            EXIT WHEN hits = most OR looked > budget;
        END LOOP;
        CLOSE rows;
        IF hits = most OR looked <= budget AND (way <> 4 OR looked < looks) THEN
            RETURN; -- full, or there are no more
        END IF;
        after_key := last.key;
        after_at := last.received_at;
        after_id := last.interaction_id;
        after_tenant := last.tenant;
        looks := 4 * looks;
    END LOOP;
    RETURN QUERY EXECUTE format(
        'WITH hits AS MATERIALIZED (SELECT w.interaction_id, w.tenant FROM fhirbus.grid_words w '
        'WHERE w.words @@ $10 AND (w.words @@ $7) IS TRUE) '
        'SELECT g.interaction_id, g.tenant, g.received_at, g.facet_id, g.%1$I::text, g.changed, g.sender, g.verdict_ms, g.complete_ms '
        'FROM hits h JOIN fhirbus.grid g ON g.interaction_id = h.interaction_id AND g.tenant = h.tenant '
        'WHERE g.facet_id = ANY ($8) AND %2$s ORDER BY %3$s LIMIT $11',
        sort, period || CASE WHEN after_id IS NULL THEN '' ELSE beyond END, ordered)
    USING from_at, to_at, after_key, after_at, after_id, after_tenant, words, facets, whole_tenant, rarest, most - hits;
END
$$;

-- As in 0024, but for the merge.
-- A page of the grid, as a cursor goes on: (key, received_at, interaction_id, tenant) behind the last row's.
-- The statement is put together for what is asked, so that the planner knows all of it. Five ways:
--   hits   few rows by something exact (an id, a bundle, a patient), looked at one by one
--   words  grid_words_page()
--   few    a short period: all of its rows, sorted
--   many   by time, and most rows fit: along time, until the page is full
--   else   the best rows of each facet, merged()
CREATE OR REPLACE FUNCTION fhirbus.grid_page(facets integer[], whole_tenant text, unfiltered boolean, from_at timestamptz, to_at timestamptz,
                                  words tsquery, of_interaction uuid, of_bundle text, of_patient text, sort text,
                                  ascending boolean, after_key text, after_at timestamptz, after_id uuid, after_tenant text,
                                  most integer)
RETURNS TABLE (interaction_id uuid, tenant text, received_at timestamptz, facet_id integer, key text, changed bigint,
               sender text, verdict_ms real, complete_ms real)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    direction text := CASE WHEN ascending THEN 'ASC' ELSE 'DESC' END;
    compare   text := CASE WHEN ascending THEN '>' ELSE '<' END;
    by_time   boolean := sort = 'received_at';
    key_type  text := CASE sort WHEN 'received_at' THEN 'timestamptz' WHEN 'state_at' THEN 'timestamptz' WHEN 'errors' THEN 'integer'
                               WHEN 'warnings' THEN 'integer' WHEN 'payload_bytes' THEN 'bigint' ELSE 'real' END;
    ordered   text := CASE WHEN by_time THEN '' ELSE format('g.%I %s, ', sort, direction) END
                      || format('g.received_at %1$s, g.interaction_id %1$s, g.tenant %1$s', direction);
    filters   text := 'g.received_at >= $1 AND g.received_at < $2';
    hits      text;
    few       boolean := false; -- in that period
BEGIN
    IF after_id IS NOT NULL THEN
        filters := filters || CASE WHEN by_time
            THEN format(' AND (g.received_at, g.interaction_id, g.tenant) %s ($4, $5, $6)', compare)
            ELSE format(' AND (g.%I, g.received_at, g.interaction_id, g.tenant) %s ($3::%s, $4, $5, $6)', sort, compare, key_type) END;
    END IF;
    -- Few rows by something exact: they are looked at one by one.
    IF of_interaction IS NOT NULL THEN
        hits := 'SELECT $9 AS interaction_id, f.tenant FROM (SELECT DISTINCT tenant FROM fhirbus.facet WHERE facet_id = ANY ($8)) f';
    ELSIF of_bundle IS NOT NULL THEN
        hits := 'SELECT m.interaction_id, m.tenant FROM fhirbus.message m WHERE m.bundle_id = $10 '
                'UNION SELECT v.interaction_id, v.tenant FROM fhirbus.verdict v WHERE v.bundle_id = $10';
    ELSIF of_patient IS NOT NULL THEN
        hits := 'SELECT m.interaction_id, m.tenant FROM fhirbus.message m WHERE m.patient_id = $11 '
                'UNION SELECT m.interaction_id, m.tenant FROM fhirbus.message m WHERE m.patient_mrn = $11 '
                'UNION SELECT m.interaction_id, m.tenant FROM fhirbus.message m WHERE m.medicaid_cin = $11 '
                'UNION SELECT v.interaction_id, v.tenant FROM fhirbus.verdict v WHERE v.patient_id = $11 '
                'UNION SELECT v.interaction_id, v.tenant FROM fhirbus.verdict v WHERE v.patient_mrn = $11 '
                'UNION SELECT v.interaction_id, v.tenant FROM fhirbus.verdict v WHERE v.medicaid_cin = $11';
    ELSIF words IS NOT NULL THEN
        RETURN QUERY SELECT * FROM fhirbus.grid_words_page(facets, whole_tenant, unfiltered, from_at, to_at, words, sort, ascending,
                                                           after_key, after_at, after_id, after_tenant, most);
        RETURN;
    END IF;
    IF words IS NOT NULL THEN
        filters := filters || ' AND EXISTS (SELECT FROM fhirbus.grid_words w WHERE w.interaction_id = g.interaction_id '
                              'AND w.tenant = g.tenant AND w.words @@ $7)';
    END IF;
    IF hits IS NULL AND from_at > '-infinity' THEN
        few := fhirbus.grid_estimate(facets, from_at, to_at) <= 40000;
    END IF;
    RETURN QUERY EXECUTE format(
        CASE WHEN hits IS NOT NULL THEN
            'WITH hits AS MATERIALIZED (' || hits || ') '
            'SELECT g.interaction_id, g.tenant, g.received_at, g.facet_id, g.%1$I::text, g.changed, g.sender, g.verdict_ms, g.complete_ms '
            'FROM hits h JOIN fhirbus.grid g ON g.interaction_id = h.interaction_id AND g.tenant = h.tenant '
            'WHERE g.facet_id = ANY ($8) AND %2$s ORDER BY %3$s LIMIT $12'
        WHEN few OR unfiltered AND by_time THEN
            'SELECT g.interaction_id, g.tenant, g.received_at, g.facet_id, g.%1$I::text, g.changed, g.sender, g.verdict_ms, g.complete_ms '
            'FROM fhirbus.grid g WHERE ' || CASE WHEN whole_tenant IS NULL THEN '' ELSE 'g.tenant = $13 AND ' END
            || CASE WHEN unfiltered THEN '' ELSE 'g.facet_id = ANY ($8) AND ' END || '%2$s ORDER BY %3$s LIMIT $12'
        ELSE
            'SELECT g.interaction_id, g.tenant, g.received_at, g.facet_id, g.%1$I::text, g.changed, g.sender, g.verdict_ms, g.complete_ms '
            'FROM (' || fhirbus.merged(sort, ascending, '%2$s', '$14', '$12') || ') g ORDER BY %3$s'
        END, sort, filters, ordered)
    USING from_at, to_at, after_key, after_at, after_id, after_tenant, words, facets, of_interaction, of_bundle, of_patient, most,
          whole_tenant, fhirbus.merged_few(facets, most);
END
$$;

REVOKE ALL ON FUNCTION fhirbus.merged(text, boolean, text, text, text), fhirbus.merged_few(integer[], bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus.merged(text, boolean, text, text, text), fhirbus.merged_few(integer[], bigint) TO fhirbus_ingest;
