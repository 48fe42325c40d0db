-- Looking at millions of interactions: one narrow row each, kept a second or two behind what is recorded, so
-- that a page of any filter is read from an index, and hours are summed before anybody asks.
--
-- The few things that are filtered by together are one number, the facet: (tenant, state, source type,
-- disposition, IG version, valid). Whatever filter is asked for is a handful of facets, and a page is the best
-- rows of each, merged: as fast for what is rare as for what is common, at the first page and at the last.

CREATE TABLE fhirbus.facet (
    facet_id    integer  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant      text     NOT NULL,
    state       text     NOT NULL,
    source_type text     NOT NULL, -- here and below '': unknown
    disposition text     NOT NULL,
    ig_version  text     NOT NULL,
    valid       smallint NOT NULL, -- -1: not judged, 0, 1
    UNIQUE (tenant, state, source_type, disposition, ig_version, valid)
);

CREATE SEQUENCE fhirbus.grid_change;
CREATE TABLE fhirbus.grid (
    interaction_id uuid        NOT NULL,
    tenant         text        NOT NULL,
    received_at    timestamptz NOT NULL,
    facet_id       integer     NOT NULL,
    state_at       timestamptz NOT NULL,
    errors         integer     NOT NULL, -- here and in the other figures -1: not known (yet)
    warnings       integer     NOT NULL,
    payload_bytes  bigint      NOT NULL,
    verdict_ms     real        NOT NULL, -- from received to the first verdict
    complete_ms    real        NOT NULL, -- ... until the lake had it
    lag_ms         real        NOT NULL, -- ... until it was on record
    sender         text        NOT NULL, -- caller, else organization
    verdict_of     uuid,                 -- replay of the latest verdict, zero: none; NULL: not judged
    changed        bigint      NOT NULL, -- grows with every change of any row, in the order in which they are seen
    PRIMARY KEY (interaction_id, tenant)
) WITH (fillfactor = 90, autovacuum_vacuum_insert_scale_factor = 0.02);
CREATE INDEX grid_by_time ON fhirbus.grid (received_at, interaction_id, tenant);
CREATE INDEX grid_by_tenant ON fhirbus.grid (tenant, received_at, interaction_id);
CREATE INDEX grid_by_change ON fhirbus.grid (changed);
CREATE INDEX grid_facet_received_at ON fhirbus.grid (facet_id, received_at, interaction_id);
CREATE INDEX grid_facet_state_at ON fhirbus.grid (facet_id, state_at, received_at, interaction_id);
CREATE INDEX grid_facet_errors ON fhirbus.grid (facet_id, errors, received_at, interaction_id);
CREATE INDEX grid_facet_warnings ON fhirbus.grid (facet_id, warnings, received_at, interaction_id);
CREATE INDEX grid_facet_payload_bytes ON fhirbus.grid (facet_id, payload_bytes, received_at, interaction_id);
CREATE INDEX grid_facet_verdict_ms ON fhirbus.grid (facet_id, verdict_ms, received_at, interaction_id);
CREATE INDEX grid_facet_complete_ms ON fhirbus.grid (facet_id, complete_ms, received_at, interaction_id);

-- Words of the latest verdict's issues; message ids, sender and profile whole, as 'm:', 's:', 'p:'.
CREATE TABLE fhirbus.grid_words (
    interaction_id uuid        NOT NULL,
    tenant         text        NOT NULL,
    received_at    timestamptz NOT NULL,
    words          tsvector    NOT NULL,
    PRIMARY KEY (interaction_id, tenant)
);
CREATE INDEX grid_words_by_word ON fhirbus.grid_words USING gin (words);
CREATE INDEX grid_words_by_age ON fhirbus.grid_words USING brin (received_at);

