-- Usage plans across replicas of ingest (common/limits): the ledger, and what of it is out on lease. Only the function
-- below touches it, and all that ingest may do is to call that.
CREATE TABLE fhirbus.limit_use (
    subject      text             PRIMARY KEY, -- "caller/NAME", "tenant/NAME"
    tokens       double precision NOT NULL,    -- of the rate, as of tokens_at
    tokens_at    timestamptz      NOT NULL,
    period_start timestamptz      NOT NULL,    -- of the quota
    used         bigint           NOT NULL     -- of it, leases included
) WITH (fillfactor = 50);
CREATE TABLE fhirbus.limit_lease (
    subject      text        NOT NULL,
    replica      text        NOT NULL,
    held         bigint      NOT NULL, -- what it may give back at most
    slots        bigint      NOT NULL, -- requests at a time
    period_start timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL, -- then it is lost; the replica is dead
    PRIMARY KEY (subject, replica)
) WITH (fillfactor = 50);
ALTER TABLE fhirbus.limit_use ENABLE ROW LEVEL SECURITY;
ALTER TABLE fhirbus.limit_lease ENABLE ROW LEVEL SECURITY;

-- One row of the arrays for each subject: its plan (0: no such limit; period 0 day, 1 week, 2 month), what this
-- replica gives back, keeps, has granted without us, needs at once, wants in all, how many slots it wants in all.
-- refused: 1 rate, 2 quota. Rows are locked in one order, so that replicas wait for each other and never in a ring.
CREATE FUNCTION fhirbus.limit_lease(
    replica_name text, life_ms integer, subjects text[], rates bigint[], bursts bigint[], quotas bigint[],
    periods bigint[], concurrencies bigint[], backs bigint[], kepts bigint[], debts bigint[], needs bigint[],
    wants bigint[], slots_wanted bigint[])
RETURNS TABLE (place integer, granted bigint, slots bigint, refused integer, rate_left bigint, wait_ms bigint,
               quota_left bigint, quota_reset_ms bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    i integer; name text; unit text; rate bigint; burst bigint; quota bigint; kept bigint; back bigint;
    ledger fhirbus.limit_use; mine fhirbus.limit_lease; moment timestamptz; begins timestamptz;
    others_held bigint; others_slots bigint;
BEGIN
    FOR i IN SELECT n FROM unnest(subjects) WITH ORDINALITY AS s (subject, n) ORDER BY s.subject LOOP
        name := subjects[i]; rate := rates[i]; quota := quotas[i];
        burst := CASE WHEN bursts[i] > 0 THEN bursts[i] ELSE rate END;
        unit := (ARRAY['day', 'week', 'month'])[periods[i] + 1];
        INSERT INTO fhirbus.limit_use VALUES (name, burst, clock_timestamp(), date_trunc(unit, clock_timestamp(), 'UTC'), 0)
            ON CONFLICT DO NOTHING;
        SELECT * INTO ledger FROM fhirbus.limit_use u WHERE u.subject = name FOR UPDATE;
        moment := clock_timestamp(); -- of the lock: later than whoever had it before
        begins := date_trunc(unit, moment, 'UTC');
        DELETE FROM fhirbus.limit_lease l WHERE l.subject = name AND l.expires_at <= moment;
        SELECT * INTO mine FROM fhirbus.limit_lease l WHERE l.subject = name AND l.replica = replica_name;
        SELECT coalesce(sum(l.held), 0), coalesce(sum(l.slots), 0) INTO others_held, others_slots
            FROM fhirbus.limit_lease l WHERE l.subject = name AND l.replica <> replica_name;
        back := least(backs[i], coalesce(mine.held, 0));
        kept := least(kepts[i], coalesce(mine.held, 0) - back);

        IF ledger.period_start <> begins THEN -- what is kept counts in the period in which it will be used
            ledger.period_start := begins;
            ledger.used := kept + debts[i];
        ELSE
            ledger.used := greatest(ledger.used - back, 0) + debts[i];
        END IF;
        ledger.tokens := least(burst, ledger.tokens + greatest(0, extract(epoch FROM moment - ledger.tokens_at)) * rate + back);
        ledger.tokens := greatest(0, ledger.tokens - debts[i]);
        ledger.tokens_at := moment;

        granted := wants[i];
        refused := 0;
        IF rate > 0 AND granted > floor(ledger.tokens) THEN
            granted := floor(ledger.tokens);
            refused := 1;
        END IF;
        IF quota > 0 THEN
            IF granted > quota - ledger.used THEN
                granted := greatest(quota - ledger.used, 0);
                refused := 2;
            END IF;
            -- Not more than a hundredth is out, beside what is used at once.
            granted := least(granted, needs[i] + greatest(greatest(1, quota / 100) - others_held - kept, 0));
        END IF;
        slots := least(slots_wanted[i], greatest(concurrencies[i] - others_slots, 0));
        ledger.used := ledger.used + granted;
        ledger.tokens := CASE WHEN rate > 0 THEN ledger.tokens - granted ELSE burst END;
        UPDATE fhirbus.limit_use u SET tokens = ledger.tokens, tokens_at = ledger.tokens_at,
            period_start = ledger.period_start, used = ledger.used WHERE u.subject = name;
        kept := kept + greatest(granted - needs[i], 0);
        IF kept + slots = 0 THEN
            DELETE FROM fhirbus.limit_lease l WHERE l.subject = name AND l.replica = replica_name;
        ELSE
            INSERT INTO fhirbus.limit_lease AS l VALUES (name, replica_name, kept, slots, begins, moment + life_ms * interval '1 ms')
                ON CONFLICT (subject, replica) DO UPDATE SET held = excluded.held, slots = excluded.slots,
                    period_start = excluded.period_start, expires_at = excluded.expires_at;
        END IF;

        place := i;
        rate_left := floor(ledger.tokens);
        wait_ms := CASE WHEN rate > 0 AND ledger.tokens < 1 THEN ceil((1 - ledger.tokens) / rate * 1000) ELSE 0 END;
        quota_left := greatest(quota - ledger.used, 0);
        quota_reset_ms := ceil(extract(epoch FROM begins + ('1 ' || unit)::interval - moment) * 1000);
        RETURN NEXT;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION fhirbus.limit_lease FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus.limit_lease TO fhirbus_ingest;
