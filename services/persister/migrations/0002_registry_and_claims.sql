-- registry: the month of every interaction. Unpartitioned, so that a retry in the next month finds
-- the row of the first try; whoever registers first decides, and every other table follows it. Keys lead
-- with the id: $status may know nothing else.
CREATE TABLE fhirbus.registry (
    tenant         text        NOT NULL,
    interaction_id uuid        NOT NULL,
    received_at    timestamptz NOT NULL,
    PRIMARY KEY (interaction_id, tenant)
);
CREATE INDEX registry_by_time ON fhirbus.registry (received_at);

-- Everything received before this is gone by retention; a message from there settles as expired.
CREATE TABLE fhirbus.horizon (
    only_row        boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    received_before timestamptz NOT NULL
);
INSERT INTO fhirbus.horizon (received_before) VALUES ('-infinity');

-- claim: ingest's own. A sender-chosen X-Correlation-ID is claimed before publishing:
--   INSERT ... ON CONFLICT DO NOTHING; nothing inserted -> SELECT and compare sha256:
--   same body -> answer of interaction_id, other body -> 409.
CREATE TABLE fhirbus.claim (
    tenant         text        NOT NULL,
    route          text        NOT NULL,
    correlation_id text        NOT NULL CHECK (length(correlation_id) <= 200),
    sha256         bytea       NOT NULL CHECK (length(sha256) = 32),
    interaction_id uuid        NOT NULL,
    claimed_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, route, correlation_id)
);
CREATE INDEX claim_by_interaction ON fhirbus.claim (interaction_id);
CREATE INDEX claim_by_time ON fhirbus.claim (claimed_at);
