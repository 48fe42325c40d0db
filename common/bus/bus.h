/* bus - Kafka as the services need it: publish and know, consume and settle, read answers.
 *
 * Spec:    the promises of docs/architecture: a record counts as published when its report says so
 *          (acks=all, idempotent); an offset is stored only when everything below it is settled.
 * Owner:   opaque types are freed by their _free; a BusMessage belongs to its consumer until it is
 *          settled; its Strs point into librdkafka's memory.
 * Threads: BusProducer: any thread may publish, see on_delivery. BusConsumer and BusReader: one
 *          thread each.
 * Errors:  ERR_RETRY "bus-full" (cap on bytes in flight: wait and poll), "bus-unavailable",
 *          "bus-timeout"; ERR_INPUT "bus-too-large", "bus-partition" (no such one); ERR_FATAL
 * "bus-config", "bus-fatal". Names:   topics are given without prefix; BusConfig.topic_prefix is
 * put before them. */
#pragma once
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/obs/log.h"

/* --- how to reach the brokers: settings KAFKA_*, see bus_options.h ------------------------- */
typedef struct BusConfig {
    const char *brokers;      /* host:port,...; required */
    const char *client_id;    /* shown in broker logs: "fhirbus-validator" */
    const char *topic_prefix; /* "" or "fhirbus." */
    const char
        *security_protocol; /* plaintext | ssl | sasl_plaintext | sasl_ssl; NULL: plaintext */
    const char *ssl_ca_file;
    const char *ssl_certificate_file;
    const char *ssl_key_file;
    const char *ssl_key_password;
    const char *sasl_mechanism; /* PLAIN | SCRAM-SHA-256 | SCRAM-SHA-512 */
    const char *sasl_username;
    const char *sasl_password;
    const char *extra;          /* further librdkafka settings: "name=value;name=value" */
    uint64_t message_max_bytes; /* largest record, key and headers included; 0: 16 MiB */
    const Log *log;             /* NULL: silent */
} BusConfig;

typedef struct BusHeader {
    Str name;
    Str value;
} BusHeader;

/* --- publish ------------------------------------------------------------------------------- */
typedef struct BusProducer BusProducer;

typedef struct BusProducerOptions {
    uint32_t
        message_timeout_ms; /* delivered or given up by then; below the reply deadline; 0: 10 000 */
    uint32_t linger_ms;     /* batching of all others; 0: they travel at once */
    uint32_t bulk_linger_ms; /* batching of records marked bulk; 0: they travel unbatched too */
    size_t in_flight_limit_bytes; /* 0: 64 MiB */
    const char *compression;      /* lz4 | zstd | snappy | gzip | none; NULL: lz4 */
    /* Records of this topic travel as they are: for those that are read once, soon, by somebody
     * whom unpacking costs more than receiving. NULL: none. */
    const char *plain_topic;
    bool
        own_thread; /* reports arrive on the producer's own thread; else within bus_producer_poll */
    /* With own_thread and bulk_linger_ms: reports of records that are not bulk wait for
     * bus_producer_poll all the same and wake nobody: for those who learn otherwise that such a
     * record arrived, and look for failures from time to time. */
    bool reports_can_wait;
} BusProducerOptions;

typedef struct BusDelivery {
    bool ok;
    Err err; /* not ok: ERR_RETRY (unknown whether stored), or ERR_INPUT "bus-too-large" */
    int32_t partition;
    int64_t offset;
} BusDelivery;
typedef void (*BusDeliveryFn)(void *opaque, const BusDelivery *delivery);

enum { BUS_PARTITION_BY_KEY = -1, BUS_HEADERS_MAX = 20 };

typedef struct BusRecord {
    const char *topic;
    int32_t partition; /* BUS_PARTITION_BY_KEY, or an explicit one */
    Str key;
    Str value; /* copied before bus_publish returns, unless given; ptr NULL: a tombstone */
    /* The malloc'ed memory that value lies in: the bus's, to free, once bus_publish returned true.
     * NULL: value is copied. */
    void *given;
    const BusHeader *headers;
    size_t header_count;       /* up to BUS_HEADERS_MAX */
    bool bulk;                 /* may be batched; one key should always travel by the same lane */
    BusDeliveryFn on_delivery; /* called exactly once if bus_publish returned true; may be NULL */
    void *opaque;
} BusRecord;

bool bus_producer_new(const BusConfig *config, const BusProducerOptions *options,
                      BusProducer **ret_producer, Err *err) MUST_USE;
/* Waits up to flush_ms for reports; what is then still open is reported as failed. NULL is fine. */
void bus_producer_free(BusProducer *producer, uint32_t flush_ms);
bool bus_publish(BusProducer *producer, const BusRecord *record, Err *err) MUST_USE;
/* Calls on_delivery for what has been reported, waiting up to timeout_ms for the first; does
 * nothing with own_thread, save where reports_can_wait, and then does not wait. Returns the number
 * of reports. */
