-- The audit trail: what the topic `audit` carried, byte for byte, chained. It lies in a schema of its own: the
-- months, the purge and the retention of `fhirbus` do not touch it.
--
-- Each partition of the topic is a chain:
--   hash of record n = SHA-256(hash of n-1 || partition (int4) || n (int8) || offset (int8) || record's bytes),
-- big endian, the hash before the first being 32 zero bytes. Services append through one function and have no other
-- right to write; nobody updates or deletes, the owner included, unless he first takes the triggers away. Columns
-- beside `record` are for finding: fhirbus-audit checks that they say what the record says.
CREATE SCHEMA IF NOT EXISTS fhirbus_audit;
REVOKE ALL ON SCHEMA fhirbus_audit FROM PUBLIC;
GRANT USAGE ON SCHEMA fhirbus_audit TO fhirbus_persister, fhirbus_ingest, fhirbus_reader;

CREATE TABLE fhirbus_audit.record (
    kept_at      timestamptz NOT NULL, -- never before that of the record before: months are parts of a chain in order
    partition    integer     NOT NULL,
    seq          bigint      NOT NULL,
    topic_offset bigint      NOT NULL,
    hash         bytea       NOT NULL CHECK (length(hash) = 32),
    record       bytea       NOT NULL,
    at           timestamptz NOT NULL,
    kind         text        NOT NULL, -- request, administration, gap; unreadable: no such record
    action       text        NOT NULL,
    operation    text        NOT NULL,
    resource     text        NOT NULL,
    tenant       text        NOT NULL,
    caller       text        NOT NULL,
    address      text        NOT NULL,
    status       integer     NOT NULL,
    outcome      integer     NOT NULL,
    subject      bytea       NOT NULL,
    PRIMARY KEY (partition, seq, kept_at)
) PARTITION BY RANGE (kept_at);
CREATE INDEX record_by_offset ON fhirbus_audit.record (partition, topic_offset);
CREATE INDEX record_by_time ON fhirbus_audit.record (at, partition, seq);
CREATE INDEX record_by_caller ON fhirbus_audit.record (caller, at);
CREATE INDEX record_by_resource ON fhirbus_audit.record (resource, at) WHERE resource <> '';
CREATE INDEX record_by_subject ON fhirbus_audit.record (subject, at) WHERE subject <> '';

-- How far each chain is: what makes a redelivered record a known one.
CREATE TABLE fhirbus_audit.chain (
    partition    integer     PRIMARY KEY,
    seq          bigint      NOT NULL DEFAULT 0,
    topic_offset bigint      NOT NULL DEFAULT -1,
    hash         bytea       NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    kept_at      timestamptz NOT NULL DEFAULT '-infinity'
);

-- What is left of a month that retention dropped: where the chain goes on from.
CREATE TABLE fhirbus_audit.anchor (
    partition    integer     NOT NULL,
    month        date        NOT NULL,
    seq          bigint      NOT NULL, -- the month's last
    topic_offset bigint      NOT NULL,
    hash         bytea       NOT NULL,
    dropped_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, month)
);

CREATE FUNCTION fhirbus_audit.refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON fhirbus_audit.record
    FOR EACH ROW EXECUTE FUNCTION fhirbus_audit.refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON fhirbus_audit.record EXECUTE FUNCTION fhirbus_audit.refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON fhirbus_audit.anchor
    FOR EACH ROW EXECUTE FUNCTION fhirbus_audit.refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON fhirbus_audit.anchor EXECUTE FUNCTION fhirbus_audit.refuse();

