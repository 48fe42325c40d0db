/* Step 8: the verdict, or a 202, as the sender's systems know it from TechBD.
 *
 * The wrapper is written straight into the reply's buffer and the validator's OperationOutcome is
 * put in as it came: nothing is parsed on the way back. */
#include "common/json/write.h"
#include "services/ingest/exchange.h"
#include "services/ingest/hosts.h"
#include "services/ingest/refuse.h"

#define BARE_TYPE "application/fhir+json; fhirVersion=4.0; charset=utf-8"

static void add_text(Buf *out, const char *name, Str value)
{
    buf_add(out, STR("\""));
    buf_add(out, str_from(name));
    buf_add(out, STR("\":"));
    json_write_string(out, value);
}

/* Seconds since 1970 with microseconds, as a number. */
static void add_time(Buf *out, const char *name, int64_t us)
{
    buf_add_format(out, ",\"%s\":%lld.%06lld", name, (long long)(us / 1000000),
                   (long long)(us % 1000000));
}

static Str status_url(const Exchange *exchange)
{
    Str base = host_base_url(exchange);
    return arena_format(exchange->arena, "%.*s/Bundle/$status/%s", STR_ARG(base),
                        exchange->id.text);
}

/* What every answer has in front. */
static void open_wrapper(const Exchange *exchange, Buf *out)
{
    const IngestConfig *config = exchange->ingest->config;
    buf_add(out, STR("{\"OperationOutcome\":{\"resourceType\":\"OperationOutcome\","));
    add_text(out, "help", str_from(config->help_text));
    buf_add_format(out, ",\"bundleSessionId\":\"%s\",", exchange->id.text);
    add_text(out, "techBdVersion", str_from(config->techbd_version));
    buf_add(out, STR(",\"isAsync\":true,"));
    add_text(out, "statusUrl", status_url(exchange));
}

