/* Step 1: what the header says about form: media type, what answer is wanted and when. */
#include "common/base/clock.h"
#include "common/http/fields.h"
#include "common/http/target.h"
#include "services/ingest/exchange.h"
#include "services/ingest/headers.h"
#include "services/ingest/refuse.h"
#include "services/ingest/routes.h"

static bool media_type_fits(const Route *route, Str content_type)
{
    Str sent = http_media_type(content_type);
    Str list = str_from(route->media_types), wanted;
    while (http_list_next(&list, &wanted))
        if (sent.len && str_eq_ignore_case(sent, wanted))
            return true;
    return false;
}

/* Accept: application/fhir+json; fhirVersion=4.0 asks for plain FHIR, without TechBD's wrapper. */
static bool accepts_plain_fhir(Str accept)
{
    Str range;
    unsigned quality = 0;
    while (accept.ptr && http_accept_next(&accept, &range, &quality)) {
        Str version = http_media_parameter(range, STR("fhirVersion"));
        if (quality && str_eq_ignore_case(http_media_type(range), STR("application/fhir+json")) &&
            str_starts(version, STR("4.0")))
            return true;
    }
    return false;
}

/* spec: RFC 7240 §4.1, §4.3: respond-async beside wait=N means: 202 if N seconds do not suffice */
static void read_preferences(Exchange *exchange)
{
    const IngestConfig *config = exchange->ingest->config;
    Str prefer = http_request_list(exchange->request, STR("prefer"));
    Str wanted = http_prefer_get(prefer, STR("return"));
    uint64_t wait_ms = config->reply_deadline_ms, seconds = 0;
    exchange->wants_bare =
        accepts_plain_fhir(http_request_list(exchange->request, STR("accept"))) ||
        str_eq_ignore_case(wanted, STR("OperationOutcome"));
    if (str_to_u64(http_prefer_get(prefer, STR("wait")), &seconds)) {
        wait_ms = seconds < config->wait_max_ms / 1000 ? seconds * 1000 : config->wait_max_ms;
        exchange->waited_preferred = true;
    }
    Str immediate =
        http_query_get(http_request_query(exchange->request), STR("immediate"), exchange->arena);
    exchange->wants_async =
        (http_prefer_get(prefer, STR("respond-async")).ptr && !exchange->waited_preferred) ||
        str_eq_ignore_case(immediate, STR("false"));
    exchange->deadline_ms = clock_mono_ms() + (int64_t)wait_ms;
}

StepNext step_receive(Exchange *exchange)
{
    const Route *route = exchange->route;
    HttpRequest *request = exchange->request;
    StepNext next = headers_single(exchange);
    if (next != STEP_NEXT || !route->media_types)
        return next;
    if (http_request_header_count(request, STR("content-type")) != 1 ||
        !media_type_fits(route, http_request_header(request, STR("content-type"))))
        return refuse(exchange, 415, "media-type", "Unsupported media type");
    read_preferences(exchange);
    return STEP_NEXT;
}
