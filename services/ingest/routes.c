#include "services/ingest/routes.h"

#include <stdio.h>

#include "common/base/check.h"
#include "services/ingest/diagnostics/flows.h"

#define BUNDLE_TYPES "application/json,application/fhir+json"
#define JSON_TYPE "application/json"
#define FORM_TYPE "application/x-www-form-urlencoded"

/* method, path, name, auth, right, category, any host, media types, kind, steps, description */
/* clang-format off */
static const Route routes[] = {
    {"POST", "/Bundle",              "/Bundle",           AUTH_TENANT, RIGHT_SEND, "fhir:Bundle", false, BUNDLE_TYPES, ROUTE_BUNDLE,          flow_submit, &api_submit},
    {"POST", "/Bundle/$validate",    "/Bundle/$validate", AUTH_TENANT, RIGHT_VALIDATE, "fhir:Bundle", false, BUNDLE_TYPES, ROUTE_BUNDLE_VALIDATE, flow_submit, &api_validate},
    {"POST", "/Bundle/replay", "/Bundle/replay", AUTH_READER, RIGHT_REPLAY, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_replay, &api_replay},
    {"GET",  "/Bundle/replay/{id}", "/Bundle/replay", AUTH_READER, RIGHT_REPLAY, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_replay_look, &api_replay_look},
    {"DELETE", "/Bundle/replay/{id}", "/Bundle/replay", AUTH_READER, RIGHT_REPLAY, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_replay_cancel, &api_replay_cancel},
    {"GET",  "/Bundle/$status/{id}", "/Bundle/$status",   AUTH_READER, RIGHT_READ, NULL, false, NULL,         ROUTE_UNSPECIFIED,     flow_status, &api_status},
    {"GET",  "/interactions", "/interactions", AUTH_MANY, RIGHT_SEARCH, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_search, &api_search},
    {"GET",  "/Bundles/status/nyec-submission-failed", "/Bundles/status/nyec-submission-failed", AUTH_READER, RIGHT_SEARCH, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_failed, &api_failed},
    {"GET",  "/Bundles/status/operation-outcome", "/Bundles/status/operation-outcome", AUTH_TENANT, RIGHT_READ, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_verdict, &api_verdict},
    {"GET",  "/AuditEvent", "/AuditEvent", AUTH_READER, RIGHT_ADMINISTER, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_audit, &api_audit},
    {"POST", "/lake/callback/{id}",  "/lake/callback",    AUTH_NONE, RIGHT_NONE, NULL, false, BUNDLE_TYPES, ROUTE_UNSPECIFIED,     flow_callback, &api_callback},
    {"POST", "/oauth2/token", "/oauth2/token", AUTH_NONE, RIGHT_NONE, NULL, false, FORM_TYPE, ROUTE_UNSPECIFIED, flow_token, &api_token},
    {"POST", "/$ingest/auth", "/$ingest/auth", AUTH_NONE, RIGHT_NONE, NULL, false, FORM_TYPE, ROUTE_UNSPECIFIED, flow_token, &api_ingest_auth},
    {"GET", "/.well-known/jwks.json", "/.well-known/jwks.json", AUTH_NONE, RIGHT_NONE, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_jwks, &api_jwks},
    {"GET", "/.well-known/smart-configuration", "/.well-known/smart-configuration", AUTH_NONE, RIGHT_NONE, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_smart, &api_smart},
    {"GET", "/interactions/facets", "/interactions/facets", AUTH_MANY, RIGHT_SEARCH, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_menus, &api_menus},
    {"GET", "/interactions/changes", "/interactions/changes", AUTH_MANY, RIGHT_SEARCH, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_changes, &api_changes},
    {"GET", "/admin/api/diagnostics/overview", "/admin/api/diagnostics/overview", AUTH_MANY, RIGHT_SEARCH, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_overview, &api_overview},
    {"GET", "/admin/api/diagnostics/interactions/{id}", "/admin/api/diagnostics/interactions", AUTH_MANY, RIGHT_READ, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_story, &api_story},
    {"GET", "/admin/api/diagnostics/interactions/{id}/payload", "/admin/api/diagnostics/payload", AUTH_MANY, RIGHT_READ, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_payload, &api_payload},
    {"GET", "/admin/api/diagnostics/replays", "/admin/api/diagnostics/replays", AUTH_MANY, RIGHT_REPLAY, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_replaying_list, &api_replaying_list},
    {"POST", "/admin/api/diagnostics/replays", "/admin/api/diagnostics/replays", AUTH_MANY, RIGHT_REPLAY, NULL, false, JSON_TYPE, ROUTE_UNSPECIFIED, flow_replaying_ask, &api_replaying_ask},
    {"GET", "/admin/api/diagnostics/dlq", "/admin/api/diagnostics/dlq", AUTH_MANY, RIGHT_REPLAY, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_dlq, &api_dlq},
    {"GET", "/admin/api/diagnostics/images", "/admin/api/diagnostics/images", AUTH_MANY, RIGHT_SEARCH, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_guides, &api_guides},
    {"GET", "/admin/api/diagnostics/rules", "/admin/api/diagnostics/rules", AUTH_MANY, RIGHT_SEARCH, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_rulebook, &api_rulebook},
    {"POST", "/admin/api/diagnostics/rules/try", "/admin/api/diagnostics/rules/try", AUTH_MANY, RIGHT_ADMINISTER, NULL, false, JSON_TYPE, ROUTE_UNSPECIFIED, flow_trying, &api_trying},
    {"PUT", "/admin/api/diagnostics/rules/{name}", "/admin/api/diagnostics/rules", AUTH_MANY, RIGHT_ADMINISTER, NULL, false, JSON_TYPE, ROUTE_UNSPECIFIED, flow_rulebook_put, &api_rulebook_put},
    {"DELETE", "/admin/api/diagnostics/rules/{name}", "/admin/api/diagnostics/rules", AUTH_MANY, RIGHT_ADMINISTER, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_rulebook_delete, &api_rulebook_delete},
    {"POST", "/admin/api/diagnostics/validate", "/admin/api/diagnostics/validate", AUTH_MANY, RIGHT_READ, NULL, false, BUNDLE_TYPES, ROUTE_TRIAL, flow_trial, &api_trial},
    {"GET", "/admin/api/session", "/admin/api/session", AUTH_NONE, RIGHT_NONE, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_session_look, &api_session_look},
    {"POST", "/admin/api/session", "/admin/api/session", AUTH_NONE, RIGHT_NONE, NULL, false, "application/json", ROUTE_UNSPECIFIED, flow_session_sign_in, &api_session_sign_in},
    {"DELETE", "/admin/api/session", "/admin/api/session", AUTH_NONE, RIGHT_NONE, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_session_end, &api_session_end},
    {"GET", "/admin/api/session/oidc", "/admin/api/session/oidc", AUTH_NONE, RIGHT_NONE, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_oidc_start, &api_oidc_start},
    {"GET", "/admin/api/session/callback", "/admin/api/session/callback", AUTH_NONE, RIGHT_NONE, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_oidc_back, &api_oidc_back},
    {"GET", "/admin/diagnostics", "/admin/diagnostics", AUTH_NONE, RIGHT_NONE, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_page, &api_page_home},
    {"GET", "/admin/diagnostics/{path}", "/admin/diagnostics", AUTH_NONE, RIGHT_NONE, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_page, &api_page},
    {"GET",  "/admin/{kind}", "/admin", AUTH_READER, RIGHT_ADMINISTER, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_admin_list, &api_admin_list},
    {"GET",  "/admin/{kind}/{name}", "/admin", AUTH_READER, RIGHT_ADMINISTER, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_admin_show, &api_admin_show},
    {"PUT",  "/admin/{kind}/{name}", "/admin", AUTH_READER, RIGHT_ADMINISTER, NULL, false, JSON_TYPE, ROUTE_UNSPECIFIED, flow_admin_put, &api_admin_put},
    {"DELETE", "/admin/{kind}/{name}", "/admin", AUTH_READER, RIGHT_ADMINISTER, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_admin_delete, &api_admin_delete},
    {"POST", "/admin/callers/{name}/api-keys", "/admin", AUTH_READER, RIGHT_ADMINISTER, NULL, false, JSON_TYPE, ROUTE_UNSPECIFIED, flow_admin_key_create, &api_admin_key_create},
    {"DELETE", "/admin/callers/{name}/api-keys/{key}", "/admin", AUTH_READER, RIGHT_ADMINISTER, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_admin_key_end, &api_admin_key_end},
    {"POST", "/admin/callers/{name}/secrets", "/admin", AUTH_READER, RIGHT_ADMINISTER, NULL, false, JSON_TYPE, ROUTE_UNSPECIFIED, flow_admin_secret_create, &api_admin_secret_create},
    {"DELETE", "/admin/callers/{name}/secrets/{secret}", "/admin", AUTH_READER, RIGHT_ADMINISTER, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_admin_secret_end, &api_admin_secret_end},
    {"POST", "/admin/callers/{name}/certificates", "/admin", AUTH_READER, RIGHT_ADMINISTER, NULL, false, JSON_TYPE, ROUTE_UNSPECIFIED, flow_admin_certificate_add, &api_admin_certificate_add},
    {"DELETE", "/admin/callers/{name}/certificates/{certificate}", "/admin", AUTH_READER, RIGHT_ADMINISTER, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_admin_certificate_end, &api_admin_certificate_end},
    {"GET",  "/metadata",            "/metadata",         AUTH_NONE, RIGHT_NONE, NULL, true,  NULL,         ROUTE_UNSPECIFIED,     flow_metadata, &api_metadata},
    {"GET", "/openapi.json", "/openapi.json", AUTH_NONE, RIGHT_NONE, NULL, false, NULL, ROUTE_UNSPECIFIED, flow_openapi, &api_openapi},
};
/* clang-format on */
enum { ROUTE_COUNT = sizeof routes / sizeof routes[0] };

