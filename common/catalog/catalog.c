#include "common/catalog/catalog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/catalog/heads.h"

enum { POLL_MS = 100, RETRY_MS = 500, START_MS = 5000, SETTLE_MS = 5000, FATE_POLL_MS = 10 };

/* One accepted object, shared by the table and by every view that shows it. */
typedef struct Item {
    CatalogObject *object;
    void *made;
    const CatalogKind *kind;
    atomic_uint refs;
} Item;

typedef struct View {
    CatalogView shown; /* first: what readers hold */
    atomic_uint refs;
    Item **items;
    CatalogEntry *entries;
} View;

struct Catalog {
    CatalogKind kinds[CATALOG_KINDS_MAX];
    size_t kind_count;
    const BusConfig *bus;
    const Log *log;
    pthread_t thread;
    bool runs;
    atomic_bool stop;
    /* The table, sorted by id, and what it lacks: the thread's own, but for catalog_apply. */
    Item **items;
    size_t count, room;
    char (*refused_ids)[OBJECT_ID_BYTES_MAX + 1];
    size_t refused_count;
    bool changed, publishes;
    int64_t through; /* the offset behind the newest record that was read */
    /* What readers see. */
    pthread_mutex_t lock;
    Heads *heads; /* changed by the thread alone */
    struct {
        int64_t offset;
        CatalogFate fate;
    } fates[CATALOG_FATES_MAX]; /* of those that were not taken */
    size_t fate_count;
    int64_t seen; /* records before this offset are in `view`, or were not taken */
    bool unsettled;
    pthread_cond_t became_ready;
    bool ready;
    View *view;
    atomic_uint_fast64_t generation;
    CatalogCounts counts;
};

/* --- items and views --------------------------------------------------------------------------
 */
static void item_release(Item *item)
{
    if (atomic_fetch_sub(&item->refs, 1) > 1)
        return;
    if (item->kind->unmake && item->made)
        item->kind->unmake(item->made);
    object_free(item->object);
    free(item);
}

static void view_release(View *view)
{
    if (!view || atomic_fetch_sub(&view->refs, 1) > 1)
        return;
    for (size_t i = 0; i < view->shown.count; i++)
        item_release(view->items[i]);
    free(view->items);
    free(view->entries);
    free(view);
}

static View *view_new(const Catalog *catalog, uint64_t generation)
{
    View *view = calloc(1, sizeof *view);
    CHECK(view);
    view->items = calloc(catalog->count + 1, sizeof *view->items);
    view->entries = calloc(catalog->count + 1, sizeof *view->entries);
    CHECK(view->items && view->entries);
    atomic_init(&view->refs, 1);
    for (size_t i = 0; i < catalog->count; i++) {
        view->items[i] = catalog->items[i];
        atomic_fetch_add(&view->items[i]->refs, 1);
        view->entries[i] = (CatalogEntry){view->items[i]->object, view->items[i]->made};
    }
    view->shown = (CatalogView){view->entries, catalog->count, generation};
    return view;
}

/* Lets readers see the table as it is now; whoever holds the view before keeps it. */
static void show(Catalog *catalog, bool ready)
{
    View *view = view_new(catalog, atomic_load(&catalog->generation) + 1), *old;
    int64_t newest = 0;
    for (size_t i = 0; i < catalog->count; i++)
        if (catalog->items[i]->object->published_us > newest)
            newest = catalog->items[i]->object->published_us;
    pthread_mutex_lock(&catalog->lock);
    old = catalog->view;
    catalog->view = view;
    catalog->counts.objects = catalog->count;
    catalog->counts.refused_now = catalog->refused_count;
    catalog->counts.newest_us = newest;
    atomic_store(&catalog->generation, view->shown.generation);
    if (ready && !catalog->ready) {
        catalog->ready = true;
        pthread_cond_broadcast(&catalog->became_ready);
    }
    pthread_mutex_unlock(&catalog->lock);
    catalog->changed = false;
    view_release(old);
}

/* --- the table --------------------------------------------------------------------------------
 */
