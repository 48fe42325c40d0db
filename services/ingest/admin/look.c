/* GET /admin/{kind}, GET /admin/{kind}/{name}. */
#include <stdio.h>

#include "common/http/target.h"
#include "common/json/write.h"
#include "services/ingest/admin/plain.h"
#include "services/ingest/refuse.h"

enum { LIST_DEFAULT = 100 };

Authority admin_authority(const Exchange *exchange)
{
    return (Authority){exchange->identity.caller, exchange->tenant};
}

void admin_etag(const CatalogObject *object, char ret_etag[ADMIN_ETAG_BYTES])
{
    const char *hash = strrchr(object->stamp, '#');
    snprintf(ret_etag, ADMIN_ETAG_BYTES, "\"%llu-%s\"", (unsigned long long)object->version,
             hash ? hash + 1 : "");
}

static void add_member(Buf *to, const char *name, Str text)
{
    if (!text.len)
        return;
    buf_add_format(to, "\"%s\":", name);
    json_write_string(to, text);
    buf_add(to, STR(","));
}

static bool write_data(AuthKind kind, const CatalogObject *object, Buf *to)
{
    void *copy = NULL;
    Err none = {0};
    if (!auth_hides(kind)) {
        buf_add(to, object->data);
        return true;
    }
    if (!auth_read_published(kind, object->name, object->data, &copy, &none))
        return false;
    auth_write_shown(kind, copy, to);
    auth_free(copy);
    return true;
}

bool admin_write(AuthKind kind, const CatalogObject *object, Buf *to)
{
    size_t before = to->len;
    buf_add(to, STR("{"));
    add_member(to, "id", object->id);
    buf_add_format(to, "\"version\":%llu,", (unsigned long long)object->version);
    add_member(to, "publishedAt", object->published_at);
    add_member(to, "publishedBy", object->published_by);
    add_member(to, "comment", object->comment);
    buf_add(to, STR("\"data\":"));
    bool fine = write_data(kind, object, to);
    buf_add(to, STR("}"));
    if (!fine)
        to->len = before;
    return fine;
}

/* --- which ------------------------------------------------------------------------------------ */

/* AUTH_KIND_COUNT: one of plain.h, which whoever administers for everybody sees. */
static bool kind_of(Str name, AuthKind *ret_kind)
{
    if (auth_kind_named(name, ret_kind))
        return true;
    *ret_kind = AUTH_KIND_COUNT;
    return admin_plain(name) != NULL;
}

static bool sees(const Authority *authority, AuthKind kind, const CatalogEntry *entry)
{
    if (kind == AUTH_KIND_COUNT)
        return authority_is_whole(authority);
    return entry->made && authority_sees(authority, kind, entry->made);
}

static void begin_reply(Exchange *exchange)
{
    http_reply_status(exchange->request, 200);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
}

StepNext step_admin_show(Exchange *exchange)
{
    const Ingest *ingest = exchange->ingest;
    Authority authority = admin_authority(exchange);
    AuthKind kind;
    char etag[ADMIN_ETAG_BYTES];
    Str id =
        ARENA_JOIN(exchange->arena, exchange->parameters[0], STR("/"), exchange->parameters[1]);
    exchange->audit.resource = id;
    const CatalogView *view = catalog_acquire(ingest->catalog);
    const CatalogEntry *entry = catalog_find(view, id);
    bool found = kind_of(exchange->parameters[0], &kind) && entry &&
                 sees(&authority, kind, entry) &&
                 admin_write(kind, entry->object, http_reply_body(exchange->request));
    if (found)
        admin_etag(entry->object, etag);
    catalog_release(ingest->catalog, view);
    if (!found)
        return refuse(exchange, 404, "admin-unknown", "There is no such object");
    begin_reply(exchange);
    http_reply_header(exchange->request, "ETag", arena_copy(exchange->arena, str_from(etag)));
    buf_add(http_reply_body(exchange->request), STR("\n"));
    return STEP_REPLY;
}

/* --- lists ------------------------------------------------------------------------------------ */

static void write_list(Exchange *exchange, AuthKind kind, uint64_t limit, Str after)
{
    const Ingest *ingest = exchange->ingest;
    Authority authority = admin_authority(exchange);
    Buf *body = http_reply_body(exchange->request);
    const CatalogView *view = catalog_acquire(ingest->catalog);
    CatalogRun run = catalog_kind(view, arena_copy(exchange->arena, exchange->parameters[0]).ptr);
    Str last = STR_NONE;
    uint64_t count = 0;
    buf_add(body, STR("{\"objects\":["));
    for (size_t i = 0; i < run.count && count <= limit; i++) {
        const CatalogObject *object = run.entries[i].object;
        if ((after.len && str_compare(object->name, after) <= 0) ||
            !sees(&authority, kind, &run.entries[i]))
            continue;
        if (count++ == limit) /* there are more */
            break;
        buf_add(body, count > 1 ? STR(",\n") : STR("\n"));
        admin_write(kind, object, body);
        last = object->name;
    }
    buf_add(body, STR("]"));
    if (count > limit) {
        buf_add(body, STR(",\"next\":"));
        json_write_string(body, last);
    }
    buf_add(body, STR("}\n"));
    catalog_release(ingest->catalog, view);
}

StepNext step_admin_list(Exchange *exchange)
{
    Str query = http_request_query(exchange->request);
    Str after = http_query_get(query, STR("after"), exchange->arena);
    Str asked = http_query_get(query, STR("limit"), exchange->arena);
    uint64_t limit = LIST_DEFAULT;
    AuthKind kind;
    if (!kind_of(exchange->parameters[0], &kind))
        return refuse(exchange, 404, "not-found", "Resource not found");
    if (asked.ptr && (!str_to_u64(asked, &limit) || limit < 1 || limit > ADMIN_LIST_MAX))
        return refuse(exchange, 400, "admin-limit", "limit is a number from 1 to 1000");
    exchange->audit.resource = exchange->parameters[0];
    write_list(exchange, kind, limit, after);
    begin_reply(exchange);
    return STEP_REPLY;
}
