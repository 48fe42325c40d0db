/* token - the own issuer: POST /oauth2/token, POST /$ingest/auth.
 *
 * Spec:    RFC 6749 §4.4 (client credentials), §5; RFC 7523 (private_key_jwt), SMART Backend
 *          Services; RFC 8705 (mutual TLS, bound tokens). */
#pragma once
#include "common/db/db.h"

extern const DbStatement assertion_take;
