#include "services/ingest/tenants.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/check.h"

enum { BUCKETS = 256 /* a power of two */ };

struct Tenant {
    Tenant *next;
    uint64_t requests, bytes;
    size_t name_len;
    char name[];
};

struct Tenants {
    uint64_t requests_max, bytes_max;
    pthread_mutex_t lock;
    Tenant *buckets[BUCKETS];
};

Tenants *tenants_new(uint64_t requests_max, uint64_t bytes_max)
{
    Tenants *tenants = calloc(1, sizeof *tenants);
    CHECK(tenants);
    tenants->requests_max = requests_max;
    tenants->bytes_max = bytes_max;
    CHECK(pthread_mutex_init(&tenants->lock, NULL) == 0);
    return tenants;
}

void tenants_free(Tenants *tenants)
{
    if (!tenants)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        CHECK(!tenants->buckets[i]); /* whoever entered has left */
    pthread_mutex_destroy(&tenants->lock);
    free(tenants);
}

/* With the lock held: where the tenant is, or where it would go. */
static Tenant **find(Tenants *tenants, Str name)
{
    Tenant **link = &tenants->buckets[(size_t)str_hash(name) & (BUCKETS - 1)];
    while (*link && !str_eq((Str){(*link)->name, (*link)->name_len}, name))
        link = &(*link)->next;
    return link;
}

static Tenant *add(Tenant **link, Str name)
{
    Tenant *tenant = calloc(1, sizeof *tenant + name.len + 1);
    CHECK(tenant);
    if (name.len) /* an administrator of all may name none */
        memcpy(tenant->name, name.ptr, name.len);
    tenant->name_len = name.len;
    *link = tenant;
    return tenant;
}

Tenant *tenants_enter(Tenants *tenants, Str name)
{
    pthread_mutex_lock(&tenants->lock);
    Tenant **link = find(tenants, name), *tenant = *link;
    if (tenant && tenants->requests_max && tenant->requests >= tenants->requests_max) {
        tenant = NULL;
    } else {
        tenant = tenant ? tenant : add(link, name);
        tenant->requests++;
    }
    pthread_mutex_unlock(&tenants->lock);
    return tenant;
}

bool tenants_take(Tenants *tenants, Tenant *tenant, uint64_t own, uint64_t more)
{
    pthread_mutex_lock(&tenants->lock);
    bool others = tenant->bytes > own;
    bool room = !tenants->bytes_max || !others || tenant->bytes + more <= tenants->bytes_max;
    if (room)
        tenant->bytes += more;
    pthread_mutex_unlock(&tenants->lock);
    return room;
}

void tenants_leave(Tenants *tenants, Tenant *tenant, uint64_t own)
{
    pthread_mutex_lock(&tenants->lock);
    CHECK(tenant->requests > 0 && tenant->bytes >= own);
    tenant->requests--;
    tenant->bytes -= own;
    if (tenant->requests == 0) {
        Tenant **link = find(tenants, (Str){tenant->name, tenant->name_len});
        *link = tenant->next;
        free(tenant);
    }
    pthread_mutex_unlock(&tenants->lock);
}

TenantsBusy tenants_busy(Tenants *tenants)
{
    TenantsBusy busy = {0};
    pthread_mutex_lock(&tenants->lock);
    for (size_t i = 0; i < BUCKETS; i++)
        for (const Tenant *tenant = tenants->buckets[i]; tenant; tenant = tenant->next) {
            busy.tenants++;
            busy.requests = tenant->requests > busy.requests ? tenant->requests : busy.requests;
            busy.bytes = tenant->bytes > busy.bytes ? tenant->bytes : busy.bytes;
        }
    pthread_mutex_unlock(&tenants->lock);
    return busy;
}
