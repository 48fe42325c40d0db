#include "services/persister/worker.h"

#include <stdatomic.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/bus/bus_metrics.h"
#include "common/bus/pace.h"
#include "services/persister/audit_lane.h"
#include "services/persister/batch.h"
#include "services/persister/statements.h"
#include "services/persister/store.h"
#include "services/persister/upkeep.h"

#define IDLE_POLL_MS 50
#define BUSY_WAIT_MS 5
#define FILL_TURNS 8
#define OBSERVE_MS 1000
#define SEND_ARENA_BYTES ((size_t)64 << 20)
#define DLQ_TRIES_PAUSE_MS 500
#define AUDIT_DRAIN_MS 3000

struct Worker {
    const Settings *settings;
    const Counts *counts;
    const Log *log;
    Supervisor *supervisor;
    Hand *hand;
    BusConsumer *consumer;
    BusProducer *producer; /* for dlq */
    BusMetrics *shown;
    Db *db;
    Store *store;
    Recorder *recorder;
    Upkeep *upkeep, *grid;
    AuditLane *audit;
    Vault *vault;      /* NULL: payloads are kept as they are */
    bool keys_awaited; /* nothing is taken until they fit */
    Batch batches[2];
    Batch *filling;   /* never NULL */
    Batch *sending;   /* NULL: none */
    bool under_way;   /* a transaction of `sending` */
    BusMessage *held; /* taken, but the filling batch had no room */
    Arena *send_arena;
    int64_t sent_at_us;
    Pace pace;
    int64_t send_again_at_ms;
    int64_t observe_at_ms;
    _Atomic int64_t beat_at_ms;
    _Atomic bool database, broker;
};

/* --- dead letters ------------------------------------------------------------------------------
 */

typedef struct DeadLetter {
    bool reported, ok;
} DeadLetter;

static void on_dead_lettered(void *opaque, const BusDelivery *delivery)
{
    DeadLetter *letter = opaque;
    letter->reported = true;
    letter->ok = delivery->ok;
}

/* Published and reported, or the message comes again. Rare, so waiting here is fine: the producer's
 * own time limit is far below max.poll.interval. */
static void dead_letter(Worker *w, BusMessage *message, const Err *reason)
{
    DeadLetter letter = {0};
    Err err = {0};
    Trace trace = bus_message_trace(message);
    log_error(w->log, "message.dead_lettered", LOG_TRACE(&trace), LOG_ERR(reason),
              LOG_TEXT("topic", message->topic), LOG_I64("partition", message->partition),
              LOG_I64("offset", message->offset));
    const BusBurial burial = {
        "persister", reason,
        .deaths = hand_deaths(w->supervisor, message->topic, message->partition, message->offset)};
    bool sent = bus_dead_letter(w->producer, message, &burial, on_dead_lettered, &letter, &err);
    while (sent && !letter.reported)
        bus_producer_poll(w->producer, 100);
    if (sent && letter.ok) {
        counter_add(w->counts->dead_lettered, 1);
        bus_settle(w->consumer, message);
        return;
    }
    log_warn(w->log, "dlq.unreachable", LOG_TRACE(&trace), LOG_ERR(&err));
    bus_retry(w->consumer, message, DLQ_TRIES_PAUSE_MS);
}

/* --- taking ------------------------------------------------------------------------------------
 */

static bool filling_has_room(const Worker *w, size_t bytes)
{
    const Batch *b = w->filling;
    return b->count == 0 || (b->count < b->room && b->bytes + bytes <= w->settings->batch_bytes);
}

static bool read_record(Worker *w, const BusMessage *message, Batch *batch, Record *ret, Err *err)
{
    if (hand_condemned(w->supervisor, message->topic, message->partition, message->offset))
        return ERR(err, ERR_INPUT, "poison", "it killed or hung its worker twice");
    hand_take(w->hand, message->topic, message->partition, message->offset);
    const RecordSource from = {str_from(message->topic), message->partition, message->offset,
                               message->timestamp_us};
    bool read = record_read(w->recorder, &from, message->value, batch->arena, ret, err);
    hand_return(w->hand);
    return read;
}

/* Into the filling batch, or to the dead letters. False: no room, hold it for the next batch. */
static bool take(Worker *w, BusMessage *message)
{
    Batch *batch = w->filling;
    Err err = {0};
    ArenaMark mark = arena_mark(batch->arena);
    if (!filling_has_room(w, message->value.len))
        return false;
    Record *record = &batch->records[batch->count];
    if (read_record(w, message, batch, record, &err)) {
        batch->messages[batch->count++] = message;
        batch->bytes += message->value.len;
        return true;
    }
    bool crowded = strcmp(err.code, "memory-limit") == 0 && batch->count > 0;
    arena_release(batch->arena, mark);
    if (crowded)
        return false; /* alone it may well fit */
    dead_letter(w, message, &err);
    return true;
}

