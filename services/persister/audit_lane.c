#include "services/persister/audit_lane.h"

#include "common/audit/trail.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/bus/bus_metrics.h"
#include "services/persister/statements.h"

enum {
    SEND_BYTES = 16 * 1024 * 1024,
    ROOM = 1000,
    OBSERVE_MS = 1000,
    ARENA_BYTES = 128 * 1024 * 1024,
    GATHER_MS = 200
};

/* What one statement appends: records of one partition, in order. */
typedef struct Columns {
    size_t count;
    int64_t *offsets, *ats;
    Str *records, *kinds, *actions, *operations, *resources, *tenants, *callers, *addresses,
        *subjects;
    int32_t *statuses, *outcomes;
} Columns;

struct AuditLane {
    const Settings *settings;
    const Counts *counts;
    const Log *log;
    Supervisor *supervisor;
    Hand *hand;
    BusConsumer *consumer;
    BusMetrics *shown;
    Db *db;
    Arena *arena;
    BusMessage *messages[ROOM];
    size_t count, sent; /* the first `sent` are in the transaction under way */
    uint64_t appended;
    bool bare; /* the database refused the columns: the bytes alone */
    int64_t again_at_ms, observe_at_ms;
};

/* --- a transaction ---------------------------------------------------------------------------- */

static bool columns_new(Columns *c, size_t room, Arena *arena)
{
    Str **texts[] = {&c->records, &c->kinds,   &c->actions,   &c->operations, &c->resources,
                     &c->tenants, &c->callers, &c->addresses, &c->subjects};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!(*texts[i] = ARENA_ARRAY(arena, Str, room)))
            return false;
    c->offsets = ARENA_ARRAY(arena, int64_t, room);
    c->ats = ARENA_ARRAY(arena, int64_t, room);
    c->statuses = ARENA_ARRAY(arena, int32_t, room);
    c->outcomes = ARENA_ARRAY(arena, int32_t, room);
    return c->offsets && c->ats && c->statuses && c->outcomes;
}

static AuditColumns read_columns(AuditLane *lane, const BusMessage *m, Str bytes)
{
    AuditColumns columns;
    AuditRecord record;
    int64_t at_us = m->timestamp_us > 0 ? m->timestamp_us : clock_wall_us();
    if (lane->bare || hand_condemned(lane->supervisor, m->topic, m->partition, m->offset))
        bytes = STR("?"); /* no such record either */
    hand_take(lane->hand, m->topic, m->partition, m->offset);
    if (!audit_columns(bytes, at_us, lane->arena, &columns, &record))
        log_warn(lane->log, "audit.unreadable", LOG_I64("partition", m->partition),
                 LOG_I64("offset", m->offset));
    hand_return(lane->hand);
    return columns;
}

static void add(AuditLane *lane, Columns *c, const BusMessage *m)
{
    size_t i = c->count++;
    c->records[i] = m->value.ptr ? m->value : STR("");
    AuditColumns columns = read_columns(lane, m, c->records[i]);
    c->offsets[i] = m->offset;
    c->ats[i] = columns.at_us;
    c->kinds[i] = str_from(columns.kind);
    c->actions[i] = columns.action;
    c->operations[i] = columns.operation;
    c->resources[i] = columns.resource;
    c->tenants[i] = columns.tenant;
    c->callers[i] = columns.caller;
    c->addresses[i] = columns.address;
    c->statuses[i] = columns.status;
    c->outcomes[i] = columns.outcome;
    c->subjects[i] = columns.subject;
}

static bool send_partition(AuditLane *lane, int32_t partition, Err *err)
{
    Columns c = {0};
    DbParams *params = arena_alloc(lane->arena, sizeof *params);
    if (!params || !columns_new(&c, lane->sent, lane->arena))
        return ERR(err, ERR_RETRY, "memory-limit", "audit records");
    for (size_t i = 0; i < lane->sent; i++)
        if (lane->messages[i]->partition == partition)
            add(lane, &c, lane->messages[i]);
    db_params_init(params, lane->arena);
    db_int(params, partition);
    db_bigint_array(params, c.offsets, c.count);
    db_bytes_array(params, c.records, c.count);
    db_time_us_array(params, c.ats, c.count);
    const Str *texts[] = {c.kinds,   c.actions, c.operations, c.resources,
                          c.tenants, c.callers, c.addresses};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        db_text_array(params, texts[i], c.count);
    db_int_array(params, c.statuses, c.count);
    db_int_array(params, c.outcomes, c.count);
    db_bytes_array(params, c.subjects, c.count);
    return db_send(lane->db, &sql_audit_append, params, err);
}

static void on_result(void *context, size_t index, const DbResult *result)
{
    AuditLane *lane = context;
    (void)index;
    lane->appended += db_rows(result) ? (uint64_t)db_get_int(result, 0, 0) : 0;
}

/* The first so many: one always, however large. */
static size_t due(const AuditLane *lane)
{
    size_t n = 1, bytes = lane->messages[0]->value.len;
    while (n < lane->count && (bytes += lane->messages[n]->value.len) <= SEND_BYTES)
        n++;
    return n;
}

/* Chains are taken in the order of their numbers, so that two persisters never wait in a circle. */
static bool send(AuditLane *lane, Err *err)
{
    int32_t last = -1;
    arena_reset(lane->arena);
    lane->sent = due(lane);
    lane->appended = 0;
    for (;;) {
        int32_t next = INT32_MAX;
        for (size_t i = 0; i < lane->sent; i++)
            if (lane->messages[i]->partition > last && lane->messages[i]->partition < next)
                next = lane->messages[i]->partition;
        if (next == INT32_MAX)
            return db_end(lane->db, on_result, lane, err);
        TRY(send_partition(lane, next, err));
        last = next;
    }
}

