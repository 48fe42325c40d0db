#include "services/ingest/serve.h"

#include "common/base/clock.h"
#include "services/ingest/admit.h"
#include "services/ingest/audited.h"
#include "services/ingest/await.h"
#include "services/ingest/cors.h"
#include "services/ingest/counts.h"
#include "services/ingest/diagnostics/tail.h"
#include "services/ingest/events.h"
#include "services/ingest/hosts.h"
#include "services/ingest/limit.h"
#include "services/ingest/observability.h"
#include "services/ingest/refuse.h"
#include "services/ingest/routes.h"

/* --- headers of every answer ------------------------------------------------------------------ */

static void finish_headers(HttpRequest *request, Exchange *exchange)
{
    if (exchange && exchange->has_id)
        http_reply_header(request, "X-Correlation-ID",
                          exchange->correlation_id.len ? exchange->correlation_id
                                                       : uuid_str(&exchange->id));
    if (exchange && !exchange->preflight)
        cors_add(exchange);
    if (exchange)
        limit_headers(exchange);
    if (!exchange || !exchange->cacheable)
        http_reply_header(request, "Cache-Control", STR("no-store"));
    http_reply_header(request, "X-Content-Type-Options", STR("nosniff"));
    if (!exchange || !exchange->cacheable)
        observability_add(request);
}

/* --- callbacks -------------------------------------------------------------------------------- */

static bool answered(Exchange *exchange)
{
    limit_unknown(exchange);
    finish_headers(exchange->request, exchange);
    return false;
}

static bool say_no(Exchange *exchange, unsigned status, const char *code, const char *text)
{
    refuse(exchange, status, code, text);
    return answered(exchange);
}

static bool begin(void *context, HttpRequest *request)
{
    Ingest *ingest = context;
    Exchange *exchange = exchange_new(ingest, request);
    http_request_set_state(request, exchange);
    RouteMatch match = route_find(http_request_method(request), http_request_path(request));
    bool any_host = match.route && match.route->any_host;
    if (!any_host && !limit_room(exchange)) {
        finish_headers(request, exchange);
        return false;
    }
    if (!audit_accepts(ingest->audit)) {
        refuse_unavailable(exchange, "audit-unavailable", "Nothing was taken, try again later");
        return answered(exchange);
    }
    if (host_take(exchange, any_host) != STEP_NEXT)
        return answered(exchange);
    if (!match.path_known)
        return say_no(exchange, 404, "not-found", "Resource not found");
    exchange->preflight = cors_preflight(exchange, match.allow);
    if (exchange->preflight)
        return answered(exchange);
    if (!match.route) {
        http_reply_header(request, "Allow", arena_copy(exchange->arena, str_from(match.allow)));
        return say_no(exchange, 405, "method", "Method not allowed");
    }
    exchange->route = match.route;
    exchange->parameter = match.parameters[0];
    memcpy(exchange->parameters, match.parameters, sizeof exchange->parameters);
    exchange->step = match.route->steps;
    if (flow_run(exchange, true) == STEP_NEXT)
        return true;
    return answered(exchange);
}

static HttpRefusal room(void *context, HttpRequest *request, size_t more)
{
    (void)context;
    Exchange *exchange = http_request_state(request);
    if (!limit_body_may_grow(exchange, http_request_body_bytes(request)))
        return (HttpRefusal){413, LIMIT_BODY, ""};
    if (admit_room(exchange, more))
        return (HttpRefusal){0};
    return (HttpRefusal){429, ADMIT_BUSY, ""};
}

static HttpNext handle(void *context, HttpRequest *request)
{
    (void)context;
    Exchange *exchange = http_request_state(request);
    if (flow_run(exchange, false) == STEP_WAIT)
        return HTTP_WAIT;
    finish_headers(request, exchange);
    return HTTP_REPLY;
}

