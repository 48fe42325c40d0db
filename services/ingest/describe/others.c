/* Tokens, what a destination says later, and what the service says of itself. */
#include "services/ingest/describe/describe.h"

/* --- tokens ----------------------------------------------------------------------------------- */

#define CLIENTS "[{\"clientSecret\":[]},{\"mutualTLS\":[]},{}]" /* {}: the form says it */
static const ApiAnswer answers_token[] = {
    {200,                  "application/json", "Token", "A token (RFC 6749 §5.1)", "Pragma"},
    {400,             "application/json", "TokenOrPlainError", "RFC 6749 §5.2: invalid_request, ...", NULL},
    {401,            "application/json", "TokenError", "invalid_client", "WWW-Authenticate"},
    {404,                  "application/json", "Error", "No tokens are issued here", NULL},
    {500, "application/json", "TokenError", "server_error: no token could be made", NULL},
    {0               },
};

const ApiOperation api_token = {
    .id = "token",
    .tag = "Tokens",
    .summary = "A token for a client: by secret, signature (private_key_jwt) or certificate",
    .body = "TokenRequest",
    .answers = answers_token,
    .security = CLIENTS,
};

const ApiOperation api_ingest_auth = {
    .id = "ingestAuth",
    .tag = "Tokens",
    .summary = "The same as /oauth2/token",
    .body = "TokenRequest",
    .answers = answers_token,
    .security = CLIENTS,
};

static const ApiAnswer answers_jwks[] = {
    {200,            "application/jwk-set+json", "JsonWebKeys", "The public keys of the own issuer", NULL},
    {404, "application/json", "Error", "No tokens are issued here", NULL},
    {0         },
};

const ApiOperation api_jwks = {
    .id = "jsonWebKeys",
    .tag = "Tokens",
    .summary = "The keys by which tokens are verified (RFC 7517)",
    .answers = answers_jwks,
    .security = "[]",
};

static const ApiAnswer answers_smart[] = {
    {200,                   "application/json", "SmartConfiguration", "Where and how to get tokens", NULL},
    {404, "application/json", "Error", "No tokens are issued here", NULL},
    {0                },
};

const ApiOperation api_smart = {
    .id = "smartConfiguration",
    .tag = "Tokens",
    .summary = "SMART App Launch 2.2: where and how to get tokens",
    .answers = answers_smart,
    .security = "[]",
};

/* --- the destinations' --------------------------------------------------------------------------
 */

static const ApiField fields_callback[] = {
    {API_PATH,  "id",          true,  "DeliveryKey",     "the Idempotency-Key of the delivery"},
    {API_QUERY, "destination", true,  "DestinationName", "who says it"                        },
    {API_QUERY, "tenant",      false, "Text",            "whose document it was"              },
    API_END,
};

static const ApiAnswer answers_callback[] = {
    {202,         "application/json", "Accepted", "The brokers have it", NULL},
    {401, "application/fhir+json", "OperationOutcome", "No such destination, or not its secret",
     "WWW-Authenticate"},
    {0      },
};

const ApiOperation api_callback = {
    .id = "lakeCallback",
    .tag = "Destinations",
    .summary = "What a destination says later about a document",
    .fields = fields_callback,
    .body = "CallbackStatus",
    .answers = answers_callback,
    .security = "[{\"callbackSignature\":[]},{\"apiKey\":[]}]",
};

/* --- about the service ------------------------------------------------------------------------ */

static const ApiField fields_metadata[] = {
    {API_QUERY, "_format", false, "Text", "json or xml, or a media type: instead of Accept"},
    API_END,
};

static const ApiAnswer answers_metadata[] = {
    {200,                    "application/fhir+json", "CapabilityStatement", "What is served", NULL},
    {200, "application/fhir+xml", NULL, NULL, NULL},
    {406,                  "application/json", "Error", "Neither will do", NULL},
    {0                   },
};

const ApiOperation api_metadata = {
    .id = "metadata",
    .tag = "About",
    .summary = "CapabilityStatement; also for load balancers' health checks",
    .fields = fields_metadata,
    .answers = answers_metadata,
    .security = "[]",
};

static const ApiAnswer answers_openapi[] = {
    {200,        "application/json", "OpenApi", "This document", NULL},
    {0},
};

const ApiOperation api_openapi = {
    .id = "openapi",
    .tag = "About",
    .summary = "This description (OpenAPI 3.1)",
    .answers = answers_openapi,
    .security = "[]",
};
