/* verdict_standin - answers what ingest publishes, in place of the validator: tests of ingest
 * alone.
 *
 *   verdict_standin BROKERS [DELAY_MS]
 *
 * Every envelope of intake and intake.bulk gets a valid verdict on its response partition, save
 * that a payload with "standin:silent" in it gets none and one with "standin:poison" a failure. It
 * prints a line "interaction attempt lane bytes" per envelope until SIGTERM. */
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/bus/bus.h"
#include "common/envelope/envelope.h"

static atomic_bool stopping;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&stopping, true);
}

static void fill_verdict(Response *response, const Envelope *envelope)
{
    response->has_outcome = response->has_disposition = true;
    response->outcome = (Outcome){
        .valid = true,
        .operation_outcome = STR("{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":"
                                 "\"information\",\"code\":\"informational\",\"diagnostics\":"
                                 "\"from the stand-in\"}]}"),
        .ig_version = STR("1.8.1"),
        .profile_url = STR("http://shinny.org/us/ny/hrsn/StructureDefinition/SHINNYBundleProfile"),
        .engine_name = STR("standin"),
        .engine_version = STR("0"),
        .started_at_us = envelope->received_at_us,
        .finished_at_us = clock_wall_us(),
        .engine_started_at_us = 1,
    };
    response->disposition = (Disposition){ACTION_ACCEPT, STR("[{\"action\":\"accept\"}]"), {0}};
}

static void answer(BusProducer *producer, const Envelope *envelope, Arena *arena)
{
    bool poison = str_find(envelope->payload, STR("standin:poison")) != SIZE_MAX;
    Response response = envelope_response(envelope, poison ? RESPONSE_FAILED : RESPONSE_VERDICT,
                                          STR("validator"), clock_wall_us());
    Err err = {0};
    Str bytes = STR_NONE;
    if (poison) {
        response.has_failure = true;
        response.failure = (Failure){FAILURE_POISON, STR("poison"), STR("killed twice"), {0}};
    } else {
        fill_verdict(&response, envelope);
    }
    CHECK(response_encode(&response, arena, &bytes, &err));
    BusRecord record = {.topic = "response",
                        .partition = envelope->response_partition,
                        .key = envelope->interaction_id,
                        .value = bytes};
    if (!bus_publish(producer, &record, &err))
        fprintf(stderr, "%s %s\n", err.code, err.text);
}

static void work(BusConsumer *consumer, BusProducer *producer, unsigned delay_ms)
{
    ARENA_AUTO arena = arena_new((size_t)256 << 20);
    while (!atomic_load(&stopping)) {
        BusMessage *message = NULL;
        Envelope envelope;
        Err err = {0};
        if (!bus_poll(consumer, 100, &message))
            continue;
        if (envelope_decode(message->value, arena, &envelope, &err)) {
            printf("%.*s %u %s %zu\n", STR_ARG(envelope.interaction_id), envelope.attempt,
                   lane_name(envelope.lane), envelope.payload.len);
            fflush(stdout);
            if (delay_ms)
                usleep(delay_ms * 1000);
            if (envelope.response_partition != ENVELOPE_NOBODY_WAITS &&
                str_find(envelope.payload, STR("standin:silent")) == SIZE_MAX)
                answer(producer, &envelope, arena);
        }
        bus_settle(consumer, message);
        arena_reset(arena);
    }
}

int main(int argc, char **argv)
{
    uint64_t delay_ms = 0;
    if (argc < 2)
        return 2;
    if (argc > 2)
        str_to_u64(str_from(argv[2]), &delay_ms);
    signal(SIGTERM, on_signal);
    BusConfig config = {
        .brokers = argv[1], .client_id = "verdict-standin", .message_max_bytes = 33554432};
    BusProducerOptions producing = {.own_thread = true};
    BusConsumerOptions consuming = {
        .group = "validator", .lanes = {"intake", "intake.bulk"},
             .lane_count = 2
    };
    BusProducer *producer = NULL;
    BusConsumer *consumer = NULL;
    Err err = {0};
    if (!bus_producer_new(&config, &producing, &producer, &err) ||
        !bus_consumer_new(&config, &consuming, &consumer, &err)) {
        fprintf(stderr, "%s %s\n", err.code, err.text);
        return 1;
    }
    work(consumer, producer, (unsigned)delay_ms);
    bus_consumer_free(consumer);
    bus_producer_free(producer, 2000);
    return 0;
}
