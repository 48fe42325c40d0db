#include "services/ingest/leasing.h"

#include <pthread.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ingest/limit_counts.h"

enum { TICK_MS = 250, CONNECT_EARLY_MS = 10000, CONNECT_LOOK_MS = 50, ARENA_MAX = 4 << 20 };

/* services/persister/migrations: the ledger is behind this function, and nothing else is. */
static const DbStatement lease = {
    "limit-lease",
    "SELECT place, granted, slots, refused, rate_left, wait_ms, quota_left, quota_reset_ms FROM "
    "fhirbus.limit_lease($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"};
static const DbStatement *const statements[] = {&lease, NULL};

struct Leasing {
    Ingest *ingest;
    Leases *leases;
    DbConfig db;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    bool asked, stop;
    bool away; /* as was said in the log */
};

/* Called with the lock of the leases held. */
static void note_asked(void *context)
{
    Leasing *leasing = context;
    pthread_mutex_lock(&leasing->lock);
    leasing->asked = true;
    pthread_cond_signal(&leasing->more);
    pthread_mutex_unlock(&leasing->lock);
}

/* False: it is over. */
static bool wait_for_more(Leasing *leasing)
{
    const struct timespec until = clock_after_ms(CLOCK_MONOTONIC, TICK_MS);
    pthread_mutex_lock(&leasing->lock);
    int ret = 0;
    while (!leasing->asked && !leasing->stop && ret == 0)
        ret = pthread_cond_timedwait(&leasing->more, &leasing->lock, &until);
    leasing->asked = false;
    bool goes_on = !leasing->stop;
    pthread_mutex_unlock(&leasing->lock);
    return goes_on;
}

/* --- one call --------------------------------------------------------------------------------- */

typedef struct Columns {
    Str names[LEASES_BATCH_MAX];
    int64_t rates[LEASES_BATCH_MAX], bursts[LEASES_BATCH_MAX], quotas[LEASES_BATCH_MAX],
        periods[LEASES_BATCH_MAX], concurrencies[LEASES_BATCH_MAX], backs[LEASES_BATCH_MAX],
        kepts[LEASES_BATCH_MAX], debts[LEASES_BATCH_MAX], needs[LEASES_BATCH_MAX],
        wants[LEASES_BATCH_MAX], slots[LEASES_BATCH_MAX];
} Columns;

/* Plans are of administration's making: what no database counts up to is no limit anyway. */
static int64_t bounded(uint64_t value)
{
    const uint64_t max = INT64_C(1) << 40;
    return (int64_t)(value < max ? value : max);
}

static void put_row(Columns *to, size_t i, const LeaseAsk *ask, Arena *arena)
{
    to->names[i] = ARENA_JOIN(arena, str_from(limit_scope_name(ask->scope)), STR("/"), ask->name);
    to->rates[i] = bounded(ask->plan.rate_per_s);
    to->bursts[i] = bounded(ask->plan.burst);
    to->quotas[i] = bounded(ask->plan.quota);
    to->periods[i] = ask->plan.period;
    to->concurrencies[i] = bounded(ask->plan.concurrency);
    to->backs[i] = bounded(ask->back);
    to->kepts[i] = bounded(ask->kept);
    to->debts[i] = bounded(ask->debt);
    to->needs[i] = bounded(ask->need);
    to->wants[i] = bounded(ask->want);
    to->slots[i] = bounded(ask->slots);
}

static bool put_columns(const Leasing *leasing, const LeaseAsk *asks, size_t count, Arena *arena,
                        DbParams *params)
{
    Columns *c = ARENA_NEW(arena, Columns);
    if (!c)
        return false;
    for (size_t i = 0; i < count; i++)
        put_row(c, i, &asks[i], arena);
    const int64_t *const columns[] = {c->rates,         c->bursts, c->quotas, c->periods,
                                      c->concurrencies, c->backs,  c->kepts,  c->debts,
                                      c->needs,         c->wants,  c->slots};
    db_params_init(params, arena);
    db_text(params, leasing->ingest->instance);
    db_int(params, (int32_t)leasing->ingest->config->limits_lease_ms);
    db_text_array(params, c->names, count);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        db_bigint_array(params, columns[i], count);
    return true;
}

static LimitReason reason_of(int64_t code)
{
    return code == 1 ? LIMIT_RATE : code == 2 ? LIMIT_QUOTA : LIMIT_NO_REASON;
}

static bool read_answers(const DbResult *result, size_t count, LeaseAnswer *ret_answers, Err *err)
{
    if (db_rows(result) != count)
        return ERR(err, ERR_RETRY, "limits-answer", "%zu rows for %zu", db_rows(result), count);
    for (size_t row = 0; row < count; row++) {
        int64_t place = db_get_int(result, row, 0);
        if (place < 1 || (uint64_t)place > count)
            return ERR(err, ERR_RETRY, "limits-answer", "no such place");
        ret_answers[place - 1] = (LeaseAnswer){.granted = (uint64_t)db_get_int(result, row, 1),
                                               .slots = (uint64_t)db_get_int(result, row, 2),
                                               .reason = reason_of(db_get_int(result, row, 3)),
                                               .rate_left = (uint64_t)db_get_int(result, row, 4),
                                               .wait_ms = db_get_int(result, row, 5),
                                               .quota_left = (uint64_t)db_get_int(result, row, 6),
                                               .quota_reset_ms = db_get_int(result, row, 7)};
    }
    return true;
}

