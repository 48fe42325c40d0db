#include "services/ingest/limit.h"

#include "common/auth/callers.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/limits/addresses.h"
#include "services/ingest/counts.h"
#include "services/ingest/leasing.h"
#include "services/ingest/limit_counts.h"
#include "services/ingest/refuse.h"
#include "services/ingest/routes.h"

/* --- saying no -------------------------------------------------------------------------------- */

static void retry_after(Exchange *exchange, int64_t ms)
{
    int64_t seconds = ms < 1000 ? 1 : (ms - 1) / 1000 + 1;
    http_reply_header(exchange->request, "Retry-After",
                      arena_format(exchange->arena, "%lld", (long long)seconds));
}

static StepNext refuse_busy(Exchange *exchange, int64_t retry_ms, const char *code,
                            const char *text)
{
    retry_after(exchange, retry_ms);
    return refuse_outcome(exchange, 429, code, "throttled", text);
}

static StepNext refuse_hold(Exchange *exchange, LimitScope scope)
{
    static const char *const codes[] = {"limit", "limit-rate", "limit-quota", "limit-concurrency"};
    static const char *const texts[] = {"Too many requests", "Too many requests, come back later",
                                        "The quota of this period is used up",
                                        "Too many requests at once, come back later"};
    const LeaseHold *hold = &exchange->limits[scope];
    count_limit_refused(exchange->ingest->limit_counts, scope, (int)hold->reason);
    return refuse_busy(exchange, hold->retry_ms, codes[hold->reason], texts[hold->reason]);
}

StepNext limit_refuse_body(Exchange *exchange)
{
    LimitScope scope = exchange->body_limit_scope;
    count_limit_refused(exchange->ingest->limit_counts, scope, REFUSAL_BODY);
    return refuse_outcome(exchange, 413, LIMIT_BODY, "too-long",
                          "The request body is larger than the plan allows");
}

/* --- addresses -------------------------------------------------------------------------------- */

/* spec: draft-ietf-httpapi-ratelimit-headers-10 §3, §4 */
static StepNext refuse_address(Exchange *exchange, int64_t wait_ms, uint64_t per_s, uint64_t burst)
{
    Arena *arena = exchange->arena;
    unsigned long long q = burst ? burst : per_s, w = (q + per_s - 1) / per_s;
    count_limit_refused(exchange->ingest->limit_counts, LIMIT_SCOPES, REFUSAL_ADDRESS);
    http_reply_header(exchange->request, "RateLimit-Policy",
                      arena_format(arena, "\"address\";q=%llu;w=%llu", q, w));
    http_reply_header(
        exchange->request, "RateLimit",
        arena_format(arena, "\"address\";r=0;t=%lld", (long long)((wait_ms + 999) / 1000)));
    return refuse_busy(exchange, wait_ms, "limit-address",
                       "Too many requests from this address, come back later");
}

static StepNext take_address(Exchange *exchange)
{
    const IngestConfig *config = exchange->ingest->config;
    int64_t wait_ms = 0;
    Str address = http_request_address(exchange->request);
    if (addresses_take(exchange->ingest->addresses, address, clock_mono_ms(), &wait_ms))
        return STEP_NEXT;
    http_reply_reset(exchange->request);
    return refuse_address(exchange, wait_ms, config->address_per_s, config->address_burst);
}

static StepNext take_anonymous(Exchange *exchange)
{
    const IngestConfig *config = exchange->ingest->config;
    int64_t wait_ms = 0;
    Str address = http_request_address(exchange->request);
    if (addresses_take(exchange->ingest->anonymous, address, clock_mono_ms(), &wait_ms))
        return STEP_NEXT;
    return refuse_address(exchange, wait_ms, config->anonymous_per_s, config->anonymous_burst);
}

void limit_unknown(Exchange *exchange)
{
    bool is_health = exchange->route && exchange->route->any_host;
    if (!exchange->limited && !is_health)
        (void)take_address(exchange);
}

/* --- plans ------------------------------------------------------------------------------------ */

static void wake(void *context)
{
    Exchange *exchange = context;
    pthread_mutex_lock(&exchange->lock);
    exchange_wake(exchange);
    pthread_mutex_unlock(&exchange->lock);
}

/* A plan that nobody has published is no licence: what holds while the ledger is away holds. */
static LimitPlan plan_missing(Exchange *exchange, Str plan)
{
    Ingest *ingest = exchange->ingest;
    uint64_t per_s = ingest->config->limits_away_per_s ? ingest->config->limits_away_per_s : 1;
    int64_t minute = clock_mono_ms() / 60000 + 1;
    if (atomic_exchange(&ingest->plan_told, minute) != minute)
        log_warn(ingest->log, "limits.plan_missing", LOG_STR("plan", plan));
    return (LimitPlan){.rate_per_s = per_s};
}

static LimitPlan plan_of(const UsagePlan *plan)
{
    return (LimitPlan){.rate_per_s = plan->rate_per_s,
                       .burst = plan->burst,
                       .quota = plan->quota,
                       .period = (LimitPeriod)plan->period,
                       .concurrency = plan->concurrency};
}

