/* cors - which web pages of other origins may read our answers.
 *
 * Spec:    fetch.spec.whatwg.org, "CORS protocol"; the lists are those of the tenant's object
 *          (tenants/NAME: cors), else of the host's (hosts/NAME), or of hosts/_default for names
 *          without an object.
 * Rule:    an origin is named in an answer only if it is listed: by itself, or below "*.". Without
 *          a list nobody is. A preflight, and a request refused before its tenant is known, go by
 *          the host's list, else by that of any tenant that has the origin: what a tenant's answers
 *          say is told by its own list alone. Whether a caller may do something is no question
 *          here.
 * Threads: those of the exchange; cors_origin_fits is pure. */
#pragma once
#include <stdbool.h>

#include "common/base/str.h"

typedef struct Exchange Exchange;

/* A pattern whose host begins with a star fits every name below it, not the name itself. */
bool cors_origin_fits(Str pattern, Str origin);
/* True: this asks whether it may ask, and has its answer. `allow`: the path's methods. */
bool cors_preflight(Exchange *exchange, const char *allow);
/* What every other answer has to say. */
void cors_add(const Exchange *exchange);
