-- Grants and row-level security: services see all tenants; whoever is in fhirbus_tenant sees the
-- tenants that fhirbus.tenant_role gives to its login role, and nothing when there are none.

CREATE FUNCTION fhirbus.my_tenants() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT tenant FROM fhirbus.tenant_role WHERE role_name = session_user;
$$;
-- Functions are everybody's unless this is said; they run with the owner's rights.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA fhirbus FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus.my_tenants() TO fhirbus_tenant;

DO $$
DECLARE
    secured name;
BEGIN
    FOR secured IN SELECT fhirbus.partitioned_tables() UNION ALL VALUES ('registry'), ('claim') LOOP
        EXECUTE format('ALTER TABLE fhirbus.%I ENABLE ROW LEVEL SECURITY', secured);
        EXECUTE format('CREATE POLICY services ON fhirbus.%I TO fhirbus_persister, fhirbus_ingest, fhirbus_submitter, '
                       'fhirbus_reader USING (true) WITH CHECK (true)', secured);
        EXECUTE format('CREATE POLICY tenants ON fhirbus.%I FOR SELECT TO fhirbus_tenant '
                       'USING (tenant = ANY (ARRAY(SELECT fhirbus.my_tenants())))', secured);
    END LOOP;
    FOR secured IN SELECT fhirbus.partitioned_tables() UNION ALL VALUES ('registry') LOOP
        EXECUTE format('GRANT SELECT, INSERT ON fhirbus.%I TO fhirbus_persister', secured);
        EXECUTE format('GRANT SELECT ON fhirbus.%I TO fhirbus_ingest, fhirbus_reader, fhirbus_tenant', secured);
    END LOOP;
END
$$;

-- A tenant reads its own settings only.
ALTER TABLE fhirbus.tenant_setting ENABLE ROW LEVEL SECURITY;
CREATE POLICY services ON fhirbus.tenant_setting FOR SELECT TO fhirbus_persister, fhirbus_ingest, fhirbus_reader USING (true);
CREATE POLICY tenants ON fhirbus.tenant_setting FOR SELECT TO fhirbus_tenant
    USING (tenant = ANY (ARRAY(SELECT fhirbus.my_tenants())));

GRANT SELECT ON fhirbus.horizon, fhirbus.state, fhirbus.tenant_setting
    TO fhirbus_persister, fhirbus_ingest, fhirbus_reader, fhirbus_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON fhirbus.claim TO fhirbus_ingest;
GRANT SELECT ON fhirbus.claim TO fhirbus_reader;
GRANT SELECT ON fhirbus.interaction_state, fhirbus.thread_state, fhirbus.interaction_http_request
    TO fhirbus_persister, fhirbus_ingest, fhirbus_reader, fhirbus_tenant;
GRANT SELECT ON fhirbus.delivered TO fhirbus_submitter, fhirbus_reader;
GRANT SELECT ON fhirbus.delivery TO fhirbus_submitter;

GRANT EXECUTE ON FUNCTION fhirbus.make_months(integer, timestamptz), fhirbus.settle_defaults(), fhirbus.default_rows(),
    fhirbus.purge(integer, timestamptz), fhirbus.drop_months(timestamptz), fhirbus.partitioned_tables()
    TO fhirbus_persister;
