/* GET /openapi.json: every row of routes.c with what it says of itself (describe.h), and what is
 * true of all of them. */
#include "services/ingest/describe/openapi.h"

#include <string.h>

#include "common/base/check.h"
#include "common/config/config.h"
#include "common/http/fields.h"
#include "common/json/write.h"
#include "services/ingest/authenticate.h"
#include "services/ingest/describe/describe.h"
#include "services/ingest/hosts.h"
#include "services/ingest/routes.h"

/* The *.json of this folder, as they stand there: each an object of schemas. */
static const char *const schema_files[] = {
#include "openapi_schemas.inc"
};
enum { SCHEMA_FILES = sizeof schema_files / sizeof schema_files[0] };

/* --- what all routes share -------------------------------------------------------------------- */

static const struct {
    const char *name, *schema, *about;
    bool always; /* on every answer */
} headers[] = {
    {"Cache-Control",                                         "Text",   "no-store",                  true },
    {"X-Content-Type-Options",                                "Text",   "nosniff",                   true },
    {"X-Observability-Metric-Interaction-Start-Time",         "Time",   "the request line",          true },
    {"X-Observability-Metric-Interaction-Finish-Time",        "Time",   "the finished answer",       true },
    {"X-Observability-Metric-Interaction-Duration-Millisecs", "Number", "between them",              true },
    {"X-Observability-Metric-Interaction-Duration-Nanosecs",  "Number", "between them",              true },
    {"startTime",                                             "Time",   "as -Start-Time",            true },
    {"Set-Cookie",                                            "Text",   "the same times, for pages", true },
    {"X-Correlation-ID",                                      "Uuid",   "the interaction's id",      false},
    {"Content-Disposition",                                   "Text",   "a file's name",             false},
    {"ETag",                                                  "Text",   "the version, for If-Match", false},
    {"Link",                                                  "Text",   "the next page, rel=next",   false},
    {"Location",                                              "Text",   "where to ask",              false},
    {"Pragma",                                                "Text",   "no-cache",                  false},
    {"Preference-Applied",                                    "Text",   "wait or respond-async",     false},
    {"RateLimit",                                             "Text",   "what is left of a plan",    false},
    {"RateLimit-Policy",                                      "Text",   "the plans that count",      false},
    {"Retry-After",                                           "Number", "seconds",                   false},
    {"WWW-Authenticate",                                      "Text",   "how to say who calls",      false},
};
enum { HEADER_COUNT = sizeof headers / sizeof headers[0] };

/* Whose answers a common one is. */
typedef enum Whose { OF_ALL, OF_KNOWN, OF_SENT } Whose;

/* They stand under components/responses by their status. */
static const struct {
    ApiAnswer answer;
    Whose whose;
} common[] = {
    {{400, "application/json", "Error", "The request is malformed, or its Host is not served",
      NULL},
     OF_ALL                                                                                          },
    {{401, "application/fhir+json", "OperationOutcome", "Not known", "WWW-Authenticate"},    OF_KNOWN},
    {{403, "application/fhir+json", "OperationOutcome", "Not permitted", NULL},              OF_KNOWN},
    {{408, "application/json", "Error", "The body came too slowly", NULL},                   OF_SENT },
    {{413, "application/json", "Error", "The body is too large", NULL},                      OF_SENT },
    {{415, "application/json", "Error", "Another media type or coding", NULL},               OF_SENT },
    {{421, "application/json", "Error", "The connection was opened for another host", NULL},
     OF_ALL                                                                                          },
    {{429, "application/fhir+json", "OperationOutcome", "Too much at once",
      "Retry-After,RateLimit,RateLimit-Policy"},
     OF_ALL                                                                                          },
    {{431, "application/json", "Error", "Too many header fields, or too large", NULL},       OF_ALL  },
    {{503, "application/json", "Error", "Not now, or not known whether", "Retry-After"},     OF_ALL  },
};
enum { COMMON_COUNT = sizeof common / sizeof common[0] };

