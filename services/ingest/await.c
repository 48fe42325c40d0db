#include "services/ingest/await.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ingest/refuse.h"

enum { BUCKETS = 4096 /* a power of two */ };

struct Await {
    const Log *log;
    pthread_mutex_t lock;
    Exchange *buckets[BUCKETS];
    size_t count;
};

Await *await_new(const Log *log)
{
    Await *await = calloc(1, sizeof *await);
    CHECK(await);
    await->log = log;
    CHECK(pthread_mutex_init(&await->lock, NULL) == 0);
    return await;
}

void await_free(Await *await)
{
    if (!await)
        return;
    await_sweep(await, INT64_MAX);
    pthread_mutex_destroy(&await->lock);
    free(await);
}

static size_t bucket_of(Str id)
{
    return (size_t)str_hash(id) & (BUCKETS - 1);
}

static Str wanted_id(const Exchange *exchange)
{
    return uuid_str(&exchange->id);
}

/* --- the table -------------------------------------------------------------------------------- */

void await_add(Await *await, Exchange *exchange, int64_t until_ms)
{
    pthread_mutex_lock(&await->lock);
    exchange->await_until_ms = until_ms;
    if (!exchange->awaiting) {
        exchange->awaiting = true;
        exchange_hold(exchange);
        Exchange **bucket = &await->buckets[bucket_of(wanted_id(exchange))];
        exchange->await_next = *bucket;
        *bucket = exchange;
        await->count++;
    }
    pthread_mutex_unlock(&await->lock);
}

/* With the lock held: out of its bucket; the reference becomes the caller's. */
static void unlink_from(Await *await, Exchange **link)
{
    Exchange *exchange = *link;
    *link = exchange->await_next;
    exchange->await_next = NULL;
    exchange->awaiting = false;
    await->count--;
}

void await_remove(Await *await, Exchange *exchange)
{
    bool found = false;
    pthread_mutex_lock(&await->lock);
    if (exchange->awaiting) {
        Exchange **link = &await->buckets[bucket_of(wanted_id(exchange))];
        while (*link != exchange)
            link = &(*link)->await_next;
        unlink_from(await, link);
        found = true;
    }
    pthread_mutex_unlock(&await->lock);
    if (found)
        exchange_release(exchange);
}

size_t await_size(Await *await)
{
    pthread_mutex_lock(&await->lock);
    size_t count = await->count;
    pthread_mutex_unlock(&await->lock);
    return count;
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool is_answer_to(const Response *response, const Exchange *exchange)
{
    return str_eq(response->interaction_id, wanted_id(exchange)) &&
           str_eq(response->tenant, exchange->tenant) &&
           response->route == exchange->envelope.route &&
           str_eq(response->payload_sha256, exchange->envelope.payload_sha256);
}

static void hand_over(Exchange *exchange, Answer *answer)
{
    pthread_mutex_lock(&exchange->lock);
    if (!exchange->answer) {
        atomic_fetch_add(&answer->refs, 1);
        exchange->answer = answer;
        exchange->answered_us = clock_mono_us();
        exchange_wake(exchange); /* acknowledged or not yet: who answers has read it */
    }
    pthread_mutex_unlock(&exchange->lock);
}

/* With the lock held: whether somebody might wait for it. */
static bool is_wanted(const Await *await, Str id)
{
    const Exchange *exchange = await->buckets[bucket_of(id)];
    while (exchange && !str_eq(wanted_id(exchange), id))
        exchange = exchange->await_next;
    return exchange != NULL;
}

/* A verdict, or that there can be none. What fails after the verdict, on the way to a destination,
 * is no answer. */
static bool is_final(const Response *response)
{
    return response->kind == RESPONSE_VERDICT ||
           (response->kind == RESPONSE_FAILED && str_is(response->service, "validator"));
}

static Answer *read_answer(const Await *await, Str id, Str bytes, BusReader *reader)
{
    Err err = {0};
    Answer *answer = answer_new(bytes.len * 2 + 64 * 1024);
    answer->message = reader ? bus_reader_keep(reader) : NULL;
    if (!response_decode_in_place(bytes, answer->arena, &answer->response, &err))
        log_warn(await->log, "response.unreadable", LOG_STR("interaction_id", id), LOG_ERR(&err));
    else if (is_final(&answer->response))
        return answer;
    answer_release(answer);
    return NULL;
}

static size_t hand_to_all(Await *await, Answer *answer)
{
    size_t delivered = 0;
    pthread_mutex_lock(&await->lock);
    Exchange **link = &await->buckets[bucket_of(answer->response.interaction_id)];
    while (*link) {
        Exchange *exchange = *link;
        if (!is_answer_to(&answer->response, exchange)) {
            link = &exchange->await_next;
            continue;
        }
        unlink_from(await, link);
        hand_over(exchange, answer);
        exchange_release(exchange);
        delivered++;
    }
    pthread_mutex_unlock(&await->lock);
    return delivered;
}

size_t await_deliver(Await *await, Str id, Str bytes, BusReader *reader)
{
    if (id.len) { /* most answers on a shared partition are another replica's: not even read */
        pthread_mutex_lock(&await->lock);
        bool wanted = is_wanted(await, id);
        pthread_mutex_unlock(&await->lock);
        if (!wanted)
            return 0;
    }
    Answer *answer = read_answer(await, id, bytes, reader);
    if (!answer)
        return 0;
    size_t delivered = hand_to_all(await, answer);
    answer_release(answer);
    return delivered;
}

/* --- deadlines -------------------------------------------------------------------------------- */

static void expire(Exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    exchange->timed_out = true;
    if (exchange->publish != PUBLISH_PENDING)
        exchange_wake(exchange);
    pthread_mutex_unlock(&exchange->lock);
}

/* Thousands at most, ten times a second: a walk is cheaper than keeping an order. */
void await_sweep(Await *await, int64_t now_ms)
{
    pthread_mutex_lock(&await->lock);
    for (size_t i = 0; await->count && i < BUCKETS; i++) {
        Exchange **link = &await->buckets[i];
        while (*link) {
            Exchange *exchange = *link;
            if (exchange->await_until_ms > now_ms) {
                link = &exchange->await_next;
                continue;
            }
            unlink_from(await, link);
            expire(exchange);
            exchange_release(exchange);
        }
    }
    pthread_mutex_unlock(&await->lock);
}

/* --- the step --------------------------------------------------------------------------------- */

StepNext step_await(Exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    PublishState publish = exchange->publish;
    bool answered = exchange->answer != NULL;
    bool late = exchange->timed_out || exchange->wants_async;
    Err err = exchange->publish_error;
    pthread_mutex_unlock(&exchange->lock);
    if (answered) /* who answers has read it from the brokers */
        return STEP_NEXT;
    if (publish == PUBLISH_PENDING)
        return STEP_WAIT;
    if (publish == PUBLISH_FAILED && err.kind == ERR_INPUT)
        return refuse(exchange, 413, err.code, "The request body is too large");
    if (publish == PUBLISH_FAILED)
        return refuse_unavailable(exchange, err.code ? err.code : "bus-unavailable",
                                  "The bundle may not have been taken; repeat it with the same "
                                  "X-Correlation-ID");
    return late ? STEP_NEXT : STEP_WAIT;
}
