-- assertion: ingest's own. A client assertion (private_key_jwt) is used once, whichever replica sees it; a row
-- is of no use once the assertion has expired.
CREATE TABLE fhirbus.assertion (
    client     text        NOT NULL,
    jti        text        NOT NULL CHECK (length(jti) <= 200),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client, jti)
);
CREATE INDEX assertion_by_time ON fhirbus.assertion (expires_at);
ALTER TABLE fhirbus.assertion ENABLE ROW LEVEL SECURITY;
CREATE POLICY services ON fhirbus.assertion TO fhirbus_ingest USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON fhirbus.assertion TO fhirbus_ingest;