/* Of every route that asks who calls. */
static const ApiField caller_fields[] = {
    {API_HEADER, "X-TechBD-Tenant-ID", false, "Tenant",
     "for whom; callers of one tenant may leave it out"                                      },
    {API_HEADER, "source-domain",      false, "Tenant", "of an organisation, with its code"  },
    {API_HEADER, "organisation-code",  false, "Tenant", "of an organisation, with its domain"},
    API_END,
};

static const char head[] =
    "{\"openapi\":\"3.1.1\",\"jsonSchemaDialect\":\"https://json-schema.org/draft/2020-12/schema\","
    "\"info\":{\"title\":\"fhirbus\",\"summary\":\"Takes health documents, validates them, keeps "
    "them and hands them on\",\"description\":\"Whatever answers GET answers HEAD: the same "
    "without its body. So HEAD has no operations of its own here.\",\"license\":{\"name\":\"Apache "
    "2.0\",\"identifier\":\"Apache-2.0\"},"
    "\"version\":";

/* spec: OpenAPI 3.1.1 "Security Scheme Object"; RFC 8705 for mutualTLS */
static const char schemes[] =
    "\"mutualTLS\":{\"type\":\"mutualTLS\",\"description\":\"A certificate of an accepted "
    "authority\"},"
    "\"apiKey\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"x-api-key\"},"
    "\"clientSecret\":{\"type\":\"http\",\"scheme\":\"basic\",\"description\":\"client_id and "
    "client_secret\"},"
    "\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"__Host-fhirbus-session\"},"
    "\"callbackSignature\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":"
    "\"X-Fhirbus-Signature\",\"description\":\"t=SECONDS,v1=HMAC-SHA256 of "
    "SECONDS.ID.BODY in hex\"},";

/* --- pieces ----------------------------------------------------------------------------------- */

static void add(Buf *out, const char *text)
{
    buf_add(out, str_from(text));
}

static void add_text(Buf *out, const char *name, const char *value)
{
    buf_add_format(out, "\"%s\":", name);
    json_write_string(out, str_from(value));
}

static void add_schema(Buf *out, const char *schema)
{
    if (schema)
        buf_add_format(out, "\"schema\":{\"$ref\":\"#/components/schemas/%s\"}", schema);
    else
        add(out, "\"schema\":{\"type\":\"string\"}");
}

static bool stands_in(const char *list, const char *name)
{
    Str rest = str_from(list), one;
    while (rest.len && http_list_next(&rest, &one))
        if (str_is(one, name))
            return true;
    return false;
}

/* --- parameters ------------------------------------------------------------------------------- */

static void add_fields(const ApiField *fields, bool *first, Buf *out)
{
    static const char *const places[] = {"path", "query", "header"};
    for (; fields && fields->name; fields++) {
        buf_add_format(out, "%s{\"in\":\"%s\",", *first ? "" : ",", places[fields->place]);
        add_text(out, "name", fields->name);
        buf_add_format(out, ",\"required\":%s,", fields->required ? "true" : "false");
        add_text(out, "description", fields->about);
        add(out, ",");
        add_schema(out, fields->schema);
        add(out, "}");
        *first = false;
    }
}

static void add_parameters(const Route *route, Buf *out)
{
    bool first = true;
    add(out, ",\"parameters\":[");
    add_fields(route->api->fields, &first, out);
    if (route->auth != AUTH_NONE)
        add_fields(caller_fields, &first, out);
    add(out, "]");
}

static void add_body(const Route *route, Buf *out)
{
    Str list = str_from(route->media_types), type;
    bool first = true;
    if (!route->media_types)
        return;
    add(out, ",\"requestBody\":{\"required\":true,\"content\":{");
    while (http_list_next(&list, &type)) {
        buf_add_format(out, "%s\"%.*s\":{", first ? "" : ",", STR_ARG(type));
        add_schema(out, route->api->body);
        add(out, "}");
        first = false;
    }
    add(out, "}}");
}

/* --- answers ---------------------------------------------------------------------------------- */

