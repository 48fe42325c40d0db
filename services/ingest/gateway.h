/* gateway - what a sender's own API gateway says of its client: Forwarded, X-Forwarded-For and
 * X-Forwarded-Host.
 *
 *
 * And what its load balancer says of its connection: the PROXY protocol. The HTTP server reads that
 * (common/http/proxy.h) from the addresses of PROXY_FROM; here it is only told of what is wrong
 * with it, once for each address and minute ("proxy.ignored", "proxy.malformed", "proxy.missing").
 *
 * Rule:    believed of a caller with `gateway` alone; of anybody else it is ignored, and logged
 *          once for each address and minute ("gateway.ignored"). Forwarded counts before X-...; in
 *          a list the last element does, which is the gateway's own word.
 * Effects: the client's address is that of envelope, audit and log; the host gives tenant and
 *          links, if it is a known one. The tenant is named as by any other caller.
 * Threads: those of the exchange. */
#pragma once
#include "common/http/server.h"

typedef struct Exchange Exchange;

/* HttpServerOptions.proxy_trouble; `context` is the Ingest. */
void gateway_proxy_trouble(void *context, Str peer, HttpProxyTrouble what);
/* Once the caller is known, or known to be nobody. */
void gateway_take(Exchange *exchange);