/* Without keys that fit nothing is taken, so that nothing has to be dead-lettered for their sake.
 */
static bool await_keys(Worker *w)
{
    bool fit = vault_ready(w->vault, NULL);
    if (fit && w->keys_awaited)
        bus_resume(w->consumer);
    else if (!fit && !w->keys_awaited)
        bus_pause(w->consumer);
    w->keys_awaited = !fit;
    if (!fit && !w->held && !bus_poll(w->consumer, IDLE_POLL_MS, &w->held)) /* serves the group */
        w->held = NULL;
    return fit;
}

/* True when there may be more to take at once. */
static bool fill(Worker *w)
{
    if (!await_keys(w))
        return false;
    if (w->held && take(w, w->held))
        w->held = NULL;
    /* While a transaction runs, prepare the next; but look after the database now and then. */
    for (size_t turns = 0; !w->held && turns < FILL_TURNS && filling_has_room(w, 0); turns++) {
        BusMessage *message;
        bool idle = !w->sending && w->filling->count == 0;
        if (!bus_poll(w->consumer, idle && turns == 0 ? IDLE_POLL_MS : 0, &message))
            return false;
        if (!take(w, message))
            w->held = message;
    }
    return !w->held && filling_has_room(w, 0);
}

/* --- sending -----------------------------------------------------------------------------------
 */

/* Each topic tells a part of the story; that the document itself is safe is told to all. */
static void note_stored(const Worker *w, const BusMessage *message, const Record *record)
{
    LogLevel level = record->payload_bytes ? LOG_INFO : LOG_DEBUG;
    if (record->nothing || !log_enabled(w->log, level))
        return;
    Trace trace = bus_message_trace(message);
    LOG_AT(w->log, level, record->payload_bytes ? "document.stored" : "message.stored",
           LOG_TRACE(&trace), LOG_STR("interaction_id", record->interaction_id),
           LOG_STR("tenant", record->tenant), LOG_TEXT("topic", message->topic),
           LOG_STR_IF("replay_id", bus_message_header(message, "replay")),
           LOG_U64("bytes", record->payload_bytes));
}

static void settle(Worker *w, size_t i)
{
    BusMessage *message = w->sending->messages[i];
    int64_t age_us = clock_wall_us() - message->timestamp_us;
    w->sending->messages[i] = NULL;
    if (message->timestamp_us)
        histogram_observe(w->counts->age_seconds, age_us > 0 ? (double)age_us / 1e6 : 0);
    counter_add(w->counts->messages, 1);
    counter_add(w->counts->payload_bytes, w->sending->records[i].payload_bytes);
    bus_settle(w->consumer, message);
}

/* What the next transaction of this batch covers. */
static void choose(Worker *w)
{
    Batch *b = w->sending;
    b->from = b->to;
    b->to = b->alone ? b->from + 1 : b->count;
}

static bool adds_nothing(const Batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (!b->records[i].nothing)
            return false;
    return true;
}

static void next_batch(Worker *w)
{
    w->sending = w->filling;
    w->filling = w->filling == &w->batches[0] ? &w->batches[1] : &w->batches[0];
    CHECK(w->filling->count == 0);
    if (adds_nothing(w->sending)) {
        for (size_t i = 0; i < w->sending->count; i++)
            settle(w, i);
        batch_reset(w->sending);
        w->sending = NULL;
        return;
    }
    choose(w);
}

/* What somebody waits for has the database first: bulk steps back while such documents come. */
static void keep_pace(Worker *w, int64_t took_us)
{
    const Batch *b = w->sending;
    int64_t now = clock_mono_us(), bulk = 0;
    for (size_t i = b->from; i < b->to; i++) {
        bulk += b->messages[i]->lane > 0;
        if (strcmp(b->messages[i]->topic, "intake") == 0)
            pace_interactive(&w->pace, now);
    }
    if (bulk > 0)
        bus_hold_lane(w->consumer, 1,
                      pace_bulk(&w->pace, now, took_us * bulk / (int64_t)(b->to - b->from)));
}

static void committed(Worker *w)
{
    int64_t took_us = clock_mono_us() - w->sent_at_us;
    Batch *b = w->sending;
    StoreCounts stored = store_counts(w->store);
    histogram_observe(w->counts->transaction_seconds, (double)took_us / 1e6);
    histogram_observe(w->counts->batch_messages, (double)(b->to - b->from));
    counter_add(w->counts->transactions, 1);
    counter_add(w->counts->rows, stored.rows);
    counter_add(w->counts->repeated, stored.repeated);
    keep_pace(w, took_us);
    for (size_t i = b->from; i < b->to; i++) {
        note_stored(w, b->messages[i], &b->records[i]);
        settle(w, i);
    }
}

