-- What the rules in force did: to a verdict (diagnostics, disposition), to what was sent (transforms).

-- A verdict's outcome and issues are what the sender was told; engine_outcome is what the engine had
-- said, kept where rules changed diagnostics.
ALTER TABLE fhirbus.verdict
    ADD COLUMN rules_version        text,   -- the rule sets that were asked: nyec@4#1a2b3c4d, ...
    ADD COLUMN engine_outcome       bytea,  -- zstd; NULL: no rule changed anything, or purged
    ADD COLUMN engine_outcome_bytes bigint,
    ADD COLUMN engine_errors        integer,
    ADD COLUMN engine_warnings      integer,
    ADD COLUMN engine_information   integer;
ALTER TABLE fhirbus.verdict ALTER COLUMN engine_outcome SET STORAGE EXTERNAL;

ALTER TABLE fhirbus.delivery
    ADD COLUMN rules_version text,
    ADD COLUMN transforms    text;          -- the steps that made the body, JSON: see proto/submission.proto

-- One row per change that a rule made to a verdict.
CREATE TABLE fhirbus.rule_change (
    received_at    timestamptz NOT NULL,
    tenant         text        NOT NULL,
    interaction_id uuid        NOT NULL,
    sha256         bytea       NOT NULL,
    replay_id      uuid        NOT NULL,
    attempt        integer     NOT NULL,
    ordinal        integer     NOT NULL, -- from 0, in the order in which they were made
    rule           text        NOT NULL, -- nyec/no-display-warnings: set, slash, rule
    what           text        NOT NULL, -- suppress, severity, text, add; accept, reject, discard; not-evaluated
    issue          integer,              -- position in engine_outcome, from 0; NULL: none of its issues
    before         text,                 -- severity or text as the engine had it
    after          text,                 -- what it became; of a disposition its reason
    PRIMARY KEY (interaction_id, tenant, sha256, replay_id, attempt, ordinal, received_at)
) PARTITION BY RANGE (received_at);
CREATE INDEX rule_change_by_rule ON fhirbus.rule_change (rule, received_at);
CREATE INDEX rule_change_by_age ON fhirbus.rule_change USING brin (received_at);
CREATE TABLE fhirbus.rule_change_default PARTITION OF fhirbus.rule_change DEFAULT;

ALTER TABLE fhirbus.rule_change ENABLE ROW LEVEL SECURITY;
CREATE POLICY services ON fhirbus.rule_change TO fhirbus_persister, fhirbus_ingest, fhirbus_submitter, fhirbus_reader
    USING (true) WITH CHECK (true);
CREATE POLICY tenants ON fhirbus.rule_change FOR SELECT TO fhirbus_tenant
    USING (tenant = ANY (ARRAY(SELECT fhirbus.my_tenants())));
GRANT SELECT, INSERT ON fhirbus.rule_change TO fhirbus_persister;
GRANT SELECT ON fhirbus.rule_change TO fhirbus_ingest, fhirbus_reader, fhirbus_tenant;

-- Retention knows the new bytes: as in 0007, and engine_outcome goes with the outcome.
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
                ('verdict', 'outcome = NULL, engine_outcome = NULL, bundle = NULL',
                            '(outcome IS NOT NULL OR engine_outcome IS NOT NULL OR bundle IS NOT NULL)'),
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

SELECT fhirbus.make_months(3);
