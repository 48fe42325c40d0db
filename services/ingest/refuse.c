#include "services/ingest/refuse.h"

#include "common/json/write.h"
#include "services/ingest/routes.h"

void refuse_write(HttpRequest *request, unsigned status, Str text)
{
    Buf *body = http_reply_body(request);
    http_reply_status(request, status);
    http_reply_header(request, "Content-Type", STR("application/json"));
    buf_reset(body);
    buf_add(body, STR("{\"status\":\"Error\",\"message\":"));
    json_write_string(body, text);
    buf_add(body, STR("}\n"));
}

/* The diagnostics pages read codes. */
static StepNext refuse_page(Exchange *exchange, unsigned status, const char *code, const char *text)
{
    Buf *body = http_reply_body(exchange->request);
    http_reply_status(exchange->request, status);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    buf_reset(body);
    buf_add_format(body, "{\"error\":{\"status\":%u,\"code\":\"%s\",\"text\":", status, code);
    json_write_string(body, str_from(text));
    buf_add(body, STR("}}\n"));
    return STEP_REPLY;
}

bool refuse_is_page(const Exchange *exchange)
{
    return str_starts(http_request_path(exchange->request), STR("/admin/api/"));
}

StepNext refuse_outcome(Exchange *exchange, unsigned status, const char *code, const char *type,
                        const char *text)
{
    HttpRequest *request = exchange->request;
    Buf *body = http_reply_body(request);
    exchange->error_code = str_from(code);
    if (refuse_is_page(exchange)) /* what exactly was wrong is the log's business */
        return refuse_page(exchange, status, type, text);
    http_reply_status(request, status);
    http_reply_header(request, "Content-Type", STR("application/fhir+json"));
    buf_reset(body);
    buf_add_format(body,
                   "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\","
                   "\"code\":\"%s\",\"diagnostics\":\"%s\"}]}\n",
                   type, text);
    return STEP_REPLY;
}

StepNext refuse(Exchange *exchange, unsigned status, const char *code, const char *text)
{
    exchange->error_code = str_from(code);
    if (refuse_is_page(exchange))
        return refuse_page(exchange, status, code, text);
    refuse_write(exchange->request, status, str_from(text));
    return STEP_REPLY;
}

/* spec: RFC 9110 §11.6.1; RFC 6750 §3: no error code where no token was presented. The pages' own
 * routes are opened by a session's cookie alone. */
void refuse_challenge(Exchange *exchange)
{
    HttpRequest *request = exchange->request;
    bool presented = http_request_header_count(request, STR("authorization")) > 0;
    Str challenge = STR("Bearer realm=\"fhirbus\"");
    if (exchange->route && exchange->route->auth == AUTH_NONE)
        challenge = STR("Cookie realm=\"fhirbus\"");
    else if (presented)
        challenge = STR("Bearer realm=\"fhirbus\", error=\"invalid_token\"");
    http_reply_header(request, "WWW-Authenticate", challenge);
}

void refuse_retry_after(Exchange *exchange)
{
    Str seconds = arena_format(exchange->arena, "%llu",
                               (unsigned long long)exchange->ingest->config->retry_after_s);
    http_reply_header(exchange->request, "Retry-After", seconds);
}

StepNext refuse_unavailable(Exchange *exchange, const char *code, const char *text)
{
    refuse_retry_after(exchange);
    return refuse(exchange, 503, code, text);
}
