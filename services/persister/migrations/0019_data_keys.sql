-- The keys under which payloads are encrypted (PAYLOAD_KEYS), wrapped by a key that is not in the database. A value
-- names its data key; wrapping these rows anew is all that changing the wrapping key takes.
CREATE TABLE fhirbus.data_key (
    id         bytea       PRIMARY KEY CHECK (length(id) = 16),
    wrapped_by text        NOT NULL, -- the wrapping key's name
    wrapped    bytea       NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now(),
    wrapped_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX data_key_by_wrapping ON fhirbus.data_key (wrapped_by, made_at DESC);

-- Rotation: only what is still wrapped as the caller read it.
CREATE FUNCTION fhirbus.rewrap_data_key(of_id bytea, was_wrapped bytea, now_by text, now_wrapped bytea) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH done AS (UPDATE fhirbus.data_key SET wrapped_by = now_by, wrapped = now_wrapped, wrapped_at = now()
                  WHERE id = of_id AND wrapped = was_wrapped RETURNING 1)
    SELECT count(*)::integer FROM done;
$$;
REVOKE ALL ON FUNCTION fhirbus.rewrap_data_key(bytea, bytea, text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus.rewrap_data_key(bytea, bytea, text, bytea) TO fhirbus_ingest;
GRANT SELECT, INSERT ON fhirbus.data_key TO fhirbus_persister;
GRANT SELECT ON fhirbus.data_key TO fhirbus_ingest;
GRANT SELECT ON fhirbus.data_key TO fhirbus_operator;
GRANT EXECUTE ON FUNCTION fhirbus.rewrap_data_key(bytea, bytea, text, bytea) TO fhirbus_operator;