static void batch_done(Worker *w)
{
    if (w->sending->to < w->sending->count) {
        choose(w);
        return;
    }
    batch_reset(w->sending);
    w->sending = NULL;
}

static void refused(Worker *w, const Err *err)
{
    Batch *b = w->sending;
    if (b->to - b->from > 1) { /* somebody in here: all of them one by one */
        log_warn(w->log, "store.one_by_one", LOG_ERR(err), LOG_U64("messages", b->to - b->from));
        b->alone = true;
        b->to = b->from;
        choose(w);
        return;
    }
    BusMessage *message = b->messages[b->from];
    b->messages[b->from] = NULL;
    dead_letter(w, message, err);
    batch_done(w);
}

static void send(Worker *w)
{
    Err err = {0};
    const Batch *b = w->sending;
    arena_reset(w->send_arena);
    if (store_send(w->store, b->records + b->from, b->to - b->from, w->send_arena, &err)) {
        w->under_way = true;
        w->sent_at_us = clock_mono_us();
        return;
    }
    w->send_again_at_ms = clock_mono_ms() + (int64_t)w->settings->retry_ms;
    if (err.kind == ERR_INPUT)
        refused(w, &err);
}

static void transaction_ended(Worker *w)
{
    Err err = {0};
    w->under_way = false;
    if (db_outcome(w->db, &err)) {
        committed(w);
        batch_done(w);
    } else if (err.kind == ERR_INPUT) {
        refused(w, &err);
    } else {
        counter_add(w->counts->retries, 1);
        log_warn(w->log, "store.again", LOG_ERR(&err),
                 LOG_U64("messages", w->sending->to - w->sending->from));
        w->send_again_at_ms = clock_mono_ms() + (int64_t)w->settings->retry_ms;
    }
}

/* One turn of everything that concerns the database. */
static void serve_database(Worker *w)
{
    DbState state = db_progress(w->db);
    atomic_store(&w->database, state != DB_AWAY);
    if (w->under_way && state != DB_BUSY) {
        transaction_ended(w);
        state = db_progress(w->db);
    }
    if (!w->sending && w->filling->count)
        next_batch(w);
    if (w->sending && !w->under_way && state == DB_IDLE && clock_mono_ms() >= w->send_again_at_ms)
        send(w);
}

/* --- the loop ----------------------------------------------------------------------------------
 */

/* Nothing that was taken is left when it returns, or wait_ms have passed. */
static void finish_taken(Worker *w, uint32_t wait_ms)
{
    int64_t until_ms = clock_mono_ms() + wait_ms;
    while ((w->sending || w->filling->count) && clock_mono_ms() < until_ms) {
        serve_database(w);
        supervisor_beat(w->supervisor);
        if (w->sending)
            db_wait(w->db, 20);
    }
}

static void drop_batch(Worker *w, Batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->messages[i])
            bus_drop(w->consumer, b->messages[i]);
    batch_reset(b);
}

static void drop_all(Worker *w)
{
    /* A transaction under way may still commit: then its messages come again and change nothing. */
    while (w->under_way && db_progress(w->db) == DB_BUSY)
        db_wait(w->db, 100);
    w->under_way = false;
    if (w->sending)
        drop_batch(w, w->sending);
    w->sending = NULL;
    drop_batch(w, w->filling);
    if (w->held)
        bus_drop(w->consumer, w->held);
    w->held = NULL;
}

static void on_revoke(void *opaque, uint32_t wait_ms)
{
    finish_taken(opaque, wait_ms);
}

/* Partitions that have left are somebody else's: forget their messages before they are sent. */
static void forget_lost(Worker *w)
{
    Batch *b = w->filling;
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (!bus_message_owned(b->messages[i])) {
            bus_drop(w->consumer, b->messages[i]);
            continue;
        }
        b->messages[kept] = b->messages[i];
        b->records[kept++] = b->records[i];
    }
    b->count = kept;
    if (w->held && !bus_message_owned(w->held)) {
        bus_drop(w->consumer, w->held);
        w->held = NULL;
    }
}

static void observe(Worker *w)
{
    int64_t now = clock_mono_ms();
    atomic_store(&w->beat_at_ms, now);
    if (now < w->observe_at_ms)
        return;
    w->observe_at_ms = now + OBSERVE_MS;
    atomic_store(&w->broker,
                 bus_consumer_connected(w->consumer) && bus_consumer_assigned(w->consumer));
    gauge_set(w->counts->database_up, atomic_load(&w->database));
    bus_metrics_update(w->shown, w->consumer, w->producer, w->supervisor);
}