-- Sums, per five minutes, hour and day (step: seconds) of received_at.
CREATE TABLE fhirbus.grid_count (
    step     integer     NOT NULL,
    at       timestamptz NOT NULL,
    facet_id integer     NOT NULL,
    n        bigint      NOT NULL,
    PRIMARY KEY (step, at, facet_id)
) WITH (fillfactor = 70);
CREATE TABLE fhirbus.grid_latency (
    step   integer     NOT NULL,
    at     timestamptz NOT NULL,
    tenant text        NOT NULL, -- '*': of all, beside each one's own
    what   smallint    NOT NULL, -- 1: verdict_ms, 2: complete_ms, 3: lag_ms
    bucket smallint    NOT NULL, -- floor(4 log2(1 + ms)): 19 % wide
    n      bigint      NOT NULL,
    PRIMARY KEY (step, at, tenant, what, bucket)
) WITH (fillfactor = 70);
CREATE TABLE fhirbus.grid_issue (
    step         integer     NOT NULL, -- hours and days
    at           timestamptz NOT NULL,
    tenant       text        NOT NULL,
    sender       text        NOT NULL,
    profile_url  text        NOT NULL,
    message_id   text        NOT NULL,
    severity     text        NOT NULL,
    issues       bigint      NOT NULL,
    interactions bigint      NOT NULL,
    PRIMARY KEY (step, at, tenant, sender, profile_url, message_id, severity)
) WITH (fillfactor = 70);
CREATE TABLE fhirbus.grid_seen ( -- how far it is
    only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    seen_at    timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO fhirbus.grid_seen DEFAULT VALUES;

-- What has changed since. Whoever records an event says so here, in the same transaction.
CREATE TABLE fhirbus.touched (
    interaction_id uuid        NOT NULL,
    tenant         text        NOT NULL,
    received_at    timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
CREATE FUNCTION fhirbus.touch() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO fhirbus.touched SELECT DISTINCT interaction_id, tenant, received_at FROM added;
    RETURN NULL;
END
$$;
CREATE TRIGGER touch AFTER INSERT ON fhirbus.event REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION fhirbus.touch();

-- One interaction as it is now.
CREATE TYPE fhirbus.grid_fresh AS (
    interaction_id uuid, tenant text, received_at timestamptz, state text, source_type text, disposition text,
    ig_version text, valid smallint, state_at timestamptz, errors integer, warnings integer, payload_bytes bigint,
    verdict_ms real, complete_ms real, lag_ms real, sender text, profile_url text, verdict_of uuid, attempt integer,
    sha256 bytea
);
CREATE FUNCTION fhirbus.ms_between(since timestamptz, until timestamptz) RETURNS real
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(greatest(0, extract(epoch FROM until - since) * 1000), -1)::real;
$$;
CREATE FUNCTION fhirbus.step_of(seconds integer, at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT to_timestamp(floor(extract(epoch FROM at) / seconds) * seconds);
$$;

CREATE VIEW fhirbus.grid_source AS
SELECT r.interaction_id, r.tenant, r.received_at,
       coalesce(CASE WHEN t.sent AND t.some_failed THEN 'FAIL' WHEN t.sent AND t.all_complete THEN 'COMPLETE'
                     WHEN t.sent AND t.before_sending = 'FAIL' THEN 'FAIL'
                     WHEN t.sent THEN 'FORWARD' ELSE t.before_sending END, 'received') AS state,
       coalesce(m.source_type, '') AS source_type,
       coalesce(v.action, '') AS disposition,
       left(coalesce(v.ig_version, ''), 100) AS ig_version,
       coalesce(v.valid::integer, -1)::smallint AS valid,
       coalesce(t.happened_at, r.received_at) AS state_at,
       coalesce(v.errors, -1) AS errors, coalesce(v.warnings, -1) AS warnings,
       coalesce(m.payload_bytes, -1) AS payload_bytes,
       fhirbus.ms_between(r.received_at, f.validation_completed_at) AS verdict_ms,
       fhirbus.ms_between(r.received_at, t.complete_at) AS complete_ms,
       fhirbus.ms_between(r.received_at, m.stored_at) AS lag_ms,
       left(coalesce(nullif(m.caller, ''), m.organization_id, v.organization_id, ''), 200) AS sender,
       left(coalesce(v.profile_url, m.profile_url, ''), 500) AS profile_url,
       v.replay_id AS verdict_of, v.attempt, v.sha256
FROM fhirbus.registry r
LEFT JOIN LATERAL (
       SELECT n.source_type, n.payload_bytes, n.stored_at, n.caller, n.organization_id, n.profile_url FROM fhirbus.message n
       WHERE n.interaction_id = r.interaction_id AND n.tenant = r.tenant AND n.received_at = r.received_at
       ORDER BY n.sent_at, n.sha256 LIMIT 1) m ON true
LEFT JOIN LATERAL (
       SELECT w.* FROM fhirbus.verdict w
       WHERE w.interaction_id = r.interaction_id AND w.tenant = r.tenant AND w.received_at = r.received_at
       ORDER BY w.replay_id DESC, w.attempt DESC, w.sha256 LIMIT 1) v ON true
LEFT JOIN LATERAL (
       SELECT min(w.validation_completed_at) AS validation_completed_at FROM fhirbus.verdict w
       WHERE w.interaction_id = r.interaction_id AND w.tenant = r.tenant AND w.received_at = r.received_at
         AND w.replay_id = '00000000-0000-0000-0000-000000000000') f ON true
LEFT JOIN LATERAL (
       SELECT bool_or(s.destination <> '') AS sent,
              bool_or(s.destination <> '' AND s.state = 'FAIL') AS some_failed,
              bool_and(s.state = 'COMPLETE') FILTER (WHERE s.destination <> '') AS all_complete,
              max(s.state) FILTER (WHERE s.destination = '') AS before_sending,
              max(s.happened_at) AS happened_at,
              max(s.happened_at) FILTER (WHERE s.destination <> '' AND s.state = 'COMPLETE') AS complete_at
       FROM fhirbus.thread_state s
       WHERE s.interaction_id = r.interaction_id AND s.tenant = r.tenant AND s.received_at = r.received_at) t ON true;

-- What is counted of a batch: the difference between rows as they were and as they are.
CREATE FUNCTION fhirbus.count_grid(fresh fhirbus.grid_fresh[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
    WITH moved AS (
        SELECT w.received_at, f.facet_id, 1 AS n FROM unnest(fresh) w
        JOIN fhirbus.facet f USING (tenant, state, source_type, disposition, ig_version, valid)
        UNION ALL
        SELECT g.received_at, g.facet_id, -1 FROM unnest(fresh) w JOIN fhirbus.grid g USING (interaction_id, tenant)
    )
    INSERT INTO fhirbus.grid_count (step, at, facet_id, n)
    SELECT s.step, fhirbus.step_of(s.step, m.received_at) AS at, m.facet_id, sum(m.n)
    FROM moved m CROSS JOIN (VALUES (300), (3600), (86400)) AS s (step)
    GROUP BY 1, 2, 3 HAVING sum(m.n) <> 0 ORDER BY 1, 2, 3
    ON CONFLICT (step, at, facet_id) DO UPDATE SET n = grid_count.n + excluded.n;

    WITH known AS (
        SELECT w.received_at, w.tenant, k.what, k.ms FROM unnest(fresh) w
        LEFT JOIN fhirbus.grid g USING (interaction_id, tenant)
        CROSS JOIN LATERAL (VALUES (1, w.verdict_ms, g.verdict_ms), (2, w.complete_ms, g.complete_ms),
                                   (3, w.lag_ms, g.lag_ms)) AS k (what, ms, before)
        WHERE k.ms >= 0 AND coalesce(k.before, -1) < 0
    )
    INSERT INTO fhirbus.grid_latency (step, at, tenant, what, bucket, n)
    SELECT s.step, fhirbus.step_of(s.step, k.received_at) AS at, o.tenant, k.what,
           least(300, floor(4 * ln(1 + k.ms::double precision) / ln(2::double precision)))::smallint AS bucket, count(*)
    FROM known k CROSS JOIN (VALUES (300), (3600), (86400)) AS s (step)
    CROSS JOIN LATERAL (VALUES (k.tenant), ('*')) AS o (tenant)
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (step, at, tenant, what, bucket) DO UPDATE SET n = grid_latency.n + excluded.n;

    -- Of first verdicts alone: a replay says nothing new of what senders do.
    WITH judged AS (
        SELECT w.* FROM unnest(fresh) w LEFT JOIN fhirbus.grid g USING (interaction_id, tenant)
        WHERE w.verdict_of IS NOT NULL AND g.verdict_of IS NULL
    ), per_interaction AS (
        SELECT j.received_at, j.tenant, j.sender, j.profile_url, left(coalesce(d.message_id, ''), 200) AS message_id,
               d.severity, count(*) AS issues
        FROM judged j JOIN fhirbus.diagnostic d
          ON d.interaction_id = j.interaction_id AND d.tenant = j.tenant AND d.received_at = j.received_at
         AND d.sha256 = j.sha256 AND d.replay_id = j.verdict_of AND d.attempt = j.attempt
        GROUP BY j.interaction_id, 1, 2, 3, 4, 5, 6
    )
    INSERT INTO fhirbus.grid_issue (step, at, tenant, sender, profile_url, message_id, severity, issues, interactions)
    SELECT s.step, fhirbus.step_of(s.step, p.received_at) AS at, p.tenant, p.sender, p.profile_url, p.message_id, p.severity,
           sum(p.issues), count(*)
    FROM per_interaction p CROSS JOIN (VALUES (3600), (86400)) AS s (step)
    GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
    ON CONFLICT (step, at, tenant, sender, profile_url, message_id, severity)
    DO UPDATE SET issues = grid_issue.issues + excluded.issues, interactions = grid_issue.interactions + excluded.interactions;
$$;

-- Words as they are looked for. What the parser would keep together (paths, hosts, addresses, tags) is parted first;
-- translate() takes ten times as long.
CREATE FUNCTION fhirbus.words_of(text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT strip(to_tsvector('pg_catalog.simple', replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(left(coalesce($1, ''), 20000), '.', ' '), '/', ' '), '_', ' '), '-', ' '), ':', ' '), '@', ' '), '=', ' '), '&', ' '), '?', ' '), '%', ' '), '#', ' '), '~', ' '), '+', ' '), '<', ' '), '>', ' ')));
$$;

