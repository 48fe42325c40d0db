/* routes - which request goes which way. The table is in routes.c. */
#pragma once
#include "common/envelope/envelope.h"
#include "services/ingest/describe/describe.h"
#include "services/ingest/exchange.h"
#include "services/ingest/flow.h"

typedef enum AuthPolicy {
    AUTH_NONE,   /* anybody: /metadata; or it checks by itself: /lake/callback, /oauth2/token */
    AUTH_TENANT, /* must resolve to a tenant */
    AUTH_READER, /* may be without a tenant where anonymous callers are allowed */
    AUTH_MANY,   /* likewise; without one: all that the caller may, which the step sees to */
} AuthPolicy;

/* What a caller must be permitted (the table of authenticate.c). */
typedef enum RouteRight {
    RIGHT_NONE, /* AUTH_NONE alone */
    RIGHT_SEND,
    RIGHT_VALIDATE,
    RIGHT_READ,   /* one thing, by its id */
    RIGHT_SEARCH, /* lists */
    RIGHT_REPLAY,
    RIGHT_ADMINISTER,
    RIGHT_COUNT,
} RouteRight;

typedef struct Route {
    const char *method;
    const char *path; /* "{...}" stands for one segment, "{path}" for all that is left; a trailing
                         slash is optional */
    const char *name; /* in metrics and claims */
    AuthPolicy auth;
    RouteRight right;
    const char *category;    /* of what is sent: "fhir:Bundle"; NULL: nothing, or the body says */
    bool any_host;           /* not subject to HOSTS: health checks of load balancers */
    const char *media_types; /* of the request body, by comma; NULL: it has none */
    RouteKind kind;
    const Step *steps;
    const ApiOperation *api; /* what GET /openapi.json says of it: describe/ */
} Route;

typedef struct RouteMatch {
    const Route *route; /* NULL: no such path, or not by this method */
    bool path_known;
    char allow[64];                       /* methods of that path: "GET, HEAD" */
    Str parameters[ROUTE_PARAMETERS_MAX]; /* what stood for each {...} */
} RouteMatch;

/* HEAD goes where GET goes. */
RouteMatch route_find(Str method, Str path);
size_t route_count(void);
const Route *route_at(size_t index);
size_t route_index(const Route *route);
