/* GET /metadata: the CapabilityStatement.
 *
 * Spec: hl7.org/fhir/R4/http.html#capabilities, #mime-type (_format wins over Accept; what is
 * neither is 406). Where the caller has no preference it is XML, as it was with TechBD. */
#include "common/auth/callers.h"
#include "common/http/fields.h"
#include "common/http/target.h"
#include "common/json/write.h"
#include "services/ingest/exchange.h"
#include "services/ingest/flow.h"
#include "services/ingest/hosts.h"
#include "services/ingest/refuse.h"
#include "services/ingest/text.h"

enum { MEMBER_BYTES_MAX = 16 * 1024 };

#define PUBLISHED "2026-11-01"
#define VALIDATE "http://hl7.org/fhir/OperationDefinition/Resource-validate"
#define PROFILE "http://shinny.org/us/ny/hrsn/StructureDefinition/SHINNYBundleProfile"
#define DESCRIPTION "Takes FHIR bundles, validates them, keeps them and hands them on"
#define STATUS_HINT                                                                                \
    "GET /Bundle/$status/{bundleSessionId} tells what became of a bundle. "                        \
    "Prefer: respond-async asks for a 202 at once."

/* publisher, version, base URL: each a whole member with its escapes, or nothing */
static const char as_json[] =
    "{\"resourceType\":\"CapabilityStatement\",\"status\":\"active\",\"date\":\"" PUBLISHED "\","
    "%s\"kind\":\"instance\",\"software\":{\"name\":\"fhirbus\"%s},"
    "\"implementation\":{\"description\":\"" DESCRIPTION "\"%s},"
    "\"fhirVersion\":\"4.0.1\",\"format\":[\"application/fhir+json\",\"json\"],"
    "\"rest\":[{\"mode\":\"server\",\"documentation\":\"" STATUS_HINT "\","
    "\"resource\":[{\"type\":\"Bundle\",\"supportedProfile\":[\"" PROFILE "\"],"
    "\"interaction\":[{\"code\":\"create\"}],"
    "\"operation\":[{\"name\":\"validate\",\"definition\":\"" VALIDATE "\"}]}]}]}\n";

