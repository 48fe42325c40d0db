-- The schema and who may do what in it. The migrating role owns everything; services and tenants
-- get what they need and nothing else. Roles are the cluster's, so they may exist already. They
-- can log in once they are given a password or a certificate mapping.
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES ('fhirbus_ingest', true),     -- claims; reads the views
                              ('fhirbus_persister', true),  -- appends; runs the maintenance functions
                              ('fhirbus_submitter', true),  -- reads what was delivered
                              ('fhirbus_reader', false),    -- reads all tenants: operators, dashboards
                              ('fhirbus_tenant', false))    -- parent of per-tenant login roles
                      AS roles (name, may_login)
    LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
                EXECUTE format('CREATE ROLE %I %s', wanted.name,
                               CASE WHEN wanted.may_login THEN 'LOGIN' ELSE 'NOLOGIN' END);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database of this cluster was quicker
        END;
    END LOOP;
END
$$;

REVOKE ALL ON SCHEMA fhirbus FROM PUBLIC;
GRANT USAGE ON SCHEMA fhirbus TO fhirbus_ingest, fhirbus_persister, fhirbus_submitter, fhirbus_reader, fhirbus_tenant;

-- Which login role speaks for which tenants; the row-level security policies read it.
CREATE TABLE fhirbus.tenant_role (
    role_name name NOT NULL,
    tenant    text NOT NULL,
    PRIMARY KEY (role_name, tenant)
);

-- Settings per tenant; the row '*' is for those without one of their own.
CREATE TABLE fhirbus.tenant_setting (
    tenant                 text PRIMARY KEY,
    display_name           text,
    payload_retention_days integer NOT NULL DEFAULT 2555 CHECK (payload_retention_days > 0),
    record_retention_days  integer NOT NULL DEFAULT 2555 CHECK (record_retention_days > 0),
    CHECK (record_retention_days >= payload_retention_days)
);
INSERT INTO fhirbus.tenant_setting (tenant) VALUES ('*');
