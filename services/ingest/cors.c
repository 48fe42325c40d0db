#include "services/ingest/cors.h"

#include "common/auth/callers.h"
#include "common/http/fields.h"
#include "services/ingest/exchange.h"
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

static const HostName *policy_of(const Exchange *exchange)
{
    if (exchange->host || !exchange->book)
        return exchange->host;
    return book_host(exchange->book, STR("_default"));
}

/* The request's one origin, if it is listed; else ptr NULL. */
static Str listed_origin(const Exchange *exchange, const HostName *policy)
{
    Str name = STR("origin"), origin = http_request_header(exchange->request, name);
    if (!policy || http_request_header_count(exchange->request, name) != 1)
        return STR_NONE;
    for (size_t i = 0; i < policy->cors.origins.count; i++)
        if (cors_origin_fits(policy->cors.origins.list[i], origin))
            return origin;
    return STR_NONE;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void add_origin(const Exchange *exchange, const HostName *policy, Str origin)
{
    HttpRequest *request = exchange->request;
    http_reply_header(request, "Access-Control-Allow-Origin", origin);
    if (policy->cors.credentials)
        http_reply_header(request, "Access-Control-Allow-Credentials", STR("true"));
}

void cors_add(const Exchange *exchange)
{
    const HostName *policy = policy_of(exchange);
    if (!policy || !policy->cors.origins.count)
        return;
    Str origin = listed_origin(exchange, policy);
    http_reply_header(exchange->request, "Vary", STR("Origin"));
    if (!origin.ptr)
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
    const HostName *policy = policy_of(exchange);
    Str origin = listed_origin(exchange, policy);
    http_reply_header(request, "Vary",
                      STR("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"));
    if (!origin.ptr) {
        refuse(exchange, 403, "cors-origin", "This origin is not allowed");
        return true;
    }
    http_reply_status(request, 204);
    add_origin(exchange, policy, origin);
    http_reply_header(request, "Access-Control-Allow-Methods",
                      methods_of(exchange, policy->cors.methods, str_from(allow)));
    http_reply_header(request, "Access-Control-Allow-Headers",
                      headers_of(exchange, policy->cors.headers));
    http_reply_header(
        request, "Access-Control-Max-Age",
        arena_format(exchange->arena, "%llu", (unsigned long long)policy->cors.max_age_s));
    return true;
}
