/* Step 2: who calls, for which tenant, and whether that is permitted.
 *
 * The certificate of the TLS connection, a bearer token and an API key are looked at by
 * common/auth; what a route asks for is in the table of routes.c. Without credentials the tenant
 * header is believed where anonymous callers are allowed (ALLOW_ANONYMOUS=1; on loopback, as long
 * as no credential could be checked), and nobody gets in elsewhere. What the diagnostics pages ask
 * is a session's or nobody's. */
#include "services/ingest/authenticate.h"

#include "common/auth/certificate.h"
#include "common/http/target.h"
#include "services/ingest/gateway.h"
#include "services/ingest/hosts.h"
#include "services/ingest/refuse.h"
#include "services/ingest/routes.h"
#include "services/ingest/sessions/session.h"
#include "services/ingest/text.h"

enum { TENANT_BYTES_MAX = 200 };

/* What each right asks for: all permissions of the row, and of a token the scope. */
static const struct {
    Permission permissions[2];
    size_t count;
    ScopeNeed scope;
} rights[] = {
    [RIGHT_NONE] = {{0},                                         0, {0}                            },
    [RIGHT_SEND] = {{PERMISSION_CONNECT_AS, PERMISSION_SEND_AS}, 2, {NULL, "Bundle", 'c'}          },
    [RIGHT_VALIDATE] = {{PERMISSION_CONNECT_AS},                     1, {NULL, "Bundle", 'c'}          },
    [RIGHT_READ] = {{PERMISSION_READ},                           1, {NULL, "Bundle", 'r'}          },
    [RIGHT_SEARCH] = {{PERMISSION_READ},                           1, {NULL, "Bundle", 's'}          },
    [RIGHT_REPLAY] = {{PERMISSION_REPLAY},                         1, {"fhirbus/replay", NULL, 0}    },
    [RIGHT_ADMINISTER] = {{PERMISSION_ADMINISTER},                     1, {"fhirbus/administer", NULL, 0}},
};

const ScopeNeed *authenticate_scope(RouteRight right)
{
    return &rights[right].scope;
}

/* --- saying no -------------------------------------------------------------------------------- */

StepNext refuse_unknown(Exchange *exchange, const char *code)
{
    if (refuse_is_page(exchange))
        return session_refuse(exchange, "not-signed-in", "Sign in");
    refuse_challenge(exchange);
    return refuse_outcome(exchange, 401, code, "login", "Authentication required");
}

StepNext refuse_forbidden(Exchange *exchange, const char *code)
{
    return refuse_outcome(exchange, 403, code, "forbidden", "Not permitted");
}

/* --- who -------------------------------------------------------------------------------------- */

AuthPresented authenticate_presented(HttpRequest *request, Str *chain)
{
    Str authorization = STR("authorization"), api_key = STR("x-api-key");
    return (AuthPresented){
        .chain = chain,
        .chain_count = http_request_certificates(request, chain, CERTIFICATE_CHAIN_MAX),
        .authorization = http_request_header(request, authorization),
        .authorization_count = http_request_header_count(request, authorization),
        .api_key = http_request_header(request, api_key),
        .api_key_count = http_request_header_count(request, api_key),
    };
}

/* What the pages ask is a session's question. It is answered neither as nobody's, when the session
 * has ended, nor as that of the certificate which the browser happens to have. */
static bool is_of_pages(const Exchange *exchange, const AuthPresented *presented)
{
    return session_meant(exchange) && exchange->identity.result != AUTH_REFUSED &&
           !presented->authorization_count && !presented->api_key_count;
}

static StepNext identify_caller(Exchange *exchange)
{
    const Ingest *ingest = exchange->ingest;
    AuthIdentity *identity = &exchange->identity;
    Str chain[CERTIFICATE_CHAIN_MAX];
    AuthPresented presented = authenticate_presented(exchange->request, chain);
    auth_identify(ingest->auth, &presented, exchange->arena, identity);
    if (is_of_pages(exchange, &presented))
        return session_take(exchange);
    switch (identity->result) {
    case AUTH_KNOWN:
        exchange->caller = arena_copy(exchange->arena, identity->caller->name);
        return STEP_NEXT;
    case AUTH_NOBODY: /* and nobody administers */
        if (session_presented(exchange))
            return session_take(exchange);
        return ingest->anonymous_allowed && exchange->route->right != RIGHT_ADMINISTER &&
                       !refuse_is_page(exchange)
                   ? STEP_NEXT
                   : refuse_unknown(exchange, "not-authenticated");
    case AUTH_REFUSED:
        return refuse_unknown(exchange, identity->why.code);
    case AUTH_NOT_READY:
        break;
    }
    return refuse_unavailable(exchange, identity->why.code, "Callers cannot be told apart yet");
}

/* --- for whom --------------------------------------------------------------------------------- */

/* The one value of a header, trimmed; ptr NULL: absent. */
static bool single(Exchange *exchange, Str name, Str *ret_value)
{
    Str sent = http_request_header(exchange->request, name);
    if (http_request_header_count(exchange->request, name) > 1 || sent.len > TENANT_BYTES_MAX)
        return false;
    *ret_value = sent.ptr ? text_utf8(exchange->arena, str_trim(sent)) : STR_NONE;
    return true;
}

