/* spec: hl7.org/fhir/R4/auditevent.html; codes of DICOM PS3.16 CID 400 to 403 where FHIR points
 * there */
#include <inttypes.h>
#include <time.h>

#include "common/audit/trail.h"
#include "common/envelope/uuid.h"
#include "common/json/write.h"

#define DICOM "http://dicom.nema.org/resources/ontology/DCM"
#define EVENT_TYPE "http://terminology.hl7.org/CodeSystem/audit-event-type"
#define INTERACTION "http://hl7.org/fhir/restful-interaction"

typedef struct Coding {
    const char *system, *code, *display;
} Coding;

static void add_coding(Buf *out, const Coding *c)
{
    buf_add_format(out, "{\"system\":\"%s\",\"code\":\"%s\",\"display\":\"%s\"}", c->system,
                   c->code, c->display);
}

/* --- what kind of event ----------------------------------------------------------------------- */

static bool asks_for_token(const AuditRecord *r)
{
    return str_ends(r->operation, STR("/oauth2/token")) ||
           str_ends(r->operation, STR("/$ingest/auth"));
}

static const Coding *type_of(const AuditRecord *r)
{
    static const Coding rest = {EVENT_TYPE, "rest", "RESTful Operation"},
                        login = {DICOM, "110114", "User Authentication"},
                        alert = {DICOM, "110113", "Security Alert"};
    if (r->kind != AUDIT_REQUEST)
        return &alert;
    return asks_for_token(r) ? &login : &rest;
}

static const Coding *subtype_of(const AuditRecord *r)
{
    static const Coding create = {INTERACTION, "create", "create"},
                        read = {INTERACTION, "read", "read"},
                        update = {INTERACTION, "update", "update"},
                        remove = {INTERACTION, "delete", "delete"},
                        search = {INTERACTION, "search-type", "search-type"},
                        operation = {INTERACTION, "operation", "operation"},
                        login = {DICOM, "110122", "Login"},
                        roles = {DICOM, "110136", "Security Roles Changed"},
                        software = {DICOM, "110131", "Software Configuration"};
    if (r->kind == AUDIT_ADMINISTRATION)
        return str_starts(r->resource, STR("callers/")) || str_starts(r->resource, STR("issuers/"))
                   ? &roles
                   : &software;
    if (r->kind != AUDIT_REQUEST)
        return NULL;
    if (asks_for_token(r))
        return &login;
    switch (r->action.len ? r->action.ptr[0] : 'E') {
    case 'C':
        return &create;
    case 'R':
        return &read;
    case 'U':
        return &update;
    case 'D':
        return &remove;
    default:
        return str_starts(r->operation, STR("GET ")) ? &search : &operation;
    }
}

/* --- its parts -------------------------------------------------------------------------------- */

static void add_instant(Buf *out, int64_t us)
{
    struct tm t;
    time_t seconds = (time_t)(us / 1000000);
    char text[40];
    gmtime_r(&seconds, &t);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &t);
    buf_add_format(out, "\"%s.%06dZ\"", text, (int)(us % 1000000));
}

static void add_identifier(Buf *out, const char *system, Str value)
{
    buf_add_format(out, "{\"identifier\":{\"system\":\"%s\",\"value\":", system);
    json_write_string(out, value);
    buf_add(out, STR("}}"));
}

static bool is_address(Str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("0123456789abcdefABCDEF:.", text.ptr[i]))
            return false;
    return text.len > 0;
}

static void add_network(Buf *out, Str address)
{
    if (!address.len)
        return;
    buf_add(out, STR(",\"network\":{\"address\":"));
    json_write_string(out, address);
    buf_add_format(out, ",\"type\":\"%s\"}", is_address(address) ? "2" : "1");
}

