-- What happened, append-only, by month of the interaction's registration. In every key the identity
-- (tenant, interaction_id, sha256 of the payload as sent) + step; received_at is the registry's, so
-- it adds nothing to the identity, it only says which partition.

CREATE TABLE fhirbus.message (
    received_at               timestamptz NOT NULL,
    tenant                    text        NOT NULL,
    interaction_id            uuid        NOT NULL,
    sha256                    bytea       NOT NULL CHECK (length(sha256) = 32),
    sent_at                   timestamptz NOT NULL, -- when this copy came; received_at is the first one's
    payload                   bytea,                -- zstd; byte for byte what was sent; NULL after purge
    payload_bytes             bigint      NOT NULL, -- uncompressed
    content_type              text,
    lane                      text        NOT NULL, -- interactive, bulk
    route                     text        NOT NULL, -- /Bundle, /Bundle/$validate, ...
    uri                       text,
    caller                    text,
    correlation_id            text,
    parent_interaction_id     uuid,                 -- the upload or batch that this was cut out of
    child_index               integer,
    group_interaction_id      text,                 -- as the sender gave it
    master_interaction_id     text,
    source_type               text,                 -- FHIR, HL7V2, CSV, CCDA
    client_ip_address         text,
    user_agent                text,
    elaboration               text,
    provenance                text,
    traceparent               text,
    ordering_key              bytea,
    bundle_id                 text,
    bundle_type               text,
    bundle_last_updated       text,                 -- as written
    profile_url               text,
    organization_id           text,
    organization_name         text,
    patient_id                text,
    patient_mrn               text,
    patient_mrn_source_system text,
    medicaid_cin              text,
    resource_types            text[],
    stored_at                 timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (interaction_id, tenant, sha256, received_at)
) PARTITION BY RANGE (received_at);
-- Already compressed: PostgreSQL shall not try again.
ALTER TABLE fhirbus.message ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX message_by_time ON fhirbus.message (tenant, received_at);
CREATE INDEX message_by_bundle ON fhirbus.message (bundle_id) WHERE bundle_id IS NOT NULL;

-- One verdict per validation of a payload. The facts are those of the FHIR bundle that the payload
-- became, when it was not one itself.
CREATE TABLE fhirbus.verdict (
    received_at               timestamptz NOT NULL,
    tenant                    text        NOT NULL,
    interaction_id            uuid        NOT NULL,
    sha256                    bytea       NOT NULL,
    replay_id                 uuid        NOT NULL, -- zero: not a replay
    attempt                   integer     NOT NULL,
    valid                     boolean     NOT NULL,
    action                    text        NOT NULL, -- accept, reject, discard
    disposition               text,                 -- the array techByDesignDisposition, JSON
    precheck_code             text,                 -- TECHBD-1000 ...; NULL: the engine looked at it
    precheck_message          text,
    outcome                   bytea,                -- zstd; the OperationOutcome whole; NULL after purge
    outcome_bytes             bigint      NOT NULL,
    bundle                    bytea,                -- zstd; the FHIR bundle, if it is not the payload
    bundle_bytes              bigint,
    errors                    integer     NOT NULL, -- fatal ones included
    warnings                  integer     NOT NULL,
    information               integer     NOT NULL,
    issues_left_out           integer     NOT NULL, -- counted above, but neither in outcome nor in rows
    ig_name                   text,
    ig_version                text,
    profile_url               text,
    engine_name               text,
    engine_version            text,
    engine_started_at         timestamptz,
    validation_initiated_at   timestamptz,
    validation_completed_at   timestamptz,
    bundle_id                 text,
    bundle_type               text,
    bundle_last_updated       text,
    organization_id           text,
    organization_name         text,
    patient_id                text,
    patient_mrn               text,
    patient_mrn_source_system text,
    medicaid_cin              text,
    resource_types            text[],
    stored_at                 timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (interaction_id, tenant, sha256, replay_id, attempt, received_at)
) PARTITION BY RANGE (received_at);
ALTER TABLE fhirbus.verdict ALTER COLUMN outcome SET STORAGE EXTERNAL;
ALTER TABLE fhirbus.verdict ALTER COLUMN bundle SET STORAGE EXTERNAL;

