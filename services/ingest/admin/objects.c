/* PUT and DELETE /admin/{kind}/{name}. */
#include "services/ingest/admin/admin.h"

static bool put(AdminChange *change, const void *before, void **ret_after, Err *err)
{
    return auth_read_over(change->kind, change->name, change->body, before, ret_after, err);
}

static bool take_away(AdminChange *change, const void *before, void **ret_after, Err *err)
{
    (void)change;
    (void)before;
    (void)err;
    *ret_after = NULL;
    return true;
}

const AdminVerb admin_put = {.edit = put, .makes = true, .overwrites = true, .status = 200};
const AdminVerb admin_delete = {.edit = take_away, .status = 200};
