#include "services/ingest/await.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ingest/counts.h"
#include "services/ingest/refuse.h"
#include "services/ingest/routes.h"

enum {
    BUCKETS = 4096, /* a power of two */
    POLL_MS = 20,
    SWEEP_MS = 20,
    READER_START_MS = 5000,
    RETRY_MS = 500,
    SCRATCH_MAX = 256 * 1024 * 1024,
};

struct Await {
    Ingest *ingest;
    pthread_t thread;
    pthread_mutex_t lock;
    Exchange *buckets[BUCKETS];
    size_t count;
    BusReader *reader; /* the thread's own */
    atomic_bool stop, connected;
};

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

bool await_connected(Await *await)
{
    return atomic_load(&await->connected);
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
        /* an acknowledgement still under way will wake it */
        if (exchange->publish != PUBLISH_PENDING)
            exchange_wake(exchange);
    }
    pthread_mutex_unlock(&exchange->lock);
}

static Answer *copy_answer(Str bytes)
{
    Err err = {0};
    Answer *answer = answer_new(bytes.len * 2 + 64 * 1024);
    if (response_decode(bytes, answer->arena, &answer->response, &err))
        return answer;
    answer_release(answer);
    return NULL;
}

size_t await_deliver(Await *await, Str bytes, Arena *scratch)
{
    Response response;
    Err err = {0};
    Answer *answer = NULL;
    size_t delivered = 0;
    if (!response_decode(bytes, scratch, &response, &err)) {
        log_warn(await->ingest->log, "response.unreadable", LOG_ERR(&err));
        return 0;
    }
    if (response.kind != RESPONSE_VERDICT && response.kind != RESPONSE_FAILED)
        return 0;
    pthread_mutex_lock(&await->lock);
    Exchange **link = &await->buckets[bucket_of(response.interaction_id)];
    while (*link) {
        Exchange *exchange = *link;
        if (!is_answer_to(&response, exchange)) {
            link = &exchange->await_next;
            continue;
        }
        if (!answer)
            answer = copy_answer(bytes);
        if (!answer)
            break;
        unlink_from(await, link);
        hand_over(exchange, answer);
        exchange_release(exchange);
        delivered++;
    }
    pthread_mutex_unlock(&await->lock);
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

/* Thousands at most, fifty times a second: a walk is cheaper than keeping an order. */
static void sweep(Await *await, int64_t now_ms)
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

void await_expire_all(Await *await)
{
    sweep(await, INT64_MAX);
}

/* --- the thread ------------------------------------------------------------------------------- */

static bool open_reader(Await *await)
{
    Ingest *ingest = await->ingest;
    const BusConfig *bus = &ingest->config->bus;
    Err err = {0};
    int32_t count = 0;
    if (!bus_partition_count(bus, "response", READER_START_MS, &count, &err))
        goto failed;
    int32_t partition = bus_response_partition(ingest->instance, count);
    if (!bus_reader_new(bus, "response", &partition, 1, READER_START_MS, &await->reader, &err))
        goto failed;
    ingest->response_partition = partition;
    atomic_store(&ingest->ready, true);
    log_info(ingest->log, "ingest.reads_answers", LOG_I64("partition", partition));
    return true;
failed:
    log_warn(ingest->log, "ingest.waits_for_brokers", LOG_ERR(&err));
    return false;
}

static void read_answers(Await *await, Arena *scratch)
{
    int64_t swept_ms = clock_mono_ms();
    while (!atomic_load(&await->stop)) {
        const BusMessage *message = NULL;
        if (bus_reader_poll(await->reader, POLL_MS, &message) && message->value.ptr) {
            await_deliver(await, message->value, scratch);
            arena_reset(scratch);
        }
        int64_t now_ms = clock_mono_ms();
        if (now_ms - swept_ms >= SWEEP_MS) {
            sweep(await, now_ms);
            swept_ms = now_ms;
            atomic_store(&await->connected, bus_reader_connected(await->reader));
        }
    }
}

static void *await_main(void *context)
{
    Await *await = context;
    pthread_setname_np(pthread_self(), "await");
    ARENA_AUTO scratch = arena_new(SCRATCH_MAX);
    while (!atomic_load(&await->stop) && !open_reader(await))
        for (int ms = 0; ms < RETRY_MS && !atomic_load(&await->stop); ms += POLL_MS) {
            nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
            sweep(await, clock_mono_ms());
        }
    if (await->reader)
        read_answers(await, scratch);
    bus_reader_free(await->reader);
    return NULL;
}

Await *await_start(Ingest *ingest, Err *err)
{
    Await *await = calloc(1, sizeof *await);
    CHECK(await);
    await->ingest = ingest;
    CHECK(pthread_mutex_init(&await->lock, NULL) == 0);
    if (pthread_create(&await->thread, NULL, await_main, await) == 0)
        return await;
    pthread_mutex_destroy(&await->lock);
    free(await);
    ERR(err, ERR_FATAL, "await", "no thread");
    return NULL;
}

void await_stop(Await *await)
{
    if (!await)
        return;
    atomic_store(&await->stop, true);
    pthread_join(await->thread, NULL);
    await_expire_all(await);
    pthread_mutex_destroy(&await->lock);
    free(await);
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
    if (publish == PUBLISH_PENDING)
        return STEP_WAIT;
    if (answered) /* who answers has read it from the brokers */
        return STEP_NEXT;
    if (publish == PUBLISH_FAILED && err.kind == ERR_INPUT)
        return refuse(exchange, 413, err.code, "The request body is too large");
    if (publish == PUBLISH_FAILED)
        return refuse_unavailable(exchange, err.code ? err.code : "bus-unavailable",
                                  "The bundle may not have been taken; repeat it with the same "
                                  "X-Correlation-ID");
    return late ? STEP_NEXT : STEP_WAIT;
}
