/* audit_query - the parameters of GET /AuditEvent -> a search of the trail, strictly.
 *
 *   date agent address action outcome entity patient tenant _count _cursor _format _sort
 *
 * Spec:    hl7.org/fhir/R4/search.html#date, #token; hl7.org/fhir/R4/auditevent.html#search
 * Owner:   texts live in the arena. Threads: pure. */
#pragma once
#include "common/audit/search.h"

enum { AUDIT_COUNT_DEFAULT = 50, AUDIT_COUNT_MAX = 500 };

/* What is not known, given twice (date aside) or malformed is refused: *ret_why says what, without
 * repeating any of it. search.patient is set without its subject. */
bool audit_query_read(Str query, Arena *arena, AuditSearch *ret_search, const char **ret_why);
/* "1764288000000000.3.17", for the next page. */
Str audit_query_cursor(const AuditFound *last, Arena *arena);
