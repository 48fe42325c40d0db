-- Whoever follows the grid begins at what is committed. The sequence runs ahead of that: what was counted and not yet
-- committed would never be told of. Rows are written by one transaction at a time (refresh_grid's lock is held until
-- it is committed), so nothing with a lower number comes later. As its owner: a number, and nobody's.
CREATE FUNCTION fhirbus.grid_newest() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT coalesce(max(changed), 0) FROM fhirbus.grid;
$$;

-- What was asked for, if there is a word in it: no word would be no filter.
CREATE FUNCTION fhirbus.with_words(words text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS $$
BEGIN
    IF length(fhirbus.words_of(words)) = 0 AND words IS NOT NULL THEN
        RAISE EXCEPTION 'no word' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN words;
END
$$;

REVOKE ALL ON FUNCTION fhirbus.grid_newest(), fhirbus.with_words(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fhirbus.grid_newest(), fhirbus.with_words(text) TO fhirbus_ingest;
