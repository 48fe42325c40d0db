#include "services/ingest/cors.h"

#include "common/auth/callers.h"
#include "common/http/fields.h"
#include "services/ingest/exchange.h"
#include "services/ingest/hosts.h"
#include "services/ingest/refuse.h"

/* What our routes read of a request, and what a page may read of an answer. */
#define REQUEST_HEADERS                                                                            \
    "Accept, Authorization, Content-Encoding, Content-Type, Prefer, Traceparent, X-API-Key, "      \
    "X-Correlation-ID, X-SHIN-NY-IG-Version, X-TechBD-DataLake-API-URL, X-TechBD-Elaboration, "    \
    "X-TechBD-HealthCheck, X-TechBD-Provenance, X-TechBD-Source-Type, X-TechBD-Tenant-ID, "        \
    "X-TechBD-Validation-Severity-Level, Source-Domain, Organisation-Code"
#define ANSWER_HEADERS                                                                             \
    "Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, "   \
    "X-Correlation-ID"

/* --- origins ---------------------------------------------------------------------------------- */

static bool is_labels(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool inside = i > 0 && i + 1 < s.len;
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (inside && (c == '-' || c == '.'))))
            return false;
    }
    return s.len > 0;
}

bool cors_origin_fits(Str pattern, Str origin)
{
    size_t star = str_find(pattern, STR("://*."));
    if (star == SIZE_MAX)
        return str_eq_ignore_case(pattern, origin);
    size_t front = star + 3;
    Str suffix = str_skip(pattern, front + 1); /* ".example.org:8443" */
    if (origin.len <= front + suffix.len)
        return false;
    size_t back = origin.len - suffix.len;
    return str_eq_ignore_case(str_cut(origin, 0, front), str_cut(pattern, 0, front)) &&
           str_eq_ignore_case(str_skip(origin, back), suffix) &&
           is_labels(str_cut(origin, front, back));
}

/* --- whose list ------------------------------------------------------------------------------- */

static bool lists(const CorsPolicy *policy, Str origin)
{
    for (size_t i = 0; i < policy->origins.count; i++)
        if (cors_origin_fits(policy->origins.list[i], origin))
            return true;
    return false;
}

static const CorsPolicy *of_tenant(const Exchange *exchange, Str name)
{
    const Tenant *tenant = exchange->book && name.len ? book_tenant(exchange->book, name) : NULL;
    return tenant && !tenant->disabled && tenant->cors.origins.count ? &tenant->cors : NULL;
}

static const CorsPolicy *of_host(const Exchange *exchange)
{
    const HostName *host = exchange->host;
    if (!host && exchange->book)
        host = book_host(exchange->book, STR("_default"));
    return host && host->cors.origins.count ? &host->cors : NULL;
}

static const CorsPolicy *of_any_tenant(const Exchange *exchange, Str origin)
{
    const Tenant *tenant;
    for (size_t i = 0; exchange->book && (tenant = book_tenant_at(exchange->book, i)); i++)
        if (!tenant->disabled && lists(&tenant->cors, origin))
            return &tenant->cors;
    return NULL;
}

/* The request's one origin; ptr NULL: none, or several. */
static Str sent_origin(const Exchange *exchange)
{
    Str name = STR("origin");
    return http_request_header_count(exchange->request, name) == 1
               ? http_request_header(exchange->request, name)
               : STR_NONE;
}

/* The policy that lists the origin and counts here; NULL: none does. */
static const CorsPolicy *policy_for(const Exchange *exchange, Str origin)
{
    bool known = exchange->tenant.len > 0;
    const CorsPolicy *policy =
        of_tenant(exchange, known ? exchange->tenant : host_tenant(exchange));
    if (!origin.ptr)
        return NULL;
    if (!policy)
        policy = of_host(exchange);
    if (policy && lists(policy, origin))
        return policy;
    /* A tenant's own name (white-label) is that tenant's: others' lists do not count there. */
    return known || host_tenant(exchange).len ? NULL : of_any_tenant(exchange, origin);
}

