/* tenants - what each tenant has in flight here: requests between their header and their answer,
 * and the memory of their bodies. One that sends more than its share is told so; the others do not
 * wait behind it.
 *
 * Owner:   a Tenant lives while one of its requests does.
 * Threads: everything in here may be called from any of them.
 * Limits:  0 is none. A request that is its tenant's only one may be of any size. */
#pragma once
#include <stdint.h>

#include "common/base/str.h"

typedef struct Tenants Tenants;
typedef struct Tenant Tenant;

Tenants *tenants_new(uint64_t requests_max, uint64_t bytes_max);
void tenants_free(Tenants *tenants); /* NULL is fine */

/* One request more; NULL: its tenant has as many as it may. */
Tenant *tenants_enter(Tenants *tenants, Str name);
/* `more` bytes for a request that holds `own` already; false: that would be too many. */
bool tenants_take(Tenants *tenants, Tenant *tenant, uint64_t own, uint64_t more);
/* The request is over; it held so many bytes. */
void tenants_leave(Tenants *tenants, Tenant *tenant, uint64_t own);

typedef struct TenantsBusy {
    uint64_t tenants;  /* with a request in flight */
    uint64_t requests; /* of the one that has most */
    uint64_t bytes;    /* of the one that has most */
} TenantsBusy;
TenantsBusy tenants_busy(Tenants *tenants);