static const char as_xml[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                             "<CapabilityStatement xmlns=\"http://hl7.org/fhir\">\n"
                             "  <status value=\"active\"/>\n"
                             "  <date value=\"" PUBLISHED "\"/>\n"
                             "%s"
                             "  <kind value=\"instance\"/>\n"
                             "  <software>\n"
                             "    <name value=\"fhirbus\"/>\n"
                             "%s"
                             "  </software>\n"
                             "  <implementation>\n"
                             "    <description value=\"" DESCRIPTION "\"/>\n"
                             "%s"
                             "  </implementation>\n"
                             "  <fhirVersion value=\"4.0.1\"/>\n"
                             "  <format value=\"application/fhir+json\"/>\n"
                             "  <format value=\"json\"/>\n"
                             "  <rest>\n"
                             "    <mode value=\"server\"/>\n"
                             "    <documentation value=\"" STATUS_HINT "\"/>\n"
                             "    <resource>\n"
                             "      <type value=\"Bundle\"/>\n"
                             "      <supportedProfile value=\"" PROFILE "\"/>\n"
                             "      <interaction>\n"
                             "        <code value=\"create\"/>\n"
                             "      </interaction>\n"
                             "      <operation>\n"
                             "        <name value=\"validate\"/>\n"
                             "        <definition value=\"" VALIDATE "\"/>\n"
                             "      </operation>\n"
                             "    </resource>\n"
                             "  </rest>\n"
                             "</CapabilityStatement>\n";

static unsigned best_of(Str accept, const char *const types[3])
{
    unsigned best = 0;
    for (size_t i = 0; i < 3; i++) {
        unsigned quality = http_accept_quality(accept, str_from(types[i]));
        best = quality > best ? quality : best;
    }
    return best;
}

/* -1: says nothing that we know. A "+" that was not escaped has become a space. */
static int format_says_json(Str format)
{
    static const char *const json[] = {"json", "application/json", "application/fhir+json",
                                       "application/fhir json", "text/json"};
    static const char *const xml[] = {"xml", "application/xml", "application/fhir+xml",
                                      "application/fhir xml", "text/xml"};
    for (size_t i = 0; i < sizeof json / sizeof json[0]; i++) {
        if (str_eq_ignore_case(format, str_from(json[i])))
            return 1;
        if (str_eq_ignore_case(format, str_from(xml[i])))
            return 0;
    }
    return -1;
}

/* False: neither will do. */
static bool choose_form(const Exchange *exchange, bool *ret_json)
{
    static const char *const json[] = {"application/fhir+json", "application/json", "text/json"};
    static const char *const xml[] = {"application/fhir+xml", "application/xml", "text/xml"};
    Str format =
        http_query_get(http_request_query(exchange->request), STR("_format"), exchange->arena);
    Str type = str_trim(str_cut(format, 0, str_find_char(format, ';')));
    int says = format_says_json(type);
    Str accept = http_request_list(exchange->request, STR("accept"));
    unsigned for_json = best_of(accept, json), for_xml = best_of(accept, xml);
    *ret_json = type.len ? says == 1 : for_json > for_xml;
    return type.len ? says >= 0 : for_json > 0 || for_xml > 0;
}

static void json_member(Buf *out, const char *name, Str value, bool last)
{
    if (!value.len)
        return;
    buf_add_format(out, "%s\"%s\":", last ? "," : "", name);
    json_write_string(out, value);
    buf_add(out, last ? STR("") : STR(","));
}

/* spec: XML 1.0 §2.2, §3.3.3: control characters cannot be written at all, blanks only escaped. */
static void xml_character(Buf *out, char c)
{
    bool blank = c == '\t' || c == '\n' || c == '\r';
    if (c == '<' || c == '&' || c == '"' || blank)
        buf_add_format(out, "&#%d;", c);
    else if ((unsigned char)c < ' ')
        buf_add(out, STR("\xef\xbf\xbd"));
    else
        buf_add_char(out, c);
}

static void xml_element(Buf *out, const char *indent, const char *name, Str value)
{
    if (!value.len)
        return;
    buf_add_format(out, "%s<%s value=\"", indent, name);
    for (size_t i = 0; i < value.len; i++)
        xml_character(out, value.ptr[i]);
    buf_add(out, STR("\"/>\n"));
}

StepNext step_metadata(Exchange *exchange)
{
    HttpRequest *request = exchange->request;
    bool json;
    if (!choose_form(exchange, &json))
        return refuse(exchange, 406, "not-acceptable",
                      "application/fhir+json or application/fhir+xml");
    Str publisher = exchange->host ? exchange->host->publisher : STR_NONE;
    Str version = text_utf8(exchange->arena, str_from(exchange->ingest->config->techbd_version));
    BUF_AUTO by, url, software;
    buf_init(&by, MEMBER_BYTES_MAX);
    buf_init(&url, MEMBER_BYTES_MAX);
    buf_init(&software, MEMBER_BYTES_MAX);
    if (json) {
        json_member(&software, "version", version, true);
        json_member(&by, "publisher", publisher, false);
        json_member(&url, "url", host_base_url(exchange), true);
    } else {
        xml_element(&software, "    ", "version", version);
        xml_element(&by, "  ", "publisher", publisher);
        xml_element(&url, "    ", "url", host_base_url(exchange));
    }
    http_reply_status(request, 200);
    http_reply_header(request, "Vary", STR("Accept"));
    http_reply_header(request, "Content-Type",
                      json ? STR("application/fhir+json; charset=utf-8")
                           : STR("application/fhir+xml; charset=utf-8"));
    buf_add_format(http_reply_body(request), json ? as_json : as_xml, buf_str(&by).ptr,
                   buf_str(&software).ptr, buf_str(&url).ptr);
    return STEP_REPLY;
}
