/* Identifier, Attachment: what the data types demand beyond their definitions. */
#include "common/fhir/au_identifier.h"
#include "services/validator/engine/validate/primitive.h"
#include "services/validator/engine/validate/walk.h"

static bool is_valid_system(Str system)
{
    return str_starts(system, STR("http:")) || str_starts(system, STR("https:")) ||
           str_starts(system, STR("urn:")) || str_starts(system, STR("ldap:"));
}

/* A URI with a scheme: letters, then a colon. */
static bool has_scheme(Str uri)
{
    size_t colon = str_find_char(uri, ':');
    if (colon == 0 || colon == uri.len)
        return false;
    for (size_t i = 0; i < colon; i++) {
        char c = uri.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '.' || c == '+')))
            return false;
    }
    return true;
}

/* spec: hl7.org/fhir/R4/datatypes.html#Identifier: a UUID is a URI, and says so */
static bool check_rfc4122(Walk *walk, ElemId elem, Str value)
{
    if (!value.ptr)
        return true;
    Message message = MSG_IDENTIFIER_RFC4122_1;
    if (str_starts(value, STR("urn:uuid:")))
        message = MSG_IDENTIFIER_RFC4122_3;
    else if (is_uuid(value))
        message = MSG_IDENTIFIER_RFC4122_2;
    bool error = message == MSG_IDENTIFIER_RFC4122_1;
    report_with(walk, error ? SEVERITY_ERROR : SEVERITY_WARNING, message, elem, value, STR_NONE,
                STR_NONE, STR_NONE);
    return !error;
}

/* Check digits: a warning, since no profile of AU Base forbids what fails. */
static void check_australian(Walk *walk, ElemId elem, Str system, Str value)
{
    const char *why;
    AuIdentifier kind = au_identifier_of_system(system);
    if (value.ptr && !au_identifier_valid(kind, value, &why))
        report_with(walk, SEVERITY_WARNING, MSG_IDENTIFIER_AUSTRALIAN, elem,
                    str_from(au_identifier_name(kind)), str_from(why), STR_NONE, STR_NONE);
}

bool check_identifier(Walk *walk, ElemId elem)
{
    Str system = walk_text(walk, elem, "system");
    if (!system.ptr)
        return true;
    bool ok = true;
    if (!is_valid_system(system)) {
        report(walk, SEVERITY_ERROR, MSG_IDENTIFIER_SYSTEM, elem);
        ok = false;
    }
    Str value = walk_text(walk, elem, "value");
    if (str_is(system, "urn:ietf:rfc:3986") && value.ptr && !has_scheme(value)) {
        report_with(walk, SEVERITY_ERROR, MSG_IDENTIFIER_URI_VALUE, elem, value, STR_NONE, STR_NONE,
                    STR_NONE);
        ok = false;
    }
    if (str_is(system, "https://tools.ietf.org/html/rfc4122"))
        ok = check_rfc4122(walk, elem, value) && ok;
    check_australian(walk, elem, system, value);
    return ok;
}

bool check_attachment(Walk *walk, const SchemaNode *node, ElemId elem)
{
    (void)node;
    bool ok = true;
    Str data = walk_text(walk, elem, "data");
    Str size = walk_text(walk, elem, "size");
    uint64_t stated;
    if (data.ptr && size.ptr && is_base64(data)) {
        size_t bytes = base64_bytes(data);
        if (!str_to_u64(size, &stated) || stated != bytes) {
            report_with(walk, SEVERITY_ERROR, MSG_ATTACHMENT_SIZE, elem, size,
                        arena_format(walk->arena, "%zu", bytes), STR_NONE, STR_NONE);
            ok = false;
        }
    } else if (!data.ptr && size.ptr && !str_to_u64(size, &stated)) {
        report_with(walk, SEVERITY_ERROR, MSG_ATTACHMENT_SIZE_INVALID, elem, size, STR_NONE,
                    STR_NONE, STR_NONE);
        ok = false;
    }
    if (!walk_child(walk, elem, "data") && !walk_child(walk, elem, "url") &&
        !walk_child(walk, elem, "contentType") && !walk_child(walk, elem, "language"))
        report(walk, SEVERITY_WARNING, MSG_ATTACHMENT_EMPTY, elem);
    return ok;
}
