#include "services/ingest/refuse.h"

#include "common/json/write.h"

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

StepNext refuse(Exchange *exchange, unsigned status, const char *code, const char *text)
{
    exchange->error_code = str_from(code);
    refuse_write(exchange->request, status, str_from(text));
    return STEP_REPLY;
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
