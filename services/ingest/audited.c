#include "services/ingest/audited.h"

#include "common/audit/audit.h"
#include "common/envelope/idempotency_key.h"
#include "common/http/fields.h"
#include "common/http/target.h"
#include "services/ingest/routes.h"

bool audited_start(Ingest *ingest, BusConfig *bus, Err *err)
{
    const IngestConfig *config = ingest->config;
    const AuditOptions options = {
        .bus = bus,
        .log = ingest->log,
        .metrics = ingest->metrics,
        .service = STR("ingest"),
        .instance = ingest->instance,
        .buffer_bytes = (size_t)config->audit_buffer_mib << 20,
        .serve_unrecorded = config->audit_unavailable == AUDIT_SERVE,
    };
    return !config->audit || audit_open(&options, &ingest->audit, err);
}

/* --- what it says ----------------------------------------------------------------------------- */

/* spec: hl7.org/fhir/R4/valueset-audit-event-action.html: searching is an execution */
static const char *action_of(const Exchange *exchange, Str method)
{
    if (str_is(method, "DELETE"))
        return "D";
    if (exchange && exchange->route && exchange->route->right == RIGHT_SEND)
        return "C";
    if (exchange && exchange->route &&
        (exchange->route->right == RIGHT_SEARCH || exchange->route->steps == flow_audit))
        return "E";
    if (str_is(method, "PUT") || str_is(method, "PATCH"))
        return "U";
    return str_is(method, "GET") || str_is(method, "HEAD") ? "R" : "E";
}

/* A method is a word of the sender's: only those that are known are repeated. */
static Str known_method(Str method)
{
    static const char *const known[] = {"GET",   "HEAD",   "POST",    "PUT",
                                        "PATCH", "DELETE", "OPTIONS", "CONNECT"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (str_is(method, known[i]))
            return method;
    return STR("OTHER");
}

static Str operation_of(const Exchange *exchange, Str method, Arena *arena)
{
    const char *route = exchange && exchange->route ? exchange->route->name : "-";
    return arena_format(arena, "%.*s %s", STR_ARG(known_method(method)), route);
}

static Str resource_of(const Exchange *exchange)
{
    if (exchange->audit.resource.len)
        return exchange->audit.resource;
    if (exchange->has_id)
        return uuid_str(&exchange->id);
    return idempotency_key_interaction(exchange->parameter); /* of any other route a UUID */
}

static Str means_of(AuthMeans means)
{
    static const char *const names[] = {[AUTH_BY_NOTHING] = "",
                                        [AUTH_BY_CERTIFICATE] = "certificate",
                                        [AUTH_BY_TOKEN] = "token",
                                        [AUTH_BY_API_KEY] = "api-key"};
    return str_from(names[means]);
}

/* Names alone, and only those that are ours: what a sender makes up may be anything. */
static Str parameters_of(Str query, Arena *arena)
{
    static const char *const known[] = {
        "tenant",     "from",       "to",        "state",   "source_type", "disposition",
        "bundle_id",  "patient",    "text",      "format",  "limit",       "cursor",
        "date",       "agent",      "immediate", "address", "action",      "outcome",
        "entity",     "status",     "_count",    "name",    "family",      "birthdate",
        "identifier", "destination"};
    Str rest = query, pair, names = STR_NONE;
    while (rest.ptr && str_split(&rest, '&', &pair)) {
        Str name;
        str_split(&pair, '=', &name);
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            if (str_is(name, known[i]))
                names = names.len ? arena_format(arena, "%.*s,%s", STR_ARG(names), known[i])
                                  : str_from(known[i]);
    }
    return names;
}

static void add_details(const Exchange *exchange, HttpRequest *request, bool sent, Arena *arena,
                        AuditRecord *record)
{
    NameValue *details = ARENA_ARRAY(arena, NameValue, AUDITED_DETAILS_MAX + 3);
    uint32_t count = 0;
    if (!details)
        return;
    Str parameters = parameters_of(http_request_query(request), arena);
    if (parameters.len)
        details[count++] = (NameValue){STR("parameters"), parameters};
    if (!sent)
        details[count++] = (NameValue){STR("reply"), STR("not sent")};
    if (exchange && exchange->host_sent.len && exchange->host)
        details[count++] = (NameValue){STR("host"), exchange->host_sent};
    for (uint32_t i = 0; exchange && i < exchange->audit.count; i++)
        details[count++] = exchange->audit.details[i];
    record->details = details;
    record->detail_count = count;
}

/* The patient that a list was asked for, unless its handler has said so. */
static Str subject_of(const Ingest *ingest, HttpRequest *request, const Exchange *exchange,
                      unsigned char room[AUDIT_SUBJECT_BYTES], Arena *arena)
{
    if (exchange->audit.has_subject)
        return (Str){(const char *)exchange->audit.subject, AUDIT_SUBJECT_BYTES};
    Str patient = http_query_get(http_request_query(request), STR("patient"), arena);
    if (!patient.len)
        return STR_NONE;
    audit_subject(ingest->ordering_secret, patient, room);
    return (Str){(const char *)room, AUDIT_SUBJECT_BYTES};
}

static uint32_t outcome_of(unsigned status)
{
    if (status < 400)
        return AUDIT_SUCCESS;
    return status < 500 ? AUDIT_REFUSED : AUDIT_FAILED;
}

void audited_over(Ingest *ingest, HttpRequest *request, const Exchange *exchange, unsigned status,
                  bool sent)
{
    Arena *arena = http_request_arena(request);
    unsigned char subject[AUDIT_SUBJECT_BYTES];
    Str method = http_request_method(request);
    if (!ingest->audit)
        return;
    AuditRecord record = {
        .at_us = http_request_started_us(request),
        .kind = AUDIT_REQUEST,
        .action = str_from(action_of(exchange, method)),
        .operation = operation_of(exchange, method, arena),
        .address = http_request_address(request),
        .status = status,
        .outcome = outcome_of(status),
    };
    add_details(exchange, request, sent, arena, &record);
    if (exchange) {
        record.resource = resource_of(exchange);
        record.tenant = exchange->tenant;
        record.caller = exchange->caller;
        record.means = means_of(exchange->identity.means);
        record.code = exchange->error_code;
        record.subject = subject_of(ingest, request, exchange, subject, arena);
        if (!str_eq(exchange->client_address, record.address)) {
            record.peer = record.address;
            record.address = exchange->client_address;
        }
    }
    audit_say(ingest->audit, &record, arena);
}

/* --- what handlers add ------------------------------------------------------------------------ */

void audited_resource(Exchange *exchange, Str resource)
{
    exchange->audit.resource = resource;
}

void audited_patient(Exchange *exchange, Str patient)
{
    exchange->audit.has_subject = patient.len > 0;
    audit_subject(exchange->ingest->ordering_secret, patient, exchange->audit.subject);
}

void audited_detail(Exchange *exchange, const char *name, Str value)
{
    if (exchange->audit.count < AUDITED_DETAILS_MAX)
        exchange->audit.details[exchange->audit.count++] = (NameValue){str_from(name), value};
}
