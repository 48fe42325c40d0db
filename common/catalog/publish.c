#include "common/catalog/publish.h"

#include "common/audit/audit.h"
#include "common/base/clock.h"
#include "common/catalog/heads.h"

enum { ATTEMPTS_MAX = 5 };

/* The version in force, 0: there is none. */
static uint64_t version_of(Catalog *catalog, Str id)
{
    const CatalogView *view = catalog_acquire(catalog);
    const CatalogEntry *entry = catalog_find(view, id);
    uint64_t version = entry ? entry->object->version : 0;
    catalog_release(catalog, view);
    return version;
}

static bool write_value(const CatalogChange *change, uint64_t version, Buf *out, Err *err)
{
    const ObjectDraft draft = {.id = change->id,
                               .version = version,
                               .published_us = clock_wall_us(),
                               .published_by = change->by,
                               .comment = change->comment,
                               .data = change->data};
    return !change->data.ptr || object_write(&draft, out, err);
}

/* Over the version that the topic holds: what is published over another one meanwhile decides. */
static bool send(const BusConfig *bus, Str id, Str value, uint64_t over, uint32_t timeout_ms,
                 int64_t *ret_offset, Err *err)
{
    char number[24];
    const BusProducerOptions options = {.message_timeout_ms = timeout_ms, .own_thread = true};
    BusHeader header = {STR(HEADS_OVER), STR_NONE};
    const BusRecord record = {.topic = "config",
                              .partition = 0,
                              .key = id,
                              .value = value,
                              .headers = &header,
                              .header_count = 1};
    BusProducer *producer = NULL;
    BusDelivery delivery;
    snprintf(number, sizeof number, "%llu", (unsigned long long)over);
    header.value = str_from(number);
    TRY(bus_producer_new(bus, &options, &producer, err));
    bool fine = bus_publish_wait(producer, &record, &delivery, err);
    bus_producer_free(producer, 0);
    *ret_offset = fine ? delivery.offset : -1;
    return fine;
}

/* One attempt. *ret_lost: somebody else was first, by the order of the log. */
static bool attempt(Catalog *catalog, const BusConfig *bus, const CatalogChange *change,
                    uint32_t timeout_ms, uint64_t *ret_version, bool *ret_lost, Err *err)
{
    BUF_AUTO value;
    int64_t offset;
    buf_init(&value, OBJECT_BYTES_MAX);
    /* In this order: a change between the two is noticed by the one or the other. */
    uint64_t head = catalog_head(catalog, change->id), now = version_of(catalog, change->id);
    if (change->expects && now != change->expected_version)
        return ERR(err, ERR_INPUT, "publish-version", "version %llu is in force, not %llu",
                   (unsigned long long)now, (unsigned long long)change->expected_version);
    if (!change->data.ptr && now == 0 && head == 0)
        return ERR(err, ERR_INPUT, "publish-unknown", "there is no %.*s", STR_ARG(change->id));
    *ret_version = change->data.ptr ? head + 1 : 0;
    TRY(write_value(change, *ret_version, &value, err));
    TRY(send(bus, change->id, change->data.ptr ? buf_str(&value) : STR_NONE, head, timeout_ms,
             &offset, err));
    CatalogFate fate = catalog_fate(catalog, offset, timeout_ms);
    *ret_lost = fate == CATALOG_LOST;
    if (*ret_lost)
        return ERR(err, ERR_INPUT, "publish-version",
                   "somebody else changed %.*s in the same moment", STR_ARG(change->id));
    if (fate == CATALOG_REFUSED)
        return ERR(err, ERR_INPUT, "publish-refused",
                   "published, but it cannot be used here: the last good one stays in force");
    return fate == CATALOG_TAKEN ||
           ERR(err, ERR_RETRY, "publish-unseen", "published, but it has not come back within %u ms",
               timeout_ms);
}

static bool apply(Catalog *catalog, const BusConfig *bus, const CatalogChange *change,
                  uint32_t timeout_ms, uint64_t *ret_version, Err *err)
{
    if (!object_id_valid(change->id))
        return ERR(err, ERR_INPUT, "object-id", "%.*s is not kind/name", STR_ARG(change->id));
    for (int tried = 1;; tried++) {
        bool lost = false;
        if (attempt(catalog, bus, change, timeout_ms, ret_version, &lost, err))
            return true;
        /* Over whatever is in force: then over that one. */
        if (!lost || change->expects || tried == ATTEMPTS_MAX)
            return false;
    }
}

static bool tell_audit(const BusConfig *bus, const CatalogChange *change, uint64_t before,
                       uint64_t after, const Err *failed, Err *err)
{
    char versions[2][24];
    snprintf(versions[0], sizeof versions[0], "%llu", (unsigned long long)before);
    snprintf(versions[1], sizeof versions[1], "%llu", (unsigned long long)after);
    const NameValue details[] = {
        {STR("version-before"), str_from(versions[0])},
        {STR("version"),        str_from(versions[1])},
        {STR("comment"),        change->comment      }
    };
    const char *action = !change->data.ptr ? "D" : before ? "U" : "C";
    AuditRecord record =
        audit_act_record(bus->client_id ? bus->client_id : "", action,
                         change->data.ptr ? "publish" : "remove", change->id, change->by, failed);
    if (change->address.len)
        record.address = change->address;
    record.details = details;
    record.detail_count = change->comment.len ? 3 : 2;
    Err why = {0};
    return audit_act(bus, &record, &why) ||
           ERR(err, ERR_RETRY, "audit-unpublished", "%s, but the audit record was not taken: %s",
               failed ? "not done" : "done", why.text);
}

bool catalog_publish(Catalog *catalog, const BusConfig *bus, const CatalogChange *change,
                     uint32_t timeout_ms, uint64_t *ret_version, Err *err)
{
    Err why = {0}, unheard = {0};
    uint64_t before = version_of(catalog, change->id), after = 0;
    bool fine = apply(catalog, bus, change, timeout_ms, &after, &why);
    bool told =
        tell_audit(bus, change, before, fine ? after : before, fine ? NULL : &why, &unheard);
    if (fine && told)
        *ret_version = after;
    else if (err)
        *err = fine ? unheard : why;
    return fine && told;
}