static void add_headers(const char *own, bool cacheable, Buf *out)
{
    bool first = true;
    add(out, ",\"headers\":{");
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        const char *name = headers[i].name;
        if (cacheable && headers[i].always && strcmp(name, "X-Content-Type-Options") != 0)
            continue;
        if (!headers[i].always && strcmp(name, "X-Correlation-ID") != 0 && !stands_in(own, name))
            continue;
        buf_add_format(out, "%s\"%s\":{\"$ref\":\"#/components/headers/%s\"}", first ? "" : ",",
                       name, name);
        first = false;
    }
    add(out, "}");
}

/* The rows of one status; yields how many there are. */
static size_t add_answer(const ApiAnswer *rows, bool cacheable, Buf *out)
{
    size_t count = 0;
    bool first = true;
    add(out, "{");
    add_text(out, "description", rows->about);
    add_headers(rows->headers, cacheable && rows->status < 400, out);
    if (rows->media)
        add(out, ",\"content\":{");
    for (; rows[count].status == rows->status; count++) {
        if (!rows[count].media)
            continue;
        buf_add_format(out, "%s\"%s\":{", first ? "" : ",", rows[count].media);
        add_schema(out, rows[count].schema);
        add(out, "}");
        first = false;
    }
    add(out, rows->media ? "}}" : "}");
    return count;
}

static bool is_its(const Route *route, Whose whose)
{
    if (whose == OF_KNOWN)
        return route->auth != AUTH_NONE;
    return whose == OF_ALL || route->media_types;
}

static bool answers_itself(const ApiAnswer *rows, unsigned status)
{
    for (; rows->status; rows++)
        if (rows->status == status)
            return true;
    return false;
}

static void add_answers(const Route *route, Buf *out)
{
    const ApiAnswer *own = route->api->answers;
    add(out, ",\"responses\":{");
    for (const ApiAnswer *rows = own; rows->status;) {
        buf_add_format(out, "%s\"%u\":", rows == own ? "" : ",", rows->status);
        rows += add_answer(rows, route->api->cacheable, out);
    }
    for (size_t i = 0; i < COMMON_COUNT; i++) {
        unsigned status = common[i].answer.status;
        if (is_its(route, common[i].whose) && !answers_itself(own, status))
            buf_add_format(out, ",\"%u\":{\"$ref\":\"#/components/responses/%u\"}", status, status);
    }
    add(out, "}");
}

/* --- who may ---------------------------------------------------------------------------------- */

static void add_scope(const ScopeNeed *need, Buf *out)
{
    if (need->own)
        add(out, need->own);
    else
        buf_add_format(out, "system/%s.%c", need->type, need->letter);
}

static void add_security(const OpenapiFacts *facts, const Route *route, Buf *out)
{
    add(out, ",\"security\":");
    if (route->api->security) {
        add(out, route->api->security);
        return;
    }
    add(out, "[{\"mutualTLS\":[]},{\"oauth2\":[\"");
    add_scope(authenticate_scope(route->right), out);
    buf_add_format(out, "\"]},{\"apiKey\":[]}%s]",
                   facts->anonymous && route->right != RIGHT_ADMINISTER ? ",{}" : "");
}

static bool is_first_of_its_scope(RouteRight right)
{
    const ScopeNeed *its = authenticate_scope(right);
    for (RouteRight before = RIGHT_NONE + 1; before < right; before++) {
        const ScopeNeed *need = authenticate_scope(before);
        if (its->own || need->own
                ? its->own && need->own && strcmp(its->own, need->own) == 0
                : strcmp(its->type, need->type) == 0 && its->letter == need->letter)
            return false;
    }
    return true;
}

static void add_schemes(const OpenapiFacts *facts, Buf *out)
{
    add(out, schemes);
    add(out, "\"oauth2\":{\"type\":\"oauth2\",\"flows\":{\"clientCredentials\":{\"tokenUrl\":");
    json_write_string(out, facts->base_url);
    out->len -= out->overflowed ? 0 : 1; /* its closing quote */
    add(out, "/oauth2/token\",\"scopes\":{");
    for (RouteRight right = RIGHT_NONE + 1; right < RIGHT_COUNT; right++) {
        if (!is_first_of_its_scope(right))
            continue;
        add(out, right == RIGHT_NONE + 1 ? "\"" : ",\"");
        add_scope(authenticate_scope(right), out);
        add(out, "\":\"\"");
    }
    add(out, "}}}}");
}

