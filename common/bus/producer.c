/* Publishing: up to two librdkafka producers behind one door, so that records that somebody waits
 * for travel at once while bulk is batched. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/bus/client.h"

enum {
    PRODUCER_TIMEOUT_MS = 10000,
    PRODUCER_IN_FLIGHT_BYTES = 64 * 1024 * 1024,
    PRODUCER_POLL_MS = 100,
    PRODUCER_IDLE_MS = 1000,
    PRODUCER_RECORDS_MAX = 1000000,
};

struct BusProducer {
    BusClient client; /* first: librdkafka's opaque */
    rd_kafka_t *direct;
    rd_kafka_t *bulk;           /* NULL: everything travels direct */
    rd_kafka_topic_t *plain[2]; /* direct's and bulk's plain_topic; held for its settings */
    size_t limit_bytes;
    uint32_t timeout_ms;
    atomic_size_t in_flight;
    atomic_size_t in_flight_bytes;
    int wakeup;
    bool own_thread;
    bool direct_waits; /* reports_can_wait */
    atomic_bool stopping;
    pthread_t threads[2];
    rd_kafka_t *served[2]; /* by the threads */
    size_t thread_count;
};

/* What a record leaves with us until its report comes. */
typedef struct Pending {
    BusDeliveryFn on_delivery;
    void *opaque;
    size_t bytes;
    void *given;
} Pending;

static void report(BusProducer *producer, Pending *pending, const BusDelivery *delivery)
{
    atomic_fetch_sub(&producer->in_flight, 1);
    atomic_fetch_sub(&producer->in_flight_bytes, pending->bytes);
    if (pending->on_delivery)
        pending->on_delivery(pending->opaque, delivery);
    free(pending->given);
    free(pending);
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    BusProducer *producer = opaque;
    BusDelivery delivery = {.ok = message->err == RD_KAFKA_RESP_ERR_NO_ERROR,
                            .partition = message->partition,
                            .offset = message->offset};
    (void)rk;
    if (delivery.ok)
        producer->client.up = true;
    else
        (void)CLIENT_ERR(&delivery.err, message->err, "delivery");
    report(producer, message->_private, &delivery);
}

static bool producer_open(BusProducer *producer, const BusConfig *config,
                          const BusProducerOptions *options, uint32_t linger_ms,
                          rd_kafka_t **ret_rk, Err *err)
{
    char why[BUS_ERRSTR_BYTES];
    rd_kafka_conf_t *conf;
    TRY(client_conf(&producer->client, config, ret_rk == &producer->direct, &conf, err));
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    bool set =
        client_set(conf, "enable.idempotence", "true", err) &&
        client_set(conf, "acks", "all", err) &&
        client_set_number(conf, "message.timeout.ms", producer->timeout_ms, err) &&
        client_set_number(conf, "linger.ms", linger_ms, err) &&
        client_set(conf, "compression.codec", options->compression ? options->compression : "lz4",
                   err) &&
        /* A larger value is compressed, or sent, from where it lies. */
        client_set(conf, "message.copy.max.bytes", "4096", err) &&
        /* As Java's clients place keys, so that other tools find the same partition. */
        client_set(conf, "partitioner", "murmur2_random", err) &&
        client_set_number(conf, "queue.buffering.max.messages", PRODUCER_RECORDS_MAX, err) &&
        client_set_number(conf, "queue.buffering.max.kbytes",
                          (producer->limit_bytes >> 10) + (config->message_max_bytes >> 10) + 65536,
                          err) &&
        /* A topic that is not there (yet) is told after 5 s, not 30. */
        client_set(conf, "topic.metadata.propagation.max.ms", "5000", err) &&
        client_extra(conf, config, err);
    rd_kafka_t *rk = set ? rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why) : NULL;
    if (!rk) {
        rd_kafka_conf_destroy(conf); /* rd_kafka_new takes it only when it succeeds */
        return set ? ERR(err, ERR_FATAL, "bus-config", "%s", why) : false;
    }
    *ret_rk = rk;
    if (producer->own_thread) /* nobody waits at the descriptor */
        return true;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(rk);
    client_wakeup_watch(queue, producer->wakeup);
    rd_kafka_queue_destroy(queue);
    return true;
}

typedef struct Serve {
    BusProducer *producer;
    rd_kafka_t *rk;
} Serve;

static void *serve_reports(void *opaque)
{
    Serve serve = *(Serve *)opaque;
    free(opaque);
    while (!serve.producer->stopping)
        rd_kafka_poll(serve.rk, PRODUCER_IDLE_MS);
    return NULL;
}

static bool start_thread(BusProducer *producer, rd_kafka_t *rk, Err *err)
{
    Serve *serve = malloc(sizeof *serve);
    if (!serve)
        return ERR(err, ERR_FATAL, "bus-config", "no memory");
    *serve = (Serve){producer, rk};
    if (pthread_create(&producer->threads[producer->thread_count], NULL, serve_reports, serve)) {
        free(serve);
        return ERR(err, ERR_FATAL, "bus-config", "no thread");
    }
    producer->served[producer->thread_count++] = rk;
    return true;
}

