/* limit - how much: usage plans of the caller and the tenant, traffic of nobody by its address,
 * and whether there is room at all.
 *
 * Rule:    what is taken counts towards the plans (plans/NAME, named by callers/NAME and
 *          tenants/NAME) of its caller and its tenant, whatever becomes of it. What is refused
 *          before it is known to be permitted, and what the open routes are asked, counts by
 *          address. Health routes (any_host) always answer.
 * Threads: those of the exchange. */
#pragma once
#include "services/ingest/exchange.h"
#include "services/ingest/flow.h"

/* Is there room? Before anything else; false: the refusal is filled in. */
bool limit_room(Exchange *exchange);
/* A request that ends before its plan was asked, with its reply filled in: by its address; past
 * that limit the reply becomes a 429. */
void limit_unknown(Exchange *exchange);
#define LIMIT_BODY "limit-body" /* the log's code of the refusal below */
StepNext limit_refuse_body(Exchange *exchange);
/* The body, once it is there, or more of it than there may be; false: the refusal is filled in. */
bool limit_body(Exchange *exchange);
/* Of a body of which `held` bytes are there and more come: is it still within its plan? */
bool limit_body_may_grow(const Exchange *exchange, size_t held);
/* RateLimit-Policy and RateLimit, where a plan holds. */
void limit_headers(Exchange *exchange);
/* The request is over. */
void limit_leave(Exchange *exchange);
