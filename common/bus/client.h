/* client - what producer, consumer, reader and admin share of librdkafka. Inside this folder only.
 *
 * Owner:   a BusClient is embedded as the first member of its owner and is librdkafka's opaque.
 * Threads: `up` and `fatal` are written by callbacks, read by any thread. */
#pragma once
#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "common/bus/bus.h"

enum {
    BUS_TOPIC_BYTES_MAX = 250,
    BUS_ERRSTR_BYTES = 512,
    BUS_MESSAGE_MAX_DEFAULT = 16 * 1024 * 1024
};

typedef struct BusClient {
    const Log *log;
    const char *what; /* "producer": for the log */
    char *prefix;     /* never NULL */
    size_t prefix_len;
    atomic_bool up;    /* some broker is connected, as of the last second */
    atomic_bool fatal; /* librdkafka gave up on this instance */
} BusClient;

bool client_init(BusClient *client, const BusConfig *config, const char *what, Err *err) MUST_USE;
void client_clear(BusClient *client);

/* A conf with everything that BusConfig says, callbacks included. `watched`: `up` is kept true to
 * the second, by statistics, which cost a millisecond of CPU each. */
bool client_conf(BusClient *client, const BusConfig *config, bool watched,
                 rd_kafka_conf_t **ret_conf, Err *err) MUST_USE;
bool client_set(rd_kafka_conf_t *conf, const char *name, const char *value, Err *err) MUST_USE;
bool client_set_number(rd_kafka_conf_t *conf, const char *name, uint64_t value, Err *err) MUST_USE;
/* BusConfig.extra: last, so that it wins. */
bool client_extra(rd_kafka_conf_t *conf, const BusConfig *config, Err *err) MUST_USE;

/* prefix + name into `out`; false when too long. */
bool client_topic(const BusClient *client, const char *name, char out[BUS_TOPIC_BYTES_MAX],
                  Err *err) MUST_USE;
/* The name without our prefix. */
const char *client_topic_name(const BusClient *client, const char *full);

/* librdkafka's code as an Err: what the caller should do next. Yields false. */
void client_err(Err *err, rd_kafka_resp_err_t code, const char *where, const char *what);
#define CLIENT_ERR(err, code, what)                                                                \
    (client_err((err), (code), __FILE__ ":" ERR_STRINGIFY(__LINE__), (what)), false)

/* An eventfd that librdkafka writes to when a queue stops being empty. -1 on failure. */
int client_wakeup_open(void);
void client_wakeup_watch(rd_kafka_queue_t *queue, int fd);
void client_wakeup_drain(int fd);
/* Waits until fd is readable; false on time-out. */
bool client_wakeup_wait(int fd, uint32_t timeout_ms);
int64_t client_now_ms(void); /* monotonic */
