/* Not more of one tenant at a time than its share, so that no other waits behind it. Nothing
 * was taken: 429, and the sender may come back with the same id. */
#include "services/ingest/admit.h"

#include "services/ingest/counts.h"
#include "services/ingest/flow.h"
#include "services/ingest/refuse.h"

StepNext step_admit(Exchange *exchange)
{
    Ingest *ingest = exchange->ingest;
    exchange->admitted = tenants_enter(ingest->tenants, exchange->tenant);
    if (exchange->admitted)
        return STEP_NEXT;
    count_tenant_refused(ingest->counters, CAP_REQUESTS);
    refuse_retry_after(exchange);
    return refuse(exchange, 429, "tenant-busy",
                  "Too many requests of this tenant at once, try again later");
}

bool admit_room(Exchange *exchange, size_t more)
{
    Ingest *ingest = exchange->ingest;
    if (!exchange->admitted)
        return true; /* a route without shares */
    if (!tenants_take(ingest->tenants, exchange->admitted, exchange->admitted_bytes, more)) {
        count_tenant_refused(ingest->counters, CAP_BYTES);
        return false;
    }
    exchange->admitted_bytes += more;
    return true;
}

void admit_leave(Exchange *exchange)
{
    if (exchange->admitted)
        tenants_leave(exchange->ingest->tenants, exchange->admitted, exchange->admitted_bytes);
    exchange->admitted = NULL;
}
