#include "services/ingest/answers.h"

#include <pthread.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ingest/await.h"
#include "services/ingest/events.h"

enum {
    POLL_MS = 100,
    SWEEP_MS = 100, /* how late a deadline may be noticed */
    READER_START_MS = 5000,
    RETRY_MS = 500,
};

struct Answers {
    Ingest *ingest;
    pthread_t thread;
    BusReader *reader; /* the thread's own */
    atomic_bool stop;
};

static bool open_reader(Answers *answers)
{
    Ingest *ingest = answers->ingest;
    const BusConfig *bus = &ingest->config->bus;
    Err err = {0};
    int32_t count = 0;
    if (!bus_partition_count(bus, "response", READER_START_MS, &count, &err))
        goto failed;
    int32_t partition = bus_response_partition(ingest->instance, count);
    if (!bus_reader_new(bus, "response", &partition, 1, READER_START_MS, &answers->reader, &err))
        goto failed;
    ingest->response_partition = partition;
    if (ingest->events && bus_partition_count(bus, "events", READER_START_MS, &count, &err))
        events_spread(ingest->events, count);
    atomic_store(&ingest->ready, true);
    log_info(ingest->log, "ingest.reads_answers", LOG_I64("partition", partition));
    return true;
failed:
    log_warn(ingest->log, "ingest.waits_for_brokers", LOG_ERR(&err));
    return false;
}

/* What nobody waits at: deadlines, events, reports of records whose answer says as much. */
static void tick(const Ingest *ingest, int64_t now_ms)
{
    await_sweep(ingest->await, now_ms);
    events_tick(ingest->events, now_ms);
    bus_producer_poll(ingest->producer, 0);
}

static void read_answers(Answers *answers)
{
    int64_t swept_ms = clock_mono_ms();
    while (!atomic_load(&answers->stop)) {
        const BusMessage *message = NULL;
        if (bus_reader_poll(answers->reader, POLL_MS, &message) && message->value.ptr)
            await_deliver(answers->ingest->await, bus_message_header(message, "interaction"),
                          message->value, answers->reader);
        int64_t now_ms = clock_mono_ms();
        if (now_ms - swept_ms >= SWEEP_MS) {
            tick(answers->ingest, now_ms);
            swept_ms = now_ms;
        }
    }
}

static void *answers_main(void *context)
{
    Answers *answers = context;
    pthread_setname_np(pthread_self(), "answers");
    while (!atomic_load(&answers->stop) && !open_reader(answers))
        for (int ms = 0; ms < RETRY_MS && !atomic_load(&answers->stop); ms += POLL_MS) {
            nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
            tick(answers->ingest, clock_mono_ms());
        }
    if (answers->reader)
        read_answers(answers);
    bus_reader_free(answers->reader);
    return NULL;
}

bool answers_start(Ingest *ingest, Answers **ret_answers, Err *err)
{
    Answers *answers = calloc(1, sizeof *answers);
    CHECK(answers);
    answers->ingest = ingest;
    if (pthread_create(&answers->thread, NULL, answers_main, answers) != 0) {
        free(answers);
        return ERR(err, ERR_FATAL, "answers", "no thread");
    }
    *ret_answers = answers;
    return true;
}

void answers_stop(Answers *answers)
{
    if (!answers)
        return;
    atomic_store(&answers->stop, true);
    pthread_join(answers->thread, NULL);
    free(answers);
}
