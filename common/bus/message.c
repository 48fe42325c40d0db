#include "common/bus/message.h"

void message_show(HeldMessage *held, const BusClient *client, rd_kafka_message_t *native)
{
    rd_kafka_timestamp_type_t type;
    int64_t ms = rd_kafka_message_timestamp(native, &type);
    held->native = native;
    held->shown = (BusMessage){
        .topic = client_topic_name(client, rd_kafka_topic_name(native->rkt)),
        .partition = native->partition,
        .offset = native->offset,
        .key = {native->key,     native->key_len},
        .value = {native->payload, native->len    },
        .timestamp_us = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? 0 : ms * 1000,
    };
}

Str bus_message_header(const BusMessage *message, const char *name)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t len;
    const HeldMessage *held = message_held_const(message);
    if (rd_kafka_message_headers(held->native, &headers) || !headers ||
        rd_kafka_header_get_last(headers, name, &value, &len))
        return STR_NONE;
    return (Str){value, len};
}

Trace bus_message_trace(const BusMessage *message)
{
    Trace trace;
    return trace_parse(bus_message_header(message, "traceparent"), &trace) ? trace : (Trace){0};
}

/* The original's headers first; reasons of an earlier stay on the queue are replaced by ours. */
static size_t copy_headers(const HeldMessage *held, BusHeader *out, size_t room)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t len, count = 0;
    if (rd_kafka_message_headers(held->native, &headers) || !headers)
        return 0;
    for (size_t i = 0; count < room && !rd_kafka_header_get_all(headers, i, &name, &value, &len);
         i++)
        if (!str_starts(str_from(name), STR("dlq-")))
            out[count++] = (BusHeader){
                str_from(name), {value, len}
            };
    return count;
}

bool bus_dead_letter(BusProducer *producer, const BusMessage *message, const BusBurial *burial,
                     BusDeliveryFn on_delivery, void *opaque, Err *err)
{
    char partition[16], offset[24], deaths[16], attempts[16];
    BusHeader headers[BUS_HEADERS_MAX];
    snprintf(partition, sizeof partition, "%d", message->partition);
    snprintf(offset, sizeof offset, "%lld", (long long)message->offset);
    snprintf(deaths, sizeof deaths, "%u", burial->deaths);
    snprintf(attempts, sizeof attempts, "%u", burial->attempts);
    const BusHeader ours[] = {
        {STR("dlq-reason"),    str_from(burial->reason->code)},
        {STR("dlq-text"),      str_from(burial->reason->text)},
        {STR("dlq-topic"),     str_from(message->topic)      },
        {STR("dlq-partition"), str_from(partition)           },
        {STR("dlq-offset"),    str_from(offset)              },
        {STR("dlq-service"),   str_from(burial->service)     },
        {STR("dlq-deaths"),    str_from(deaths)              },
        {STR("dlq-attempts"),  str_from(attempts)            },
    };
    enum { OURS = sizeof ours / sizeof ours[0] };
    size_t count = copy_headers(message_held_const(message), headers, BUS_HEADERS_MAX - OURS);
    memcpy(headers + count, ours, sizeof ours);
    const BusRecord record = {
        .topic = "dlq",
        .partition = BUS_PARTITION_BY_KEY,
        .key = message->key,
        .value = message->value,
        .headers = headers,
        .header_count = count + OURS,
        .on_delivery = on_delivery,
        .opaque = opaque,
    };
    return bus_publish(producer, &record, err);
}
