-- COUNT interactions of realistic shapes: twelve tenants of very different sizes over thirty days, most of
-- them fine, some not, few stuck; issues as the validator words them. psql -v count=1000000.
-- Nothing is random between runs: the same hash of the row's number says everything.
SET session_replication_role = replica; -- what is touched is said once, at the end
SET synchronous_commit = off;
SET work_mem = '256MB';
SELECT fhirbus.make_months(2, now() - interval '31 days');

CREATE FUNCTION pg_temp.share(n bigint, salt integer) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashint8extended(n, salt) & 2147483647) / 2147483648.0::double precision;
$$;
CREATE TEMP TABLE made AS
SELECT n, ('01a2' || lpad(to_hex(n), 8, '0') || '7000a000' || lpad(to_hex(n), 12, '0'))::uuid AS id,
       'qe-' || chr(97 + floor(12 * power(pg_temp.share(n, 1), 3))::int) AS tenant,
       now() - interval '1 minute' - (n * (interval '30 days' / :count)) AS at,
       CASE WHEN s.source < 0.80 THEN 'FHIR' WHEN s.source < 0.95 THEN 'HL7V2' ELSE 'CSV' END AS source_type,
       s.fate, s.ig < 0.9 AS newer, s.size
FROM (SELECT n, pg_temp.share(n, 2) AS source, pg_temp.share(n, 3) AS fate, pg_temp.share(n, 4) AS ig, pg_temp.share(n, 5) AS size
      FROM generate_series(1, :count) AS n) s;
-- fate: < .02 not judged, < .05 discarded, < .10 rejected (and sent), < .12 failed at the lake, < .13 under way
ANALYZE made;

INSERT INTO fhirbus.registry (tenant, interaction_id, received_at) SELECT tenant, id, at FROM made;
INSERT INTO fhirbus.message (received_at, tenant, interaction_id, sha256, sent_at, payload_bytes, content_type, lane, route, uri,
    caller, source_type, client_ip_address, bundle_id, bundle_type, profile_url, organization_id, organization_name, patient_id,
    patient_mrn, stored_at)
SELECT at, tenant, id, sha256(n::text::bytea), at, 20000 + (size * size * 200000)::int, 'application/fhir+json', 'interactive', '/Bundle',
    '/Bundle', tenant || '-sender-' || (n % 3), source_type, '10.0.0.1', 'bundle-' || n, 'transaction',
    'http://shinny.org/us/ny/hrsn/StructureDefinition/SHINNYBundleProfile', 'org-' || n % 40, 'Organization ' || n % 40,
    'patient-' || n % 300000, 'MRN-' || n % 300000, at + size * interval '60 ms'
FROM made;
INSERT INTO fhirbus.verdict (received_at, tenant, interaction_id, sha256, replay_id, attempt, valid, action, disposition, outcome_bytes,
    errors, warnings, information, issues_left_out, ig_name, ig_version, profile_url, engine_name, engine_version,
    validation_initiated_at, validation_completed_at)
SELECT at, tenant, id, sha256(n::text::bytea), '00000000-0000-0000-0000-000000000000', 0, fate > 0.25,
    CASE WHEN fate < 0.05 THEN 'discard' WHEN fate < 0.10 THEN 'reject' ELSE 'accept' END, '[{"action":"accept"}]', 3000,
    CASE WHEN fate > 0.25 THEN 0 ELSE 1 + n % 9 END, n % 5, 1, 0, 'shinny', CASE WHEN newer THEN '1.9.2' ELSE '1.8.1' END,
    'http://shinny.org/us/ny/hrsn/StructureDefinition/SHINNYBundleProfile', 'fhirbus', '0.1.0', at + interval '1 ms',
    at + (2 + 30 * size * size + CASE WHEN n % 100 = 0 THEN 400 ELSE 0 END) * interval '1 ms'
FROM made WHERE fate >= 0.02;
INSERT INTO fhirbus.diagnostic (received_at, tenant, interaction_id, sha256, replay_id, attempt, ordinal, severity, code, message_id,
    location, diagnostics, line, col)
