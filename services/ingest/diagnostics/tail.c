#include "services/ingest/diagnostics/tail.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/db/db.h"
#include "services/ingest/diagnostics/grid.h"
#include "services/ingest/diagnostics/scope.h"

enum { ARENA_MAX = 1024 * 1024, AWAY_MS = 1000 };

struct Tail {
    Ingest *ingest;
    DbConfig db;
    pthread_mutex_t lock;
    pthread_cond_t parked;
    Exchange *first;
    int64_t seen;
    bool stop;
    pthread_t thread;
};

/* --- who waits -------------------------------------------------------------------------------- */

static void unlink_from(Exchange **link)
{
    Exchange *exchange = *link;
    *link = exchange->tail_next;
    exchange->tail_next = NULL;
    exchange->tailing = false;
}

static void wake(Exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    exchange->tail_woken = true;
    exchange_wake(exchange);
    pthread_mutex_unlock(&exchange->lock);
    exchange_release(exchange);
}

/* With the lock held. */
static void wake_due(Tail *tail, bool all)
{
    int64_t now_ms = clock_mono_ms();
    Exchange **link = &tail->first;
    while (*link) {
        Exchange *exchange = *link;
        if (!all && exchange->tail_after >= tail->seen && exchange->tail_until_ms > now_ms) {
            link = &exchange->tail_next;
            continue;
        }
        unlink_from(link);
        wake(exchange);
    }
}

int64_t tail_seen(Tail *tail)
{
    pthread_mutex_lock(&tail->lock);
    int64_t seen = tail->seen;
    pthread_mutex_unlock(&tail->lock);
    return seen;
}

void tail_park(Tail *tail, Exchange *exchange, int64_t after, int64_t until_ms)
{
    pthread_mutex_lock(&tail->lock);
    exchange->tail_after = after;
    exchange->tail_until_ms = until_ms;
    if (!exchange->tailing) {
        exchange->tailing = true;
        exchange_hold(exchange);
        exchange->tail_next = tail->first;
        tail->first = exchange;
        pthread_cond_signal(&tail->parked);
    }
    pthread_mutex_unlock(&tail->lock);
}

void tail_leave(Tail *tail, Exchange *exchange)
{
    bool found = false;
    pthread_mutex_lock(&tail->lock);
    if (exchange->tailing) {
        Exchange **link = &tail->first;
        while (*link != exchange)
            link = &(*link)->tail_next;
        unlink_from(link);
        found = true;
    }
    pthread_mutex_unlock(&tail->lock);
    if (found)
        exchange_release(exchange);
}

/* --- the one who looks ------------------------------------------------------------------------ */

static int64_t look(Db *db, Arena *arena, int64_t seen, const Log *log)
{
    Err err = {0};
    int64_t last = seen;
    if (!grid_last_change(db, STR("{*}"), arena, &last, &err))
        log_debug(log, "tail.away", LOG_ERR(&err));
    arena_reset(arena);
    return last;
}

/* False: it is over. */
static bool await_somebody(Tail *tail)
{
    pthread_mutex_lock(&tail->lock);
    while (!tail->first && !tail->stop)
        pthread_cond_wait(&tail->parked, &tail->lock);
    bool goes_on = !tail->stop;
    pthread_mutex_unlock(&tail->lock);
    return goes_on;
}

static void *tail_main(void *context)
{
    static const DbStatement *const statements[] = {&scope_set, &grid_newest, NULL};
    Tail *tail = context;
    pthread_setname_np(pthread_self(), "tail");
    ARENA_AUTO arena = arena_new(ARENA_MAX);
    Db *db = db_new(&tail->db, statements, "fhirbus-ingest", tail->ingest->log);
    while (await_somebody(tail)) {
        int64_t last = look(db, arena, tail_seen(tail), tail->ingest->log);
        pthread_mutex_lock(&tail->lock);
        tail->seen = last;
        wake_due(tail, atomic_load(&tail->ingest->draining));
        const struct timespec until = clock_after_ms(CLOCK_MONOTONIC, TAIL_LOOK_MS);
        while (!tail->stop && pthread_cond_timedwait(&tail->parked, &tail->lock, &until) == 0)
            ; /* somebody more waits: in its turn */
        pthread_mutex_unlock(&tail->lock);
    }
    db_free(db);
    return NULL;
}

Tail *tail_start(Ingest *ingest, Err *err)
{
    Tail *tail = calloc(1, sizeof *tail);
    pthread_condattr_t monotonic;
    CHECK(tail);
    tail->ingest = ingest;
    tail->db = ingest->config->db;
    tail->db.timeout_ms = ingest->config->claim_timeout_ms;
    CHECK(pthread_mutex_init(&tail->lock, NULL) == 0);
    CHECK(pthread_condattr_init(&monotonic) == 0 &&
          pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&tail->parked, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&tail->thread, NULL, tail_main, tail) == 0)
        return tail;
    pthread_cond_destroy(&tail->parked);
    pthread_mutex_destroy(&tail->lock);
    free(tail);
    ERR(err, ERR_FATAL, "tail", "no thread");
    return NULL;
}

void tail_stop(Tail *tail)
{
    if (!tail)
        return;
    pthread_mutex_lock(&tail->lock);
    tail->stop = true;
    pthread_cond_broadcast(&tail->parked);
    wake_due(tail, true);
    pthread_mutex_unlock(&tail->lock);
    pthread_join(tail->thread, NULL);
    pthread_cond_destroy(&tail->parked);
    pthread_mutex_destroy(&tail->lock);
    free(tail);
}
