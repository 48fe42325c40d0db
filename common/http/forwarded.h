/* forwarded - what a gateway says of the request that it passes on.
 *
 * Spec:    RFC 7239 (Forwarded); X-Forwarded-For, -Host, -Proto as proxies write them.
 * Rule:    the last element counts: it is the gateway's own word, those before it are its client's.
 *          Whether the gateway is to be believed is the caller's to know.
 * Owner:   results point into the values given, but for the address, which is in the struct.
 * Threads: pure. Errors: false for what is malformed. */
#pragma once
#include "common/base/str.h"

typedef struct Forwarded {
    char address[46]; /* numeric; empty: none, or a name that stands for one */
    Str host;         /* as a Host header has it; empty: none */
    Str proto;
} Forwarded;

/* "for=192.0.2.1;host=a.example.org, for=\"[2001:db8::1]:47011\";proto=https" */
bool forwarded_parse(Str value, Forwarded *ret_forwarded);
/* "192.0.2.1, 2001:db8::1": the last one into `address`. */
bool forwarded_for(Str value, Forwarded *ret_forwarded);
