-- What rules reject or discard leaks from all that was judged, valid or not: how many are valid is no step on the way,
-- so nothing leaks from it, and what is invalid leaks nowhere. `overview_whole` is as in 0030 but for these members of
-- `leaks`; overview() stays for replicas of the version before.
DO $$
DECLARE
    made    text := pg_get_functiondef('fhirbus.overview_whole(integer, text[], timestamptz, timestamptz)'::regprocedure);
    rules   text := $q$json_build_object('after', 'valid', 'why', $q$;
    invalid text := $q$json_build_object('after', 'judged', 'why', 'invalid', 'count', invalid, 'filter', 'valid=false'),$q$;
BEGIN
    IF length(made) - length(replace(made, rules, '')) <> 2 * length(rules) OR strpos(made, invalid) = 0 THEN
        RAISE EXCEPTION 'fhirbus.overview_whole is not that of 0030';
    END IF;
    EXECUTE replace(replace(made, rules, $q$json_build_object('after', 'judged', 'why', $q$), invalid, '');
END
$$;