SELECT m.at, m.tenant, m.id, sha256(m.n::text::bytea), '00000000-0000-0000-0000-000000000000', 0, k,
    CASE WHEN m.fate <= 0.25 AND k = 0 THEN 'error' WHEN k < 3 THEN 'warning' ELSE 'information' END, 'processing',
    (ARRAY['Validation_VAL_Profile_Minimum', 'Terminology_TX_NoValid_16', 'Validation_VAL_Profile_NoMatch', 'Type_Specific_Checks_DT_Identifier_System',
           'Reference_REF_CantResolve', 'Terminology_TX_Display_Wrong_1', 'XHTML_XHTML_Name_Invalid', 'Validation_VAL_Profile_Unknown'])
      [1 + floor(8 * power(pg_temp.share(m.n * 7 + k, 6), 2))::int],
    'Bundle.entry[' || (m.n + k) % 40 || '].resource/*Observation/Obs' || m.n % 1000 || '*/.value.ofType(CodeableConcept)',
    (ARRAY['Bundle.entry: minimum required = 1, but only found 0', 'The value provided was not found in the value set of the answers of the screening',
           'Unable to find a match for the profile among choices', 'Identifier.system must be an absolute reference, not a local reference',
           'The reference could not be resolved, the resource is not in the bundle', 'Wrong Display Name for the code, valid display is one of two choices',
           'The html source is not valid', 'Profile reference has not been checked because it is unknown'])[1 + (m.n + k) % 8]
      || CASE WHEN m.n % 5000 = 0 THEN ' zebra' || (m.n / 5000) % 3 ELSE '' END, 10 + k, 5
FROM made m CROSS JOIN generate_series(0, 3) AS k WHERE m.fate >= 0.02 AND k <= m.n % 5;

CREATE TEMP VIEW happened AS
SELECT n, id, tenant, at, fate, size, 'accepted' AS step, '' AS destination, 'Original FHIR Payload' AS nature, 'NONE' AS from_state,
       'ACCEPT_FHIR_BUNDLE' AS to_state, 'ingest' AS service, at AS happened_at FROM made
UNION ALL SELECT n, id, tenant, at, fate, size, 'disposed', '', 'techByDesignDisposition', 'ACCEPT_FHIR_BUNDLE', 'DISPOSITION', 'validator',
       at + (2 + 30 * size * size) * interval '1 ms' FROM made WHERE fate >= 0.02
UNION ALL SELECT n, id, tenant, at, fate, size, 'forwarded', 'lake', 'Forward HTTP Request', 'DISPOSITION', 'FORWARD', 'lake-submitter',
       at + 50 * interval '1 ms' FROM made WHERE fate >= 0.05
UNION ALL SELECT n, id, tenant, at, fate, size, CASE WHEN fate < 0.12 THEN 'undelivered' ELSE 'delivered' END, 'lake', 'Forwarded HTTP Response',
       'FORWARD', CASE WHEN fate >= 0.10 AND fate < 0.12 THEN 'FAIL' ELSE 'COMPLETE' END, 'lake-submitter',
       at + (60 + 500 * size) * interval '1 ms' FROM made WHERE fate >= 0.05 AND NOT (fate >= 0.12 AND fate < 0.13);
INSERT INTO fhirbus.event (received_at, tenant, interaction_id, sha256, step, destination, replay_id, attempt, nature, from_state, to_state,
    service, happened_at, stored_at)
SELECT at, tenant, id, sha256(n::text::bytea), step, destination, '00000000-0000-0000-0000-000000000000', 0, nature, from_state, to_state,
    service, happened_at, happened_at + interval '20 ms' FROM happened;
INSERT INTO fhirbus.delivery (received_at, tenant, interaction_id, sha256, destination, replay_id, attempt, success, final, url,
    http_status, response_truncated, started_at, finished_at)
SELECT at, tenant, id, sha256(n::text::bytea), 'lake', '00000000-0000-0000-0000-000000000000', 1, fate < 0.10 OR fate >= 0.13, true,
    'https://lake.example.org/HRSNBundle', CASE WHEN fate >= 0.10 AND fate < 0.12 THEN 503 ELSE 200 END, false, at + interval '55 ms',
    at + (60 + 500 * size) * interval '1 ms' FROM made WHERE fate >= 0.05 AND NOT (fate >= 0.12 AND fate < 0.13);
INSERT INTO fhirbus.touched SELECT id, tenant, at FROM made;
SET session_replication_role = origin;
ANALYZE;
