#include "services/ingest/lookups.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ingest/refuse.h"

enum {
    ARENA_MAX = 256 * 1024 * 1024,
    THREADS_MAX = 64,
    CONNECT_EARLY_MS = 10000,
    CONNECT_LOOK_MS = 50
};

struct Lookups {
    Ingest *ingest;
    DbConfig db;
    LookupsOptions options;
    pthread_mutex_t lock;
    pthread_cond_t more;
    Question *first, **last;
    size_t waiting;
    atomic_bool stop;
    _Atomic int64_t away_until_ms;
    _Atomic size_t working; /* connections that are made, and answered their last question */
    pthread_t threads[THREADS_MAX];
    size_t thread_count;
};

static Question *take(Lookups *lookups)
{
    pthread_mutex_lock(&lookups->lock);
    while (!lookups->first && !lookups->stop)
        pthread_cond_wait(&lookups->more, &lookups->lock);
    Question *question = lookups->first;
    if (question) {
        lookups->first = question->next;
        if (!lookups->first)
            lookups->last = &lookups->first;
        lookups->waiting--;
    }
    pthread_mutex_unlock(&lookups->lock);
    return question;
}

static void answer(Question *question, bool ok, const Err *err)
{
    Exchange *exchange = question->exchange;
    pthread_mutex_lock(&exchange->lock);
    question->ok = ok;
    question->err = *err;
    question->done = true;
    exchange_wake(exchange);
    pthread_mutex_unlock(&exchange->lock);
    exchange_release(exchange);
}

/* A question of its own making, not a database in trouble: true only where they may be large. */
static bool took_too_long(const Lookups *lookups, const Err *err)
{
    return lookups->options.may_be_large && strcmp(err->code, "db-timeout") == 0;
}

/* What a question's end says of this connection; false: the database is away. A connection that is
 * lost, or slow to be made, says nothing of the others while they work. */
static bool learn(Lookups *lookups, bool failed, bool *works)
{
    if (*works && failed)
        atomic_fetch_sub(&lookups->working, 1);
    if (!*works && !failed)
        atomic_fetch_add(&lookups->working, 1);
    *works = !failed;
    return !failed || atomic_load(&lookups->working) > 0;
}

/* Whose connection is gone leaves the questions to those that have one. One that a large question
 * has cost is made again first: the next would be told of that one's end. */
static void connect_again(Lookups *lookups, Db *db, bool failed, bool *works)
{
    int64_t until_ms = failed ? 0 : clock_mono_ms() + (int64_t)lookups->db.connect_timeout_ms;
    (void)learn(lookups, db_progress(db) == DB_AWAY, works);
    while (db_progress(db) == DB_AWAY && !lookups->stop &&
           (atomic_load(&lookups->working) > 0 || clock_mono_ms() < until_ms))
        db_wait(db, CONNECT_LOOK_MS);
    (void)learn(lookups, db_progress(db) == DB_AWAY, works);
}

/* A claim is given little time: it shall not be spent on connecting. */
static void connect_early(Lookups *lookups, Db *db)
{
    int64_t until_ms = clock_mono_ms() + CONNECT_EARLY_MS;
    while (db_progress(db) == DB_AWAY && clock_mono_ms() < until_ms &&
           lookups_waiting(lookups) == 0 && !lookups->stop)
        db_wait(db, CONNECT_LOOK_MS);
}

static void *lookups_main(void *context)
{
    Lookups *lookups = context;
    pthread_setname_np(pthread_self(), "lookups");
    ARENA_AUTO arena = arena_new(ARENA_MAX);
    Db *db = NULL;
    bool works = false;
    if (lookups->options.statements) {
        db = db_new(&lookups->db, lookups->options.statements, "fhirbus-ingest",
                    lookups->ingest->log);
        connect_early(lookups, db);
        (void)learn(lookups, db_progress(db) == DB_AWAY, &works);
    }
    for (Question *question = take(lookups); question; question = take(lookups)) {
        Err err = {0};
        bool ok = question->run(question, db, arena, &err);
        bool failed = !ok && err.kind == ERR_RETRY && !took_too_long(lookups, &err);
        if (db && !learn(lookups, failed, &works)) /* spare the next the wait */
            atomic_store(&lookups->away_until_ms, clock_mono_ms() + LOOKUPS_AWAY_MS);
        if (db && !ok)
            log_warn(lookups->ingest->log, "ingest.database", LOG_ERR(&err));
        answer(question, ok, &err);
        arena_reset(arena);
        if (db && !ok)
            connect_again(lookups, db, failed, &works);
    }
    db_free(db);
    return NULL;
}

