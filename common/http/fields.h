/* fields - the little languages inside header values.
 *
 * Spec:    RFC 9110 §8.3 (media types), §12.5 (Accept, Accept-Encoding, qvalues), RFC 7240
 * (Prefer). Owner:   results point into the value given. Threads: pure. Errors:  none: what is
 * malformed is passed over, as the RFCs ask of a recipient; a media type that is none is empty. */
#pragma once
#include "common/base/str.h"

/* "Application/FHIR+json; charset=UTF-8" -> "Application/FHIR+json"; empty if it is not
 * type/subtype. Compare with str_eq_ignore_case. */
Str http_media_type(Str value);
/* Its parameter of that name, quotes removed (not unescaped); STR_NONE if absent. */
Str http_media_parameter(Str value, Str name);

/* 0..1000: how much an Accept header wants that type ("application/json"); the most specific
 * range decides. An absent (ptr NULL) or blank header wants everything: 1000. */
unsigned http_accept_quality(Str accept, Str type);
/* One range after the other: "application/fhir+json; fhirVersion=4.0; q=0.5". */
bool http_accept_next(Str *rest, Str *ret_range, unsigned *ret_quality);

/* Whether Accept-Encoding lets us answer in gzip. An absent header: no. */
bool http_accepts_gzip(Str accept_encoding);

/* The value of a preference: Prefer: wait=5, return="OperationOutcome"; without a value: empty
 * with a pointer; STR_NONE if absent. The first of a name counts (RFC 7240 §2). */
Str http_prefer_get(Str prefer, Str name);

/* The next element of a comma list, trimmed, commas in quotes kept; empty elements are skipped. */
bool http_list_next(Str *rest, Str *ret_element);

/* RFC 9110 token characters only, at least one. */
bool http_is_token(Str s);
/* 36 characters, 8-4-4-4-12, hexadecimal of either case. */
bool http_is_uuid(Str s);
