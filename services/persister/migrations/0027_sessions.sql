-- Sessions that somebody signed out of before their life was over, by a digest of what is random in them: each replica
-- of ingest reads them, refuses their cookies, and forgets them when they would be over in any case.
CREATE TABLE fhirbus.session_end (
    session text        PRIMARY KEY,
    until   timestamptz NOT NULL
);
CREATE INDEX session_end_by_until ON fhirbus.session_end (until);
GRANT SELECT, INSERT, DELETE ON fhirbus.session_end TO fhirbus_ingest;