Lookups *lookups_start(Ingest *ingest, const LookupsOptions *options, Err *err)
{
    Lookups *lookups = calloc(1, sizeof *lookups);
    CHECK(lookups);
    lookups->ingest = ingest;
    lookups->db = ingest->config->db;
    lookups->db.timeout_ms = options->timeout_ms;
    lookups->db.connect_timeout_ms = options->connect_timeout_ms;
    lookups->options = *options;
    if (!options->waiting_max)
        lookups->options.waiting_max = LOOKUPS_WAITING_MAX;
    lookups->last = &lookups->first;
    CHECK(pthread_mutex_init(&lookups->lock, NULL) == 0);
    CHECK(pthread_cond_init(&lookups->more, NULL) == 0);
    for (; lookups->thread_count < options->threads; lookups->thread_count++) {
        pthread_t *thread = &lookups->threads[lookups->thread_count];
        if (pthread_create(thread, NULL, lookups_main, lookups) != 0) {
            lookups_stop(lookups);
            ERR(err, ERR_FATAL, "lookups", "no thread");
            return NULL;
        }
    }
    return lookups;
}

void lookups_stop(Lookups *lookups)
{
    if (!lookups)
        return;
    pthread_mutex_lock(&lookups->lock);
    lookups->stop = true;
    pthread_cond_broadcast(&lookups->more);
    pthread_mutex_unlock(&lookups->lock);
    for (size_t i = 0; i < lookups->thread_count; i++)
        pthread_join(lookups->threads[i], NULL);
    pthread_cond_destroy(&lookups->more);
    pthread_mutex_destroy(&lookups->lock);
    free(lookups);
}

void question_free(Question *question)
{
    if (question && question->clear)
        question->clear(question);
    free(question);
}

static StepNext refuse_away(Exchange *exchange)
{
    return refuse_unavailable(exchange, "database-away", "The records cannot be read now");
}

static StepNext refuse_failed(Exchange *exchange)
{
    const Err *err = &exchange->question->err;
    if (err->kind == ERR_INPUT && strcmp(err->code, "db-data") == 0)
        return refuse(exchange, 400, err->code, "A value in the question cannot be looked for");
    if (err->kind == ERR_INPUT)
        return refuse(exchange, 400, err->code, "That is too much at once: ask for less");
    if (strcmp(err->code, "db-timeout") == 0)
        return refuse_unavailable(exchange, err->code,
                                  exchange->question->spans
                                      ? "That takes too long: ask for a shorter time or "
                                        "for one tenant"
                                      : "The records cannot be read fast enough now");
    return refuse_away(exchange);
}

bool lookups_away(const Lookups *lookups)
{
    return clock_mono_ms() < atomic_load(&lookups->away_until_ms);
}

size_t lookups_waiting(Lookups *lookups)
{
    pthread_mutex_lock(&lookups->lock);
    size_t waiting = lookups->waiting;
    pthread_mutex_unlock(&lookups->lock);
    return waiting;
}

bool lookups_ask(Lookups *lookups, Exchange *exchange, Question *question)
{
    if (!lookups || lookups_away(lookups)) {
        question_free(question);
        return false;
    }
    question_free(exchange->question);
    exchange->question = question;
    question->exchange = exchange;
    pthread_mutex_lock(&lookups->lock);
    bool room = lookups->waiting < lookups->options.waiting_max;
    if (room) {
        exchange_hold(exchange);
        *lookups->last = question;
        lookups->last = &question->next;
        lookups->waiting++;
        pthread_cond_signal(&lookups->more);
    }
    pthread_mutex_unlock(&lookups->lock);
    return room;
}

Question *lookups_answered(Exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    Question *question = exchange->question && exchange->question->done ? exchange->question : NULL;
    pthread_mutex_unlock(&exchange->lock);
    return question;
}

static StepNext ask(Lookups *lookups, Exchange *exchange, const LookupStep *step)
{
    Question *question = calloc(1, step->bytes);
    CHECK(question);
    question->run = step->run;
    question->clear = step->clear;
    StepNext next = step->read(exchange, question);
    if (next != STEP_NEXT) {
        question_free(question);
        return next;
    }
    if (lookups_ask(lookups, exchange, question))
        return STEP_WAIT;
    return lookups->options.full_code ? refuse_unavailable(exchange, lookups->options.full_code,
                                                           lookups->options.full_text)
                                      : refuse_away(exchange);
}

StepNext lookups_step(Lookups *lookups, Exchange *exchange, const LookupStep *step)
{
    if (!exchange->question)
        return ask(lookups, exchange, step);
    Question *question = lookups_answered(exchange);
    if (!question)
        return STEP_WAIT;
    return question->ok || !lookups->options.statements ? step->tell(exchange, question)
                                                        : refuse_failed(exchange);
}
