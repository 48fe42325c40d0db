/* access - what a destination wants to see of us: nothing, an API key, an OAuth2 token.
 *
 * Spec:    RFC 6749 section 4.4 (client credentials; the client authenticates by HTTP Basic,
 * section 2.3.1), RFC 6750 (the token in Authorization). Rule:    a token is fetched before the
 * first request, renewed in the background shortly before its end, and at once when the destination
 * says 401 to it; a key's file is read again when the destination says 401. Nothing of either is
 * ever logged. Owner:   the caller. `client` is borrowed; before it is freed its calls end, ours
 * too. Threads: the client's. */
#pragma once
#include "common/destinations/destination.h"
#include "common/http/client.h"
#include "common/obs/log.h"

typedef struct Access Access;

/* NULL without memory. */
Access *access_new(const Destination *destination, const char *secrets, const Log *log);
void access_free(Access *access); /* NULL is fine; the client's calls have ended */
/* Can a request be made now? If not, gets what is missing, with back-off. */
bool access_ready(Access *access, HttpClient *client, int64_t now_ms);
/* The header to send; name empty: none. Valid until the next access_ready or access_refused. */
HttpHeader access_header(const Access *access);
/* Which secret that is: a number that changes with it. */
uint64_t access_edition(const Access *access);
/* 401 to a request with that edition. True: another one may help, try again at once. */
bool access_refused(Access *access, uint64_t edition);
/* Failures in a row to get the token or the key; 0: fine. */
uint32_t access_failures(const Access *access);
