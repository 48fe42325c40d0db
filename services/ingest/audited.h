/* audited - each request leaves an audit record: by whom, what, about which interaction, how it
 * ended.
 *
 * Rule:    no patient data: a route's name instead of the path, an id only where it is a UUID,
 * names of known parameters without their values; a patient identifier as its HMAC. Owner:   the
 * Audit is made by audited_start; what a handler says lives in the exchange. Threads: those of the
 * exchange. */
#pragma once
#include "services/ingest/exchange.h"

/* Fills ingest->audit; NULL where AUDIT=0. */
bool audited_start(Ingest *ingest, BusConfig *bus, Err *err) MUST_USE;

/* The request has ended. exchange NULL: it was refused before there was one. */
void audited_over(Ingest *ingest, HttpRequest *request, const Exchange *exchange, unsigned status,
                  bool sent);

/* --- what a handler may add: before its reply ------------------------------------------------- */

/* Which object it was about: "callers/scn-a", a replay's id. `resource` lives in the exchange's
 * arena, and is no patient data. */
void audited_resource(Exchange *exchange, Str resource);
/* Which patient was asked for, or shown: kept as an HMAC. */
void audited_patient(Exchange *exchange, Str patient);
/* `name` is a literal; `value` lives in the exchange's arena, and is no patient data: counts,
 * kinds. */
void audited_detail(Exchange *exchange, const char *name, Str value);
