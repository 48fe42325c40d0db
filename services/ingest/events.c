#include "services/ingest/events.h"

#include "common/base/clock.h"

void event_replied(const Exchange *exchange, unsigned status, bool sent)
{
    const Ingest *ingest = exchange->ingest;
    Uuid id = uuid_v7();
    Err err = {0};
    Str bytes = STR_NONE;
    const NameValue details[] = {
        {STR("sent"), sent ? STR("true") : STR("false")},
        {STR("code"), exchange->error_code             },
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
        .detail_count = exchange->error_code.len ? 2 : 1,
    };
    if (!event_encode(&event, exchange->arena, &bytes, &err)) {
        log_warn(ingest->log, "event.lost", LOG_ERR(&err));
        return;
    }
    BusRecord record = {
        .topic = "events",
        .partition = BUS_PARTITION_BY_KEY,
        .key = event.interaction_id,
        .value = bytes,
        .bulk = true,
    };
    if (!bus_publish(ingest->producer, &record, &err))
        log_debug(ingest->log, "event.lost", LOG_ERR(&err));
}
