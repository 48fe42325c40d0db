-- Months: made ahead, emptied by retention, dropped. The functions run with the owner's rights, so
-- that the persister needs no right to create or delete anything itself.

CREATE FUNCTION fhirbus.partitioned_tables() RETURNS SETOF name
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = 'fhirbus'::regnamespace ORDER BY relname;
$$;

-- A default partition catches what no month covers (a clock gone wrong, a month made too late).
DO $$
DECLARE
    parent name;
BEGIN
    FOR parent IN SELECT fhirbus.partitioned_tables() LOOP
        EXECUTE format('CREATE TABLE fhirbus.%I PARTITION OF fhirbus.%I DEFAULT', parent || '_default', parent);
    END LOOP;
END
$$;

-- Makes one month of one table. Rows that the default partition caught for it move over first,
-- else PostgreSQL refuses the month.
CREATE FUNCTION fhirbus.make_month(parent name, month timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' AS $$
DECLARE
    first_day   timestamptz := date_trunc('month', month);
    after_last  timestamptz := date_trunc('month', month) + interval '1 month';
    child       name := parent || to_char(date_trunc('month', month), '"_"YYYY"_"MM');
    caught      boolean;
BEGIN
    IF parent NOT IN (SELECT fhirbus.partitioned_tables()) THEN
        RAISE EXCEPTION 'fhirbus.% is not partitioned', parent;
    END IF;
    IF to_regclass(format('fhirbus.%I', child)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE fhirbus.%I (LIKE fhirbus.%I INCLUDING ALL)', child, parent);
    EXECUTE format('SELECT EXISTS (SELECT FROM fhirbus.%I WHERE received_at >= %L AND received_at < %L)',
                   parent || '_default', first_day, after_last) INTO caught;
    IF caught THEN
        EXECUTE format('LOCK TABLE fhirbus.%I IN ACCESS EXCLUSIVE MODE', parent);
        EXECUTE format('WITH moved AS (DELETE FROM fhirbus.%I WHERE received_at >= %L AND received_at < %L RETURNING *) '
                       'INSERT INTO fhirbus.%I SELECT * FROM moved',
                       parent || '_default', first_day, after_last, child);
    END IF;
    EXECUTE format('ALTER TABLE fhirbus.%I ATTACH PARTITION fhirbus.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, child, first_day, after_last);
    RETURN true;
END
$$;

-- This month and `ahead` more, in every table, and months that the default partitions wait for.
-- Returns how many partitions were made. Concurrent calls queue up.
CREATE FUNCTION fhirbus.make_months(ahead integer, today timestamptz DEFAULT now()) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' AS $$
DECLARE
    parent name;
    month  timestamptz;
    made   integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('fhirbus.make_months', 0));
    FOR parent IN SELECT fhirbus.partitioned_tables() LOOP
        FOR month IN SELECT generate_series(date_trunc('month', today), date_trunc('month', today) + ahead * interval '1 month', interval '1 month') LOOP
            IF fhirbus.make_month(parent, month) THEN
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

-- What the default partitions hold: to be watched, 0 when all is well.
CREATE FUNCTION fhirbus.default_rows() RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    parent name;
    held   bigint;
    total  bigint := 0;
BEGIN
    FOR parent IN SELECT fhirbus.partitioned_tables() LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT FROM fhirbus.%I LIMIT 100000) AS sample', parent || '_default') INTO held;
        total := total + held;
    END LOOP;
    RETURN total;
END
$$;

-- Moves what the default partitions hold into months of its own. Returns the months made.
CREATE FUNCTION fhirbus.settle_defaults() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' AS $$
DECLARE
    parent name;
    month  timestamptz;
    made   integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('fhirbus.make_months', 0));
    FOR parent IN SELECT fhirbus.partitioned_tables() LOOP
        FOR month IN EXECUTE format('SELECT DISTINCT date_trunc(''month'', received_at) FROM fhirbus.%I', parent || '_default') LOOP
            IF fhirbus.make_month(parent, month) THEN
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

CREATE FUNCTION fhirbus.retention_days(of_tenant text, of_payload boolean) RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT CASE WHEN of_payload THEN payload_retention_days ELSE record_retention_days END
    FROM fhirbus.tenant_setting WHERE tenant IN (of_tenant, '*') ORDER BY tenant = '*' LIMIT 1;
$$;