static void add_precheck_issue(Buf *out, bool first, Str message, Str severity)
{
    buf_add(out, first ? STR("{") : STR(",{"));
    add_text(out, "message", message);
    buf_add(out, STR(",\"severity\":\""));
    for (size_t i = 0; i < severity.len; i++) {
        char c = severity.ptr[i];
        buf_add_char(out, c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
    }
    buf_add(out, STR("\"}"));
}

/* The failed check, and what rules made of it. */
static void add_precheck(const Outcome *outcome, Buf *out)
{
    buf_add(out, STR("{\"valid\":false,\"issues\":["));
    for (uint32_t i = 0; i < outcome->issue_count; i++)
        add_precheck_issue(out, i == 0, outcome->issues[i].text, outcome->issues[i].severity);
    if (outcome->issue_count == 0 && outcome->precheck_message.len)
        add_precheck_issue(out, true, outcome->precheck_message, STR("fatal"));
    buf_add(out, STR("]}"));
}

static void add_observability(const Outcome *outcome, Buf *out)
{
    buf_add(out, STR(",\"observability\":{"));
    add_text(out, "identity", STR("fhirbus.validator"));
    buf_add(out, STR(",\"name\":"));
    char name[200];
    int len = snprintf(name, sizeof name, "%.*s version %.*s (FHIR version 4.0.1)",
                       STR_ARG(outcome->engine_name), STR_ARG(outcome->engine_version));
    json_write_string(out, (Str){name, len < (int)sizeof name ? (size_t)len : sizeof name - 1});
    add_time(out, "initAt", outcome->engine_started_at_us);
    add_time(out, "constructedAt", outcome->engine_started_at_us);
    buf_add_char(out, '}');
}

static void add_validation(const Outcome *outcome, Buf *out)
{
    buf_add_format(out, "{\"valid\":%s,", outcome->valid ? "true" : "false");
    add_text(out, "igVersion", outcome->ig_version);
    buf_add_char(out, ',');
    add_text(out, "profileUrl", outcome->profile_url);
    add_time(out, "initiatedAt", outcome->started_at_us);
    add_time(out, "completedAt", outcome->finished_at_us);
    add_observability(outcome, out);
    buf_add(out, STR(",\"operationOutcome\":"));
    buf_add(out, outcome->operation_outcome.len ? outcome->operation_outcome : STR("null"));
    buf_add_char(out, '}');
}

static void add_wrapper(const Exchange *exchange, const Response *response, Buf *out)
{
    Str actions = response->disposition.actions_json;
    open_wrapper(exchange, out);
    buf_add(out, STR(",\"validationResults\":["));
    if (response->outcome.precheck_code.len)
        add_precheck(&response->outcome, out);
    else
        add_validation(&response->outcome, out);
    buf_add(out, STR("],\"techByDesignDisposition\":"));
    buf_add(out, actions.len ? actions : STR("[]"));
    if (response->rules_version.len) {
        buf_add_char(out, ',');
        add_text(out, "rulesVersion", response->rules_version);
    }
    buf_add(out, STR("}}\n"));
}

static void add_bare(const Outcome *outcome, Buf *out)
{
    if (outcome->operation_outcome.len) {
        buf_add(out, outcome->operation_outcome);
        return;
    }
    buf_add(out, STR("{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"fatal\","
                     "\"code\":\"invalid\","));
    add_text(out, "diagnostics", outcome->precheck_message);
    buf_add(out, STR("}]}"));
}

static StepNext reply_verdict(Exchange *exchange, const Response *response)
{
    HttpRequest *request = exchange->request;
    Buf *body = http_reply_body(request);
    http_reply_status(request, 200);
    if (exchange->wants_bare) {
        http_reply_header(request, "Content-Type", STR(BARE_TYPE));
        add_bare(&response->outcome, body);
    } else {
        http_reply_header(request, "Content-Type", STR("application/json"));
        add_wrapper(exchange, response, body);
    }
    if (exchange->waited_preferred)
        http_reply_header(request, "Preference-Applied", STR("wait"));
    return STEP_REPLY;
}

/* It killed its worker, or can never be worked on: it is kept on the dead letter topic. */
static StepNext reply_failed(Exchange *exchange, const Failure *failure)
{
    bool ours = failure->kind != FAILURE_INPUT && failure->kind != FAILURE_MEMORY;
    Buf *body = http_reply_body(exchange->request);
    exchange->error_code = STR("worker-failed");
    http_reply_status(exchange->request, ours ? 500 : 422);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    buf_add(body, STR("{\"status\":\"Error\",\"message\":"));
    json_write_string(body, ours ? STR("An unexpected system error occurred.")
                                 : STR("The bundle exceeds what one message may take."));
    buf_add_char(body, ',');
    add_text(body, "details", failure->code);
    buf_add_format(body, ",\"bundleSessionId\":\"%s\"}\n", exchange->id.text);
    return STEP_REPLY;
}

#define RECEIVED_TEXT "The bundle was received; statusUrl tells what became of it."
#define RECEIVED_BARE                                                                              \
    "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"information\","             \
    "\"code\":\"informational\",\"diagnostics\":\"The bundle was received; the Location header "   \
    "tells where to ask what became of it.\"}]}\n"

static StepNext reply_accepted(Exchange *exchange)
{
    HttpRequest *request = exchange->request;
    Buf *body = http_reply_body(request);
    http_reply_status(request, 202);
    http_reply_header(request, "Location", status_url(exchange));
    if (exchange->wants_async)
        http_reply_header(request, "Preference-Applied", STR("respond-async"));
    if (exchange->wants_bare) {
        http_reply_header(request, "Content-Type", STR(BARE_TYPE));
        buf_add(body, STR(RECEIVED_BARE));
        return STEP_REPLY;
    }
    http_reply_header(request, "Content-Type", STR("application/json"));
    open_wrapper(exchange, body);
    buf_add(body, STR(",\"status\":\"RECEIVED\",\"message\":\"" RECEIVED_TEXT "\"}}\n"));
    return STEP_REPLY;
}

StepNext step_reply(Exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    const Answer *answer = exchange->answer; /* set once, stays */
    pthread_mutex_unlock(&exchange->lock);
    if (!answer || exchange->wants_async)
        return reply_accepted(exchange);
    if (answer->response.kind == RESPONSE_FAILED)
        return reply_failed(exchange, &answer->response.failure);
    return reply_verdict(exchange, &answer->response);
}