static void limit_body_to(Exchange *exchange, LimitScope scope, uint64_t bytes)
{
    if (!bytes || (exchange->body_limit && exchange->body_limit <= bytes))
        return;
    exchange->body_limit = bytes;
    exchange->body_limit_scope = scope;
}

static void enter(Exchange *exchange, LimitScope scope, Str name, Str plan_name)
{
    LeaseHold *hold = &exchange->limits[scope];
    if (!plan_name.len || !name.len)
        return;
    const UsagePlan *plan = book_plan(exchange->book, plan_name);
    LimitPlan limits = plan ? plan_of(plan) : plan_missing(exchange, plan_name);
    limit_body_to(exchange, scope, plan ? plan->body_max_bytes : 0);
    *hold = (LeaseHold){.wake = wake, .context = exchange};
    leases_enter(leasing_leases(exchange->ingest->leasing), scope, name, &limits, hold,
                 clock_mono_ms());
}

static void enter_plans(Exchange *exchange)
{
    const Caller *caller = exchange->identity.caller;
    const Tenant *tenant = book_tenant(exchange->book, exchange->tenant);
    if (caller)
        enter(exchange, LIMIT_CALLER, caller->name, caller->plan);
    if (tenant)
        enter(exchange, LIMIT_TENANT, exchange->tenant, tenant->plan);
}

/* What one of them refuses the other has not granted. */
static void refund(Exchange *exchange, LimitScope refused)
{
    Leases *leases = leasing_leases(exchange->ingest->leasing);
    for (int scope = 0; scope < LIMIT_SCOPES; scope++) {
        LeaseHold *hold = &exchange->limits[scope];
        if (scope == (int)refused)
            continue;
        leases_refund(leases, hold);
        if (leases_state(leases, hold) == LEASE_WAITS)
            leases_leave(leases, hold, clock_mono_ms());
    }
}

static void count_granted(Exchange *exchange)
{
    if (exchange->limits_counted)
        return;
    exchange->limits_counted = true;
    for (int scope = 0; scope < LIMIT_SCOPES; scope++)
        if (exchange->limits[scope].subject)
            count_limit_granted(exchange->ingest->limit_counts, (LimitScope)scope,
                                exchange->limits[scope].by_default);
}

static StepNext settle(Exchange *exchange, StepNext while_waiting)
{
    Leases *leases = leasing_leases(exchange->ingest->leasing);
    bool waits = false;
    for (int scope = 0; scope < LIMIT_SCOPES; scope++) {
        LeaseState state = leases_state(leases, &exchange->limits[scope]);
        if (state == LEASE_REFUSED) {
            refund(exchange, (LimitScope)scope);
            return refuse_hold(exchange, (LimitScope)scope);
        }
        waits |= state == LEASE_WAITS;
    }
    if (waits)
        return while_waiting;
    count_granted(exchange);
    return STEP_NEXT;
}

/* --- bodies ----------------------------------------------------------------------------------- */

/* Before it is received: what its length says. */
static bool announces_too_much(const Exchange *exchange)
{
    uint64_t length = 0;
    return exchange->body_limit &&
           str_to_u64(http_request_header(exchange->request, STR("content-length")), &length) &&
           length > exchange->body_limit;
}

bool limit_body_may_grow(const Exchange *exchange, size_t held)
{
    return !exchange->body_limit || held <= exchange->body_limit;
}

bool limit_body(Exchange *exchange)
{
    if (limit_body_may_grow(exchange, http_request_body_bytes(exchange->request)))
        return true;
    limit_refuse_body(exchange);
    return false;
}

/* --- the steps -------------------------------------------------------------------------------- */

StepNext step_limit(Exchange *exchange)
{
    const Route *route = exchange->route;
    if (route->auth == AUTH_NONE) {
        exchange->limited = true;
        return route->any_host ? STEP_NEXT : take_address(exchange);
    }
    exchange->limited = true;
    if (!exchange->identity.caller && take_anonymous(exchange) != STEP_NEXT)
        return STEP_REPLY;
    enter_plans(exchange);
    if (announces_too_much(exchange))
        return limit_refuse_body(exchange);
    return settle(exchange, STEP_NEXT);
}

StepNext step_lease(Exchange *exchange)
{
    if (!exchange->body_measured && !limit_body(exchange))
        return STEP_REPLY;
    exchange->body_measured = true;
    return settle(exchange, STEP_WAIT);
}

void limit_leave(Exchange *exchange)
{
    for (int scope = 0; scope < LIMIT_SCOPES; scope++)
        if (exchange->limits[scope].subject)
            leases_leave(leasing_leases(exchange->ingest->leasing), &exchange->limits[scope],
                         clock_mono_ms());
}

/* --- what the sender is told ------------------------------------------------------------------ */

