#include "services/persister/store.h"

#include "services/persister/statements.h"

struct Store {
    Db *db;
    StoreCounts counts;
};

Store *store_new(Db *db)
{
    Store *store = calloc(1, sizeof *store);
    if (store)
        store->db = db;
    return store;
}

void store_free(Store *store)
{
    free(store);
}

StoreCounts store_counts(const Store *store)
{
    return store->counts;
}

static void on_result(void *context, size_t index, const DbResult *result)
{
    Store *store = context;
    uint64_t rows = db_affected(result);
    (void)index;
    store->counts.rows += rows;
    store->counts.repeated += rows == 0;
}

static bool send_registrations(Store *store, const Record *records, size_t count, Arena *arena,
                               Err *err)
{
    Str *tenants = ARENA_ARRAY(arena, Str, count), *ids = ARENA_ARRAY(arena, Str, count);
    int64_t *times = ARENA_ARRAY(arena, int64_t, count);
    DbParams *params = arena_alloc(arena, sizeof *params);
    size_t n = 0;
    if (!tenants || !ids || !times || !params)
        return ERR(err, ERR_RETRY, "memory-limit", "registrations");
    for (size_t i = 0; i < count; i++) {
        if (!records[i].tenant.ptr || records[i].nothing || records[i].of_a_replay)
            continue;
        tenants[n] = records[i].tenant;
        ids[n] = records[i].interaction_id;
        times[n++] = records[i].received_at_us;
    }
    if (n == 0)
        return true;
    db_params_init(params, arena);
    db_text_array(params, tenants, n);
    db_uuid_array(params, ids, n);
    db_time_us_array(params, times, n);
    return db_send(store->db, &sql_register, params, err);
}

/* --- events as columns ------------------------------------------------------------------------ */

typedef struct EventColumns {
    size_t count;
    Str *tenants, *ids, *hashes, *replays;
    Str *steps, *destinations, *natures, *froms, *tos, *reasons, *services;
    int32_t *attempts;
    int64_t *times;
} EventColumns;

static bool columns_new(EventColumns *c, size_t room, Arena *arena)
{
    Str **texts[] = {&c->tenants, &c->ids,   &c->hashes, &c->replays, &c->steps,   &c->destinations,
                     &c->natures, &c->froms, &c->tos,    &c->reasons, &c->services};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!(*texts[i] = ARENA_ARRAY(arena, Str, room)))
            return false;
    c->attempts = ARENA_ARRAY(arena, int32_t, room);
    c->times = ARENA_ARRAY(arena, int64_t, room);
    return c->attempts && c->times;
}

static void add_event(EventColumns *c, const Record *r, const StateEvent *e)
{
    size_t i = c->count++;
    c->tenants[i] = r->tenant;
    c->ids[i] = r->interaction_id;
    c->hashes[i] = r->sha256;
    c->replays[i] = e->replay_id.len ? e->replay_id : STR("00000000-0000-0000-0000-000000000000");
    c->steps[i] = str_from(e->step);
    c->destinations[i] = e->destination.ptr ? e->destination : STR("");
    c->natures[i] = str_from(e->nature);
    c->froms[i] = str_from(e->from);
    c->tos[i] = str_from(e->to);
    c->reasons[i] = e->reason;
    c->services[i] = e->service.ptr ? e->service : STR("");
    c->attempts[i] = e->attempt;
    c->times[i] = e->happened_at_us ? e->happened_at_us : r->received_at_us;
}

static bool send_events(Store *store, const Record *records, size_t count, Arena *arena, Err *err)
{
    EventColumns c = {0};
    DbParams *params = arena_alloc(arena, sizeof *params);
    if (!params || !columns_new(&c, count * STATE_EVENTS_MAX, arena))
        return ERR(err, ERR_RETRY, "memory-limit", "events");
    for (size_t i = 0; i < count; i++)
        for (size_t e = 0; e < records[i].events.count; e++)
            add_event(&c, &records[i], &records[i].events.list[e]);
    if (c.count == 0)
        return true;
    db_params_init(params, arena);
    db_text_array(params, c.tenants, c.count);
    db_uuid_array(params, c.ids, c.count);
    db_bytes_array(params, c.hashes, c.count);
    db_text_array(params, c.steps, c.count);
    db_text_array(params, c.destinations, c.count);
    db_uuid_array(params, c.replays, c.count);
    db_int_array(params, c.attempts, c.count);
    db_text_or_null_array(params, c.natures, c.count);
    db_text_or_null_array(params, c.froms, c.count);
    db_text_or_null_array(params, c.tos, c.count);
    db_text_or_null_array(params, c.reasons, c.count);
    db_text_array(params, c.services, c.count);
    db_time_us_array(params, c.times, c.count);
    return db_send(store->db, &sql_events, params, err);
}

bool store_send(Store *store, const Record *records, size_t count, Arena *arena, Err *err)
{
    store->counts = (StoreCounts){0};
    TRY(send_registrations(store, records, count, arena, err));
    for (size_t i = 0; i < count; i++)
        if (records[i].statement)
            TRY(db_send(store->db, records[i].statement, records[i].params, err));
    TRY(send_events(store, records, count, arena, err));
    return db_end(store->db, on_result, store, err);
}
