/* A change of one object, from its preconditions to its reply. All of this process's are made one
 * after the other, on the thread of Ingest.changes. */
#include <stdio.h>

#include "common/base/check.h"
#include "common/catalog/publish.h"
#include "common/http/fields.h"
#include "common/http/target.h"
#include "services/ingest/admin/plain.h"
#include "services/ingest/authenticate.h"
#include "services/ingest/refuse.h"

enum { REPLY_BYTES_MAX = 4 << 20 };

bool admin_fail(AdminChange *change, unsigned status, const char *code, const char *text)
{
    change->status = status;
    snprintf(change->code, sizeof change->code, "%s", code);
    snprintf(change->text, sizeof change->text, "%s", text);
    return false;
}

static bool forbid(AdminChange *change, const char *code)
{
    return admin_fail(change, 403, code, "Not permitted");
}

/* Texts of these errors say where, never a value. */
static bool fail_with(AdminChange *change, const Err *err)
{
    if (str_is(str_from(err->code), "publish-version"))
        return admin_fail(change, 412, err->code, "It was changed meanwhile");
    if (err->kind == ERR_INPUT)
        return admin_fail(change, 400, err->code, err->text);
    if (err->kind == ERR_RETRY)
        return admin_fail(change, 503, err->code,
                          "Whether it was published is unknown: look again");
    return admin_fail(change, 500, err->code, "It cannot be done here");
}

/* --- preconditions ---------------------------------------------------------------------------- */

/* spec: RFC 9110 §13.1.1: a list of entity tags, or "*"; weak ones never match */
static bool matches(Str list, const char *etag)
{
    Str one;
    while (http_list_next(&list, &one))
        if (str_is(one, "*") || str_is(one, etag))
            return true;
    return false;
}

/* Of an object that the administrator may see. */
static bool conditions_hold(AdminChange *change, const CatalogObject *object)
{
    char etag[ADMIN_ETAG_BYTES] = "";
    if (object)
        admin_etag(object, etag);
    if (object && change->only_new)
        return admin_fail(change, 412, "admin-exists", "There is such an object already");
    if (change->if_match.ptr && (!object || !matches(change->if_match, etag)))
        return admin_fail(change, 412, "admin-version", "It was changed meanwhile");
    if (object && change->verb->overwrites && !change->if_match.ptr)
        return admin_fail(change, 428, "admin-version",
                          "If-Match is needed: the ETag of the version that is meant");
    return true;
}

/* --- the change ------------------------------------------------------------------------------- */

static bool allowed(AdminChange *change, const CatalogView *view, const void *before,
                    const void *after)
{
    if (change->plain)
        return authority_is_whole(&change->authority) || forbid(change, "admin-authority");
    if (!authority_permits(&change->authority, change->kind, before, after))
        return forbid(change, "admin-authority");
    const char *taken = after ? auth_clash(view, change->kind, change->name, after) : NULL;
    if (!taken)
        return true;
    if (!authority_is_whole(&change->authority)) /* what others have is not told */
        return forbid(change, "admin-taken");
    snprintf(change->text, sizeof change->text, "Another object has %s", taken);
    change->status = 409;
    snprintf(change->code, sizeof change->code, "admin-taken");
    return false;
}

/* What is to be published: with what was not shown, as it was understood; anything else as it was
 * written. */
static Str data_of(AdminChange *change, const void *after, Buf *json)
{
    if (change->removed)
        return STR_NONE;
    bool as_written = change->plain || (!auth_hides(change->kind) && change->body.len);
    if (!as_written)
        auth_write(change->kind, after, json);
    return as_written ? change->body : buf_str(json);
}

static bool publish(AdminChange *change, const void *after, uint64_t version, Err *err)
{
    const Ingest *ingest = change->base.exchange->ingest;
    uint64_t published = 0;
    BUF_AUTO json;
    buf_init(&json, OBJECT_BYTES_MAX);
    const CatalogChange wanted = {.id = change->id,
                                  .data = data_of(change, after, &json),
                                  .by = change->authority.caller->name,
                                  .comment = change->comment,
                                  .expects = true,
                                  .expected_version = version};
    if (json.overflowed)
        return ERR(err, ERR_INPUT, "object-bytes", "more than %d bytes", OBJECT_BYTES_MAX);
    return catalog_publish(ingest->catalog, &ingest->config->bus, &wanted,
                           (uint32_t)ingest->config->publish_timeout_ms, &published, err);
}

static void show(AdminChange *change)
{
    Catalog *catalog = change->base.exchange->ingest->catalog;
    const CatalogView *view = catalog_acquire(catalog);
    const CatalogEntry *entry = catalog_find(view, change->id);
    if (entry)
        admin_etag(entry->object, change->etag);
    if (change->verb->tell)
        change->verb->tell(change, &change->reply);
    else if (entry && !change->removed)
        admin_write(change->kind, entry->object, &change->reply);
    catalog_release(catalog, view);
}