/* What the sender says, by X-TechBD-Tenant-ID or, where it reads, by ?tenant=. */
static bool named_tenant(Exchange *exchange, Str *ret_tenant)
{
    Str tenant;
    if (!single(exchange, STR("x-techbd-tenant-id"), &tenant))
        return false;
    if (!tenant.ptr && exchange->route->auth >= AUTH_READER && exchange->identity.caller)
        tenant =
            http_query_get(http_request_query(exchange->request), STR("tenant"), exchange->arena);
    if (!tenant.ptr)
        tenant = host_tenant(exchange);
    if (tenant.len > TENANT_BYTES_MAX)
        return false;
    *ret_tenant = tenant;
    return true;
}

static StepNext tenant_missing(Exchange *exchange)
{
    return refuse(exchange, 400, "tenant-missing",
                  "Required request header 'X-TechBD-Tenant-ID' for method parameter type "
                  "String is not present");
}

/* As TechBD does it: the header's word counts. */
static StepNext believe(Exchange *exchange, Str named)
{
    if (!named.ptr && exchange->route->auth >= AUTH_READER)
        return STEP_NEXT;
    if (!named.ptr)
        return tenant_missing(exchange);
    if (named.len == 0)
        return refuse(exchange, 400, "tenant-blank", "Tenant ID must be provided");
    const Tenant *object = book_tenant(exchange->identity.book, named);
    if (object && object->disabled) /* for nobody, known or not */
        return refuse_forbidden(exchange, "tenant-forbidden");
    exchange->tenant = named;
    return STEP_NEXT;
}

/* "source-domain/organisation-code" of the header; its tenant must be the one that is named. */
static bool organisation_agrees(Exchange *exchange, Str named, Str *ret_tenant)
{
    Str domain, code;
    *ret_tenant = named;
    if (!single(exchange, STR("source-domain"), &domain) ||
        !single(exchange, STR("organisation-code"), &code))
        return false;
    if (!domain.ptr && !code.ptr)
        return true;
    Str tenant = book_tenant_of(exchange->identity.book, domain, code);
    if (!tenant.ptr || (named.len && !str_eq(named, tenant)))
        return false;
    exchange->organisation = ARENA_JOIN(exchange->arena, domain, STR("/"), code);
    *ret_tenant = tenant;
    return exchange->organisation.ptr != NULL;
}

static bool permitted(const Exchange *exchange, Str tenant)
{
    RouteRight right = exchange->route->right;
    const AuthIdentity *identity = &exchange->identity;
    const Tenant *object = book_tenant(identity->book, tenant);
    if (object && object->disabled)
        return false;
    for (size_t i = 0; i < rights[right].count; i++)
        if (!caller_may(identity->caller, rights[right].permissions[i], tenant,
                        exchange->organisation))
            return false;
    return true;
}

bool authenticate_may_for(const Exchange *exchange, Str tenant)
{
    return !exchange->identity.caller || permitted(exchange, tenant);
}

static bool scope_permits(const Exchange *exchange)
{
    const AuthIdentity *identity = &exchange->identity;
    const ScopeNeed *need = &rights[exchange->route->right].scope;
    return !identity->scoped || scope_covers(identity->scope, need);
}

/* Who may read for everybody need not say for whom; who may for one need not either. */
static StepNext without_tenant(Exchange *exchange, Permission permission)
{
    const Caller *caller = exchange->identity.caller;
    Str only = caller_only_tenant(caller, permission);
    if (exchange->route->auth >= AUTH_READER && caller_may_for_all(caller, permission))
        return STEP_NEXT;
    if (exchange->route->auth == AUTH_MANY && caller->may[permission].count && !only.ptr)
        return STEP_NEXT;
    if (!caller->may[permission].count)
        return refuse_forbidden(exchange, "tenant-forbidden");
    if (!only.ptr)
        return tenant_missing(exchange);
    exchange->tenant = arena_copy(exchange->arena, only);
    return permitted(exchange, only) ? STEP_NEXT : refuse_forbidden(exchange, "tenant-forbidden");
}

static StepNext authorize(Exchange *exchange, Str named)
{
    const Route *route = exchange->route;
    Str tenant;
    if (!scope_permits(exchange))
        return refuse_forbidden(exchange, "scope");
    if (!organisation_agrees(exchange, named, &tenant))
        return refuse_forbidden(exchange, "organisation");
    if (route->category && !authenticate_may_send(exchange, str_from(route->category)))
        return refuse_forbidden(exchange, "category");
    if (tenant.ptr && !tenant.len)
        return refuse(exchange, 400, "tenant-blank", "Tenant ID must be provided");
    if (!tenant.ptr)
        return without_tenant(exchange, rights[route->right].permissions[0]);
    if (!permitted(exchange, tenant))
        return refuse_forbidden(exchange, "tenant-forbidden");
    exchange->tenant = arena_copy(exchange->arena, tenant);
    return STEP_NEXT;
}

bool authenticate_may_send(const Exchange *exchange, Str category)
{
    const Caller *caller = exchange->identity.caller;
    return !caller || caller_may_send_some(caller, category);
}

StepNext step_authenticate(Exchange *exchange)
{
    Str named;
    if (exchange->route->auth == AUTH_NONE)
        return STEP_NEXT;
    StepNext next = identify_caller(exchange);
    if (next != STEP_NEXT)
        return next;
    gateway_take(exchange);
    if (!named_tenant(exchange, &named))
        return refuse(exchange, 400, "tenant-malformed", "Tenant ID is malformed");
    return exchange->identity.caller ? authorize(exchange, named) : believe(exchange, named);
}