CREATE FUNCTION fhirbus_audit.make_month(month timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog SET timezone = 'UTC' AS $$
DECLARE
    child name := 'record' || to_char(date_trunc('month', month), '"_"YYYY"_"MM');
BEGIN
    IF to_regclass(format('fhirbus_audit.%I', child)) IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('fhirbus_audit.make_month', 0));
    IF to_regclass(format('fhirbus_audit.%I', child)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE fhirbus_audit.%I (LIKE fhirbus_audit.record INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child);
    EXECUTE format('ALTER TABLE fhirbus_audit.record ATTACH PARTITION fhirbus_audit.%I FOR VALUES FROM (%L) TO (%L)',
                   child, date_trunc('month', month), date_trunc('month', month) + interval '1 month');
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON fhirbus_audit.%I EXECUTE FUNCTION fhirbus_audit.refuse()', child);
    RETURN true;
END
$$;

-- Appends what is new of these records of one partition, in the order of their offsets; returns how many that were.
CREATE FUNCTION fhirbus_audit.append(of_partition integer, offsets bigint[], records bytea[], ats timestamptz[],
    kinds text[], actions text[], operations text[], resources text[], tenants text[], callers text[],
    addresses text[], statuses integer[], outcomes integer[], subjects bytea[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' AS $$
DECLARE
    head   fhirbus_audit.chain;
    seqs   bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(offsets)]);
    hashes bytea[]  := array_fill(NULL::bytea, ARRAY[cardinality(offsets)]);
    before bigint;
BEGIN
    INSERT INTO fhirbus_audit.chain (partition) VALUES (of_partition) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT head FROM fhirbus_audit.chain c WHERE c.partition = of_partition FOR UPDATE;
    before := head.seq;
    FOR i IN 1 .. cardinality(offsets) LOOP
        -- A record that comes again is there already; one that is not, at an offset that was passed, is of a topic
        -- that was made anew.
        CONTINUE WHEN offsets[i] <= head.topic_offset AND EXISTS (
            SELECT FROM fhirbus_audit.record k
            WHERE k.partition = of_partition AND k.topic_offset = offsets[i] AND k.record = records[i]);
        head.seq := head.seq + 1;
        head.topic_offset := offsets[i];
        head.hash := sha256(head.hash || int4send(of_partition) || int8send(head.seq) || int8send(offsets[i]) || records[i]);
        seqs[i] := head.seq;
        hashes[i] := head.hash;
    END LOOP;
    IF head.seq = before THEN
        RETURN 0;
    END IF;
    head.kept_at := greatest(clock_timestamp(), head.kept_at);
    PERFORM fhirbus_audit.make_month(head.kept_at);
    INSERT INTO fhirbus_audit.record
    SELECT head.kept_at, of_partition, r.seq, r.topic_offset, r.hash, r.record, r.at, r.kind, r.action, r.operation,
           r.resource, r.tenant, r.caller, r.address, r.status, r.outcome, r.subject
    FROM unnest(seqs, offsets, hashes, records, ats, kinds, actions, operations, resources, tenants, callers, addresses,
                statuses, outcomes, subjects)
         AS r (seq, topic_offset, hash, record, at, kind, action, operation, resource, tenant, caller, address, status,
               outcome, subject)
    WHERE r.seq IS NOT NULL;
    UPDATE fhirbus_audit.chain c
    SET seq = head.seq, topic_offset = head.topic_offset, hash = head.hash, kept_at = head.kept_at
    WHERE c.partition = of_partition;
    RETURN (head.seq - before)::integer;
END
$$;

-- Months ahead, and those gone whose every record is older than `retention_days`: of each chain an anchor stays.
-- Returns the months dropped.
CREATE FUNCTION fhirbus_audit.keep_months(ahead integer, retention_days integer, today timestamptz DEFAULT now())
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' AS $$
DECLARE
    edge    timestamptz := date_trunc('month', today - retention_days * interval '1 day');
    child   name;
    month   timestamptz;
    dropped integer := 0;
BEGIN
    FOR month IN SELECT generate_series(date_trunc('month', today), date_trunc('month', today) + ahead * interval '1 month', interval '1 month') LOOP
        PERFORM fhirbus_audit.make_month(month);
    END LOOP;
    PERFORM pg_advisory_xact_lock(hashtextextended('fhirbus_audit.make_month', 0));
    FOR child, month IN SELECT c.relname, to_date(right(c.relname, 7), 'YYYY_MM')
                        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                        WHERE i.inhparent = 'fhirbus_audit.record'::regclass AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
                          AND to_date(right(c.relname, 7), 'YYYY_MM') < edge
                        ORDER BY c.relname
    LOOP
        EXECUTE format('INSERT INTO fhirbus_audit.anchor (partition, month, seq, topic_offset, hash) '
                       'SELECT DISTINCT ON (partition) partition, $1, seq, topic_offset, hash '
                       'FROM fhirbus_audit.%I ORDER BY partition, seq DESC', child) USING month::date;
        EXECUTE format('DROP TABLE fhirbus_audit.%I', child);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA fhirbus_audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus_audit.append(integer, bigint[], bytea[], timestamptz[], text[], text[], text[], text[], text[],
    text[], text[], integer[], integer[], bytea[]), fhirbus_audit.keep_months(integer, integer, timestamptz)
    TO fhirbus_persister;
GRANT SELECT ON fhirbus_audit.record, fhirbus_audit.chain, fhirbus_audit.anchor TO fhirbus_ingest, fhirbus_reader;
SELECT fhirbus_audit.keep_months(3, 36500);
