-- Who runs the tools by hand: reads all tenants, asks for replays; writes nothing that a service wrote.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fhirbus_operator') THEN
        CREATE ROLE fhirbus_operator LOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- another database of this cluster was quicker
END
$$;

GRANT USAGE ON SCHEMA fhirbus TO fhirbus_operator;
GRANT fhirbus_reader TO fhirbus_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON fhirbus.replay TO fhirbus_operator;
