#include "services/ingest/events.h"

#include <stdatomic.h>

#include "common/base/check.h"
#include "common/base/clock.h"

typedef struct Waiting {
    struct Waiting *next;
    Uuid key;
    size_t len;
    char bytes[];
} Waiting;

struct Events {
    Ingest *ingest;
    pthread_mutex_t lock;
    Waiting *first, **last;
    size_t count;
    int64_t since_ms;      /* the first one's */
    atomic_int partitions; /* of the topic; 0: not known yet */
    atomic_uint turn;
};

Events *events_new(Ingest *ingest)
{
    Events *events = calloc(1, sizeof *events);
    CHECK(events);
    events->ingest = ingest;
    events->last = &events->first;
    CHECK(pthread_mutex_init(&events->lock, NULL) == 0);
    return events;
}

/* --- publishing ------------------------------------------------------------------------------- */

static void publish(const Ingest *ingest, const Waiting *event, int32_t partition)
{
    Err err = {0};
    BusRecord record = {
        .topic = "events",
        .partition = partition,
        .key = uuid_str(&event->key),
        .value = {event->bytes, event->len},
        .bulk = true,
    };
    if (!bus_publish(ingest->producer, &record, &err))
        log_debug(ingest->log, "event.lost", LOG_ERR(&err));
}

/* With the lock held: the list becomes the caller's. */
static Waiting *take_all(Events *events)
{
    Waiting *list = events->first;
    events->first = NULL;
    events->last = &events->first;
    events->count = 0;
    return list;
}

/* All to one partition, the next one each time: spread by their keys, each would be a batch of its
 * own. Nothing depends on their order. */
static void publish_all(Events *events, Waiting *list)
{
    int count = atomic_load(&events->partitions);
    int32_t partition = BUS_PARTITION_BY_KEY;
    if (list && count > 0)
        partition = (int32_t)(atomic_fetch_add(&events->turn, 1) % (unsigned)count);
    while (list) {
        Waiting *next = list->next;
        publish(events->ingest, list, partition);
        free(list);
        list = next;
    }
}

static void add(Events *events, Waiting *event)
{
    Waiting *full = NULL;
    pthread_mutex_lock(&events->lock);
    if (events->count++ == 0)
        events->since_ms = clock_mono_ms();
    *events->last = event;
    events->last = &event->next;
    if (events->count == EVENTS_MAX)
        full = take_all(events);
    pthread_mutex_unlock(&events->lock);
    publish_all(events, full);
}

void events_spread(Events *events, int32_t partitions)
{
    atomic_store(&events->partitions, partitions);
}

void events_tick(Events *events, int64_t now_ms)
{
    Waiting *due = NULL;
    if (!events)
        return;
    pthread_mutex_lock(&events->lock);
    if (events->count && now_ms - events->since_ms >= EVENTS_HOLD_MS)
        due = take_all(events);
    pthread_mutex_unlock(&events->lock);
    publish_all(events, due);
}

void events_free(Events *events)
{
    if (!events)
        return;
    publish_all(events, take_all(events));
    pthread_mutex_destroy(&events->lock);
    free(events);
}

/* --- what there is to tell -------------------------------------------------------------------- */

void event_replied(const Exchange *exchange, unsigned status, bool sent)
{
    const Ingest *ingest = exchange->ingest;
    Uuid id = uuid_v7();
    Err err = {0};
    Str bytes = STR_NONE;
    Str body = buf_str(http_reply_body(exchange->request));
    const NameValue details[] = {
        {STR("sent"),  sent ? STR("true") : STR("false")},
        {STR("bytes"), arena_format(exchange->arena,      "%zu", body.len)},
        {STR("code"),   exchange->error_code                                   },
    };
    Event event = {
        .event_id = uuid_str(&id),
        .interaction_id = uuid_str(&exchange->id),
        .tenant = exchange->tenant,
        .service = STR("ingest"),
        .kind = STR("replied"),
        .at_us = clock_wall_us(),
        .http_status = status,
        .traceparent = exchange->envelope.traceparent,
        .payload_sha256 = exchange->envelope.payload_sha256,
        .details = details,
        .detail_count = exchange->error_code.len ? 3 : 2,
        .content_type = http_reply_get_header(exchange->request, "Content-Type"),
        .body = status == 200
                    ? STR_NONE
                    : str_cut(body, 0, body.len < EVENT_BODY_MAX ? body.len : EVENT_BODY_MAX),
    };
    Waiting *waiting = NULL;
    if (event_encode(&event, exchange->arena, &bytes, &err))
        waiting = malloc(sizeof *waiting + bytes.len);
    if (!waiting) {
        log_warn(ingest->log, "event.lost", LOG_TRACE(&exchange->trace),
                 LOG_STR("interaction_id", event.interaction_id), LOG_ERR(&err));
        return;
    }
    waiting->next = NULL;
    waiting->key = exchange->id;
    waiting->len = bytes.len;
    memcpy(waiting->bytes, bytes.ptr, bytes.len);
    add(ingest->events, waiting);
}