-- Blanks payloads and deletes records that are past their tenant's retention; at most `most` rows
-- a table and call, so that no call takes long. Returns the rows touched: call again while > 0.
CREATE FUNCTION fhirbus.purge(most integer, today timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    parent  name;
    touched bigint;
    total   bigint := 0;
    who     record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('fhirbus.purge', 0)) THEN
        RETURN 0; -- somebody else is at it
    END IF;
    FOR who IN SELECT DISTINCT ON (tenant) tenant, fhirbus.retention_days(tenant, true) AS payload_days,
                      fhirbus.retention_days(tenant, false) AS record_days
               FROM fhirbus.registry
    LOOP
        UPDATE fhirbus.message SET payload = NULL
        WHERE (tenant, interaction_id, sha256, received_at) IN (
            SELECT tenant, interaction_id, sha256, received_at FROM fhirbus.message
            WHERE tenant = who.tenant AND payload IS NOT NULL
              AND received_at < today - who.payload_days * interval '1 day' LIMIT most);
        GET DIAGNOSTICS touched = ROW_COUNT;
        total := total + touched;
        UPDATE fhirbus.verdict SET outcome = NULL, bundle = NULL
        WHERE (tenant, interaction_id, sha256, replay_id, attempt, received_at) IN (
            SELECT tenant, interaction_id, sha256, replay_id, attempt, received_at FROM fhirbus.verdict
            WHERE tenant = who.tenant AND (outcome IS NOT NULL OR bundle IS NOT NULL)
              AND received_at < today - who.payload_days * interval '1 day' LIMIT most);
        GET DIAGNOSTICS touched = ROW_COUNT;
        total := total + touched;
        UPDATE fhirbus.notice SET body = NULL
        WHERE (tenant, interaction_id, event_id, received_at) IN (
            SELECT tenant, interaction_id, event_id, received_at FROM fhirbus.notice
            WHERE tenant = who.tenant AND body IS NOT NULL
              AND received_at < today - who.payload_days * interval '1 day' LIMIT most);
        GET DIAGNOSTICS touched = ROW_COUNT;
        total := total + touched;
        UPDATE fhirbus.delivery SET response = NULL
        WHERE (tenant, interaction_id, sha256, destination, replay_id, attempt, success, received_at) IN (
            SELECT tenant, interaction_id, sha256, destination, replay_id, attempt, success, received_at FROM fhirbus.delivery
            WHERE tenant = who.tenant AND response IS NOT NULL
              AND received_at < today - who.payload_days * interval '1 day' LIMIT most);
        GET DIAGNOSTICS touched = ROW_COUNT;
        total := total + touched;
        FOR parent IN SELECT fhirbus.partitioned_tables() LOOP
            EXECUTE format('DELETE FROM fhirbus.%1$I WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM fhirbus.%1$I '
                           'WHERE tenant = $1 AND received_at < $2 LIMIT $3)', parent)
                USING who.tenant, today - who.record_days * interval '1 day', most;
            GET DIAGNOSTICS touched = ROW_COUNT;
            total := total + touched;
        END LOOP;
    END LOOP;
    RETURN total;
END
$$;

-- Drops months that are past the retention of every tenant and moves the horizon: whatever still
-- comes for them settles as expired. Claims older than a year and registry rows go too.
CREATE FUNCTION fhirbus.drop_months(today timestamptz DEFAULT now()) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' AS $$
DECLARE
    longest integer := (SELECT max(record_retention_days) FROM fhirbus.tenant_setting);
    edge    timestamptz := date_trunc('month', today - longest * interval '1 day');
    parent  name;
    child   name;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('fhirbus.make_months', 0));
    UPDATE fhirbus.horizon SET received_before = edge WHERE received_before < edge;
    FOR parent IN SELECT fhirbus.partitioned_tables() LOOP
        FOR child IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                     WHERE i.inhparent = format('fhirbus.%I', parent)::regclass
                       AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
                       AND to_date(right(c.relname, 7), 'YYYY_MM') < edge
        LOOP
            EXECUTE format('DROP TABLE fhirbus.%I', child);
            dropped := dropped + 1;
        END LOOP;
    END LOOP;
    DELETE FROM fhirbus.registry WHERE received_at < edge;
    DELETE FROM fhirbus.claim WHERE claimed_at < edge;
    RETURN dropped;
END
$$;

SELECT fhirbus.make_months(3);