/* Where `id` is, or belongs. */
static size_t place_of(const Catalog *catalog, Str id, bool *ret_there)
{
    size_t low = 0, high = catalog->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(catalog->items[middle]->object->id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_there = low < catalog->count && str_eq(catalog->items[low]->object->id, id);
    return low;
}

static bool make_room(Catalog *catalog, Err *err)
{
    if (catalog->count == CATALOG_OBJECTS_MAX)
        return ERR(err, ERR_INPUT, "catalog-full", "%d objects already", CATALOG_OBJECTS_MAX);
    if (catalog->count < catalog->room)
        return true;
    size_t room = catalog->room ? catalog->room * 2 : 64;
    Item **items = realloc(catalog->items, room * sizeof(Item *));
    CHECK(items);
    catalog->items = items;
    catalog->room = room;
    return true;
}

static bool put(Catalog *catalog, Item *item, Err *err)
{
    bool there;
    size_t place = place_of(catalog, item->object->id, &there);
    if (there) {
        item_release(catalog->items[place]);
    } else {
        TRY(make_room(catalog, err));
        memmove(catalog->items + place + 1, catalog->items + place,
                (catalog->count - place) * sizeof(Item *));
        catalog->count++;
    }
    catalog->items[place] = item;
    return true;
}

static void take_out(Catalog *catalog, Str id)
{
    bool there;
    size_t place = place_of(catalog, id, &there);
    if (!there)
        return;
    item_release(catalog->items[place]);
    catalog->count--;
    memmove(catalog->items + place, catalog->items + place + 1,
            (catalog->count - place) * sizeof(Item *));
}

/* Ids whose newest record is not in force; a good record or a tombstone takes them off. */
static void note_refusal(Catalog *catalog, Str id, bool refused)
{
    size_t i = 0;
    while (i < catalog->refused_count && !str_is(id, catalog->refused_ids[i]))
        i++;
    if (refused && i == catalog->refused_count && i < CATALOG_OBJECTS_MAX) {
        void *grown = realloc(catalog->refused_ids, (i + 1) * sizeof catalog->refused_ids[0]);
        CHECK(grown);
        catalog->refused_ids = grown;
        snprintf(catalog->refused_ids[i], sizeof catalog->refused_ids[i], "%.*s", STR_ARG(id));
        catalog->refused_count++;
    } else if (!refused && i < catalog->refused_count) {
        catalog->refused_count--;
        memmove(catalog->refused_ids + i, catalog->refused_ids + i + 1,
                (catalog->refused_count - i) * sizeof catalog->refused_ids[0]);
    }
}

static const CatalogKind *kind_of(const Catalog *catalog, Str id)
{
    Str kind = str_cut(id, 0, str_find_char(id, '/'));
    for (size_t i = 0; i < catalog->kind_count; i++)
        if (str_is(kind, catalog->kinds[i].name))
            return &catalog->kinds[i];
    return NULL;
}

static bool accept(Catalog *catalog, const CatalogKind *kind, Str key, Str value, Err *err)
{
    Item *item = calloc(1, sizeof *item);
    CHECK(item);
    *item = (Item){.kind = kind, .refs = 1};
    bool fine = object_read(key, value, &item->object, err) &&
                (!kind->make || kind->make(kind->opaque, item->object, &item->made, err)) &&
                put(catalog, item, err);
    if (!fine)
        item_release(item);
    return fine;
}

static bool take_record(Catalog *catalog, Str key, Str value, Err *err)
{
    const CatalogKind *kind = kind_of(catalog, key);
    if (!kind || key.len > OBJECT_ID_BYTES_MAX)
        return true; /* somebody else's */
    bool fine = true;
    if (!value.ptr)
        take_out(catalog, key);
    else
        fine = accept(catalog, kind, key, value, err);
    note_refusal(catalog, key, !fine);
    catalog->changed = true;
    if (!fine) {
        pthread_mutex_lock(&catalog->lock);
        catalog->counts.refused++;
        pthread_mutex_unlock(&catalog->lock);
    }
    return fine;
}

/* --- the thread -------------------------------------------------------------------------------
 */
static void note_fate(Catalog *catalog, int64_t offset, CatalogFate fate)
{
    pthread_mutex_lock(&catalog->lock);
    size_t at = catalog->fate_count++ % CATALOG_FATES_MAX;
    catalog->fates[at].offset = offset;
    catalog->fates[at].fate = fate;
    pthread_mutex_unlock(&catalog->lock);
}

static HeadFate decide(Catalog *catalog, const BusMessage *message)
{
    const HeadRecord record = {.id = message->key,
                               .value = message->value,
                               .offset = message->offset,
                               .over = bus_message_header(message, HEADS_OVER),
                               .settles = bus_message_header(message, HEADS_SETTLES)};
    pthread_mutex_lock(&catalog->lock);
    HeadFate fate = heads_take(catalog->heads, &record);
    pthread_mutex_unlock(&catalog->lock);
    return fate;
}

static void take_message(Catalog *catalog, const BusMessage *message)
{
    Err err = {0};
    bool ours = kind_of(catalog, message->key) && message->key.len <= OBJECT_ID_BYTES_MAX;
    HeadFate fate = ours ? decide(catalog, message) : HEAD_SAME;
    catalog->through = message->offset + 1;
    if (fate == HEAD_SAME)
        return;
    if (fate == HEAD_LOST) {
        note_fate(catalog, message->offset, CATALOG_LOST);
        if (catalog->ready)
            log_warn(catalog->log, "catalog.lost", LOG_STR("id", message->key),
                     LOG_I64("offset", message->offset));
    } else if (!take_record(catalog, message->key, message->value, &err)) {
        note_fate(catalog, message->offset, CATALOG_REFUSED);
        log_error(catalog->log, "catalog.refused", LOG_STR("id", message->key),
                  LOG_I64("offset", message->offset), LOG_ERR(&err));
    } else if (catalog->ready) {
        log_info(catalog->log, "catalog.changed", LOG_STR("id", message->key),
                 LOG_BOOL("removed", !message->value.ptr));
    }
}

/* Puts what is in force behind what lost, so that it is the last of its key: heads.h. */
static bool settle_one(Catalog *catalog, const HeadSettlement *settlement, Err *err)
{
    const BusProducerOptions options = {.message_timeout_ms = SETTLE_MS, .own_thread = true};
    const BusHeader settles = {STR(HEADS_SETTLES), str_from(settlement->settles)};
    const BusRecord record = {.topic = "config",
                              .key = settlement->id,
                              .value = settlement->value,
                              .headers = &settles,
                              .header_count = 1};
    BusProducer *producer = NULL;
    BusDelivery delivery;
    TRY(bus_producer_new(catalog->bus, &options, &producer, err));
    bool fine = bus_publish_wait(producer, &record, &delivery, err);
    bus_producer_free(producer, 0);
    return fine;
}

static void settle(Catalog *catalog)
{
    HeadSettlement settlement;
    Err err = {0};
    if (!catalog->publishes || !heads_unsettled(catalog->heads, &settlement))
        return;
    if (settle_one(catalog, &settlement, &err))
        log_info(catalog->log, "catalog.settled", LOG_STR("id", settlement.id),
                 LOG_STR("offsets", str_from(settlement.settles)));
    else
        log_warn(catalog->log, "catalog.unsettled", LOG_STR("id", settlement.id), LOG_ERR(&err));
}

static void note_seen(Catalog *catalog)
{
    HeadSettlement none;
    pthread_mutex_lock(&catalog->lock);
    catalog->seen = catalog->through;
    catalog->unsettled = catalog->publishes && heads_unsettled(catalog->heads, &none);
    pthread_mutex_unlock(&catalog->lock);
}

static void read_topic(Catalog *catalog, BusReader *reader)
{
    while (!atomic_load(&catalog->stop)) {
        const BusMessage *message = NULL;
        bool waiting = catalog->ready && catalog->through > catalog->seen; /* to be shown */
        bool got = bus_reader_poll(reader, waiting ? 0 : POLL_MS, &message);
        if (got)
            take_message(catalog, message);
        bool first = !catalog->ready && bus_reader_caught_up(reader);
        /* At once when it is one change, together when there are many. */
        if (first || (catalog->ready && catalog->changed && !got))
            show(catalog, true);
        if (first)
            log_info(catalog->log, "catalog.ready", LOG_U64("objects", catalog->count),
                     LOG_U64("refused", catalog->refused_count));
        if (catalog->ready && !got) {
            note_seen(catalog);
            settle(catalog);
        }
    }
}

static void *catalog_main(void *opaque)
{
    Catalog *catalog = opaque;
    BusReader *reader = NULL;
    pthread_setname_np(pthread_self(), "catalog");
    while (!atomic_load(&catalog->stop) && !reader) {
        Err err = {0};
        if (bus_reader_new_from_start(catalog->bus, "config", START_MS, &reader, &err))
            break;
        log_warn(catalog->log, "catalog.waits_for_brokers", LOG_ERR(&err));
        for (int ms = 0; ms < RETRY_MS && !atomic_load(&catalog->stop); ms += POLL_MS)
            nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
    if (reader)
        read_topic(catalog, reader);
    bus_reader_free(reader);
    return NULL;
}

/* --- from outside -----------------------------------------------------------------------------
 */
bool catalog_open_detached(const CatalogOptions *options, Catalog **ret_catalog, Err *err)
{
    CHECK(options->kind_count <= CATALOG_KINDS_MAX);
    Catalog *catalog = calloc(1, sizeof *catalog);
    if (!catalog)
        return ERR(err, ERR_FATAL, "catalog-memory", "no memory");
    pthread_condattr_t clock;
    memcpy(catalog->kinds, options->kinds, options->kind_count * sizeof(CatalogKind));
    catalog->kind_count = options->kind_count;
    catalog->bus = options->bus;
    catalog->publishes = options->publishes;
    catalog->heads = heads_new(options->publishes);
    catalog->log = options->bus ? options->bus->log : NULL;
    pthread_mutex_init(&catalog->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&catalog->became_ready, &clock);
    pthread_condattr_destroy(&clock);
    show(catalog, options->bus == NULL);
    *ret_catalog = catalog;
    return true;
}

bool catalog_open(const CatalogOptions *options, Catalog **ret_catalog, Err *err)
{
    CHECK(options->bus);
    Catalog *catalog;
    TRY(catalog_open_detached(options, &catalog, err));
    catalog->runs = pthread_create(&catalog->thread, NULL, catalog_main, catalog) == 0;
    if (!catalog->runs) {
        catalog_close(catalog);
        return ERR(err, ERR_FATAL, "catalog-thread", "no thread");
    }
    *ret_catalog = catalog;
    return true;
}

void catalog_close(Catalog *catalog)
{
    if (!catalog)
        return;
    atomic_store(&catalog->stop, true);
    if (catalog->runs)
        pthread_join(catalog->thread, NULL);
    view_release(catalog->view);
    for (size_t i = 0; i < catalog->count; i++)
        item_release(catalog->items[i]);
    free(catalog->items);
    free(catalog->refused_ids);
    heads_free(catalog->heads);
    pthread_cond_destroy(&catalog->became_ready);
    pthread_mutex_destroy(&catalog->lock);
    free(catalog);
}

bool catalog_ready(Catalog *catalog, uint32_t timeout_ms)
{
    const struct timespec until = clock_after_ms(CLOCK_MONOTONIC, timeout_ms);
    pthread_mutex_lock(&catalog->lock);
    while (!catalog->ready &&
           pthread_cond_timedwait(&catalog->became_ready, &catalog->lock, &until) == 0)
        ;
    bool ready = catalog->ready;
    pthread_mutex_unlock(&catalog->lock);
    return ready;
}

const CatalogView *catalog_acquire(Catalog *catalog)
{
    pthread_mutex_lock(&catalog->lock);
    View *view = catalog->view;
    atomic_fetch_add(&view->refs, 1);
    pthread_mutex_unlock(&catalog->lock);
    return &view->shown;
}

void catalog_release(Catalog *catalog, const CatalogView *view)
{
    (void)catalog;
    /* `shown` is the view's first member, and only we make views. */
    union {
        const CatalogView *shown;
        View *view;
    } cast = {.shown = view};
    view_release(cast.view);
}

uint64_t catalog_generation(const Catalog *catalog)
{
    return atomic_load(&catalog->generation);
}

CatalogCounts catalog_counts(Catalog *catalog)
{
    pthread_mutex_lock(&catalog->lock);
    CatalogCounts counts = catalog->counts;
    pthread_mutex_unlock(&catalog->lock);
    return counts;
}

uint64_t catalog_head(Catalog *catalog, Str id)
{
    pthread_mutex_lock(&catalog->lock);
    uint64_t version = heads_version(catalog->heads, id);
    pthread_mutex_unlock(&catalog->lock);
    return version;
}

static CatalogFate fate_now(Catalog *catalog, int64_t offset)
{
    pthread_mutex_lock(&catalog->lock);
    CatalogFate fate = catalog->seen > offset ? CATALOG_TAKEN : CATALOG_UNSEEN;
    for (size_t i = 0; i < CATALOG_FATES_MAX && i < catalog->fate_count; i++)
        if (fate == CATALOG_TAKEN && catalog->fates[i].offset == offset)
            fate = catalog->fates[i].fate;
    bool settled = !catalog->unsettled;
    pthread_mutex_unlock(&catalog->lock);
    return fate == CATALOG_LOST && !settled ? CATALOG_UNSEEN : fate;
}

CatalogFate catalog_fate(Catalog *catalog, int64_t offset, uint32_t timeout_ms)
{
    int64_t until = clock_mono_ms() + timeout_ms;
    CatalogFate fate;
    while ((fate = fate_now(catalog, offset)) == CATALOG_UNSEEN && clock_mono_ms() < until)
        nanosleep(&(struct timespec){.tv_nsec = FATE_POLL_MS * 1000000L}, NULL);
    return fate;
}

CatalogRun catalog_kind(const CatalogView *view, const char *kind)
{
    CatalogRun run = {0};
    for (size_t i = 0; i < view->count; i++)
        if (str_is(view->entries[i].object->kind, kind)) {
            if (run.count == 0)
                run.entries = &view->entries[i];
            run.count++;
        }
    return run;
}

const CatalogEntry *catalog_find(const CatalogView *view, Str id)
{
    for (size_t i = 0; i < view->count; i++)
        if (str_eq(view->entries[i].object->id, id))
            return &view->entries[i];
    return NULL;
}

bool catalog_apply(Catalog *catalog, Str key, Str value, Err *err)
{
    bool fine = take_record(catalog, key, value, err);
    show(catalog, true);
    return fine;
}
