/* hosts - under which name did the sender come, and what follows from it: tenant, links.
 *
 * Spec:    RFC 9110 §7.2, §7.4 (421), RFC 9112 §3.2.2 (absolute-form). Names compare without
 *          regard to case, port and a final dot.
 * Rule:    a name is known by an object hosts/NAME, or by HOSTS; where there is neither, every name
 *          is. What the TLS handshake asked for, Host and an absolute target must agree.
 * Owner:   host_take holds the book of callers for the exchange: host_release.
 * Threads: those of the exchange; host_allowed and host_parse are pure. */
#pragma once
#include "common/base/arena.h"
#include "common/base/str.h"
#include "services/ingest/flow.h"

typedef struct Exchange Exchange;

/* `list` empty: every name. "*.example.org" fits any name below example.org, not example.org
 * itself. */
bool host_allowed(Str list, Str host);
/* "Name.example.org.:8443" -> "name.example.org"; false: no such thing as a host. */
bool host_parse(Str sent, Arena *arena, Str *ret_name);

/* STEP_NEXT, or the refusal is filled in. `any`: every name will do, as long as it is one. */
StepNext host_take(Exchange *exchange, bool any);
/* What a gateway says that its client asked for; false: unknown. */
bool host_change(Exchange *exchange, Str sent);
void host_release(Exchange *exchange);

/* Whom the request is for if it does not say; ptr NULL: nobody. */
Str host_tenant(const Exchange *exchange);
/* What links begin with, without a slash at the end: "https://hub.example.org", or nothing. */
Str host_base_url(const Exchange *exchange);
