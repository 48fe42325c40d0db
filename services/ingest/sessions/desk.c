/* The desk: threads on which sign-ins are looked at, a line before it. */
#include "common/base/check.h"
#include "services/ingest/refuse.h"
#include "services/ingest/sessions/sessions.h"

enum { ARENA_MAX = 4 * 1024 * 1024 };

struct Desk {
    pthread_mutex_t lock;
    pthread_cond_t more;
    Question *first, **last;
    size_t waiting;
    bool stop;
    pthread_t threads[DESK_THREADS];
};

static Question *take(Desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    while (!desk->first && !desk->stop)
        pthread_cond_wait(&desk->more, &desk->lock);
    Question *question = desk->first;
    if (question) {
        desk->first = question->next;
        if (!desk->first)
            desk->last = &desk->first;
        desk->waiting--;
    }
    pthread_mutex_unlock(&desk->lock);
    return question;
}

static void *desk_main(void *context)
{
    Desk *desk = context;
    pthread_setname_np(pthread_self(), "desk");
    ARENA_AUTO arena = arena_new(ARENA_MAX);
    for (Question *question = take(desk); question; question = take(desk)) {
        Exchange *exchange = question->exchange;
        Err err = {0};
        bool ok = question->run(question, NULL, arena, &err);
        arena_reset(arena);
        pthread_mutex_lock(&exchange->lock);
        question->ok = ok;
        question->err = err;
        question->done = true;
        exchange_wake(exchange);
        pthread_mutex_unlock(&exchange->lock);
        exchange_release(exchange);
    }
    return NULL;
}

Desk *desk_open(void)
{
    Desk *desk = calloc(1, sizeof *desk);
    CHECK(desk);
    desk->last = &desk->first;
    CHECK(pthread_mutex_init(&desk->lock, NULL) == 0);
    CHECK(pthread_cond_init(&desk->more, NULL) == 0);
    for (size_t i = 0; i < DESK_THREADS; i++)
        CHECK(pthread_create(&desk->threads[i], NULL, desk_main, desk) == 0);
    return desk;
}

void desk_close(Desk *desk)
{
    if (!desk)
        return;
    pthread_mutex_lock(&desk->lock);
    desk->stop = true;
    pthread_cond_broadcast(&desk->more);
    pthread_mutex_unlock(&desk->lock);
    for (size_t i = 0; i < DESK_THREADS; i++)
        pthread_join(desk->threads[i], NULL);
    pthread_cond_destroy(&desk->more);
    pthread_mutex_destroy(&desk->lock);
    free(desk);
}

bool desk_ask(Desk *desk, Exchange *exchange, Question *question)
{
    question_free(exchange->question);
    exchange->question = question;
    question->exchange = exchange;
    pthread_mutex_lock(&desk->lock);
    bool room = desk->waiting < DESK_WAITING_MAX && !desk->stop;
    if (room) {
        exchange_hold(exchange);
        *desk->last = question;
        desk->last = &question->next;
        desk->waiting++;
        pthread_cond_signal(&desk->more);
    }
    pthread_mutex_unlock(&desk->lock);
    return room;
}

static StepNext ask(Sessions *sessions, Exchange *exchange, const LookupStep *step)
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
    if (desk_ask(sessions->desk, exchange, question))
        return STEP_WAIT;
    return refuse_unavailable(exchange, "sign-in-line", "Too many people sign in at once");
}

StepNext desk_step(Sessions *sessions, Exchange *exchange, const LookupStep *step)
{
    if (!exchange->question)
        return ask(sessions, exchange, step);
    Question *question = lookups_answered(exchange);
    return question ? step->tell(exchange, question) : STEP_WAIT;
}
