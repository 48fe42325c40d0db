#include "services/ingest/diagnostics/scope.h"

#include "common/base/buf.h"

enum { SCOPE_BYTES_MAX = 1 << 20 };

const DbStatement scope_set = {"scope-set", "SELECT set_config('fhirbus.scope', $1::text, true)"};

static void add_tenant(Buf *out, Str tenant)
{
    buf_add(out, out->len > 1 ? STR(",\"") : STR("\""));
    for (size_t i = 0; i < tenant.len; i++) {
        if (tenant.ptr[i] == '"' || tenant.ptr[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, tenant.ptr[i]);
    }
    buf_add_char(out, '"');
}

/* What one organisation may be permitted shows nothing: an interaction does not say whose it is. */
static void add_permitted(Buf *out, const Caller *caller, Permission permission)
{
    AuthTexts entries = caller->may[permission];
    for (size_t i = 0; i < caller->tenants.count; i++)
        if (!str_is(caller->tenants.list[i], "*") &&
            caller_may(caller, permission, caller->tenants.list[i], STR_NONE))
            add_tenant(out, caller->tenants.list[i]);
    for (size_t i = 0; i < entries.count; i++)
        if (caller_may(caller, permission, entries.list[i], STR_NONE))
            add_tenant(out, entries.list[i]);
}

Str scope_for(const Exchange *exchange, Permission permission)
{
    const Caller *caller = exchange->identity.caller;
    BUF_AUTO out;
    buf_init(&out, SCOPE_BYTES_MAX);
    if (!exchange->tenant.len && (!caller || caller_may_for_all(caller, permission)))
        return STR("{*}");
    buf_add_char(&out, '{');
    if (exchange->tenant.len)
        add_tenant(&out, exchange->tenant);
    else
        add_permitted(&out, caller, permission);
    buf_add_char(&out, '}');
    return out.overflowed ? STR("{}") : arena_copy(exchange->arena, buf_str(&out));
}

Str scope_of(const Exchange *exchange)
{
    return scope_for(exchange, PERMISSION_READ);
}

bool scope_is_all(Str scope)
{
    return str_is(scope, "{*}");
}

bool scope_run(Db *db, Str scope, const DbStatement *statement, const DbParams *params,
               DbResult **ret_result, Err *err)
{
    DbParams scoped;
    db_params_init(&scoped, params->arena);
    db_text(&scoped, scope);
    return db_run_after(db, &scope_set, &scoped, statement, params, ret_result, err);
}