/* librdkafka keeps one set of settings per topic and client: those of the handle that came first.
 */
static bool hold_plain_topic(BusProducer *producer, rd_kafka_t *rk, const char *name, size_t at,
                             Err *err)
{
    char full[BUS_TOPIC_BYTES_MAX], why[BUS_ERRSTR_BYTES];
    if (!rk || !name)
        return true;
    TRY(client_topic(&producer->client, name, full, err));
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(rk);
    rd_kafka_conf_res_t set =
        rd_kafka_topic_conf_set(conf, "compression.codec", "none", why, sizeof why);
    CHECK(set == RD_KAFKA_CONF_OK);
    producer->plain[at] = rd_kafka_topic_new(rk, full, conf);
    return producer->plain[at] ? true : ERR(err, ERR_FATAL, "bus-config", "topic %s", full);
}

static bool producer_start(BusProducer *producer, const BusConfig *config,
                           const BusProducerOptions *options, Err *err)
{
    TRY(client_init(&producer->client, config, "producer", err));
    producer->wakeup = client_wakeup_open();
    if (producer->wakeup < 0)
        return ERR(err, ERR_FATAL, "bus-config", "no eventfd");
    TRY(producer_open(producer, config, options, options->linger_ms, &producer->direct, err));
    if (options->bulk_linger_ms)
        TRY(producer_open(producer, config, options, options->bulk_linger_ms, &producer->bulk,
                          err));
    TRY(hold_plain_topic(producer, producer->direct, options->plain_topic, 0, err));
    TRY(hold_plain_topic(producer, producer->bulk, options->plain_topic, 1, err));
    if (!options->own_thread)
        return true;
    producer->direct_waits = options->reports_can_wait && producer->bulk;
    if (!producer->direct_waits)
        TRY(start_thread(producer, producer->direct, err));
    return !producer->bulk || start_thread(producer, producer->bulk, err);
}

bool bus_producer_new(const BusConfig *config, const BusProducerOptions *options,
                      BusProducer **ret_producer, Err *err)
{
    BusProducer *producer = calloc(1, sizeof *producer);
    if (!producer)
        return ERR(err, ERR_FATAL, "bus-config", "no memory");
    producer->wakeup = -1;
    producer->own_thread = options->own_thread;
    producer->timeout_ms =
        options->message_timeout_ms ? options->message_timeout_ms : PRODUCER_TIMEOUT_MS;
    producer->limit_bytes =
        options->in_flight_limit_bytes ? options->in_flight_limit_bytes : PRODUCER_IN_FLIGHT_BYTES;
    if (!producer_start(producer, config, options, err)) {
        bus_producer_free(producer, 0);
        return false;
    }
    *ret_producer = producer;
    return true;
}

/* Waits for reports, then gives up on what is left: its reports say so. */
static void producer_close(rd_kafka_t *rk, uint32_t flush_ms)
{
    if (!rk)
        return;
    if (flush_ms)
        rd_kafka_flush(rk, (int)flush_ms);
    rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(rk, PRODUCER_POLL_MS);
    rd_kafka_destroy(rk);
}

static void end_poll(rd_kafka_t *rk)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(rk);
    rd_kafka_queue_yield(queue);
    rd_kafka_queue_destroy(queue);
}

static void stop_threads(BusProducer *producer)
{
    producer->stopping = true;
    for (size_t i = 0; i < producer->thread_count; i++) {
        end_poll(producer->served[i]);
        pthread_join(producer->threads[i], NULL);
    }
}

void bus_producer_free(BusProducer *producer, uint32_t flush_ms)
{
    if (!producer)
        return;
    int64_t until = client_now_ms() + flush_ms;
    stop_threads(producer);
    for (size_t i = 0; i < sizeof producer->plain / sizeof producer->plain[0]; i++)
        if (producer->plain[i])
            rd_kafka_topic_destroy(producer->plain[i]);
    producer_close(producer->direct, flush_ms);
    int64_t left = until - client_now_ms();
    producer_close(producer->bulk, left > 0 ? (uint32_t)left : 0);
    if (producer->wakeup >= 0)
        close(producer->wakeup);
    client_clear(&producer->client);
    free(producer);
}

static rd_kafka_headers_t *headers_of(const BusRecord *record)
{
    if (record->header_count == 0)
        return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++)
        rd_kafka_header_add(headers, record->headers[i].name.ptr,
                            (ssize_t)record->headers[i].name.len, record->headers[i].value.ptr,
                            (ssize_t)record->headers[i].value.len);
    return headers;
}

/* librdkafka's API takes void *; it does not write there. */
static void *unconst(const char *bytes)
{
    union {
        const char *theirs;
        void *ours;
    } cast = {.theirs = bytes};
    return cast.ours;
}