static void add_item(Buf *to, const char *scope, const char *kind)
{
    buf_add_format(to, "%s\"%s-%s\"", to->len ? ", " : "", scope, kind);
}

/* A month has no length in seconds. */
static void add_quota_window(Buf *to, LimitPeriod period)
{
    if (period != LIMIT_MONTH)
        buf_add_format(to, ";w=%d", period == LIMIT_DAY ? 86400 : 604800);
}

static void add_policy(Buf *to, const char *scope, const LeaseFacts *facts)
{
    const LimitPlan *plan = &facts->plan;
    if (plan->rate_per_s) {
        add_item(to, scope, "rate");
        buf_add_format(
            to, ";q=%llu;w=%llu", (unsigned long long)plan->burst,
            (unsigned long long)((plan->burst + plan->rate_per_s - 1) / plan->rate_per_s));
    }
    if (plan->quota) {
        add_item(to, scope, "quota");
        buf_add_format(to, ";q=%llu", (unsigned long long)plan->quota);
        add_quota_window(to, plan->period);
    }
    if (plan->concurrency) {
        add_item(to, scope, "concurrency");
        buf_add_format(to, ";q=%llu;qu=\"concurrent-requests\"",
                       (unsigned long long)plan->concurrency);
    }
}

static void add_left(Buf *to, const char *scope, const LeaseFacts *facts, const LeaseHold *hold)
{
    LimitReason refused = hold->state == LEASE_REFUSED ? hold->reason : LIMIT_NO_REASON;
    if (facts->plan.rate_per_s) {
        add_item(to, scope, "rate");
        unsigned long long left = refused == LIMIT_RATE ? 0 : facts->rate_left;
        buf_add_format(to, ";r=%llu;t=%lld", left,
                       refused == LIMIT_RATE ? 1LL : (long long)facts->rate_reset_s);
    }
    if (facts->plan.quota && facts->quota_reset_s >= 0) {
        add_item(to, scope, "quota");
        unsigned long long left = refused == LIMIT_QUOTA ? 0 : facts->quota_left;
        buf_add_format(to, ";r=%llu;t=%lld", left, (long long)facts->quota_reset_s);
    }
    if (refused == LIMIT_CONCURRENCY) {
        add_item(to, scope, "concurrency");
        buf_add(to, STR(";r=0;t=1"));
    }
}

/* Of this replica, with or without a plan: tenants.h. */
static void add_share(const Exchange *exchange, Buf *policy, Buf *left)
{
    const IngestConfig *config = exchange->ingest->config;
    bool bytes = exchange->share_refused == CAP_BYTES + 1;
    if (!exchange->share_refused)
        return;
    add_item(policy, "tenant", "share");
    buf_add_format(
        policy, ";q=%llu;qu=\"%s\"",
        (unsigned long long)(bytes ? config->tenant_bytes_max : config->tenant_requests_max),
        bytes ? "content-bytes" : "concurrent-requests");
    add_item(left, "tenant", "share");
    buf_add_format(left, ";r=0;t=%llu", (unsigned long long)config->retry_after_s);
}

/* spec: draft-ietf-httpapi-ratelimit-headers-10 §3, §4; RFC 9651 lists of strings */
void limit_headers(Exchange *exchange)
{
    BUF_AUTO policy, left;
    buf_init(&policy, 1024);
    buf_init(&left, 1024);
    for (int scope = 0; scope < LIMIT_SCOPES; scope++) {
        const LeaseHold *hold = &exchange->limits[scope];
        LeaseFacts facts;
        if (!hold->subject ||
            !leases_facts(leasing_leases(exchange->ingest->leasing), hold, clock_mono_ms(), &facts))
            continue;
        add_policy(&policy, limit_scope_name((LimitScope)scope), &facts);
        add_left(&left, limit_scope_name((LimitScope)scope), &facts, hold);
    }
    add_share(exchange, &policy, &left);
    if (policy.len)
        http_reply_header(exchange->request, "RateLimit-Policy",
                          arena_copy(exchange->arena, buf_str(&policy)));
    if (left.len)
        http_reply_header(exchange->request, "RateLimit",
                          arena_copy(exchange->arena, buf_str(&left)));
}

/* --- room ------------------------------------------------------------------------------------- */

bool limit_room(Exchange *exchange)
{
    Ingest *ingest = exchange->ingest;
    const IngestConfig *config = ingest->config;
    if (!ingest->server) /* the first request, before the start is over */
        return true;
    const ShedLimits limits = {config->shed_requests, config->shed_queue, config->shed_delay_ms};
    const ShedLoad load = {http_server_requests_open(ingest->server),
                           bus_producer_in_flight(ingest->producer),
                           http_server_delay_us(ingest->server) / 1000};
    ShedReason reason = shed_decide(&limits, &load);
    if (reason == SHED_NOT)
        return true;
    count_shed(ingest->limit_counts, reason);
    refuse_retry_after(exchange);
    refuse_outcome(exchange, 503, "overloaded", "transient",
                   "Too much is under way, nothing was taken, come back later");
    return false;
}
