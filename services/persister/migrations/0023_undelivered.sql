-- What has not happened took no time at all by 0020: greatest() passes over NULLs. Documents that never reached the
-- lake were counted as there at once, and once they did, not counted any more.
CREATE OR REPLACE FUNCTION fhirbus.ms_between(since timestamptz, until timestamptz) RETURNS real
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN until - since IS NULL THEN -1 ELSE greatest(0, extract(epoch FROM until - since) * 1000) END::real;
$$;
UPDATE fhirbus.grid SET complete_ms = CASE WHEN complete_ms = 0 THEN -1 ELSE complete_ms END,
                        verdict_ms = CASE WHEN verdict_ms = 0 THEN -1 ELSE verdict_ms END,
                        lag_ms = CASE WHEN lag_ms = 0 THEN -1 ELSE lag_ms END
WHERE complete_ms = 0 OR verdict_ms = 0 OR lag_ms = 0;
-- Below a fifth of a millisecond: none of them can really have been that quick.
DELETE FROM fhirbus.grid_latency WHERE bucket = 0;