/* --- operations ------------------------------------------------------------------------------- */

static void add_operation(const OpenapiFacts *facts, const Route *route, Buf *out)
{
    const ApiOperation *api = route->api;
    char method[16] = "";
    for (size_t i = 0; route->method[i] && i + 1 < sizeof method; i++)
        method[i] = (char)(route->method[i] | 0x20);
    buf_add_format(out, "\"%s\":{\"operationId\":\"%s\",\"tags\":[\"%s\"],", method, api->id,
                   api->tag);
    add_text(out, "summary", api->summary);
    add_security(facts, route, out);
    add_parameters(route, out);
    add_body(route, out);
    add_answers(route, out);
    add(out, "}");
}

static bool stood_before(size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(route_at(i)->path, route_at(index)->path) == 0)
            return true;
    return false;
}

static void add_path(const OpenapiFacts *facts, size_t index, Buf *out)
{
    const char *path = route_at(index)->path;
    bool first = true;
    json_write_string(out, str_from(path));
    add(out, ":{");
    for (size_t i = index; i < route_count(); i++) {
        if (strcmp(route_at(i)->path, path) != 0)
            continue;
        add(out, first ? "" : ",");
        add_operation(facts, route_at(i), out);
        first = false;
    }
    add(out, "}");
}

/* --- components ------------------------------------------------------------------------------- */

static void add_shared_headers(Buf *out)
{
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        buf_add_format(out, "%s\"%s\":{", i ? "," : "", headers[i].name);
        add_text(out, "description", headers[i].about);
        buf_add_format(out, ",\"required\":%s,", headers[i].always ? "true" : "false");
        add_schema(out, headers[i].schema);
        add(out, "}");
    }
}

static void add_shared_answers(Buf *out)
{
    for (size_t i = 0; i < COMMON_COUNT; i++) {
        const ApiAnswer alone[] = {common[i].answer, {0}};
        buf_add_format(out, "%s\"%u\":", i ? "," : "", common[i].answer.status);
        add_answer(alone, false, out);
    }
}

/* The members of each file, without its braces. */
static void add_schemas(Buf *out)
{
    for (size_t i = 0; i < SCHEMA_FILES; i++) {
        Str file = str_trim(str_from(schema_files[i]));
        CHECK(file.len > 2 && file.ptr[0] == '{' && file.ptr[file.len - 1] == '}');
        add(out, i ? "," : "");
        buf_add(out, str_cut(file, 1, file.len - 1));
    }
}

static void add_components(const OpenapiFacts *facts, Buf *out)
{
    add(out, ",\"components\":{\"securitySchemes\":{");
    add_schemes(facts, out);
    add(out, "},\"headers\":{");
    add_shared_headers(out);
    add(out, "},\"responses\":{");
    add_shared_answers(out);
    add(out, "},\"schemas\":{");
    add_schemas(out);
    add(out, "}}");
}

void openapi_write(const OpenapiFacts *facts, Buf *out)
{
    bool first = true;
    add(out, head);
    json_write_string(out, facts->version);
    add(out, "},\"servers\":[{\"url\":");
    json_write_string(out, facts->base_url.len ? facts->base_url : STR("/"));
    add(out, "}],\"paths\":{");
    for (size_t i = 0; i < route_count(); i++) {
        if (stood_before(i) || !route_at(i)->api)
            continue;
        add(out, first ? "" : ",");
        add_path(facts, i, out);
        first = false;
    }
    add(out, "}");
    add_components(facts, out);
    add(out, "}\n");
}

/* --- the route -------------------------------------------------------------------------------- */

StepNext step_openapi(Exchange *exchange)
{
    const Ingest *ingest = exchange->ingest;
    OpenapiFacts facts = {.base_url = host_base_url(exchange),
                          .version = STR(FHIRBUS_VERSION),
                          .anonymous = ingest->anonymous_allowed};
    http_reply_status(exchange->request, 200);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    openapi_write(&facts, http_reply_body(exchange->request));
    return STEP_REPLY;
}