int bus_producer_poll(BusProducer *producer, uint32_t timeout_ms);
/* Publishes and waits for the report (at most message_timeout_ms). */
bool bus_publish_wait(BusProducer *producer, const BusRecord *record, BusDelivery *ret_delivery,
                      Err *err) MUST_USE;
/* A descriptor that turns readable when bus_producer_poll may have reports: for an outer poll(). */
int bus_producer_fd(const BusProducer *producer);
size_t bus_producer_in_flight_bytes(BusProducer *producer);
size_t bus_producer_in_flight(BusProducer *producer); /* records */
/* False while no broker can be reached: answer 503 at once instead of after the timeout. */
bool bus_producer_connected(BusProducer *producer);
/* True after an error that this instance cannot get over (fenced, ...): drain and exit. */
bool bus_producer_fatal(BusProducer *producer);

/* --- consume ------------------------------------------------------------------------------- */
typedef struct BusConsumer BusConsumer;

typedef struct BusMessage {
    const char *topic; /* without prefix */
    int32_t partition;
    int64_t offset;
    Str key;
    Str value;            /* ptr NULL: a tombstone */
    int64_t timestamp_us; /* 0: none */
    size_t lane;          /* index of its topic's lane, 0 first */
    /* Its offset lies below the partition's end at assignment: an earlier owner may have worked
     * on it already. */
    bool maybe_redelivered;
    uint32_t retries; /* bus_retry calls so far in this process */
} BusMessage;

/* The value of a header of this message, or STR_NONE. */
Str bus_message_header(const BusMessage *message, const char *name);

/* Whose trace it belongs to, by its header `traceparent`; not set when it has none. For log lines
 * about messages that were not, or could not be, read. */
Trace bus_message_trace(const BusMessage *message);

enum { BUS_LANES_MAX = 2, BUS_LANE_TOPICS_MAX = 32 };

typedef struct BusConsumerOptions {
    const char *group;
    /* lanes[0] is drained before lanes[1], which has connections of its own and is the group
     * "<group>.bulk"; each a comma-separated list of topics. */
    const char *lanes[BUS_LANES_MAX];
    size_t lane_count;
    /* lanes[1] is served after so many messages of lanes[0] at the latest, however many of those
     * wait: for who must not let it starve. 0: it has what lanes[0] leaves. */
    uint32_t bulk_after;
    /* A name in the group that outlives this process (supervisor_member): whoever comes with it
     * within the session timeout has the same partitions at once, and nobody else stops working
     * meanwhile. bus_consumer_free leaves the group all the same. NULL: none. */
    const char *member;
    uint32_t in_flight_max;        /* messages handed out and not settled; 0: 256 */
    size_t in_flight_limit_bytes;  /* 0: 64 MiB; one message always fits */
    uint32_t session_timeout_ms;   /* 0: 6000 */
    uint32_t max_poll_interval_ms; /* 0: 60 000 */
    uint32_t commit_interval_ms;   /* 0: 500 */
    uint32_t queued_kbytes;        /* prefetch per process and partition; 0: 16 MiB */
    /* The brokers may hold records back this long, to send many at a time: for those who nobody
     * waits for. Each fetch costs the broker a look at every partition. 0: they come at once. */
    uint32_t gather_ms;
    /* Partitions are about to leave: finish or cancel what is in flight within wait_ms (calling
     * bus_settle as usual), then return. NULL: nothing is waited for. */
    void (*on_revoke)(void *opaque, uint32_t wait_ms);
    uint32_t revoke_wait_ms; /* 0: 4000 */
    void *opaque;
} BusConsumerOptions;

bool bus_consumer_new(const BusConfig *config, const BusConsumerOptions *options,
                      BusConsumer **ret_consumer, Err *err) MUST_USE;
/* Stores, commits, leaves the group. What is unsettled is delivered again to somebody. */
void bus_consumer_free(BusConsumer *consumer);

/* The next message, higher lanes first, or false after timeout_ms, at the in-flight limit (it then
 * still serves the group), or while paused. Must be called at least every max_poll_interval_ms. */
bool bus_poll(BusConsumer *consumer, uint32_t timeout_ms, BusMessage **ret_message);
/* The effect is durable: the offset may be stored once all below it are. Frees the message. */
void bus_settle(BusConsumer *consumer, BusMessage *message);
/* Not now: its partition pauses, and after delay_ms this message (not those settled since) comes
 * again. Frees the message. */
void bus_retry(BusConsumer *consumer, BusMessage *message, uint32_t delay_ms);
/* Forget it without settling (its partition has left, we are shutting down). */
void bus_drop(BusConsumer *consumer, BusMessage *message);
/* False once its partition was revoked or lost: the work on it is somebody else's now. */
bool bus_message_owned(const BusMessage *message);
/* Who gives a message up, and why: after how many deaths of a worker, or attempts to deliver it;
 * 0: that was not it. */
