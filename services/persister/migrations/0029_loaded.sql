-- Which images validators have open, as they say themselves (proto/loaded.proto): the newest report of an instance
-- counts. No tenant's data. Silent for three times its interval: gone; rows of the gone are kept for a day.
CREATE TABLE fhirbus.validator (
    instance   text        PRIMARY KEY, -- one worker and, after its death, its successor
    host       text        NOT NULL,
    software   text        NOT NULL,    -- version of fhirbus
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,    -- when it said so; never in the future
    every_s    integer     NOT NULL,    -- how often it says so
    ended      boolean     NOT NULL     -- it said good-bye
);

CREATE TABLE fhirbus.image (
    digest       text        PRIMARY KEY, -- of its content
    name         text        NOT NULL,    -- of the root package
    version      text        NOT NULL,
    reference    text        NOT NULL,    -- core, hapi
    bytes        bigint      NOT NULL,    -- of the file
    profiles     integer     NOT NULL,    -- of resources, beside FHIR's own
    packages     text[],                  -- name#version, root first; NULL: not told yet
    profile_urls text[],
    seen_at      timestamptz NOT NULL     -- to the hour
);

CREATE TABLE fhirbus.validator_image (
    instance  text        NOT NULL REFERENCES fhirbus.validator ON DELETE CASCADE,
    digest    text        NOT NULL, -- no reference: an image's row may come later, or go sooner
    loaded_at timestamptz NOT NULL,
    PRIMARY KEY (instance, digest)
);
CREATE INDEX validator_image_by_digest ON fhirbus.validator_image (digest);

GRANT SELECT ON fhirbus.validator, fhirbus.image, fhirbus.validator_image TO fhirbus_ingest, fhirbus_reader;

