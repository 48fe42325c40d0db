#include "services/ingest/replays.h"

#include <poll.h>
#include <pthread.h>

#include "common/base/check.h"
#include "common/base/clock.h"

enum { PAGE_ROWS = 100, IDLE_MS = 2000, ARENA_MAX = 256 * 1024 * 1024, DRY_RECORDS_MAX = 100000 };

struct Replays {
    Ingest *ingest;
    DbConfig db;
    atomic_bool stop;
    pthread_t thread;
};

static void pause_ms(Replays *replays, int64_t ms)
{
    int64_t until_ms = clock_mono_ms() + ms;
    while (clock_mono_ms() < until_ms && !atomic_load(&replays->stop))
        poll(NULL, 0, 50);
}

/* False: nothing to do, or not now. */
static bool work(Replays *replays, ReplayWorker *worker, Db *db, Arena *arena)
{
    Ingest *ingest = replays->ingest;
    ReplayProgress p = {0};
    Str found;
    char id[40];
    bool known = false;
    Err err = {0};
    if (!replay_orphan(db, arena, &found, &err) || !found.len)
        return false;
    snprintf(id, sizeof id, "%.*s", STR_ARG(found));
    /* Its rate, and what of it was published before, count from the first page on. */
    if (!replay_look(db, str_from(id), arena, &p, &known, &err) || !known)
        return false;
    do {
        int64_t began_ms = clock_mono_ms(), before = p.published;
        arena_reset(arena);
        if (!replay_step(worker, str_from(id), PAGE_ROWS, arena, &p, &err)) {
            log_warn(ingest->log, "replay.waits", LOG_TEXT("replay_id", id), LOG_ERR(&err));
            return false;
        }
        if (p.rate > 0 && p.published > before)
            pause_ms(replays,
                     (p.published - before) * 1000 / p.rate - (clock_mono_ms() - began_ms));
    } while (strcmp(p.state, "running") == 0 && !atomic_load(&replays->stop));
    log_info(ingest->log, "replay.ended", LOG_TEXT("replay_id", id), LOG_TEXT("state", p.state),
             LOG_I64("published", p.published), LOG_I64("superseded", p.superseded),
             LOG_I64("accepted", p.accepted));
    return true;
}

static void *replays_main(void *context)
{
    Replays *replays = context;
    pthread_setname_np(pthread_self(), "replays");
    ARENA_AUTO arena = arena_new(ARENA_MAX);
    Ingest *ingest = replays->ingest;
    Db *db = db_new(&replays->db, replay_statements, "fhirbus-ingest", ingest->log);
    ReplayWorker *worker = replay_worker_new(db, ingest->producer, &ingest->config->bus,
                                             ingest->instance, ingest->vault);
    while (!atomic_load(&replays->stop)) {
        bool worked = work(replays, worker, db, arena);
        arena_reset(arena);
        if (!worked)
            pause_ms(replays, IDLE_MS);
    }
    replay_worker_free(worker);
    db_free(db);
    return NULL;
}

Replays *replays_start(Ingest *ingest, Err *err)
{
    Replays *replays = calloc(1, sizeof *replays);
    CHECK(replays);
    replays->ingest = ingest;
    replays->db = ingest->config->db;
    replays->db.timeout_ms = ingest->config->read_timeout_ms;
    if (pthread_create(&replays->thread, NULL, replays_main, replays) == 0)
        return replays;
    free(replays);
    ERR(err, ERR_FATAL, "replays", "no thread");
    return NULL;
}

void replays_stop(Replays *replays)
{
    if (!replays)
        return;
    atomic_store(&replays->stop, true);
    pthread_join(replays->thread, NULL);
    free(replays);
}

/* --- asking ----------------------------------------------------------------------------------- */

Str replays_asker(const Exchange *exchange)
{
    return exchange->caller.len ? ARENA_JOIN(exchange->arena, STR("ingest:"), exchange->caller)
                                : STR("ingest");
}

bool replays_ask(const Ingest *ingest, Db *db, const Uuid *id, const ReplayWords *words,
                 Arena *arena, ReplayProgress *ret_progress, Err *err)
{
    if (!words->dry_run)
        return replay_ask(db, &ingest->config->bus, uuid_str(id), &words->ask, arena, ret_progress,
                          err);
    ReplayWorker *worker = replay_worker_new(db, ingest->producer, &ingest->config->bus,
                                             ingest->instance, ingest->vault);
    bool done = replay_dry_run(worker, uuid_str(id), &words->ask, DRY_RECORDS_MAX, arena,
                               ret_progress, err);
    replay_worker_free(worker);
    return done;
}
