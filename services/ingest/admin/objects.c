/* PUT and DELETE /admin/{kind}/{name}. */
#include "services/ingest/admin/admin.h"

static bool put(AdminChange *change, const void *before, void **ret_after, Err *err)
{
    if (change->plain)
        return change->plain->check(change, err) &&
               (!change->plain->prepare || change->plain->prepare(change, err));
    return auth_read_over(change->kind, change->name, change->body, before, ret_after, err);
}

static bool take_away(AdminChange *change, const void *before, void **ret_after, Err *err)
{
    (void)before;
    *ret_after = NULL;
    return !change->plain || !change->plain->let_go || change->plain->let_go(change, err);
}

const AdminVerb admin_put = {.edit = put, .makes = true, .overwrites = true, .status = 200};
const AdminVerb admin_delete = {
    .edit = take_away, .removes = true, .overwrites = true, .status = 200};
