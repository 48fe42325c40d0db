#include "common/auth/authority.h"

enum { SAME_BYTES_MAX = 4 << 20 };

/* --- of its tenants --------------------------------------------------------------------------- */

static bool is_root(const Authority *authority)
{
    return caller_may_for_all(authority->caller, PERMISSION_ADMINISTER);
}

bool authority_is_whole(const Authority *authority)
{
    return !authority->tenant.len && is_root(authority);
}

static bool covers(const Authority *authority, Str tenant)
{
    return caller_may(authority->caller, PERMISSION_ADMINISTER, tenant, STR_NONE) &&
           (!authority->tenant.len || str_eq(authority->tenant, tenant));
}

/* A caller without tenants belongs to nobody. */
static bool covers_caller(const Authority *authority, const Caller *caller)
{
    for (size_t i = 0; i < caller->tenants.count; i++)
        if (!covers(authority, caller->tenants.list[i]))
            return false;
    return caller->tenants.count > 0;
}

bool authority_sees(const Authority *authority, AuthKind kind, const void *object)
{
    if (authority_is_whole(authority))
        return true;
    switch (kind) {
    case AUTH_CALLERS:
        return covers_caller(authority, object);
    case AUTH_TENANTS:
        return covers(authority, ((const Tenant *)object)->tenant);
    case AUTH_HOSTS:
        return covers(authority, ((const HostName *)object)->tenant);
    case AUTH_PLANS:
        return str_eq(((const UsagePlan *)object)->name, authority->caller->plan);
    case AUTH_ACCOUNTS: /* people are the business of who answers for the whole of it */
    case AUTH_ISSUERS:  /* they name callers of whichever tenant */
    case AUTH_KIND_COUNT:
        break;
    }
    return false;
}

/* --- what it may grant ------------------------------------------------------------------------ */

/* `entry` of a permission of `caller`: may the administrator do all of that itself? */
static bool holds(const Caller *self, Permission permission, const Caller *caller, Str entry)
{
    size_t hash = str_find_char(entry, '#');
    if (!str_is(entry, "*"))
        return caller_may(self, permission, str_cut(entry, 0, hash),
                          hash < entry.len ? str_skip(entry, hash + 1) : STR_NONE);
    for (size_t i = 0; i < caller->tenants.count; i++)
        if (!caller_may(self, permission, caller->tenants.list[i], STR_NONE))
            return false;
    return true;
}

/* A pattern is sent as its own text would be: "hl7v2:ADT^*" is within "hl7v2:*". */
static bool holds_categories(const Caller *self, const Caller *caller)
{
    for (size_t i = 0; i < caller->send_categories.count; i++) {
        Str entry = caller->send_categories.list[i], types, one;
        size_t slash = str_find_char(entry, '/');
        bool held = caller_may_send(self, entry);
        if (!held && slash < entry.len) { /* of each type that it names */
            types = str_skip(entry, slash + 1);
            held = types.len > 0;
            while (types.ptr && str_split(&types, ',', &one))
                held = held && caller_may_send_type(self, str_cut(entry, 0, slash), one);
        }
        if (!held)
            return false;
    }
    return true;
}

static bool holds_all(const Caller *self, const Caller *caller)
{
    for (Permission p = 0; p < PERMISSION_COUNT; p++)
        for (size_t i = 0; i < caller->may[p].count; i++)
            if (!holds(self, p, caller, caller->may[p].list[i]))
                return false;
    return holds_categories(self, caller) && (!caller->gateway || self->gateway);
}

/* The service fetches what is there: only where somebody may who answers for the whole of it. */
static bool fetches_nothing_new(const Caller *before, const Caller *after)
{
    for (size_t i = 0; i < after->client_count; i++) {
        const OAuthClient *client = &after->clients[i];
        bool known = !client->jwks_uri.len;
        for (size_t k = 0; before && k < before->client_count && !known; k++)
            known = str_eq(before->clients[k].id, client->id) &&
                    str_eq(before->clients[k].jwks_uri, client->jwks_uri);
        if (!known)
            return false;
    }
    return true;
}

static bool permits_caller(const Authority *authority, const Caller *before, const Caller *after)
{
    const Caller *self = authority->caller;
    if ((before && !covers_caller(authority, before)) ||
        (after && !covers_caller(authority, after)))
        return false;
    if (is_root(authority))
        return true;
    if ((before && !holds_all(self, before)) || (after && !holds_all(self, after)))
        return false;
    if (!after)
        return true;
    bool plan_kept = str_eq(after->plan, before ? before->plan : self->plan);
    return (plan_kept || str_eq(after->plan, self->plan)) && fetches_nothing_new(before, after);
}

/* --- hosts, tenants --------------------------------------------------------------------------- */

static bool same(AuthKind kind, const void *a, const void *b)
{
    BUF_AUTO first;
    BUF_AUTO second;
    buf_init(&first, SAME_BYTES_MAX);
    buf_init(&second, SAME_BYTES_MAX);
    auth_write(kind, a, &first);
    auth_write(kind, b, &second);
    return !first.overflowed && !second.overflowed && str_eq(buf_str(&first), buf_str(&second));
}

static bool same_host_but_for_looks(const HostName *before, const HostName *after)
{
    HostName changed = *before;
    changed.about = after->about;
    changed.publisher = after->publisher;
    /* Whoever may read answers with a browser's credentials may read those of any tenant that its
     * user may. */
    if (!before->cors.credentials && !after->cors.credentials)
        changed.cors = after->cors;
    return same(AUTH_HOSTS, &changed, after);
}

static bool same_tenant_but_for_its_text(const Tenant *before, const Tenant *after)
{
    Tenant changed = *before;
    changed.about = after->about;
    return same(AUTH_TENANTS, &changed, after);
}

bool authority_permits(const Authority *authority, AuthKind kind, const void *before,
                       const void *after)
{
    if (authority_is_whole(authority))
        return true;
    if (kind == AUTH_CALLERS)
        return permits_caller(authority, before, after);
    if (kind != AUTH_HOSTS && kind != AUTH_TENANTS)
        return false;
    if ((before && !authority_sees(authority, kind, before)) ||
        (after && !authority_sees(authority, kind, after)))
        return false;
    if (is_root(authority))
        return true;
    return before && after &&
           (kind == AUTH_HOSTS ? same_host_but_for_looks(before, after)
                               : same_tenant_but_for_its_text(before, after));
}
