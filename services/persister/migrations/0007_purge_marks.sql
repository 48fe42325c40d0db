-- Retention without reading everything each time: rows come nearly in the order of received_at, so
-- a block-range index finds the old ones for next to nothing, and a mark per tenant and table says
-- how far the last purge came.
CREATE INDEX message_by_age ON fhirbus.message USING brin (received_at);
CREATE INDEX verdict_by_age ON fhirbus.verdict USING brin (received_at);
CREATE INDEX diagnostic_by_age ON fhirbus.diagnostic USING brin (received_at);
CREATE INDEX delivery_by_age ON fhirbus.delivery USING brin (received_at);
CREATE INDEX event_by_age ON fhirbus.event USING brin (received_at);
CREATE INDEX notice_by_time ON fhirbus.notice (tenant, received_at);

CREATE TABLE fhirbus.purge_mark (
    tenant        text        NOT NULL,
    what          text        NOT NULL, -- a table, or 'payloads of' a table
    purged_before timestamptz NOT NULL,
    PRIMARY KEY (tenant, what)
);

-- Every tenant that has rows, by hopping from one to the next along the indexes.
CREATE FUNCTION fhirbus.tenants() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH RECURSIVE
    m (tenant) AS (SELECT min(tenant) FROM fhirbus.message UNION ALL
                   SELECT (SELECT min(tenant) FROM fhirbus.message n WHERE n.tenant > m.tenant) FROM m WHERE m.tenant IS NOT NULL),
    n (tenant) AS (SELECT min(tenant) FROM fhirbus.notice UNION ALL
                   SELECT (SELECT min(tenant) FROM fhirbus.notice o WHERE o.tenant > n.tenant) FROM n WHERE n.tenant IS NOT NULL)
    SELECT tenant FROM m WHERE tenant IS NOT NULL UNION SELECT tenant FROM n WHERE tenant IS NOT NULL;
$$;

-- One step: `action` (with %1$I the table, $1 tenant, $2 and $3 the time range, $4 how many) on what
-- lies between the mark and `until`. The mark moves when nothing is left.
CREATE FUNCTION fhirbus.purge_step(of_tenant text, of_what text, parent name, action text, until timestamptz, most integer)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    since   timestamptz := coalesce((SELECT purged_before FROM fhirbus.purge_mark p
                                     WHERE p.tenant = of_tenant AND p.what = of_what), '-infinity');
    touched bigint;
BEGIN
    IF until <= since THEN
        RETURN 0;
    END IF;
    EXECUTE format(action, parent) USING of_tenant, since, until, most;
    GET DIAGNOSTICS touched = ROW_COUNT;
    IF touched < most THEN
        INSERT INTO fhirbus.purge_mark VALUES (of_tenant, of_what, until)
        ON CONFLICT (tenant, what) DO UPDATE SET purged_before = excluded.purged_before;
    END IF;
    RETURN touched;
END
$$;

-- The bytes go after payload_retention_days, the rows after record_retention_days. A message that
-- comes so late that its place was purged already (a replay of old offsets) is kept until its
-- month is dropped.
CREATE OR REPLACE FUNCTION fhirbus.purge(most integer, today timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    picked constant text := ' WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM fhirbus.%1$I WHERE tenant = $1 '
                            'AND received_at >= $2 AND received_at < $3 ';
    who    text;
    parent name;
    blank  record;
    total  bigint := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('fhirbus.purge', 0)) THEN
        RETURN 0; -- somebody else is at it
    END IF;
    FOR who IN SELECT fhirbus.tenants() LOOP
        FOR blank IN SELECT * FROM (VALUES
                ('message', 'payload = NULL', 'payload IS NOT NULL'),
                ('verdict', 'outcome = NULL, bundle = NULL', '(outcome IS NOT NULL OR bundle IS NOT NULL)'),
                ('delivery', 'response = NULL', 'response IS NOT NULL'),
                ('notice', 'body = NULL', 'body IS NOT NULL')) AS v (parent, change, due)
        LOOP
            total := total + fhirbus.purge_step(who, 'payloads of ' || blank.parent, blank.parent,
                'UPDATE fhirbus.%1$I SET ' || blank.change || picked || 'AND ' || blank.due || ' LIMIT $4)',
                today - fhirbus.retention_days(who, true) * interval '1 day', most);
        END LOOP;
        FOR parent IN SELECT fhirbus.partitioned_tables() LOOP
            total := total + fhirbus.purge_step(who, parent, parent, 'DELETE FROM fhirbus.%1$I' || picked || 'LIMIT $4)',
                today - fhirbus.retention_days(who, false) * interval '1 day', most);
        END LOOP;
    END LOOP;
    RETURN total;
END
$$;
REVOKE ALL ON FUNCTION fhirbus.tenants(), fhirbus.purge_step(text, text, name, text, timestamptz, integer) FROM PUBLIC;
