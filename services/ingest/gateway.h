/* gateway - what a sender's own API gateway says of its client: Forwarded, X-Forwarded-For and
 * X-Forwarded-Host.
 *
 * Rule:    believed of a caller with `gateway` alone; of anybody else it is ignored, and logged
 *          once for each address and minute ("gateway.ignored"). Forwarded counts before X-...; in
 *          a list the last element does, which is the gateway's own word.
 * Effects: the client's address is that of envelope, audit and log; the host gives tenant and
 *          links, if it is a known one. The tenant is named as by any other caller.
 * Threads: those of the exchange. */
#pragma once

typedef struct Exchange Exchange;

/* Once the caller is known, or known to be nobody. */
void gateway_take(Exchange *exchange);
