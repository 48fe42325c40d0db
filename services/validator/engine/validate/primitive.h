/* primitive - the forms of identifiers that several checks ask for.
 *
 * Threads: pure. */
#pragma once
#include "common/base/str.h"

bool is_uuid(Str text); /* lower case */
bool is_oid(Str text);  /* 1.2.840..., arcs without leading zeros */
bool is_fhir_id(Str text);
bool is_base64(Str text); /* white space allowed */
/* Does all of it match? A pattern that cannot be read matches everything. */
bool matches_regex(Str text, Str regex);
/* Bytes that valid base64 stands for. */
size_t base64_bytes(Str text);
