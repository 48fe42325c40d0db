/* message - a BusMessage together with the librdkafka message it shows. Inside this folder only. */
#pragma once
#include "common/bus/client.h"

typedef struct HeldMessage {
    BusMessage shown; /* first: a BusMessage * from outside is a HeldMessage * */
    rd_kafka_message_t *native;
    struct BusPartition *partition; /* NULL: a reader's */
} HeldMessage;

void message_show(HeldMessage *held, const BusClient *client, rd_kafka_message_t *native);
static inline HeldMessage *message_held(BusMessage *message)
{
    return (HeldMessage *)message;
}
static inline const HeldMessage *message_held_const(const BusMessage *message)
{
    return (const HeldMessage *)message;
}
