-- Upkeep of months, a table at a time: whoever made several in one transaction held one table for itself while it waited
-- for the next, and readers of both, who had the next one already, waited for the first. Each of these does one thing and
-- says 1; 0: there is nothing to do. Called until 0. A table that is in use for long is left for the next round, since
-- all who come meanwhile wait behind such a lock.

-- This month and `ahead` more of each table.
CREATE FUNCTION fhirbus.make_next_month(ahead integer, today timestamptz DEFAULT now()) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' SET lock_timeout = '5s' AS $$
DECLARE
    parent name;
    month  timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('fhirbus.make_months', 0));
    FOR parent IN SELECT fhirbus.partitioned_tables() LOOP
        FOR month IN SELECT generate_series(date_trunc('month', today), date_trunc('month', today) + ahead * interval '1 month', interval '1 month') LOOP
            IF fhirbus.make_month(parent, month) THEN
                RETURN 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN 0;
END
$$;

-- A month that rows of a default partition wait for.
CREATE FUNCTION fhirbus.settle_next_default() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' SET lock_timeout = '5s' AS $$
DECLARE
    parent name;
    month  timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('fhirbus.make_months', 0));
    FOR parent IN SELECT fhirbus.partitioned_tables() LOOP
        EXECUTE format('SELECT date_trunc(''month'', received_at) FROM fhirbus.%I LIMIT 1', parent || '_default') INTO month;
        IF month IS NOT NULL AND fhirbus.make_month(parent, month) THEN
            RETURN 1;
        END IF;
    END LOOP;
    RETURN 0;
END
$$;

-- A month that is past every retention; what is left of the registry behind the last one.
CREATE FUNCTION fhirbus.drop_next_month(today timestamptz DEFAULT now()) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' SET lock_timeout = '5s' AS $$
DECLARE
    longest integer := (SELECT max(record_retention_days) FROM fhirbus.tenant_setting);
    edge    timestamptz := date_trunc('month', today - longest * interval '1 day');
    child   name;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('fhirbus.make_months', 0));
    UPDATE fhirbus.horizon SET received_before = edge WHERE received_before < edge;
    SELECT c.relname INTO child
        FROM fhirbus.partitioned_tables() AS parent
        JOIN pg_inherits i ON i.inhparent = format('fhirbus.%I', parent)::regclass
        JOIN pg_class c ON c.oid = i.inhrelid
        WHERE c.relname ~ '_[0-9]{4}_[0-9]{2}$' AND to_date(right(c.relname, 7), 'YYYY_MM') < edge
        ORDER BY c.relname LIMIT 1;
    IF child IS NOT NULL THEN
        EXECUTE format('DROP TABLE fhirbus.%I', child);
        RETURN 1;
    END IF;
    DELETE FROM fhirbus.registry WHERE received_at < edge;
    DELETE FROM fhirbus.claim WHERE claimed_at < edge;
    RETURN 0;
END
$$;

REVOKE ALL ON FUNCTION fhirbus.make_next_month, fhirbus.settle_next_default, fhirbus.drop_next_month FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus.make_next_month, fhirbus.settle_next_default, fhirbus.drop_next_month TO fhirbus_persister;