static void add_agents(const AuditRecord *r, Buf *out)
{
    buf_add(out, STR(",\"agent\":[{"));
    if (r->caller.len) {
        buf_add(out, STR("\"who\":"));
        add_identifier(out, "urn:fhirbus:caller", r->caller);
        buf_add_char(out, ',');
    }
    buf_add(out, STR("\"requestor\":true"));
    add_network(out, r->address);
    buf_add_char(out, '}');
    if (r->tenant.len) {
        buf_add(out, STR(",{\"who\":"));
        add_identifier(out, "urn:fhirbus:tenant", r->tenant);
        buf_add(out, STR(",\"requestor\":false}"));
    }
    if (r->peer.len) {
        buf_add(out, STR(",{\"name\":\"gateway\",\"requestor\":false"));
        add_network(out, r->peer);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static void add_source(const AuditRecord *r, Buf *out)
{
    static const Coding server = {"http://terminology.hl7.org/CodeSystem/security-source-type", "4",
                                  "Application Server"};
    buf_add(out, STR(",\"source\":{"));
    if (r->instance.len) {
        buf_add(out, STR("\"site\":"));
        json_write_string(out, r->instance);
        buf_add_char(out, ',');
    }
    buf_add(out, STR("\"observer\":"));
    add_identifier(out, "urn:fhirbus:service", r->service.len ? r->service : STR("unknown"));
    buf_add(out, STR(",\"type\":["));
    add_coding(out, &server);
    buf_add(out, STR("]}"));
}

static void add_detail(Buf *out, Str name, Str value)
{
    if (!value.len)
        return;
    buf_add(out, STR(",{\"type\":"));
    json_write_string(out, name);
    buf_add(out, STR(",\"valueString\":"));
    json_write_string(out, value);
    buf_add_char(out, '}');
}

static void add_number(Buf *out, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    if (value)
        add_detail(out, str_from(name), str_from(text));
}

static void add_details(const AuditRecord *r, const AuditPlace *place, Buf *out)
{
    buf_add_format(out, ",\"detail\":[{\"type\":\"place\",\"valueString\":\"%d/%lld\"}",
                   place->partition, (long long)place->seq);
    add_detail(out, STR("operation"), r->operation);
    add_number(out, "status", r->status);
    add_detail(out, STR("means"), r->means);
    add_number(out, "count", r->count);
    for (uint32_t i = 0; i < r->detail_count; i++)
        add_detail(out, r->details[i].name, r->details[i].value);
    buf_add_char(out, ']');
}

static void add_entities(const AuditRecord *r, const AuditPlace *place, Buf *out)
{
    static const Coding object = {"http://terminology.hl7.org/CodeSystem/audit-entity-type", "2",
                                  "System Object"},
                        person = {"http://terminology.hl7.org/CodeSystem/audit-entity-type", "1",
                                  "Person"},
                        patient = {"http://terminology.hl7.org/CodeSystem/object-role", "1",
                                   "Patient"};
    buf_add(out, STR(",\"entity\":[{"));
    if (uuid_valid(r->resource)) {
        buf_add_format(out,
                       "\"what\":{\"identifier\":{\"system\":\"urn:ietf:rfc:3986\",\"value\":"
                       "\"urn:uuid:%.*s\"}},",
                       STR_ARG(r->resource));
    } else if (r->resource.len) {
        buf_add(out, STR("\"what\":"));
        add_identifier(out, "urn:fhirbus:object", r->resource);
        buf_add_char(out, ',');
    }
    buf_add(out, STR("\"type\":"));
    add_coding(out, &object);
    add_details(r, place, out);
    buf_add_char(out, '}');
    if (r->subject.len) {
        char hex[2 * 64 + 1] = "";
        for (size_t i = 0; i < r->subject.len && i < 64; i++)
            snprintf(hex + 2 * i, 3, "%02x", (unsigned char)r->subject.ptr[i]);
        buf_add(out, STR(",{\"what\":"));
        add_identifier(out, "urn:fhirbus:audit-subject", str_from(hex));
        buf_add(out, STR(",\"type\":"));
        add_coding(out, &person);
        buf_add(out, STR(",\"role\":"));
        add_coding(out, &patient);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

void audit_event_write(const AuditRecord *r, const AuditPlace *place, Buf *out)
{
    const Coding *subtype = subtype_of(r);
    buf_add(out, STR("{\"resourceType\":\"AuditEvent\",\"id\":"));
    json_write_string(out, r->id);
    buf_add(out, STR(",\"type\":"));
    add_coding(out, type_of(r));
    if (subtype) {
        buf_add(out, STR(",\"subtype\":["));
        add_coding(out, subtype);
        buf_add_char(out, ']');
    }
    buf_add(out, STR(",\"action\":"));
    json_write_string(out, r->action.len ? r->action : STR("E"));
    buf_add(out, STR(",\"recorded\":"));
    add_instant(out, r->at_us);
    buf_add_format(out, ",\"outcome\":\"%u\"", r->outcome);
    if (r->code.len) {
        buf_add(out, STR(",\"outcomeDesc\":"));
        json_write_string(out, r->code);
    }
    add_agents(r, out);
    add_source(r, out);
    add_entities(r, place, out);
    buf_add_char(out, '}');
}
