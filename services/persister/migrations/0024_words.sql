-- Words that are in very many issues: a page of them took half a second, for all rows that have the word were
-- gathered before the first was shown. How frequent a word is, is known beforehand, from what ANALYZE keeps.

-- As in 0020; but quote_literal() writes what has a backslash in a way that no tsquery knows.
CREATE OR REPLACE FUNCTION fhirbus.words_wanted(words text, whole text[]) RETURNS tsquery
LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg('''' || replace(replace(one, '\', '\\'), '''', '''''') || '''' || ending, ' & ')::tsquery FROM (
        SELECT w AS one, ':*' AS ending FROM unnest(tsvector_to_array(fhirbus.words_of(words))) AS w
        UNION ALL SELECT w, '' FROM unnest(whole) AS w) AS parts;
$$;

-- About how many rows of each facet a period has: whole steps at its ends.
CREATE FUNCTION fhirbus.facet_counts(from_at timestamptz, to_at timestamptz) RETURNS TABLE (facet_id integer, n bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT c.facet_id, sum(c.n)::bigint
    FROM (SELECT CASE WHEN from_at > now() - interval '12 hours' THEN 300 WHEN from_at > now() - interval '2 days' THEN 3600
                      ELSE 86400 END AS step) k
    JOIN fhirbus.grid_count c ON c.step = k.step AND c.at >= from_at - k.step * interval '1 second' AND c.at < to_at
    GROUP BY c.facet_id;
$$;
-- As in 0020; but that the index is gone through once, not once for each facet.
CREATE OR REPLACE FUNCTION fhirbus.grid_estimate(facets integer[], from_at timestamptz, to_at timestamptz) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(sum(c.n), 0)::bigint FROM fhirbus.facet_counts(from_at, to_at) c WHERE c.facet_id = ANY (facets);
$$;

-- Each word that is looked for, and in how many of all rows it is (0..1). Of what is not among the most frequent it
-- is known only that it is rarer than these.
CREATE FUNCTION fhirbus.word_shares(words tsquery) RETURNS TABLE (word tsquery, share double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH known AS (
        SELECT e.word, e.share FROM pg_stats s
        CROSS JOIN LATERAL unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) AS e (word, share)
        WHERE s.schemaname = 'fhirbus' AND s.tablename = 'grid_words' AND s.attname = 'words' AND e.word IS NOT NULL
    ), wanted AS ( -- as a tsquery is written: quoted, quotes and backslashes doubled
        SELECT (part[1] || coalesce(part[2], ''))::tsquery AS word, part[2] IS NOT NULL AS begins,
               replace(replace(substr(part[1], 2, length(part[1]) - 2), '''''', ''''), '\\', '\') AS text
        FROM regexp_matches(words::text, '(''(?:[^'']|'''')*'')(:\*)?', 'g') AS part
    )
    SELECT w.word, coalesce(
        (SELECT 1 - exp(sum(ln(1 - least(k.share, 0.999)))) FROM known k
         WHERE CASE WHEN w.begins THEN starts_with(k.word, w.text) ELSE k.word = w.text END),
        (SELECT min(k.share) / 2 FROM known k), 0.001)
    FROM wanted w;
$$;

-- A page of rows whose issues have certain words. Either row by row in the order that was asked for, until the page
-- is full: the rarer the rarest word, the more rows have to be looked at. Or all rows that have the rarest word, sorted.
-- What takes least is done; should it take much longer than thought, because just these rows do not have the word,
-- it is thought over with that.
CREATE FUNCTION fhirbus.grid_words_page(facets integer[], whole_tenant text, unfiltered boolean, from_at timestamptz, to_at timestamptz,
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
                       CASE WHEN by_time THEN 'Infinity' ELSE 2 * least(cardinality(facets) * looks, fitting) + 6 * least(looks, fitting) END];
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
                        ELSE '(SELECT g.* FROM unnest($8) AS f (id) CROSS JOIN LATERAL (SELECT * FROM fhirbus.grid g WHERE g.facet_id = f.id '
                             'AND %2$s ORDER BY %4$s LIMIT $10) g ORDER BY %4$s LIMIT $10) g' END,
            sort, period || CASE WHEN after_id IS NULL THEN '' ELSE beyond END, mine, ordered)
            USING from_at, to_at, after_key, after_at, after_id, after_tenant, words, facets, whole_tenant, looks::bigint;
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

-- As in 0020, but for the words.
-- A page of the grid, as a cursor goes on: (key, received_at, interaction_id, tenant) behind the last row's.
-- The statement is put together for what is asked, so that the planner knows all of it. Five ways:
--   hits   few rows by something exact (an id, a bundle, a patient), looked at one by one
--   words  grid_words_page()
--   few    a short period: all of its rows, sorted
--   many   by time, and most rows fit: along time, until the page is full
--   else   the best rows of each facet, merged
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
            'SELECT g.interaction_id, g.tenant, g.received_at, g.facet_id, g.key, g.changed, g.sender, g.verdict_ms, g.complete_ms FROM ('
            'SELECT g.*, g.%1$I::text AS key FROM unnest($8) AS f (id) CROSS JOIN LATERAL ('
            'SELECT * FROM fhirbus.grid g WHERE g.facet_id = f.id AND %2$s ORDER BY %3$s LIMIT $12) g '
            'ORDER BY %3$s LIMIT $12) g'
        END, sort, filters, ordered)
    USING from_at, to_at, after_key, after_at, after_id, after_tenant, words, facets, of_interaction, of_bundle, of_patient, most,
          whole_tenant;
END
$$;

REVOKE ALL ON FUNCTION fhirbus.word_shares(tsquery), fhirbus.facet_counts(timestamptz, timestamptz),
    fhirbus.grid_words_page(integer[], text, boolean, timestamptz, timestamptz, tsquery, text, boolean,
    text, timestamptz, uuid, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus.word_shares(tsquery), fhirbus.facet_counts(timestamptz, timestamptz),
    fhirbus.grid_words_page(integer[], text, boolean, timestamptz, timestamptz, tsquery, text, boolean,
    text, timestamptz, uuid, text, integer) TO fhirbus_ingest;