-- One report: 1, or 0 where a newer one is known. `package_of` and `url_of` say which image (from 1) a package or a
-- profile is of. Two persisters may, seldom, meet each other's new images crosswise; the one that is refused repeats.
CREATE FUNCTION fhirbus.note_loaded(of_instance text, on_host text, of_software text, started timestamptz, said_at timestamptz,
                                    every integer, has_ended boolean, digests text[], names text[], versions text[],
                                    of_references text[], sizes bigint[], since timestamptz[], counts integer[],
                                    package_of integer[], package_names text[], url_of integer[], urls text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    seen timestamptz := least(said_at, now());
BEGIN
    IF seen < now() - interval '1 day' THEN
        RETURN 0; -- of no use to anybody: old offsets
    END IF;
    INSERT INTO fhirbus.image AS i (digest, name, version, reference, bytes, profiles, packages, profile_urls, seen_at)
    SELECT DISTINCT ON (d.digest) d.digest, d.name, d.version, d.reference, d.bytes, d.profiles,
           (SELECT array_agg(p.name ORDER BY p.place) FROM unnest(package_of, package_names) WITH ORDINALITY AS p (n, name, place) WHERE p.n = d.n),
           (SELECT array_agg(u.url ORDER BY u.place) FROM unnest(url_of, urls) WITH ORDINALITY AS u (n, url, place) WHERE u.n = d.n), seen
    FROM unnest(digests, names, versions, of_references, sizes, counts) WITH ORDINALITY AS d (digest, name, version, reference, bytes, profiles, n)
    ORDER BY d.digest, d.n
    ON CONFLICT (digest) DO UPDATE SET packages = coalesce(i.packages, excluded.packages),
        profile_urls = coalesce(i.profile_urls, excluded.profile_urls), seen_at = greatest(i.seen_at, excluded.seen_at)
    WHERE (i.packages IS NULL AND excluded.packages IS NOT NULL) OR i.seen_at < excluded.seen_at - interval '1 hour';

    INSERT INTO fhirbus.validator AS v (instance, host, software, started_at, seen_at, every_s, ended)
    VALUES (of_instance, on_host, of_software, started, seen, every, has_ended)
    ON CONFLICT (instance) DO UPDATE SET host = excluded.host, software = excluded.software, started_at = excluded.started_at,
        seen_at = excluded.seen_at, every_s = excluded.every_s, ended = excluded.ended
    WHERE v.seen_at < excluded.seen_at;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    DELETE FROM fhirbus.validator_image l WHERE l.instance = of_instance AND l.digest <> ALL (digests);
    INSERT INTO fhirbus.validator_image AS l (instance, digest, loaded_at)
    SELECT DISTINCT ON (d.digest) of_instance, d.digest, d.loaded_at FROM unnest(digests, since) AS d (digest, loaded_at) ORDER BY d.digest, d.loaded_at
    ON CONFLICT (instance, digest) DO UPDATE SET loaded_at = excluded.loaded_at WHERE l.loaded_at <> excluded.loaded_at;
    RETURN 1;
END
$$;

-- Those that ended are news for an hour, those that fell silent for a day.
CREATE FUNCTION fhirbus.purge_loaded() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH v AS (
        DELETE FROM fhirbus.validator WHERE seen_at < now() - CASE WHEN ended THEN interval '1 hour' ELSE interval '1 day' END RETURNING 1
    ), i AS (
        DELETE FROM fhirbus.image WHERE seen_at < now() - interval '2 days' RETURNING 1
    )
    SELECT (SELECT count(*) FROM v) + (SELECT count(*) FROM i);
$$;

-- What the page Guides shows of it. `with_instances`: who, by name, is for those who see all tenants.
CREATE FUNCTION fhirbus.loaded(with_instances boolean) RETURNS json
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH v AS MATERIALIZED (
        SELECT instance, host, software, started_at, seen_at, CASE WHEN ended THEN 'ended'
               WHEN now() > seen_at + every_s * interval '3 seconds' THEN 'gone' ELSE 'running' END AS state
        FROM fhirbus.validator
    ), l AS (
        SELECT l.digest, l.loaded_at, v.*, row_number() OVER (PARTITION BY l.digest ORDER BY v.state = 'running' DESC, v.seen_at DESC, v.instance) AS place
        FROM fhirbus.validator_image l JOIN v USING (instance)
    ), i AS (
        SELECT l.digest, count(*) FILTER (WHERE l.state = 'running') AS running, count(*) FILTER (WHERE l.state <> 'running') AS gone,
               coalesce(min(l.loaded_at) FILTER (WHERE l.state = 'running'), min(l.loaded_at)) AS since, max(l.seen_at) AS last_seen,
               json_agg(json_build_object('instance', l.instance, 'host', l.host, 'software', l.software, 'state', l.state,
                        'loaded_at', fhirbus.iso(l.loaded_at), 'last_seen', fhirbus.iso(l.seen_at)) ORDER BY l.place)
                   FILTER (WHERE l.place <= 200 AND with_instances) AS instances
        FROM l GROUP BY l.digest
    )
    SELECT json_build_object(
        'loaded', (SELECT coalesce(json_agg(json_build_object('digest', i.digest, 'name', coalesce(m.name, ''), 'version', coalesce(m.version, ''),
            'reference', m.reference, 'bytes', m.bytes, 'profiles', m.profiles, 'packages', m.packages, 'profile_urls', m.profile_urls,
            'validators', i.running, 'gone', i.gone, 'since', fhirbus.iso(i.since), 'last_seen', fhirbus.iso(i.last_seen),
            'instances', i.instances) ORDER BY i.running > 0 DESC, m.name, m.version, i.digest), '[]')
            FROM i LEFT JOIN fhirbus.image m USING (digest)),
        'validators', json_build_object('running', (SELECT count(*) FROM v WHERE state = 'running'),
                                        'gone', (SELECT count(*) FROM v WHERE state <> 'running')));
$$;

REVOKE ALL ON FUNCTION
    fhirbus.note_loaded(text, text, text, timestamptz, timestamptz, integer, boolean, text[], text[], text[], text[], bigint[], timestamptz[],
                        integer[], integer[], text[], integer[], text[]),
    fhirbus.purge_loaded(), fhirbus.loaded(boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    fhirbus.note_loaded(text, text, text, timestamptz, timestamptz, integer, boolean, text[], text[], text[], text[], bigint[], timestamptz[],
                        integer[], integer[], text[], integer[], text[]),
    fhirbus.purge_loaded() TO fhirbus_persister;
GRANT EXECUTE ON FUNCTION fhirbus.loaded(boolean) TO fhirbus_ingest, fhirbus_reader;