/* Has it been changed as it was wanted? `view` is of the moment at which that was decided. */
static bool make(AdminChange *change, const CatalogView *view, uint64_t *ret_version,
                 void **ret_after)
{
    const CatalogEntry *entry = catalog_find(view, change->id);
    const void *before = entry ? entry->made : NULL;
    bool seen = change->plain ? entry && authority_is_whole(&change->authority)
                              : before && authority_sees(&change->authority, change->kind, before);
    Err err = {0};
    if (!seen && !change->verb->makes)
        return admin_fail(change, 404, "admin-unknown", "There is no such object");
    if ((entry && !seen) || (change->plain && !authority_is_whole(&change->authority)))
        return forbid(change, "admin-authority");
    if (!conditions_hold(change, entry ? entry->object : NULL))
        return false;
    if (!change->verb->edit(change, before, ret_after, &err))
        return change->status ? false : fail_with(change, &err);
    *ret_version = entry ? entry->object->version : 0;
    change->status = entry ? change->verb->status : 201;
    change->removed = change->verb->removes;
    return allowed(change, view, before, *ret_after);
}

static bool run_change(Question *base, Db *db, Arena *arena, Err *none)
{
    AdminChange *change = (AdminChange *)base;
    Catalog *catalog = base->exchange->ingest->catalog;
    const CatalogView *view = catalog_acquire(catalog);
    uint64_t version = 0;
    void *after = NULL;
    Err err = {0};
    (void)db;
    (void)arena;
    (void)none;
    bool fine = make(change, view, &version, &after);
    if (fine && !publish(change, after, version, &err))
        fine = fail_with(change, &err);
    if (fine)
        show(change);
    catalog_release(catalog, view);
    auth_free(after);
    return true;
}

static void clear_change(Question *base)
{
    AdminChange *change = (AdminChange *)base;
    explicit_bzero(&change->credential, sizeof change->credential);
    if (change->reply.data)
        explicit_bzero(change->reply.data, change->reply.len);
    buf_clear(&change->reply);
}

/* --- the request, the reply ------------------------------------------------------------------- */

static StepNext read_change(Exchange *exchange, Question *base)
{
    AdminChange *change = (AdminChange *)base;
    HttpRequest *request = exchange->request;
    bool of_caller = change->verb->of_caller;
    Str kind = of_caller ? STR("callers") : exchange->parameters[0];
    Str none_match = http_request_header(request, STR("if-none-match"));
    buf_init(&change->reply, REPLY_BYTES_MAX);
    change->plain = admin_plain(kind);
    if (change->plain)
        change->kind = AUTH_KIND_COUNT;
    else if (!auth_kind_named(kind, &change->kind))
        return refuse(exchange, 404, "not-found", "Resource not found");
    if (exchange->ingest->config->body_max_bytes > OBJECT_BYTES_MAX &&
        http_request_body(request).len > OBJECT_BYTES_MAX)
        return refuse(exchange, 413, "object-bytes", "An object has at most 1048576 bytes");
    change->name = exchange->parameters[of_caller ? 0 : 1];
    change->item = of_caller ? exchange->parameters[1] : STR_NONE;
    change->body = http_request_body(request);
    change->comment = http_query_get(http_request_query(request), STR("comment"), exchange->arena);
    change->id = ARENA_JOIN(exchange->arena, kind, STR("/"), change->name);
    exchange->audit.resource = change->id;
    change->authority = admin_authority(exchange);
    change->if_match = http_request_header(request, STR("if-match"));
    change->only_new = str_is(str_trim(none_match), "*");
    change->force =
        str_is(http_query_get(http_request_query(request), STR("force"), exchange->arena), "true");
    if (!object_id_valid(change->id))
        return refuse(exchange, 400, "object-id", "A name is letters, digits, '.', '_' and '-'");
    return STEP_NEXT;
}

static StepNext tell_change(Exchange *exchange, Question *base)
{
    AdminChange *change = (AdminChange *)base;
    HttpRequest *request = exchange->request;
    if (change->text[0]) {
        Str code = arena_copy(exchange->arena, str_from(change->code));
        if (change->status == 403)
            return refuse_forbidden(exchange, code.ptr);
        if (change->status == 503)
            return refuse_unavailable(exchange, code.ptr, change->text);
        return refuse(exchange, change->status, code.ptr, change->text);
    }
    http_reply_status(request, change->removed ? 204 : change->status);
    if (change->removed)
        return STEP_REPLY;
    http_reply_header(request, "Content-Type", STR("application/json"));
    http_reply_header(request, "ETag", arena_copy(exchange->arena, str_from(change->etag)));
    buf_add(http_reply_body(request), buf_str(&change->reply));
    buf_add(http_reply_body(request), STR("\n"));
    return STEP_REPLY;
}

#define CHANGE(step, kind_of_change)                                                               \
    static StepNext read_##kind_of_change(Exchange *exchange, Question *base)                      \
    {                                                                                              \
        ((AdminChange *)base)->verb = &admin_##kind_of_change;                                     \
        return read_change(exchange, base);                                                        \
    }                                                                                              \
    StepNext step(Exchange *exchange)                                                              \
    {                                                                                              \
        static const LookupStep lookup = {sizeof(AdminChange), run_change, clear_change,           \
                                          read_##kind_of_change, tell_change};                     \
        return lookups_step(exchange->ingest->changes, exchange, &lookup);                         \
    }
CHANGE(step_admin_put, put)
CHANGE(step_admin_delete, delete)
CHANGE(step_admin_key_create, key_create)
CHANGE(step_admin_key_end, key_end)
CHANGE(step_admin_secret_create, secret_create)
CHANGE(step_admin_secret_end, secret_end)
CHANGE(step_admin_certificate_add, certificate_add)
CHANGE(step_admin_certificate_end, certificate_end)