/* The server's own rules, in our words. */
static void server_refuses(void *context, HttpRequest *request, const HttpRefusal *refusal)
{
    const Ingest *ingest = context;
    Exchange *exchange = http_request_state(request);
    if (exchange)
        exchange->error_code = str_from(refusal->code);
    if (exchange && strcmp(refusal->code, LIMIT_BODY) == 0)
        limit_refuse_body(exchange);
    else if (exchange && strcmp(refusal->code, ADMIT_BUSY) == 0)
        admit_refuse(exchange, CAP_BYTES);
    else
        refuse_write(request, refusal->status, str_from(refusal->text));
    bool told = exchange && exchange->share_refused;
    if (!told && (refusal->status == 503 || refusal->status == 429))
        http_reply_header(request, "Retry-After",
                          arena_format(http_request_arena(request), "%llu",
                                       (unsigned long long)ingest->config->retry_after_s));
    finish_headers(request, exchange);
}

/* How long it was in the topics and with the validator: publishing until the verdict is read. */
static LogField topics_field(Exchange *exchange)
{
    if (!exchange->published_us)
        return (LogField){0};
    pthread_mutex_lock(&exchange->lock);
    int64_t us = exchange->answered_us - exchange->published_us;
    pthread_mutex_unlock(&exchange->lock);
    return us > 0 ? LOG_I64("topics_us", us) : (LogField){0};
}

static void log_request(const Ingest *ingest, HttpRequest *request, Exchange *exchange,
                        unsigned status, int64_t took_us, bool sent)
{
    static Exchange none; /* refused before there was one */
    if (!exchange)
        exchange = &none;
    LogLevel level = status >= 500 ? LOG_WARN : LOG_INFO;
    if (!log_enabled(ingest->log, level))
        return;
    LOG_AT(ingest->log, level, "request.done", LOG_TRACE(&exchange->trace),
           LOG_TEXT("route", exchange->route ? exchange->route->name : "none"),
           LOG_U64("status", status),
           LOG_STR("interaction_id", exchange->has_id ? uuid_str(&exchange->id) : STR("")),
           LOG_STR("tenant", exchange->tenant), LOG_STR("caller", exchange->caller),
           LOG_STR("code", exchange->error_code),
           LOG_U64("body_bytes", http_request_body_bytes(request)),
           LOG_U64("reply_bytes", http_reply_body(request)->len), LOG_I64("took_us", took_us),
           topics_field(exchange), LOG_BOOL("repeated", exchange->repeated),
           LOG_BOOL("sent", sent));
}

static void over(void *context, HttpRequest *request, bool sent)
{
    Ingest *ingest = context;
    Exchange *exchange = http_request_state(request);
    bool routed = exchange && exchange->route;
    unsigned status = http_reply_get_status(request);
    int64_t took_ns = clock_mono_ns() - (int64_t)http_request_started_ns(request);
    count_request(ingest->counters, routed ? route_index(exchange->route) : route_count(), status,
                  (double)took_ns / 1e9, http_request_body_bytes(request), sent);
    log_request(ingest, request, exchange, status, took_ns / 1000, sent);
    audited_over(ingest, request, exchange, status, sent);
    if (!exchange)
        return;
    await_remove(ingest->await, exchange);
    tail_leave(ingest->tail, exchange);
    admit_leave(exchange);
    limit_leave(exchange);
    if (ingest->events && exchange->envelope.interaction_id.len &&
        exchange->envelope.route != ROUTE_TRIAL)
        event_replied(exchange, status, sent);
    pthread_mutex_lock(&exchange->lock);
    Answer *answer = exchange->answer; /* a report still under way has no use for it */
    exchange->answer = NULL;
    exchange->request = NULL;
    pthread_mutex_unlock(&exchange->lock);
    answer_release(answer);
    exchange_release(exchange);
}

HttpHandler serve_handler(Ingest *ingest)
{
    return (HttpHandler){.begin = begin,
                         .room = room,
                         .handle = handle,
                         .refuse = server_refuses,
                         .over = over,
                         .context = ingest};
}
