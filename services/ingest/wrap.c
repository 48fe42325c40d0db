/* Step 4: body and header -> Envelope. The payload stays byte for byte. */
#include "common/base/clock.h"
#include "common/envelope/ordering_key.h"
#include "common/http/fields.h"
#include "common/http/target.h"
#include "services/ingest/exchange.h"
#include "services/ingest/refuse.h"
#include "services/ingest/routes.h"
#include "services/ingest/text.h"

enum { URI_KEPT_BYTES = 2048 };

static Str header_text(Exchange *exchange, Str name)
{
    return text_utf8(exchange->arena, http_request_header(exchange->request, name));
}

static void copy_headers(Exchange *exchange, RequestHeaders *headers)
{
    HttpRequest *request = exchange->request;
    const struct {
        Str name;
        Str *to;
    } table[] = {
        {STR("x-techbd-validation-severity-level"), &headers->severity_level         },
        {STR("x-techbd-datalake-api-url"),          &headers->datalake_url           },
        {STR("x-shin-ny-ig-version"),               &headers->ig_version             },
        {STR("x-techbd-elaboration"),               &headers->elaboration            },
        {STR("x-techbd-provenance"),                &headers->provenance             },
        {STR("x-techbd-master-interaction-id"),     &headers->master_interaction_id  },
        {STR("x-techbd-group-interaction-id"),      &headers->group_interaction_id   },
        {STR("x-techbd-override-request-uri"),      &headers->override_request_uri   },
        {STR("x-techbd-data-ledger-tracking"),      &headers->data_ledger_tracking   },
        {STR("x-techbd-data-ledger-diagnostics"),   &headers->data_ledger_diagnostics},
        {STR("user-agent"),                         &headers->user_agent             },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        *table[i].to = header_text(exchange, table[i].name);
    headers->correlation_id = exchange->correlation_id;
    headers->health_check = str_eq_ignore_case(
        str_trim(http_request_header(request, STR("x-techbd-healthcheck"))), STR("true"));
    headers->client_address = exchange->client_address;
    Str uri = text_utf8(exchange->arena, http_request_target(request));
    headers->request_uri = uri.len > URI_KEPT_BYTES ? http_request_path(request) : uri;
}

/* What the document is, where a service of ours says it converted it; senders send FHIR. */
static Str source_type(Exchange *exchange)
{
    static const char *const known[] = {"FHIR", "CSV", "CCDA", "HL7V2"};
    Str sent = http_request_header(exchange->request, STR("x-techbd-source-type"));
    if (!sent.ptr)
        sent =
            http_query_get(http_request_query(exchange->request), STR("source"), exchange->arena);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (str_eq_ignore_case(sent, str_from(known[i])))
            return str_from(known[i]);
    return STR("FHIR");
}

static Str media_type_lower(Exchange *exchange)
{
    Str type = http_media_type(http_request_header(exchange->request, STR("content-type")));
    return str_eq_ignore_case(type, STR("application/fhir+json")) ? STR("application/fhir+json")
                                                                  : STR("application/json");
}

static Str trace_text(Exchange *exchange)
{
    char text[TRACEPARENT_SIZE];
    trace_format(&exchange->trace, text);
    return arena_copy(exchange->arena, str_from(text));
}

static Str key_text(Exchange *exchange, Str payload)
{
    OrderingKey key = ordering_key(exchange->ingest->ordering_secret, exchange->tenant,
                                   uuid_str(&exchange->id), payload, NULL);
    return arena_copy(exchange->arena, (Str){(const char *)key.bytes, sizeof key.bytes});
}

static bool is_blank(Str body)
{
    for (size_t i = 0; i < body.len; i++)
        if (!strchr(" \t\r\n", body.ptr[i]) || body.ptr[i] == '\0')
            return false;
    return true;
}

StepNext step_wrap(Exchange *exchange)
{
    const Ingest *ingest = exchange->ingest;
    Envelope *envelope = &exchange->envelope;
    Str body = http_request_body(exchange->request);
    if (is_blank(body))
        return refuse(exchange, 400, "body-empty", "Required request body is missing");
    int64_t left_ms = exchange->deadline_ms - clock_mono_ms();
    *envelope = (Envelope){
        .tenant = exchange->tenant,
        .caller = exchange->caller,
        .route = exchange->route->kind,
        .source_type = source_type(exchange),
        .content_type = media_type_lower(exchange),
        .received_at_us = http_request_received_us(exchange->request),
        .payload = body,

        .ingest_instance = ingest->instance,
        .deadline_at_us = clock_wall_us() + (left_ms > 0 ? left_ms : 0) * 1000,
        .lane = exchange->wants_async ? LANE_BULK : LANE_INTERACTIVE,
        .traceparent = trace_text(exchange),
        .ordering_key = key_text(exchange, body),
    };
    copy_headers(exchange, &envelope->headers);
    Err err = {0};
    if (!envelope_seal(envelope, exchange->arena, &err))
        return refuse(exchange, 413, err.code, "The request body is too large");
    return STEP_NEXT;
}
