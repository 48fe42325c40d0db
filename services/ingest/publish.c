/* Step 6: Envelope -> topic. Its acknowledgement by all brokers is awaited in step 7. */
#include "common/base/clock.h"
#include "services/ingest/await.h"
#include "services/ingest/counts.h"
#include "services/ingest/refuse.h"

static void on_delivery(void *opaque, const BusDelivery *delivery)
{
    Exchange *exchange = opaque;
    pthread_mutex_lock(&exchange->lock);
    exchange->publish = delivery->ok ? PUBLISH_ACKED : PUBLISH_FAILED;
    exchange->publish_error = delivery->err;
    if (!exchange->answer && (!delivery->ok || exchange->timed_out || exchange->wants_async))
        exchange_wake(exchange);
    pthread_mutex_unlock(&exchange->lock);
    exchange_release(exchange);
}

static void set_state(Exchange *exchange, PublishState state)
{
    pthread_mutex_lock(&exchange->lock);
    exchange->publish = state;
    if (state == PUBLISH_PENDING) /* not that of a pause in step 5 */
        exchange->timed_out = exchange->deadline_ms <= clock_mono_ms();
    pthread_mutex_unlock(&exchange->lock);
}

/* The envelope's bytes: around the body where it lies, which then is the bus's to free; or, if more
 * stands in the sender's headers than there is room for, copied. */
typedef struct Encoded {
    Str bytes;
    void *given;
} Encoded;

static bool encode(Exchange *exchange, Encoded *ret, Err *err)
{
    Envelope *envelope = &exchange->envelope;
    *ret = (Encoded){0};
    if (!envelope_encode_before(envelope, INGEST_HEADROOM, exchange->arena, &ret->bytes, &(Err){0}))
        return envelope_encode(envelope, exchange->arena, &ret->bytes, err);
    ret->given = http_request_take_body(exchange->request);
    envelope->payload = STR_NONE;
    return true;
}

static const char *topic_of(const Envelope *envelope)
{
    if (envelope->route == ROUTE_TRIAL)
        return "trial";
    return envelope->lane == LANE_BULK ? "intake.bulk" : "intake";
}

static bool send(Exchange *exchange, const Encoded *encoded, Err *err)
{
    const Envelope *envelope = &exchange->envelope;
    const BusHeader headers[] = {
        {STR("traceparent"), envelope->traceparent   },
        {STR("interaction"), envelope->interaction_id},
        {STR("tenant"),      envelope->tenant        },
    };
    BusRecord record = {
        .topic = topic_of(envelope),
        .partition = BUS_PARTITION_BY_KEY,
        .key = envelope->ordering_key,
        .value = encoded->bytes,
        .given = encoded->given,
        .headers = headers,
        .header_count = sizeof headers / sizeof headers[0],
        .bulk = envelope->lane == LANE_BULK,
        .on_delivery = on_delivery,
        .opaque = exchange,
    };
    set_state(exchange, PUBLISH_PENDING);
    exchange->published_us = clock_mono_us();
    exchange_hold(exchange); /* the report's */
    if (bus_publish(exchange->ingest->producer, &record, err))
        return true;
    free(encoded->given);
    set_state(exchange, PUBLISH_FAILED);
    exchange_release(exchange);
    return false;
}

static StepNext not_published(Exchange *exchange, const Err *err)
{
    await_remove(exchange->ingest->await, exchange);
    if (err->kind == ERR_INPUT)
        return refuse(exchange, 413, err->code, "The request body is too large");
    return refuse_unavailable(exchange, err->code, "Nothing was taken, try again later");
}

/* A repeated request whose first try was answered, or is known to be taken. */
static bool is_settled(Exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    bool settled = exchange->answer || exchange->publish == PUBLISH_ACKED;
    pthread_mutex_unlock(&exchange->lock);
    return settled;
}

StepNext step_publish(Exchange *exchange)
{
    Ingest *ingest = exchange->ingest;
    Envelope *envelope = &exchange->envelope;
    Err err = {0};
    Encoded encoded;
    if (is_settled(exchange))
        return STEP_NEXT;
    if (!atomic_load(&ingest->ready) || !bus_producer_connected(ingest->producer))
        return refuse_unavailable(exchange, "bus-unavailable",
                                  "Nothing was taken, try again later");
    envelope->interaction_id = uuid_str(&exchange->id);
    envelope->response_partition =
        exchange->wants_async ? ENVELOPE_NOBODY_WAITS : ingest->response_partition;
    envelope->attempt = exchange->maybe_taken ? 1 : 0; /* whoever has effects looks first */
    if (!encode(exchange, &encoded, &err))
        return not_published(exchange, &err);
    if (!exchange->wants_async)
        await_add(ingest->await, exchange, exchange->deadline_ms);
    return send(exchange, &encoded, &err) ? STEP_NEXT : not_published(exchange, &err);
}
