/* admin - a connection for changing and describing the brokers' own things. Inside this folder
 * only.
 */
#pragma once
#include "common/bus/client.h"

typedef struct Admin {
    BusClient client; /* first: librdkafka's opaque */
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    int64_t until_ms;
} Admin;

bool admin_open(Admin *admin, const BusConfig *config, uint32_t timeout_ms, Err *err) MUST_USE;
void admin_close(Admin *admin); /* of zeros, too */
int admin_left_ms(const Admin *admin);
/* Options for one request, within the time that is left. */
rd_kafka_AdminOptions_t *admin_options(const Admin *admin, rd_kafka_admin_op_t request);
/* The answer, or NULL and *err; rd_kafka_event_destroy. */
rd_kafka_event_t *admin_answer(Admin *admin, const char *what, Err *err);
