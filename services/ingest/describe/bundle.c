/* What is handed in, and what became of it. */
#include "services/ingest/describe/describe.h"

#define HEADERS_OF_A_BUNDLE                                                                        \
    {API_HEADER, "X-Correlation-ID", false, "Uuid", "an id of the sender's choice: idempotent"},   \
        {API_HEADER, "X-TechBD-Interaction-ID", false, "Uuid",                                     \
         "the same, of services that convert for others"},                                         \
        {API_HEADER, "Prefer", false, "Text",                                                      \
         "wait=N (seconds), respond-async, return=OperationOutcome"},                              \
        {API_HEADER, "X-TechBD-HealthCheck", false, "Text", "true: answered, not handed on"},      \
        {API_HEADER, "X-TechBD-Validation-Severity-Level", false, "Text",                          \
         "least severity of the issues that travel to the data lake"},                             \
        {API_HEADER, "X-SHIN-NY-IG-Version", false, "Text",                                        \
         "version of the implementation guide to judge by"},                                       \
        {API_HEADER, "X-TechBD-Elaboration", false, "Text", "JSON, kept with the record"},         \
        {API_HEADER, "X-TechBD-Provenance", false, "Text", "JSON, kept with the record"},          \
        {API_HEADER, "X-TechBD-Source-Type", false, "Text", "kept with the record"},               \
        {API_HEADER, "X-TechBD-DataLake-API-URL", false, "ListedUrl",                              \
         "refused unless the operators have listed it"},                                           \
    {                                                                                              \
        API_HEADER, "traceparent", false, "Text", "W3C trace context"                              \
    }

static const ApiField fields_submit[] = {
    {API_QUERY, "immediate", false, "Text", "false: as Prefer: respond-async"},
    HEADERS_OF_A_BUNDLE,
    API_END,
};

#define ANSWERS_TO_A_BUNDLE                                                                        \
    {200, "application/json", "Verdict",                                                           \
     "The verdict: also of what is invalid, or no JSON at all", "Preference-Applied"},             \
        {200, "application/fhir+json", "OperationOutcome", NULL, NULL},                            \
        {202, "application/json", "Received",                                                      \
         "It is safe, and not judged yet: Location tells what becomes of it",                      \
         "Location,Preference-Applied"},                                                           \
        {202, "application/fhir+json", "OperationOutcome", NULL, NULL},                            \
        {409, "application/json", "Error", "X-Correlation-ID was used with another body", NULL},   \
        {422, "application/json", "Failure", "It exceeds what one message may take", NULL},        \
    {                                                                                              \
        500, "application/json", "Failure", "It could not be worked on; it is kept", NULL          \
    }

static const ApiAnswer answers_submit[] = {
    ANSWERS_TO_A_BUNDLE,
    {0},
};

const ApiOperation api_submit = {
    .id = "submitBundle",
    .tag = "Bundles",
    .summary = "Validates a bundle, decides, keeps it, hands it on to the data lake",
    .fields = fields_submit,
    .body = "AnyDocument",
    .answers = answers_submit,
};

const ApiOperation api_validate = {
    .id = "validateBundle",
    .tag = "Bundles",
    .summary = "Validates a bundle and keeps it; hands nothing on",
    .fields = fields_submit,
    .body = "AnyDocument",
    .answers = answers_submit,
};

static const ApiField fields_status[] = {
    API_ID("bundleSessionId of the answer, or the sender's X-Correlation-ID"),
    {API_QUERY, "payload", false, "Text",   "true: with the sender's own document"                },
    {API_QUERY, "reveal",  false, "Text",   "true: needed by a session, which must have the right"},
    {API_QUERY, "tenant",  false, "Tenant", "instead of the header"                               },
    API_END,
};

static const ApiAnswer answers_status[] = {
    {200,       "application/json", "Status", "Rows, oldest first; or that there is no record",
     "Retry-After"},
    {0},
};

const ApiOperation api_status = {
    .id = "bundleStatus",
    .tag = "Bundles",
    .summary = "What became of a bundle",
    .fields = fields_status,
    .answers = answers_status,
};