/* Whether what is said depends on the origin at all. */
static bool has_policy(const Exchange *exchange)
{
    const Tenant *tenant;
    if (of_host(exchange))
        return true;
    for (size_t i = 0; exchange->book && (tenant = book_tenant_at(exchange->book, i)); i++)
        if (tenant->cors.origins.count)
            return true;
    return false;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void add_origin(const Exchange *exchange, const CorsPolicy *policy, Str origin)
{
    HttpRequest *request = exchange->request;
    http_reply_header(request, "Access-Control-Allow-Origin", origin);
    if (policy->credentials)
        http_reply_header(request, "Access-Control-Allow-Credentials", STR("true"));
}

void cors_add(const Exchange *exchange)
{
    if (!has_policy(exchange))
        return;
    Str origin = sent_origin(exchange);
    const CorsPolicy *policy = policy_for(exchange, origin);
    http_reply_header(exchange->request, "Vary", STR("Origin"));
    if (!policy)
        return;
    add_origin(exchange, policy, origin);
    http_reply_header(exchange->request, "Access-Control-Expose-Headers", STR(ANSWER_HEADERS));
}

static bool among(AuthTexts texts, Str wanted)
{
    for (size_t i = 0; i < texts.count; i++)
        if (str_eq_ignore_case(texts.list[i], wanted) || str_is(texts.list[i], "*"))
            return true;
    return false;
}

/* Of the path's methods those that the list has; without a list all. */
static Str methods_of(const Exchange *exchange, AuthTexts wanted, Str allow)
{
    Str method, all = STR("");
    while (http_list_next(&allow, &method)) {
        if (wanted.count && !among(wanted, method))
            continue;
        all = all.len ? ARENA_JOIN(exchange->arena, all, STR(", "), method)
                      : arena_copy(exchange->arena, method);
    }
    return all;
}

/* "*" stands for whatever the page asks for: beside credentials it means nothing to a browser. */
static Str headers_of(const Exchange *exchange, AuthTexts wanted)
{
    Str asked = http_request_header(exchange->request, STR("access-control-request-headers"));
    Str all = STR(""), name;
    bool any = among(wanted, STR("*"));
    if (!wanted.count)
        return STR(REQUEST_HEADERS);
    if (any)
        while (asked.ptr && http_list_next(&asked, &name))
            if (http_is_token(name))
                all = ARENA_JOIN(exchange->arena, all, all.len ? STR(", ") : STR(""), name);
    for (size_t i = 0; !any && i < wanted.count; i++)
        all = ARENA_JOIN(exchange->arena, all, all.len ? STR(", ") : STR(""), wanted.list[i]);
    return all;
}

bool cors_preflight(Exchange *exchange, const char *allow)
{
    HttpRequest *request = exchange->request;
    if (!str_is(http_request_method(request), "OPTIONS") ||
        !http_request_header(request, STR("origin")).ptr ||
        !http_request_header(request, STR("access-control-request-method")).ptr)
        return false;
    Str origin = sent_origin(exchange);
    const CorsPolicy *policy = policy_for(exchange, origin);
    http_reply_header(request, "Vary",
                      STR("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"));
    if (!policy) {
        refuse_outcome(exchange, 403, "cors-origin", "forbidden", "This origin is not allowed");
        return true;
    }
    http_reply_status(request, 204);
    add_origin(exchange, policy, origin);
    http_reply_header(request, "Access-Control-Allow-Methods",
                      methods_of(exchange, policy->methods, str_from(allow)));
    http_reply_header(request, "Access-Control-Allow-Headers",
                      headers_of(exchange, policy->headers));
    http_reply_header(request, "Access-Control-Max-Age",
                      arena_format(exchange->arena, "%llu", (unsigned long long)policy->max_age_s));
    return true;
}
