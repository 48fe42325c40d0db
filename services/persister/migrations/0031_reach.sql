-- Who was away for long, or looks for what is rare, is told of changes by stretches: how far one goes. A number, and
-- nobody's; as its owner.
CREATE FUNCTION fhirbus.grid_reach(after bigint, most integer) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT coalesce((SELECT g.changed FROM fhirbus.grid g WHERE g.changed > grid_reach.after ORDER BY g.changed OFFSET most - 1 LIMIT 1),
                    9223372036854775807);
$$;
REVOKE ALL ON FUNCTION fhirbus.grid_reach(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus.grid_reach(bigint, integer) TO fhirbus_ingest;