CREATE FUNCTION fhirbus.word_grid(fresh fhirbus.grid_fresh[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
    INSERT INTO fhirbus.grid_words (interaction_id, tenant, received_at, words)
    SELECT w.interaction_id, w.tenant, w.received_at,
           fhirbus.words_of(d.texts) || array_to_tsvector(coalesce(d.ids, '{}') || ('s:' || w.sender) || ('p:' || w.profile_url))
    FROM unnest(fresh) w LEFT JOIN fhirbus.grid g USING (interaction_id, tenant)
    CROSS JOIN LATERAL (
        SELECT string_agg(DISTINCT concat_ws(' ', x.message_id, x.diagnostics, x.location), ' ') AS texts,
               array_agg(DISTINCT 'm:' || left(x.message_id, 200)) FILTER (WHERE x.message_id <> '') AS ids
        FROM (SELECT message_id, left(diagnostics, 500) AS diagnostics, left(location, 200) AS location FROM fhirbus.diagnostic y
              WHERE y.interaction_id = w.interaction_id AND y.tenant = w.tenant AND y.received_at = w.received_at
                AND y.sha256 = w.sha256 AND y.replay_id = w.verdict_of AND y.attempt = w.attempt
              ORDER BY y.ordinal LIMIT 500) x) d
    WHERE g.interaction_id IS NULL OR g.verdict_of IS DISTINCT FROM w.verdict_of
    ON CONFLICT (interaction_id, tenant) DO UPDATE SET words = excluded.words;
$$;

-- Brings at most `most` interactions up to date; what it did. One at a time: so `changed` grows as it is seen.
CREATE FUNCTION fhirbus.refresh_grid(most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    ids     uuid[];
    owners  text[];
    fresh   fhirbus.grid_fresh[];
    since   timestamptz := clock_timestamp();
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('fhirbus.refresh_grid', 0)) THEN
        RETURN 0; -- somebody else is at it
    END IF;
    WITH took AS (
        DELETE FROM fhirbus.touched WHERE ctid = ANY (ARRAY(SELECT ctid FROM fhirbus.touched LIMIT most))
        RETURNING interaction_id, tenant
    ), once AS (SELECT DISTINCT interaction_id, tenant FROM took)
    SELECT array_agg(interaction_id), array_agg(tenant) INTO ids, owners FROM once;
    IF ids IS NULL THEN
        UPDATE fhirbus.grid_seen SET seen_at = since;
        RETURN 0;
    END IF;
    SELECT array_agg(ROW(s.*)::fhirbus.grid_fresh) INTO fresh
    FROM unnest(ids, owners) AS k (interaction_id, tenant)
    JOIN fhirbus.grid_source s ON s.interaction_id = k.interaction_id AND s.tenant = k.tenant;
    IF fresh IS NULL THEN
        RETURN cardinality(ids);
    END IF;
    INSERT INTO fhirbus.facet (tenant, state, source_type, disposition, ig_version, valid)
    SELECT DISTINCT w.tenant, w.state, w.source_type, w.disposition, w.ig_version, w.valid FROM unnest(fresh) w
    WHERE NOT EXISTS (SELECT FROM fhirbus.facet f
                      WHERE (f.tenant, f.state, f.source_type, f.disposition, f.ig_version, f.valid)
                          = (w.tenant, w.state, w.source_type, w.disposition, w.ig_version, w.valid))
    ON CONFLICT DO NOTHING;
    PERFORM fhirbus.count_grid(fresh);
    PERFORM fhirbus.word_grid(fresh);
    INSERT INTO fhirbus.grid (interaction_id, tenant, received_at, facet_id, state_at, errors, warnings, payload_bytes,
                              verdict_ms, complete_ms, lag_ms, sender, verdict_of, changed)
    SELECT w.interaction_id, w.tenant, w.received_at, f.facet_id, w.state_at, w.errors, w.warnings, w.payload_bytes,
           w.verdict_ms, w.complete_ms, w.lag_ms, w.sender, w.verdict_of, nextval('fhirbus.grid_change')
    FROM unnest(fresh) w JOIN fhirbus.facet f USING (tenant, state, source_type, disposition, ig_version, valid)
    ON CONFLICT (interaction_id, tenant) DO UPDATE SET
        received_at = excluded.received_at, facet_id = excluded.facet_id, state_at = excluded.state_at,
        errors = excluded.errors, warnings = excluded.warnings, payload_bytes = excluded.payload_bytes,
        verdict_ms = excluded.verdict_ms, complete_ms = excluded.complete_ms, lag_ms = excluded.lag_ms,
        sender = excluded.sender, verdict_of = excluded.verdict_of, changed = excluded.changed;
    RETURN cardinality(ids);
END
$$;

-- What is past its tenant's retention goes; sums by five minutes after three days.
CREATE FUNCTION fhirbus.purge_grid(most integer, today timestamptz DEFAULT now()) RETURNS bigint
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
        DELETE FROM fhirbus.grid_count c USING fhirbus.facet f
        WHERE f.facet_id = c.facet_id AND f.tenant = who AND c.at < until - interval '1 day';
    END LOOP;
    DELETE FROM fhirbus.grid_latency WHERE tenant = '*' AND at < (SELECT received_before FROM fhirbus.horizon) - interval '1 day';
    DELETE FROM fhirbus.grid_count WHERE step = 300 AND at < today - interval '3 days';
    DELETE FROM fhirbus.grid_latency WHERE step = 300 AND at < today - interval '3 days';
    RETURN total;
END
$$;

-- Which facets a filter means. NULL: of all.
CREATE FUNCTION fhirbus.facets_of(tenants text[], states text[], source_types text[], dispositions text[], ig_versions text[],
                                  only_valid boolean) RETURNS integer[]
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(array_agg(f.facet_id), '{}') FROM fhirbus.facet f
    WHERE (tenants IS NULL OR f.tenant = ANY (tenants)) AND (states IS NULL OR f.state = ANY (states))
      AND (source_types IS NULL OR f.source_type = ANY (source_types))
      AND (dispositions IS NULL OR f.disposition = ANY (dispositions))
      AND (ig_versions IS NULL OR f.ig_version = ANY (ig_versions))
      AND (only_valid IS NULL OR f.valid = only_valid::integer);
$$;

-- Words looked for, each as a prefix, and whole ids ('m:...'), all of them; NULL: none.
CREATE FUNCTION fhirbus.words_wanted(words text, whole text[]) RETURNS tsquery
LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(one, ' & ')::tsquery FROM (
        SELECT quote_literal(w) || ':*' AS one FROM unnest(tsvector_to_array(fhirbus.words_of(words))) AS w
        UNION ALL SELECT quote_literal(w) FROM unnest(whole) AS w) AS parts;
$$;

-- A page of the grid, as a cursor goes on: (key, received_at, interaction_id, tenant) behind the last row's.
-- The statement is put together for what is asked, so that the planner knows all of it. Four ways:
--   hits   few rows by something exact (an id, a patient, a rare word), looked at one by one
--   few    a short period: all of its rows, sorted
--   many   by time, and most rows fit: along time, until the page is full
--   else   the best rows of each facet, merged
CREATE FUNCTION fhirbus.grid_page(facets integer[], whole_tenant text, unfiltered boolean, from_at timestamptz, to_at timestamptz,
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
    many      boolean := unfiltered;
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
    ELSIF words IS NOT NULL AND (SELECT count(*) <= 5000 FROM (
              SELECT FROM fhirbus.grid_words w WHERE w.words @@ grid_page.words LIMIT 5001) AS few) THEN
        hits := 'SELECT w.interaction_id, w.tenant FROM fhirbus.grid_words w WHERE w.words @@ $7';
    END IF;
    IF words IS NOT NULL AND (hits IS NULL OR hits NOT LIKE '%grid_words%') THEN
        filters := filters || ' AND EXISTS (SELECT FROM fhirbus.grid_words w WHERE w.interaction_id = g.interaction_id '
                              'AND w.tenant = g.tenant AND w.words @@ $7)';
    END IF;
    IF hits IS NULL AND (from_at > '-infinity' OR words IS NOT NULL) THEN
        SELECT e.n <= 40000, unfiltered OR e.n >= 50000 AND words IS NOT NULL INTO few, many
        FROM (SELECT fhirbus.grid_estimate(facets, from_at, to_at) AS n) e;
    END IF;
    RETURN QUERY EXECUTE format(
        CASE WHEN hits IS NOT NULL THEN
            'WITH hits AS MATERIALIZED (' || hits || ') '
            'SELECT g.interaction_id, g.tenant, g.received_at, g.facet_id, g.%1$I::text, g.changed, g.sender, g.verdict_ms, g.complete_ms '
            'FROM hits h JOIN fhirbus.grid g ON g.interaction_id = h.interaction_id AND g.tenant = h.tenant '
            'WHERE g.facet_id = ANY ($8) AND %2$s ORDER BY %3$s LIMIT $12'
        WHEN few OR many AND by_time THEN
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

-- About how many rows that are: whole steps at the ends of the period.
CREATE FUNCTION fhirbus.grid_estimate(facets integer[], from_at timestamptz, to_at timestamptz) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(sum(c.n), 0)::bigint
    FROM (SELECT CASE WHEN from_at > now() - interval '12 hours' THEN 300 WHEN from_at > now() - interval '2 days' THEN 3600
                      ELSE 86400 END AS step) k
    JOIN fhirbus.grid_count c ON c.step = k.step AND c.at >= from_at - k.step * interval '1 second' AND c.at < to_at
                             AND c.facet_id = ANY (facets);
$$;

-- The overview: everything from sums, as one JSON text.
CREATE FUNCTION fhirbus.latency_at(step integer, tenants text[], from_at timestamptz, to_at timestamptz, by_step boolean)
RETURNS TABLE (at timestamptz, what smallint, quantile double precision, ms double precision, total bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH l AS (
        SELECT CASE WHEN by_step THEN g.at END AS at, g.what, g.bucket, sum(g.n) AS n FROM fhirbus.grid_latency g
        WHERE g.step = latency_at.step AND g.at >= from_at AND g.at < to_at AND g.tenant = ANY (coalesce(tenants, '{*}'))
        GROUP BY 1, 2, 3
    ), c AS (
        SELECT l.*, sum(n) OVER (PARTITION BY l.at, l.what ORDER BY l.bucket) AS upto, sum(n) OVER (PARTITION BY l.at, l.what) AS total FROM l
    )
    SELECT DISTINCT ON (c.at, c.what, q) c.at, c.what, q,
           power(2, c.bucket / 4.0) - 1 + (power(2, (c.bucket + 1) / 4.0) - power(2, c.bucket / 4.0)) * (q * c.total - (c.upto - c.n)) / c.n,
           c.total::bigint
    FROM c CROSS JOIN unnest(ARRAY[0.5, 0.95, 0.99]::double precision[]) AS q
    WHERE c.upto >= q * c.total
    ORDER BY c.at, c.what, q, c.bucket;
$$;

CREATE FUNCTION fhirbus.overview_funnel(step integer, tenants text[], from_at timestamptz, to_at timestamptz)
RETURNS TABLE (at timestamptz, tenant text, received bigint, judged bigint, valid bigint, accepted bigint, sent bigint,
               complete bigint, failed bigint, rejected bigint, discarded bigint, under_way bigint, not_sent bigint, invalid bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT c.at, f.tenant, sum(c.n)::bigint,
           coalesce(sum(c.n) FILTER (WHERE f.disposition <> ''), 0)::bigint,
           coalesce(sum(c.n) FILTER (WHERE f.valid = 1), 0)::bigint,
           coalesce(sum(c.n) FILTER (WHERE f.disposition = 'accept'), 0)::bigint,
           coalesce(sum(c.n) FILTER (WHERE f.state IN ('FORWARD', 'FAIL', 'COMPLETE')), 0)::bigint,
           coalesce(sum(c.n) FILTER (WHERE f.state = 'COMPLETE'), 0)::bigint,
           coalesce(sum(c.n) FILTER (WHERE f.state = 'FAIL'), 0)::bigint,
           coalesce(sum(c.n) FILTER (WHERE f.disposition = 'reject'), 0)::bigint,
           coalesce(sum(c.n) FILTER (WHERE f.disposition = 'discard'), 0)::bigint,
           coalesce(sum(c.n) FILTER (WHERE f.state = 'FORWARD'), 0)::bigint,
           coalesce(sum(c.n) FILTER (WHERE f.disposition = 'accept' AND f.state NOT IN ('FORWARD', 'FAIL', 'COMPLETE')), 0)::bigint,
           coalesce(sum(c.n) FILTER (WHERE f.valid = 0), 0)::bigint
    FROM fhirbus.grid_count c JOIN fhirbus.facet f ON f.facet_id = c.facet_id
    WHERE c.step = overview_funnel.step AND c.at >= from_at AND c.at < to_at AND (tenants IS NULL OR f.tenant = ANY (tenants))
    GROUP BY c.at, f.tenant;
$$;

CREATE FUNCTION fhirbus.iso(at timestamptz) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
$$;

-- What wants somebody's eyes first: what is of now, and what is different from the period before.
CREATE FUNCTION fhirbus.overview_attention(step integer, tenants text[], from_at timestamptz, to_at timestamptz) RETURNS json
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
        SELECT 'silent', 3, b.tenant, 0, to_at, 'nothing came in this period; ' || b.received || ' documents in the one before', ''
        FROM before b LEFT JOIN mine m USING (tenant) WHERE b.received >= 50 AND coalesce(m.received, 0) = 0
    )
    SELECT coalesce(json_agg(json_build_object('kind', kind, 'severity', (ARRAY['high', 'medium', 'low'])[rank], 'tenant', tenant, 'count', n,
                    'since', fhirbus.iso(since), 'text', text, 'filter', filter) ORDER BY rank, n DESC), '[]')
    FROM (SELECT * FROM found ORDER BY rank, n DESC LIMIT 50) first;
$$;

CREATE FUNCTION fhirbus.overview_issues(issue_step integer, tenants text[], from_at timestamptz, to_at timestamptz) RETURNS json
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH i AS MATERIALIZED (
        SELECT tenant, sender, profile_url, message_id, severity, sum(issues) AS issues, sum(interactions) AS interactions
        FROM fhirbus.grid_issue
        WHERE step = issue_step AND at >= fhirbus.step_of(issue_step, from_at) AND at < to_at AND (tenants IS NULL OR tenant = ANY (tenants))
        GROUP BY 1, 2, 3, 4, 5
    )
    SELECT json_build_object(
        'by_message', (SELECT coalesce(json_agg(r), '[]') FROM (
            SELECT message_id, severity, sum(issues)::bigint AS issues, sum(interactions)::bigint AS interactions
            FROM i GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20) r),
        'by_profile', (SELECT coalesce(json_agg(r), '[]') FROM (
            SELECT profile_url, sum(issues)::bigint AS issues, sum(interactions)::bigint AS interactions,
                   (array_agg(message_id ORDER BY issues DESC))[1] AS message_id FROM i GROUP BY 1 ORDER BY 2 DESC LIMIT 20) r),
        'by_sender', (SELECT coalesce(json_agg(r), '[]') FROM (
            SELECT tenant, sender, sum(issues)::bigint AS issues, sum(interactions)::bigint AS interactions,
                   (array_agg(message_id ORDER BY issues DESC))[1] AS message_id FROM i GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20) r));
$$;

CREATE FUNCTION fhirbus.overview(step integer, tenants text[], from_at timestamptz, to_at timestamptz) RETURNS text
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
    ), open AS (
        SELECT sum(o.n)::bigint AS n, min(o.oldest) AS oldest FROM fhirbus.facet f CROSS JOIN LATERAL (
            SELECT count(*) AS n, min(received_at) AS oldest FROM (
                SELECT g.received_at FROM fhirbus.grid g WHERE g.facet_id = f.facet_id ORDER BY g.received_at LIMIT 10000) few) o
        WHERE (f.state = 'FORWARD' OR (f.disposition = '' AND f.state <> 'expired')) AND (tenants IS NULL OR f.tenant = ANY (tenants))
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
        'open', (SELECT json_build_object('count', coalesce(n, 0), 'oldest', fhirbus.iso(oldest)) FROM open),
        'issues', fhirbus.overview_issues(CASE WHEN to_at - from_at > interval '2 days' THEN 86400 ELSE 3600 END, tenants, from_at, to_at),
        'attention', fhirbus.overview_attention(step, tenants, from_at, to_at))::text;
$$;

-- What there is to choose from in the filters' menus.
CREATE FUNCTION fhirbus.grid_menus(tenants text[], from_at timestamptz, to_at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH n AS (
        SELECT f.tenant, f.state, f.source_type, f.disposition, f.ig_version, f.valid, sum(c.n) AS n
        FROM (SELECT CASE WHEN from_at > now() - interval '2 days' THEN 3600 ELSE 86400 END AS step) k
        JOIN fhirbus.grid_count c ON c.step = k.step AND c.at >= from_at - k.step * interval '1 second' AND c.at < to_at
        JOIN fhirbus.facet f ON f.facet_id = c.facet_id
        WHERE tenants IS NULL OR f.tenant = ANY (tenants)
        GROUP BY 1, 2, 3, 4, 5, 6
    ), v AS (
        SELECT name, value, sum(n)::bigint AS count FROM n CROSS JOIN LATERAL (VALUES
            ('tenant', n.tenant), ('state', n.state), ('source_type', n.source_type), ('disposition', n.disposition),
            ('ig_version', n.ig_version), ('valid', (ARRAY['', 'false', 'true'])[n.valid + 2])) AS k (name, value)
        WHERE value <> '' GROUP BY 1, 2 HAVING sum(n) > 0
    )
    SELECT json_build_object(
        'tenant', (SELECT coalesce(json_agg(json_build_object('value', value, 'count', count) ORDER BY count DESC), '[]') FROM v WHERE name = 'tenant'),
        'state', (SELECT coalesce(json_agg(json_build_object('value', value, 'count', count) ORDER BY count DESC), '[]') FROM v WHERE name = 'state'),
        'source_type', (SELECT coalesce(json_agg(json_build_object('value', value, 'count', count) ORDER BY count DESC), '[]') FROM v WHERE name = 'source_type'),
        'disposition', (SELECT coalesce(json_agg(json_build_object('value', value, 'count', count) ORDER BY count DESC), '[]') FROM v WHERE name = 'disposition'),
        'ig_version', (SELECT coalesce(json_agg(json_build_object('value', value, 'count', count) ORDER BY count DESC), '[]') FROM v WHERE name = 'ig_version'),
        'valid', (SELECT coalesce(json_agg(json_build_object('value', value, 'count', count) ORDER BY count DESC), '[]') FROM v WHERE name = 'valid'))::text;
$$;

-- One interaction: all that is known of it, but what is compressed. `of_replay`: whose verdict's issues; NULL: the
-- latest's.
CREATE FUNCTION fhirbus.story(of_id uuid, of_tenant text, of_time timestamptz, of_replay uuid) RETURNS text
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
        'replays', (SELECT coalesce(json_agg(json_build_object('replay_id', j.replay_id, 'asked_at', fhirbus.iso(r.asked_at), 'asked_by', r.asked_by,
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

-- Who sees what: ingest asks for the tenants of whoever asks it, and sees nothing before it has said which
-- ('*': all): SELECT set_config('fhirbus.scope', '{qe-a,qe-b}', true).
CREATE FUNCTION fhirbus.scope() RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(nullif(current_setting('fhirbus.scope', true), '')::text[], '{}');
$$;
DO $$
DECLARE
    secured name;
BEGIN
    FOREACH secured IN ARRAY ARRAY['facet', 'grid', 'grid_latency', 'grid_issue'] LOOP
        EXECUTE format('ALTER TABLE fhirbus.%I ENABLE ROW LEVEL SECURITY', secured);
        EXECUTE format('CREATE POLICY asked ON fhirbus.%I FOR SELECT TO fhirbus_ingest '
                       'USING (''*'' = ANY ((SELECT fhirbus.scope())::text[]) OR tenant = ANY ((SELECT fhirbus.scope())::text[]))', secured);
        EXECUTE format('CREATE POLICY readers ON fhirbus.%I FOR SELECT TO fhirbus_reader USING (true)', secured);
        EXECUTE format('CREATE POLICY tenants ON fhirbus.%I FOR SELECT TO fhirbus_tenant '
                       'USING (tenant = ANY (ARRAY(SELECT fhirbus.my_tenants())))', secured);
        EXECUTE format('GRANT SELECT ON fhirbus.%I TO fhirbus_ingest, fhirbus_reader, fhirbus_tenant', secured);
    END LOOP;
END
$$;
-- These say nothing without a facet, or a row of the grid, that may be seen.
GRANT SELECT ON fhirbus.grid_count, fhirbus.grid_words TO fhirbus_ingest;
GRANT SELECT ON SEQUENCE fhirbus.grid_change TO fhirbus_ingest;
GRANT SELECT ON fhirbus.grid_seen TO fhirbus_ingest, fhirbus_reader;
DO $$
DECLARE
    made regprocedure;
BEGIN
    FOR made IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'fhirbus'::regnamespace AND p.proname IN (
            'count_grid', 'facets_of', 'grid_estimate', 'grid_menus', 'grid_page', 'iso', 'latency_at',
            'ms_between', 'overview', 'overview_attention', 'overview_funnel', 'overview_issues', 'purge_grid',
            'refresh_grid', 'scope', 'step_of', 'story', 'touch', 'word_grid', 'words_of', 'words_wanted') LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION fhirbus.refresh_grid(integer), fhirbus.purge_grid(integer, timestamptz) TO fhirbus_persister;
DO $$
DECLARE
    asked regprocedure;
BEGIN
    FOR asked IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'fhirbus'::regnamespace AND p.proname IN (
            'scope', 'step_of', 'iso', 'words_of', 'facets_of', 'words_wanted', 'grid_page', 'grid_estimate', 'grid_menus',
            'latency_at', 'overview', 'overview_funnel', 'overview_attention', 'overview_issues', 'story') LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO fhirbus_ingest', asked);
    END LOOP;
END
$$;

-- What is there already.
INSERT INTO fhirbus.touched SELECT interaction_id, tenant, received_at FROM fhirbus.registry;
