/* Step 3: which interaction this is, and which trace it belongs to. */
#include <ctype.h>

#include "common/http/fields.h"
#include "services/ingest/destinations.h"
#include "services/ingest/headers.h"
#include "services/ingest/refuse.h"

static Uuid lower_case(Str id)
{
    Uuid uuid = {0};
    for (size_t i = 0; i < UUID_TEXT_BYTES; i++)
        uuid.text[i] = (char)tolower((unsigned char)id.ptr[i]);
    return uuid;
}

static void continue_trace(Exchange *exchange)
{
    Trace sent;
    Str name = STR("traceparent"), header = http_request_header(exchange->request, name);
    bool single = http_request_header_count(exchange->request, name) == 1;
    exchange->trace = single && trace_parse(header, &sent) ? trace_child(&sent) : trace_new();
}

StepNext step_identify(Exchange *exchange)
{
    HttpRequest *request = exchange->request;
    continue_trace(exchange);
    Str id = http_request_header(request, STR("x-correlation-id"));
    const char *complaint = "X-Correlation-ID should be a valid UUID";
    if (!id.ptr) {
        id = http_request_header(request, STR("x-techbd-interaction-id"));
        complaint = "X-TechBD-Interaction-ID should be a valid UUID";
    }
    if (id.ptr && !http_is_uuid(id))
        return refuse(exchange, 400, "correlation-id", complaint);
    exchange->correlation_id = id;
    exchange->id = id.ptr ? lower_case(id) : uuid_v7();
    exchange->has_id = true;
    Str url = http_request_header(request, STR("x-techbd-datalake-api-url"));
    UrlChoice choice =
        url.len ? destinations_url(exchange->ingest, exchange->tenant, url) : URL_ALLOWED;
    if (choice == URL_UNKNOWN)
        return refuse_unavailable(exchange, "datalake-url", "Nothing was taken, try again later");
    if (choice == URL_REFUSED)
        return refuse(exchange, 400, "datalake-url", "X-TechBD-DataLake-API-URL is not allowed");
    return headers_meaning(exchange);
}
