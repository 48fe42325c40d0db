/* Not more of one tenant at a time than its share, so that no other waits behind it. Nothing
 * was taken: 429, and the sender may come back with the same id. */
#include "services/ingest/admit.h"

#include "services/ingest/counts.h"
#include "services/ingest/flow.h"
#include "services/ingest/refuse.h"

StepNext admit_refuse(Exchange *exchange, TenantCap cap)
{
    count_tenant_refused(exchange->ingest->counters, cap);
    exchange->share_refused = (int)cap + 1;
    refuse_retry_after(exchange);
    return refuse_outcome(exchange, 429, ADMIT_BUSY, "throttled",
                          cap == CAP_REQUESTS
                              ? "Too many requests of this tenant at once, try again later"
                              : "Too much of this tenant at once, try again later");
}

StepNext step_admit(Exchange *exchange)
{
    Ingest *ingest = exchange->ingest;
    exchange->admitted = tenants_enter(ingest->tenants, exchange->tenant);
    if (exchange->admitted)
        return STEP_NEXT;
    return admit_refuse(exchange, CAP_REQUESTS);
}

bool admit_room(Exchange *exchange, size_t more)
{
    Ingest *ingest = exchange->ingest;
    if (!exchange->admitted)
        return true; /* a route without shares */
    if (!tenants_take(ingest->tenants, exchange->admitted, exchange->admitted_bytes, more))
        return false;
    exchange->admitted_bytes += more;
    return true;
}

void admit_leave(Exchange *exchange)
{
    if (exchange->admitted)
        tenants_leave(exchange->ingest->tenants, exchange->admitted, exchange->admitted_bytes);
    exchange->admitted = NULL;
}