-- One row per issue of a verdict.
CREATE TABLE fhirbus.diagnostic (
    received_at    timestamptz NOT NULL,
    tenant         text        NOT NULL,
    interaction_id uuid        NOT NULL,
    sha256         bytea       NOT NULL,
    replay_id      uuid        NOT NULL,
    attempt        integer     NOT NULL,
    ordinal        integer     NOT NULL, -- from 0, as in the outcome
    severity       text        NOT NULL, -- information, warning, error, fatal
    code           text,
    message_id     text,
    location       text,
    expression     text,
    diagnostics    text,
    line           integer,
    col            integer,
    PRIMARY KEY (interaction_id, tenant, sha256, replay_id, attempt, ordinal, received_at)
) PARTITION BY RANGE (received_at);
CREATE INDEX diagnostic_by_message ON fhirbus.diagnostic (tenant, message_id, received_at);

-- One row per attempt to hand a bundle to a destination. An attempt that was made twice because of a
-- crash keeps its first row.
CREATE TABLE fhirbus.delivery (
    received_at           timestamptz NOT NULL,
    tenant                text        NOT NULL,
    interaction_id        uuid        NOT NULL,
    sha256                bytea       NOT NULL,
    destination           text        NOT NULL,
    replay_id             uuid        NOT NULL,
    attempt               integer     NOT NULL, -- from 1
    success               boolean     NOT NULL,
    final                 boolean     NOT NULL, -- no further attempt follows
    url                   text,
    idempotency_key       text,
    http_status           integer,              -- NULL: no answer
    error_class           text,
    error_text            text,
    response              bytea,                -- zstd; as the destination sent it, capped
    response_bytes        bigint,
    response_truncated    boolean     NOT NULL,
    response_content_type text,
    request_sha256        bytea,
    request_bytes         bigint,
    started_at            timestamptz,
    finished_at           timestamptz,
    stored_at             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (interaction_id, tenant, sha256, destination, replay_id, attempt, success, received_at)
) PARTITION BY RANGE (received_at);
ALTER TABLE fhirbus.delivery ALTER COLUMN response SET STORAGE EXTERNAL;

-- Everything that changed the state of an interaction, once. States are derived from it (0005).
CREATE TABLE fhirbus.event (
    received_at    timestamptz NOT NULL,
    tenant         text        NOT NULL,
    interaction_id uuid        NOT NULL,
    sha256         bytea       NOT NULL,
    step           text        NOT NULL, -- accepted, converted, disposed, forwarded, delivered, ...
    destination    text        NOT NULL, -- '' where none is involved
    replay_id      uuid        NOT NULL,
    attempt        integer     NOT NULL,
    nature         text,                 -- as TechBD names it; NULL: not shown by $status
    from_state     text,
    to_state       text,                 -- NULL: nothing changed
    reason         text,
    service        text        NOT NULL,
    happened_at    timestamptz NOT NULL, -- by the clock of the service
    stored_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (interaction_id, tenant, sha256, step, destination, replay_id, attempt, received_at)
) PARTITION BY RANGE (received_at);
CREATE INDEX event_by_state ON fhirbus.event (to_state, received_at) WHERE to_state IS NOT NULL;

-- What else happened: what the sender was told, callbacks (topic events).
CREATE TABLE fhirbus.notice (
    received_at    timestamptz NOT NULL,
    tenant         text        NOT NULL,
    interaction_id uuid        NOT NULL,
    event_id       uuid        NOT NULL,
    kind           text        NOT NULL,
    service        text        NOT NULL,
    http_status    integer,
    content_type   text,
    body           bytea,                -- zstd; NULL after purge
    body_bytes     bigint,
    details        text,                 -- a JSON object of texts
    traceparent    text,
    happened_at    timestamptz NOT NULL,
    stored_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (interaction_id, tenant, event_id, received_at)
) PARTITION BY RANGE (received_at);
ALTER TABLE fhirbus.notice ALTER COLUMN body SET STORAGE EXTERNAL;
