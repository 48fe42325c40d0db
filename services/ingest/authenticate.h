/* authenticate - what a route asks of its caller, for the steps that know more than the header did.
 *
 * Threads: those of the exchange. */
#pragma once
#include "common/auth/auth.h"
#include "services/ingest/exchange.h"
#include "services/ingest/flow.h"
#include "services/ingest/routes.h"

/* May the exchange's caller send this, e.g. "hl7v2:ADT^A01", for its tenant? For formats whose kind
 * is known only once the body is there; anonymous callers (where allowed) may. */
bool authenticate_may_send(const Exchange *exchange, Str category);
/* May the caller do what the route does for this tenant, which the header had not named? */
bool authenticate_may_for(const Exchange *exchange, Str tenant);
/* What a token must be good for. */
const ScopeNeed *authenticate_scope(RouteRight right);
/* What the connection and the header present; `chain` has room for CERTIFICATE_CHAIN_MAX. */
AuthPresented authenticate_presented(HttpRequest *request, Str *chain);
/* 401 with WWW-Authenticate and 403, each as an OperationOutcome that says nothing about what there
 * is. `code` is for the log. */
StepNext refuse_unknown(Exchange *exchange, const char *code);
StepNext refuse_forbidden(Exchange *exchange, const char *code);
