/* Step 2: who calls, and for which tenant.
 *
 * Until callers can be configured there are no credentials to check: the tenant header is believed
 * where anonymous callers are allowed (on loopback, or ALLOW_ANONYMOUS=1), and nobody gets in
 * elsewhere. */
#include "services/ingest/exchange.h"
#include "services/ingest/refuse.h"
#include "services/ingest/routes.h"
#include "services/ingest/text.h"

enum { TENANT_BYTES_MAX = 200 };

StepNext step_authenticate(Exchange *exchange)
{
    HttpRequest *request = exchange->request;
    Str name = STR("x-techbd-tenant-id");
    if (exchange->route->auth == AUTH_NONE)
        return STEP_NEXT;
    if (!exchange->ingest->anonymous_allowed)
        return refuse(exchange, 401, "not-authenticated", "Authentication required");
    Str sent = http_request_header(request, name);
    if (!sent.ptr && exchange->route->auth == AUTH_READER)
        return STEP_NEXT;
    if (!sent.ptr)
        return refuse(exchange, 400, "tenant-missing",
                      "Required request header 'X-TechBD-Tenant-ID' for method parameter type "
                      "String is not present");
    if (str_trim(sent).len == 0)
        return refuse(exchange, 400, "tenant-blank", "Tenant ID must be provided");
    if (sent.len > TENANT_BYTES_MAX || http_request_header_count(request, name) != 1)
        return refuse(exchange, 400, "tenant-malformed", "Tenant ID is malformed");
    exchange->tenant = text_utf8(exchange->arena, str_trim(sent));
    return STEP_NEXT;
}