size_t route_count(void)
{
    return ROUTE_COUNT;
}

const Route *route_at(size_t index)
{
    return &routes[index];
}

size_t route_index(const Route *route)
{
    return (size_t)(route - routes);
}

static bool path_matches(Str pattern, Str path, Str ret_parameters[ROUTE_PARAMETERS_MAX])
{
    Str want, have;
    size_t count = 0;
    while (str_split(&pattern, '/', &want)) {
        Str left = path;
        if (!str_split(&path, '/', &have))
            return false;
        if (str_is(want, "{path}")) {
            ret_parameters[count++] = left;
            return left.len > 0;
        }
        if (str_starts(want, STR("{"))) {
            if (have.len == 0)
                return false;
            CHECK(count < ROUTE_PARAMETERS_MAX);
            ret_parameters[count++] = have;
        } else if (!str_eq(want, have)) {
            return false;
        }
    }
    return !path.ptr;
}

static bool method_matches(const char *method, Str sent)
{
    return str_is(sent, method) || (str_is(sent, "HEAD") && strcmp(method, "GET") == 0);
}

static void add_method(char *allow, size_t room, const char *method)
{
    size_t len = strlen(allow);
    bool reads = strcmp(method, "GET") == 0;
    snprintf(allow + len, room - len, "%s%s%s", len ? ", " : "", method, reads ? ", HEAD" : "");
}

/* The first row whose path fits decides which path it is, so what is said of a path in words goes
 * before "{name}"; its other rows are its other methods. */
RouteMatch route_find(Str method, Str path)
{
    RouteMatch match = {0};
    const char *chosen = NULL;
    if (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        Str parameters[ROUTE_PARAMETERS_MAX] = {0};
        if (chosen && strcmp(chosen, routes[i].path) != 0)
            continue;
        if (!path_matches(str_from(routes[i].path), path, parameters))
            continue;
        chosen = routes[i].path;
        match.path_known = true;
        memcpy(match.parameters, parameters, sizeof parameters);
        add_method(match.allow, sizeof match.allow, routes[i].method);
        if (!match.route && method_matches(routes[i].method, method))
            match.route = &routes[i];
    }
    return match;
}