static void failed(AuditLane *lane, const Err *err)
{
    lane->sent = 0;
    lane->bare = err->kind == ERR_INPUT;
    lane->again_at_ms = clock_mono_ms() + (int64_t)lane->settings->retry_ms;
    log_warn(lane->log, "audit.again", LOG_ERR(err), LOG_U64("records", lane->count));
}

static void ended(AuditLane *lane)
{
    Err err = {0};
    if (!db_outcome(lane->db, &err)) {
        failed(lane, &err);
        return;
    }
    for (size_t i = 0; i < lane->sent; i++)
        bus_settle(lane->consumer, lane->messages[i]);
    counter_add(lane->counts->audit_kept, lane->appended);
    memmove(lane->messages, lane->messages + lane->sent,
            (lane->count - lane->sent) * sizeof lane->messages[0]);
    lane->count -= lane->sent;
    lane->sent = 0;
    lane->bare = false;
}

/* --- the lane --------------------------------------------------------------------------------- */

/* Also serves the group; at the room's end nothing more comes. */
static void take(AuditLane *lane)
{
    while (lane->count < ROOM && bus_poll(lane->consumer, 0, &lane->messages[lane->count]))
        lane->count++;
    if (lane->count == ROOM) {
        BusMessage *none;
        bool more = bus_poll(lane->consumer, 0, &none);
        CHECK(!more); /* in_flight_max is ROOM */
    }
}

/* What is not in a transaction and has left with its partition is somebody else's. */
static void forget_lost(AuditLane *lane)
{
    size_t kept = lane->sent;
    for (size_t i = lane->sent; i < lane->count; i++) {
        if (bus_message_owned(lane->messages[i]))
            lane->messages[kept++] = lane->messages[i];
        else
            bus_drop(lane->consumer, lane->messages[i]);
    }
    lane->count = kept;
}

static void serve_database(AuditLane *lane)
{
    Err err = {0};
    DbState state = db_progress(lane->db);
    if (lane->sent && state != DB_BUSY) {
        ended(lane);
        state = db_progress(lane->db);
    }
    if (!lane->count || lane->sent || state != DB_IDLE || clock_mono_ms() < lane->again_at_ms)
        return;
    if (!send(lane, &err))
        failed(lane, &err);
}

void audit_lane_step(AuditLane *lane)
{
    int64_t now = clock_mono_ms();
    take(lane);
    forget_lost(lane);
    serve_database(lane);
    if (now < lane->observe_at_ms)
        return;
    lane->observe_at_ms = now + OBSERVE_MS;
    bus_metrics_update(lane->shown, lane->consumer, NULL, NULL);
}

void audit_lane_finish(AuditLane *lane, uint32_t wait_ms)
{
    int64_t until_ms = clock_mono_ms() + wait_ms;
    while (lane->count && clock_mono_ms() < until_ms) {
        serve_database(lane);
        supervisor_beat(lane->supervisor);
        if (lane->sent)
            db_wait(lane->db, 20);
        else if (db_progress(lane->db) != DB_IDLE)
            db_wait(lane->db, 20);
    }
}

static void on_revoke(void *opaque, uint32_t wait_ms)
{
    audit_lane_finish(opaque, wait_ms);
}

bool audit_lane_fatal(const AuditLane *lane)
{
    return bus_consumer_fatal(lane->consumer);
}

bool audit_lane_new(const Settings *settings, const Counts *counts, const Log *log,
                    Supervisor *supervisor, AuditLane **ret_lane, Err *err)
{
    char group[300];
    snprintf(group, sizeof group, "%s.audit", settings->group);
    AuditLane *lane = calloc(1, sizeof *lane);
    if (!lane)
        return ERR(err, ERR_FATAL, "worker-memory", "out of memory");
    lane->settings = settings;
    lane->counts = counts;
    lane->log = log;
    lane->supervisor = supervisor;
    lane->hand = hand_new(supervisor);
    lane->arena = arena_new(ARENA_BYTES);
    lane->db = db_new(&settings->db, audit_statements, "fhirbus-persister audit", log);
    lane->shown = bus_metrics_new(counts->metrics, "audit");
    const BusConsumerOptions options = {
        .group = group,
        .lanes = {"audit"},
        .lane_count = 1,
        .member = supervisor_member(supervisor),
        .max_poll_interval_ms = supervisor_poll_interval_ms(supervisor),
        .in_flight_max = ROOM,
        .gather_ms = GATHER_MS,
        .queued_kbytes = 4096,
        .on_revoke = on_revoke,
        .opaque = lane,
    };
    bool fine = lane->arena && lane->db && lane->shown;
    if (!fine)
        ERR(err, ERR_FATAL, "worker-memory", "out of memory");
    if (!fine || !bus_consumer_new(&settings->bus, &options, &lane->consumer, err)) {
        audit_lane_free(lane);
        return false;
    }
    *ret_lane = lane;
    return true;
}

void audit_lane_free(AuditLane *lane)
{
    if (!lane)
        return;
    /* A transaction under way may still commit: then its records come again and change nothing. */
    for (size_t i = 0; i < lane->count; i++)
        bus_drop(lane->consumer, lane->messages[i]);
    bus_consumer_free(lane->consumer);
    bus_metrics_free(lane->shown);
    db_free(lane->db);
    arena_free(lane->arena);
    free(lane);
}