static bool ask_ledger(const Leasing *leasing, Db *db, const LeaseAsk *asks, size_t count,
                       Arena *arena, LeaseAnswer *ret_answers, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    if (!put_columns(leasing, asks, count, arena, &params))
        return ERR(err, ERR_RETRY, "limits-memory", "no memory");
    TRY(db_run(db, &lease, &params, &result, err));
    bool fine = read_answers(result, count, ret_answers, err);
    db_result_free(result);
    return fine;
}

static void note_away(Leasing *leasing, bool away, const Err *err)
{
    if (away && !leasing->away)
        log_warn(leasing->ingest->log, "limits.ledger_away", LOG_ERR(err));
    else if (!away && leasing->away)
        log_info(leasing->ingest->log, "limits.ledger_back");
    leasing->away = away;
}

/* False: nothing to settle, or the ledger is away. */
static bool settle(Leasing *leasing, Db *db, Arena *arena, bool closing)
{
    LeaseAsk asks[LEASES_BATCH_MAX];
    LeaseAnswer answers[LEASES_BATCH_MAX];
    Err err = {0};
    size_t count = leases_collect(leasing->leases, closing, clock_mono_ms(), asks);
    if (!count)
        return false;
    bool fine = ask_ledger(leasing, db, asks, count, arena, answers, &err);
    if (fine)
        leases_answer(leasing->leases, asks, answers, count, clock_mono_ms());
    else
        leases_failed(leasing->leases, asks, count, clock_mono_ms());
    note_away(leasing, !fine, &err);
    arena_reset(arena);
    return fine;
}

/* --- the thread ------------------------------------------------------------------------------- */

static bool is_wanted(Leasing *leasing)
{
    pthread_mutex_lock(&leasing->lock);
    bool wanted = leasing->asked || leasing->stop;
    pthread_mutex_unlock(&leasing->lock);
    return wanted;
}

/* The first request that needs a lease shall not wait for a connection. */
static void connect_early(Leasing *leasing, Db *db)
{
    int64_t until_ms = clock_mono_ms() + CONNECT_EARLY_MS;
    while (db_progress(db) == DB_AWAY && clock_mono_ms() < until_ms && !is_wanted(leasing))
        db_wait(db, CONNECT_LOOK_MS);
}

static void *leasing_main(void *context)
{
    Leasing *leasing = context;
    pthread_setname_np(pthread_self(), "leases");
    ARENA_AUTO arena = arena_new(ARENA_MAX);
    Db *db = db_new(&leasing->db, statements, "fhirbus-ingest", leasing->ingest->log);
    connect_early(leasing, db);
    int64_t ticked_ms = clock_mono_ms();
    while (wait_for_more(leasing)) {
        while (settle(leasing, db, arena, false))
            ;
        if (clock_mono_ms() - ticked_ms < TICK_MS)
            continue;
        ticked_ms = clock_mono_ms();
        leases_tick(leasing->leases, ticked_ms);
    }
    while (settle(leasing, db, arena, true))
        ;
    db_free(db);
    return NULL;
}

Leasing *leasing_start(Ingest *ingest, Err *err)
{
    Leasing *leasing = calloc(1, sizeof *leasing);
    CHECK(leasing);
    const IngestConfig *config = ingest->config;
    leasing->ingest = ingest;
    leasing->db = config->db;
    leasing->db.timeout_ms = leasing->db.connect_timeout_ms = config->limits_timeout_ms;
    leasing->leases = leases_new(&(LeasesOptions){.life_ms = (int64_t)config->limits_lease_ms,
                                                  .away_per_s = config->limits_away_per_s,
                                                  .asked = note_asked,
                                                  .context = leasing});
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    CHECK(pthread_cond_init(&leasing->more, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
    CHECK(pthread_mutex_init(&leasing->lock, NULL) == 0);
    if (pthread_create(&leasing->thread, NULL, leasing_main, leasing) == 0)
        return leasing;
    leases_free(leasing->leases);
    free(leasing);
    ERR(err, ERR_FATAL, "leasing", "no thread");
    return NULL;
}

void leasing_stop(Leasing *leasing)
{
    if (!leasing)
        return;
    pthread_mutex_lock(&leasing->lock);
    leasing->stop = true;
    pthread_cond_signal(&leasing->more);
    pthread_mutex_unlock(&leasing->lock);
    pthread_join(leasing->thread, NULL);
    leases_free(leasing->leases);
    pthread_cond_destroy(&leasing->more);
    pthread_mutex_destroy(&leasing->lock);
    free(leasing);
}

Leases *leasing_leases(Leasing *leasing)
{
    return leasing->leases;
}
