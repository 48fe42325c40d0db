#include <pthread.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/replay/inner.h"

struct Page {
    BusProducer *producer;
    pthread_mutex_t lock;
    pthread_cond_t reported;
    size_t open;
    bool failed;
    Err err;
};

Page *page_begin(BusProducer *producer)
{
    Page *page = calloc(1, sizeof *page);
    CHECK(page);
    page->producer = producer;
    CHECK(pthread_mutex_init(&page->lock, NULL) == 0);
    CHECK(pthread_cond_init(&page->reported, NULL) == 0);
    return page;
}

static void on_report(void *opaque, const BusDelivery *delivery)
{
    Page *page = opaque;
    pthread_mutex_lock(&page->lock);
    if (!delivery->ok && !page->failed) {
        page->failed = true;
        page->err = delivery->err;
    }
    page->open--;
    pthread_cond_signal(&page->reported);
    pthread_mutex_unlock(&page->lock);
}

/* The producer holds as much as it may: until one more of ours is with the brokers. */
static bool await_room(Page *page, const Err *err)
{
    pthread_mutex_lock(&page->lock);
    size_t open = page->open;
    bool waits = strcmp(err->code, "bus-full") == 0 && open > 0;
    while (waits && page->open == open)
        pthread_cond_wait(&page->reported, &page->lock);
    pthread_mutex_unlock(&page->lock);
    return waits;
}

static bool send(Page *page, BusRecord *record, Err *err)
{
    record->bulk = true;
    record->on_delivery = on_report;
    record->opaque = page;
    pthread_mutex_lock(&page->lock);
    page->open++;
    pthread_mutex_unlock(&page->lock);
    if (bus_publish(page->producer, record, err))
        return true;
    pthread_mutex_lock(&page->lock);
    page->open--;
    pthread_mutex_unlock(&page->lock);
    return await_room(page, err) && send(page, record, err);
}

bool page_publish(Page *page, const Envelope *envelope, Str from, Arena *arena, Err *err)
{
    Str bytes;
    ArenaMark mark = arena_mark(arena);
    TRY(envelope_encode(envelope, arena, &bytes, err));
    const BusHeader headers[] = {
        {STR("traceparent"),   envelope->traceparent   },
        {STR("interaction"),   envelope->interaction_id},
        {STR("tenant"),        envelope->tenant        },
        {STR("replay"),        envelope->replay_id     },
        {STR("replayed-from"), from                    },
    };
    BusRecord record = {.topic = "intake.bulk",
                        .partition = BUS_PARTITION_BY_KEY,
                        .key = envelope->ordering_key,
                        .value = bytes,
                        .headers = headers,
                        .header_count = sizeof headers / sizeof headers[0]};
    bool sent = send(page, &record, err);
    arena_release(arena, mark); /* the bus has a copy */
    return sent;
}

bool page_redrive(Page *page, const BusMessage *letter, Str replay_id, Err *err)
{
    char topic[200];
    uint64_t partition = 0;
    Str name = bus_message_header(letter, "dlq-topic");
    bool fixed = str_is(name, "response") &&
                 str_to_u64(bus_message_header(letter, "dlq-partition"), &partition);
    snprintf(topic, sizeof topic, "%.*s", STR_ARG(name));
    const BusHeader headers[] = {
        {STR("traceparent"),         bus_message_header(letter, "traceparent")},
        {STR("interaction"),                          bus_message_header(letter,                                  "interaction")},
        {STR("tenant"),            bus_message_header(letter,    "tenant")},
        {STR("replay"),replay_id  },
    };
    BusRecord record = {.topic = topic,
                        .partition = fixed ? (int32_t)partition : BUS_PARTITION_BY_KEY,
                        .key = letter->key,
                        .value = letter->value,
                        .headers = headers,
                        .header_count = sizeof headers / sizeof headers[0]};
    return send(page, &record, err);
}

bool page_end(Page *page, bool sent, Err *err)
{
    pthread_mutex_lock(&page->lock);
    while (page->open)
        pthread_cond_wait(&page->reported, &page->lock);
    pthread_mutex_unlock(&page->lock);
    bool failed = page->failed;
    if (sent && failed)
        *err = page->err;
    pthread_cond_destroy(&page->reported);
    pthread_mutex_destroy(&page->lock);
    free(page);
    return sent && !failed;
}