bool worker_run(Worker *w, Err *err)
{
    bool healthy = true;
    while (healthy && !supervisor_stopping()) {
        bool more = fill(w);
        forget_lost(w);
        serve_database(w);
        upkeep_step(w->upkeep);
        audit_lane_step(w->audit);
        upkeep_step(w->grid);
        bus_producer_poll(w->producer, 0);
        observe(w);
        supervisor_beat(w->supervisor);
        if (w->sending && !more)
            db_wait(w->db, w->under_way ? BUSY_WAIT_MS : IDLE_POLL_MS);
        healthy = !bus_consumer_fatal(w->consumer) && !bus_producer_fatal(w->producer) &&
                  !audit_lane_fatal(w->audit);
    }
    log_info(w->log, "worker.draining", LOG_BOOL("healthy", healthy));
    finish_taken(w, (uint32_t)w->settings->drain_limit_ms / 2);
    drop_all(w);
    audit_lane_finish(w->audit, AUDIT_DRAIN_MS);
    return healthy || ERR(err, ERR_FATAL, "bus-fatal", "the broker's client cannot go on");
}

/* --- birth and death ---------------------------------------------------------------------------
 */

static bool open_bus(Worker *w, Err *err)
{
    const Settings *s = w->settings;
    BusConsumerOptions options = {
        .group = s->group,
        .lanes = {"intake,validated,response,events", "intake.bulk"},
        .lane_count = 2,
 /* A bulk document brings about four records on the first lane: while verdicts come faster
  * than they can be stored, the documents that they are about are to be stored, too. */
        .bulk_after = 4,
        .member = supervisor_member(w->supervisor),
        .max_poll_interval_ms = supervisor_poll_interval_ms(w->supervisor),
        .in_flight_max = (uint32_t)(2 * s->batch_messages + 1),
        .in_flight_limit_bytes = 4 * s->batch_bytes,
        .gather_ms = (uint32_t)s->gather_ms,
        .on_revoke = on_revoke,
        .opaque = w,
    };
    BusProducerOptions producing = {.message_timeout_ms = 10000};
    return bus_producer_new(&s->bus, &producing, &w->producer, err) &&
           bus_consumer_new(&s->bus, &options, &w->consumer, err) &&
           audit_lane_new(s, w->counts, w->log, w->supervisor, &w->audit, err);
}

bool worker_new(const Settings *settings, const Counts *counts, const Log *log,
                Supervisor *supervisor, Worker **ret_worker, Err *err)
{
    Worker *w = calloc(1, sizeof *w);
    if (!w)
        return ERR(err, ERR_FATAL, "worker-memory", "out of memory");
    w->settings = settings;
    w->counts = counts;
    w->log = log;
    w->supervisor = supervisor;
    w->hand = hand_new(supervisor);
    w->filling = &w->batches[0];
    w->pace = pace_new((uint32_t)settings->bulk_share, clock_mono_us());
    w->send_arena = arena_new(SEND_ARENA_BYTES);
    w->db = db_new(&settings->db, store_statements, "fhirbus-persister", log);
    w->store = w->db ? store_new(w->db) : NULL;
    w->upkeep = upkeep_new(settings, counts, log);
    if (!vault_open(&settings->vault, &settings->db, true, log, &w->vault, err)) {
        worker_free(w);
        return false;
    }
    w->recorder = recorder_new((int)settings->compression_level, w->vault);
    w->grid = upkeep_new_grid(settings, counts, log);
    w->shown = bus_metrics_new(counts->metrics, "persist");
    bool memory = w->shown && w->send_arena && w->recorder && w->store && w->upkeep && w->grid;
    for (int i = 0; i < 2; i++)
        memory =
            batch_init(&w->batches[i], settings->batch_messages, settings->message_memory_bytes) &&
            memory;
    atomic_store(&w->beat_at_ms, clock_mono_ms());
    if (!memory)
        ERR(err, ERR_FATAL, "worker-memory", "out of memory");
    if (!memory || !open_bus(w, err)) {
        worker_free(w);
        return false;
    }
    *ret_worker = w;
    return true;
}

void worker_free(Worker *w)
{
    if (!w)
        return;
    audit_lane_free(w->audit);
    bus_consumer_free(w->consumer);
    bus_producer_free(w->producer, 1000);
    bus_metrics_free(w->shown);
    upkeep_free(w->grid);
    upkeep_free(w->upkeep);
    store_free(w->store);
    db_free(w->db);
    recorder_free(w->recorder);
    vault_close(w->vault);
    arena_free(w->send_arena);
    for (int i = 0; i < 2; i++)
        batch_clear(&w->batches[i]);
    free(w);
}

bool worker_keys_fit(const Worker *w, Buf *why)
{
    return vault_ready(w->vault, why);
}

WorkerStatus worker_status(const Worker *w)
{
    return (WorkerStatus){.database = atomic_load(&w->database),
                          .broker = atomic_load(&w->broker),
                          .beat_at_ms = atomic_load(&w->beat_at_ms)};
}
