-- What is looked for as a beginning may be that of a thousand words, each of them rare (numbers, ids): their shares are
-- unknown, and all rows that have any were sorted, 1.8 s for a tenth of a million. So some rows are looked at first.

-- As in 0028, but for that.
-- A page of rows whose issues have certain words. Either row by row in the order that was asked for, until the page
-- is full: the rarer the rarest word, the more rows have to be looked at. Or all rows that have the rarest word, sorted.
-- What takes least is done; if that would be all of them, some rows are looked at before. Should it take much longer than thought, because just these rows do not have the word,
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
    probes    boolean := false; -- this turn only says how frequent it is
    probed    boolean := false;
    reach     bigint;           -- rows that this turn looks at
    before    integer;
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
        costs := ARRAY[12 * share * total,
                       CASE WHEN by_time THEN 6 * least(looks, fitting) + 0.8 * looks * around / greatest(fitting, 1) ELSE 'Infinity' END,
                       2 * fitting + 6 * least(looks, fitting),
                       21 * cardinality(facets) + 12 * looks + 6 * least(looks, fitting)];
        way := (SELECT w.n FROM unnest(costs) WITH ORDINALITY AS w (cost, n) ORDER BY w.cost, w.n LIMIT 1);
        probes := way = 1 AND NOT probed AND costs[1] > 20000;
        EXIT WHEN way = 1 AND NOT probes;
        IF probes THEN
            probed := true;
            way := CASE WHEN by_time AND around < 50 * fitting THEN 2 ELSE 4 END;
        END IF;
        reach := CASE WHEN probes THEN 500 ELSE looks END;
        budget := CASE WHEN probes THEN reach WHEN way = 3 AND 6 * fitting < costs[1] THEN 'Infinity' ELSE 3 * looks + 500 END;
        before := hits;
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
            USING from_at, to_at, after_key, after_at, after_id, after_tenant, words, facets, whole_tenant, reach,
                  fhirbus.merged_few(facets, reach);
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
        IF hits = most OR looked <= budget AND (way <> 4 OR looked < reach) THEN
            RETURN; -- full, or there are no more
        END IF;
        after_key := last.key;
        after_at := last.received_at;
        after_id := last.interaction_id;
        after_tenant := last.tenant;
        IF probes THEN
            share := greatest(share, (hits - before) / (1.4 * looked));
            looks := ceil(1.3 * (most - hits) / share) + 1;
        ELSE
            looks := 4 * looks;
        END IF;
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
