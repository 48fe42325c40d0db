-- Who reads all tenants may ask fhirbus.loaded(), too, which writes its times by this.
GRANT EXECUTE ON FUNCTION fhirbus.iso(timestamptz) TO fhirbus_reader;