typedef struct BusBurial {
    const char *service;
    const Err *reason;
    uint32_t deaths, attempts;
} BusBurial;
/* Publishes the untouched message to `dlq` with headers dlq-reason, dlq-text, dlq-topic,
 * dlq-partition, dlq-offset, dlq-service, dlq-deaths, dlq-attempts; its report goes to on_delivery.
 * Settle when it is ok. */
bool bus_dead_letter(BusProducer *producer, const BusMessage *message, const BusBurial *burial,
                     BusDeliveryFn on_delivery, void *opaque, Err *err) MUST_USE;

/* Stops and restarts intake of everything (a dependency is down); the group is still served. */
void bus_pause(BusConsumer *consumer);
void bus_resume(BusConsumer *consumer);
/* No message of this lane for so long (0: at once again); bus_poll wakes by itself when it is over.
 */
void bus_hold_lane(BusConsumer *consumer, size_t lane, uint32_t for_ms);
/* Stores and commits now, synchronously. */
bool bus_commit(BusConsumer *consumer, Err *err) MUST_USE;
bool bus_consumer_connected(BusConsumer *consumer);
bool bus_consumer_assigned(BusConsumer *consumer); /* has had an assignment, possibly empty */
bool bus_consumer_fatal(BusConsumer *consumer);
size_t bus_consumer_in_flight(const BusConsumer *consumer);
/* A descriptor that turns readable when bus_poll may have something: for an outer poll(). Level
 * does not count: call bus_poll until it is false before waiting for it. */
int bus_consumer_fd(const BusConsumer *consumer);
/* How long to wait there: wait_ms, or less when a lane is held no more before. */
uint32_t bus_consumer_due_ms(const BusConsumer *consumer, uint32_t wait_ms);

typedef struct BusLag {
    const char *topic; /* without prefix */
    int32_t partition;
    int64_t stored; /* everything below is settled */
    int64_t end;    /* -1: not known yet */
    int64_t lag;    /* end - stored, or 0 */
} BusLag;
size_t bus_consumer_lag(BusConsumer *consumer, BusLag *ret_lags, size_t room);

/* --- read answers: exact offsets, no group -------------------------------------------------- */
typedef struct BusReader BusReader;

/* Assigns these partitions of `topic` at their end of now (count 0: all). When it returns true,
 * everything published afterwards will be seen: the replica may call itself ready. */
bool bus_reader_new(const BusConfig *config, const char *topic, const int32_t *partitions,
                    size_t count, uint32_t timeout_ms, BusReader **ret_reader, Err *err) MUST_USE;
/* The same from the oldest record on, all partitions, for compacted topics: what is kept, then what
 * comes. Caught up: every partition's end has been reached once. */
bool bus_reader_new_from_start(const BusConfig *config, const char *topic, uint32_t timeout_ms,
                               BusReader **ret_reader, Err *err) MUST_USE;
bool bus_reader_caught_up(const BusReader *reader);
void bus_reader_free(BusReader *reader);
/* The next message or false after timeout_ms; valid until the next call or bus_reader_free. */
bool bus_reader_poll(BusReader *reader, uint32_t timeout_ms, const BusMessage **ret_message);
/* Keeps the bytes of the message that was polled last (the BusMessage itself goes with the next
 * call), which may outlive the reader's next call but not the reader. Freed by any thread. */
typedef struct BusKept BusKept;
BusKept *bus_reader_keep(BusReader *reader);
void bus_kept_free(BusKept *kept); /* NULL is fine */

/* --- read ranges of offsets: for who goes over a topic again --------------------------------- */
typedef struct BusRange {
    int32_t partition;
    int64_t from, end; /* end is not part of it */
} BusRange;

/* What each partition holds now; ERR_INPUT "bus-partition" with more than `room` of them. */
bool bus_extent(const BusConfig *config, const char *topic, uint32_t timeout_ms, BusRange *ret_list,
                size_t room, size_t *ret_count, Err *err) MUST_USE;

typedef struct BusRanges BusRanges;
/* Reads on its own, in no group; each range is a queue of its own, so that its reader says which
 * one goes on. What a range no longer holds is passed over. One thread. */
bool bus_ranges_new(const BusConfig *config, const char *topic, const BusRange *list, size_t count,
                    BusRanges **ret_ranges, Err *err) MUST_USE;
void bus_ranges_free(BusRanges *ranges); /* NULL is fine */
/* The range's next record, until bus_ranges_pass; NULL: none came in time, or `ret_end`. */
const BusMessage *bus_ranges_head(BusRanges *ranges, size_t range, uint32_t timeout_ms,
                                  bool *ret_end);
void bus_ranges_pass(BusRanges *ranges, size_t range);

/* How many partitions a topic has. */
bool bus_partition_count(const BusConfig *config, const char *topic, uint32_t timeout_ms,
                         int32_t *ret_count, Err *err) MUST_USE;
/* The partition of `count` that an instance id is answered on. */
int32_t bus_response_partition(Str instance_id, int32_t count);