static rd_kafka_resp_err_t produce(rd_kafka_t *rk, const char *topic, const BusRecord *record,
                                   Pending *pending)
{
    rd_kafka_headers_t *headers = headers_of(record);
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC,     .u.cstr = topic                               },
        {.vtype = RD_KAFKA_VTYPE_PARTITION,
         .u.i32 = record->partition < 0 ? RD_KAFKA_PARTITION_UA : record->partition       },
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS,  .u.i = record->given ? 0 : RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {.ptr = unconst(record->value.ptr), .size = record->value.len}          },
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {.ptr = unconst(record->key.len ? record->key.ptr : NULL),
                   .size = record->key.len}                                               },
        {.vtype = RD_KAFKA_VTYPE_OPAQUE,    .u.ptr = pending                              },
        {.vtype = RD_KAFKA_VTYPE_HEADERS,   .u.headers = headers                          },
    };
    size_t count = sizeof parts / sizeof parts[0] - (headers ? 0 : 1);
    rd_kafka_error_t *error = rd_kafka_produceva(rk, parts, count);
    if (!error)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers)
        rd_kafka_headers_destroy(headers); /* taken only when it succeeds */
    return code;
}

bool bus_publish(BusProducer *producer, const BusRecord *record, Err *err)
{
    char topic[BUS_TOPIC_BYTES_MAX];
    CHECK(record->header_count <= BUS_HEADERS_MAX);
    TRY(client_topic(&producer->client, record->topic, topic, err));
    size_t bytes = record->value.len + record->key.len + 256;
    size_t before = atomic_fetch_add(&producer->in_flight_bytes, bytes);
    if (before > 0 && before + bytes > producer->limit_bytes) {
        atomic_fetch_sub(&producer->in_flight_bytes, bytes);
        return ERR(err, ERR_RETRY, "bus-full", "%zu bytes in flight", before);
    }
    Pending *pending = malloc(sizeof *pending);
    if (!pending) {
        atomic_fetch_sub(&producer->in_flight_bytes, bytes);
        return ERR(err, ERR_RETRY, "bus-full", "no memory");
    }
    *pending = (Pending){record->on_delivery, record->opaque, bytes, record->given};
    atomic_fetch_add(&producer->in_flight, 1);
    rd_kafka_t *rk = record->bulk && producer->bulk ? producer->bulk : producer->direct;
    rd_kafka_resp_err_t code = produce(rk, topic, record, pending);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true; /* NOLINT(clang-analyzer-unix.Malloc): on_report frees it */
    atomic_fetch_sub(&producer->in_flight, 1);
    atomic_fetch_sub(&producer->in_flight_bytes, bytes);
    free(pending);
    return CLIENT_ERR(err, code, record->topic);
}

int bus_producer_poll(BusProducer *producer, uint32_t timeout_ms)
{
    if (producer->own_thread)
        return producer->direct_waits ? rd_kafka_poll(producer->direct, 0) : 0;
    client_wakeup_drain(producer->wakeup);
    int events = rd_kafka_poll(producer->direct, 0);
    events += producer->bulk ? rd_kafka_poll(producer->bulk, 0) : 0;
    if (events > 0 || timeout_ms == 0 || !client_wakeup_wait(producer->wakeup, timeout_ms))
        return events;
    return bus_producer_poll(producer, 0);
}

int bus_producer_fd(const BusProducer *producer)
{
    return producer->wakeup;
}

/* bus_publish_wait's meeting point with the report, whichever thread brings it. */
typedef struct Meeting {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    bool done;
    BusDelivery delivery;
} Meeting;

static void meet(void *opaque, const BusDelivery *delivery)
{
    Meeting *meeting = opaque;
    pthread_mutex_lock(&meeting->lock);
    meeting->delivery = *delivery;
    meeting->done = true;
    pthread_cond_signal(&meeting->arrived);
    pthread_mutex_unlock(&meeting->lock);
}

bool bus_publish_wait(BusProducer *producer, const BusRecord *record, BusDelivery *ret_delivery,
                      Err *err)
{
    Meeting meeting = {.lock = PTHREAD_MUTEX_INITIALIZER, .arrived = PTHREAD_COND_INITIALIZER};
    BusRecord ours = *record;
    ours.on_delivery = meet;
    ours.opaque = &meeting;
    TRY(bus_publish(producer, &ours, err));
    /* A report always comes: message.timeout.ms sees to it. */
    pthread_mutex_lock(&meeting.lock);
    while (!meeting.done) {
        if (producer->own_thread && !producer->direct_waits) {
            pthread_cond_wait(&meeting.arrived, &meeting.lock);
        } else {
            pthread_mutex_unlock(&meeting.lock);
            if (bus_producer_poll(producer, PRODUCER_POLL_MS) == 0 && producer->own_thread)
                nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            pthread_mutex_lock(&meeting.lock);
        }
    }
    pthread_mutex_unlock(&meeting.lock);
    if (!meeting.delivery.ok) {
        if (err)
            *err = meeting.delivery.err;
        return false;
    }
    if (ret_delivery)
        *ret_delivery = meeting.delivery;
    return true;
}

size_t bus_producer_in_flight_bytes(BusProducer *producer)
{
    return producer->in_flight_bytes;
}

size_t bus_producer_in_flight(BusProducer *producer)
{
    return producer->in_flight;
}

bool bus_producer_connected(BusProducer *producer)
{
    return producer->client.up;
}

bool bus_producer_fatal(BusProducer *producer)
{
    return producer->client.fatal;
}
