/* headers - which of a request's headers cannot be meant as they are.
 *
 * Spec:    RFC 9110 section 5.3: a field that is no list is there once. Two readers would take
 *          another one of two, so neither is taken.
 * Errors:  400; texts name the header, never its value. */
#pragma once
#include "services/ingest/exchange.h"
#include "services/ingest/flow.h"

/* Each of ours that says one thing is there once. Authorization, x-api-key, Content-Type,
 * Content-Encoding, Host and Origin are looked at where they are read. */
StepNext headers_single(Exchange *exchange);
/* What a document is sent with can be understood. */
StepNext headers_meaning(Exchange *exchange);
