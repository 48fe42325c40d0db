#include "services/ingest/headers.h"

#include "common/transform/transform.h"
#include "services/ingest/refuse.h"

/* Written as they are told to senders. */
static const char *const single[] = {
    "X-Correlation-ID",
    "X-SHIN-NY-IG-Version",
    "X-TechBD-Tenant-ID",
    "X-TechBD-Interaction-ID",
    "X-TechBD-Master-Interaction-ID",
    "X-TechBD-Group-Interaction-ID",
    "X-TechBD-Bundle-ID",
    "X-TechBD-Source-Type",
    "X-TechBD-HealthCheck",
    "X-TechBD-Validation-Severity-Level",
    "X-TechBD-DataLake-API-URL",
    "X-TechBD-Override-Request-URI",
    "X-TechBD-Elaboration",
    "X-TechBD-Provenance",
    "X-TechBD-Data-Ledger-Tracking",
    "X-TechBD-Data-Ledger-Diagnostics",
    "X-TechBD-StartDate",
    "X-TechBD-EndDate",
    "X-TechBD-IncludeDetails",
    "X-Fhirbus-Signature",
    "X-CSRF-Token",
    "If-Match",
};

static StepNext complain(Exchange *exchange, const char *code, const char *name, const char *what)
{
    Str text = arena_format(exchange->arena, "%s %s", name, what);
    return refuse(exchange, 400, code, text.ptr ? text.ptr : what);
}

StepNext headers_single(Exchange *exchange)
{
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        if (http_request_header_count(exchange->request, str_from(single[i])) > 1)
            return complain(exchange, "header-twice", single[i], "is given more than once");
    return STEP_NEXT;
}

StepNext headers_meaning(Exchange *exchange)
{
    static const char severity[] = "X-TechBD-Validation-Severity-Level";
    Str level = http_request_header(exchange->request, str_from(severity));
    if (level.len && transform_severity(level) < 0)
        return complain(exchange, "severity-level", severity,
                        "should be information, warning, error or fatal");
    return STEP_NEXT;
}
