/* A caller read, changed, and published over the version that was read. */
#include "tools/fhirbus-keys/keys.h"

bool edit_begin(Tool *tool, const char *name, bool make, Edit *ret_edit, Err *err)
{
    Str id = ARENA_JOIN(tool->arena, STR("callers/"), str_from(name));
    const CatalogView *view = catalog_acquire(tool->catalog);
    const CatalogEntry *entry = catalog_find(view, id);
    Str data = entry ? arena_copy(tool->arena, entry->object->data) : STR("{}");
    uint64_t version = entry ? entry->object->version : 0;
    catalog_release(tool->catalog, view);
    void *made = NULL;
    if (!version && !make)
        return ERR(err, ERR_INPUT, "unknown", "there is no caller %s", name);
    if (version && make)
        return ERR(err, ERR_INPUT, "exists", "there is a caller %s already", name);
    TRY(auth_read_published(AUTH_CALLERS, str_from(name), data, &made, err));
    *ret_edit = (Edit){tool, made, version, !version};
    return true;
}

void edit_drop(Edit *edit)
{
    auth_free(edit->caller);
    edit->caller = NULL;
}

bool edit_end(Edit *edit, Err *err)
{
    void *checked = NULL;
    BUF_AUTO json;
    buf_init(&json, OBJECT_BYTES_MAX);
    auth_write(AUTH_CALLERS, edit->caller, &json);
    if (json.overflowed)
        return ERR(err, ERR_INPUT, "object-bytes", "more than %d bytes", OBJECT_BYTES_MAX);
    bool fits =
        edit->grants
            ? auth_read(AUTH_CALLERS, edit->caller->name, buf_str(&json), &checked, err)
            : auth_read_published(AUTH_CALLERS, edit->caller->name, buf_str(&json), &checked, err);
    if (!fits)
        return false;
    const CatalogView *view = catalog_acquire(edit->tool->catalog);
    const char *taken = auth_clash(view, AUTH_CALLERS, edit->caller->name, checked);
    if (!taken)
        note_what_is_missing(view, AUTH_CALLERS, checked);
    catalog_release(edit->tool->catalog, view);
    auth_free(checked);
    if (taken)
        return ERR(err, ERR_INPUT, "taken", "another caller has %s", taken);
    return tool_publish(edit->tool, AUTH_CALLERS, edit->caller->name, buf_str(&json), true,
                        edit->version, err);
}
