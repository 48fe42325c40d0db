#include "common/catalog/publish.h"

#include "common/base/clock.h"

enum { SEEN_POLL_MS = 20 };

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

static bool send(const BusConfig *bus, Str id, Str value, uint32_t timeout_ms, Err *err)
{
    const BusProducerOptions options = {.message_timeout_ms = timeout_ms, .own_thread = true};
    const BusRecord record = {.topic = "config", .partition = 0, .key = id, .value = value};
    BusProducer *producer = NULL;
    BusDelivery delivery;
    TRY(bus_producer_new(bus, &options, &producer, err));
    bool fine = bus_publish_wait(producer, &record, &delivery, err);
    bus_producer_free(producer, 0);
    return fine;
}

static bool await(Catalog *catalog, Str id, uint64_t version, uint32_t timeout_ms, Err *err)
{
    int64_t until = clock_mono_ms() + timeout_ms;
    while (version_of(catalog, id) != version) {
        if (clock_mono_ms() > until)
            return ERR(err, ERR_RETRY, "publish-unseen",
                       "published, but it has not come back within %u ms", timeout_ms);
        nanosleep(&(struct timespec){.tv_nsec = SEEN_POLL_MS * 1000000L}, NULL);
    }
    return true;
}

bool catalog_publish(Catalog *catalog, const BusConfig *bus, const CatalogChange *change,
                     uint32_t timeout_ms, uint64_t *ret_version, Err *err)
{
    BUF_AUTO value;
    buf_init(&value, OBJECT_BYTES_MAX);
    uint64_t now = version_of(catalog, change->id);
    if (!object_id_valid(change->id))
        return ERR(err, ERR_INPUT, "object-id", "%.*s is not kind/name", STR_ARG(change->id));
    if (change->expects && now != change->expected_version)
        return ERR(err, ERR_INPUT, "publish-version", "version %llu is in force, not %llu",
                   (unsigned long long)now, (unsigned long long)change->expected_version);
    if (!change->data.ptr && now == 0)
        return ERR(err, ERR_INPUT, "publish-unknown", "there is no %.*s", STR_ARG(change->id));
    uint64_t version = change->data.ptr ? now + 1 : 0;
    TRY(write_value(change, version, &value, err));
    TRY(send(bus, change->id, change->data.ptr ? buf_str(&value) : STR_NONE, timeout_ms, err));
    TRY(await(catalog, change->id, version, timeout_ms, err));
    *ret_version = version;
    return true;
}
