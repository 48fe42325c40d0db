-- What rules reject or discard leaks from all that was judged, valid or not: how many are valid is no step on the way,
-- so nothing leaks from it, and what is invalid leaks nowhere. `overview` is as in 0025 but for these members of `leaks`.
DO $$
DECLARE
    made text := pg_get_functiondef('fhirbus.overview(integer, text[], timestamptz, timestamptz)'::regprocedure);
    rules text := $q$json_build_object('after', 'valid', 'why', $q$;
    invalid text := $q$json_build_object('after', 'judged', 'why', 'invalid', 'count', invalid, 'filter', 'valid=false'),$q$;
BEGIN
    IF length(made) - length(replace(made, rules, '')) <> 2 * length(rules) OR strpos(made, invalid) = 0 THEN
        RAISE EXCEPTION 'fhirbus.overview is not that of 0025';
    END IF;
    EXECUTE replace(replace(made, rules, $q$json_build_object('after', 'judged', 'why', $q$), invalid, '');
END
$$;
