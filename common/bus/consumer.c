/* Consuming: lanes, rebalances, and the low-water mark.
 *
 * Every assigned partition's queue is forwarded to its lane's queue, and the lanes are emptied in
 * order. The group's own queue (rebalances, errors) is served on every bus_poll, so that a paused
 * or full consumer stays a member. */
#include <stdlib.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/bus/message.h"
#include "common/bus/offsets.h"
#include "common/bus/partitions.h"

enum {
    CONSUMER_IN_FLIGHT = 256,
    CONSUMER_IN_FLIGHT_BYTES = 64 * 1024 * 1024,
    CONSUMER_SESSION_MS = 6000,
    CONSUMER_POLL_INTERVAL_MS = 60000,
    CONSUMER_COMMIT_MS = 500,
    CONSUMER_QUEUED_KBYTES = 16 * 1024,
    CONSUMER_REVOKE_MS = 4000,
    CONSUMER_COMMITTED_MS = 5000,
    CONSUMER_SEEK_MS = 5000,
    CONSUMER_CLOSE_MS = 3000,
    CONSUMER_CLOSE_POLL_MS = 100,
    CONSUMER_GATHER_BYTES = 256 * 1024,
};

struct BusConsumer {
    BusClient client; /* first: librdkafka's opaque */
    rd_kafka_t *rk;
    rd_kafka_queue_t *lanes[BUS_LANES_MAX];
    char *lane_topics[BUS_LANES_MAX]; /* without prefix, comma-separated */
    size_t lane_count;
    Partitions partitions;
    size_t in_flight, in_flight_max;
    size_t in_flight_bytes, in_flight_limit_bytes;
    int wakeup;
    bool paused;
    bool polling; /* bus_poll is not to be called from on_revoke */
    bool assigned;
    uint32_t revoke_wait_ms;
    void (*on_revoke)(void *opaque, uint32_t wait_ms);
    void *opaque;
};

/* --- settling ----------------------------------------------------------------------------------
 */
static void let_go(BusConsumer *consumer, HeldMessage *held)
{
    consumer->in_flight--;
    consumer->in_flight_bytes -= held->shown.value.len;
    partition_release(held->partition);
    rd_kafka_message_destroy(held->native);
    free(held);
}

static void store_low(BusConsumer *consumer, BusPartition *partition)
{
    int64_t low = offsets_low(&partition->offsets);
    if (low <= partition->stored)
        return;
    rd_kafka_topic_partition_list_t *list = partition_list(partition, low);
    if (rd_kafka_offsets_store(consumer->rk, list) == RD_KAFKA_RESP_ERR_NO_ERROR)
        partition->stored = low;
    rd_kafka_topic_partition_list_destroy(list);
}

void bus_settle(BusConsumer *consumer, BusMessage *message)
{
    HeldMessage *held = message_held(message);
    BusPartition *partition = held->partition;
    if (partition->owned) {
        offsets_settle(&partition->offsets, message->offset);
        store_low(consumer, partition);
    }
    let_go(consumer, held);
}

void bus_drop(BusConsumer *consumer, BusMessage *message)
{
    let_go(consumer, message_held(message));
}

bool bus_message_owned(const BusMessage *message)
{
    return message_held_const(message)->partition->owned;
}

static void pause_partition(BusConsumer *consumer, BusPartition *partition, bool pause)
{
    rd_kafka_topic_partition_list_t *list = partition_list(partition, RD_KAFKA_OFFSET_INVALID);
    if (pause)
        rd_kafka_pause_partitions(consumer->rk, list);
    else
        rd_kafka_resume_partitions(consumer->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

void bus_retry(BusConsumer *consumer, BusMessage *message, uint32_t delay_ms)
{
    HeldMessage *held = message_held(message);
    BusPartition *partition = held->partition;
    if (partition->owned) {
        int64_t at = client_now_ms() + delay_ms;
        offsets_retry(&partition->offsets, message->offset);
        if (partition->retry_at_ms == 0)
            pause_partition(consumer, partition, true);
        if (partition->retry_at_ms == 0 || at < partition->retry_at_ms)
            partition->retry_at_ms = at;
    }
    let_go(consumer, held);
}

/* Back to the first message that waits, while still paused; what was settled since is skipped. */
static void resume_retry(BusConsumer *consumer, BusPartition *partition, int64_t now)
{
    int64_t offset = offsets_first_retry(&partition->offsets);
    if (offset >= 0) {
        rd_kafka_topic_partition_list_t *list = partition_list(partition, offset);
        rd_kafka_error_t *error = rd_kafka_seek_partitions(consumer->rk, list, CONSUMER_SEEK_MS);
        bool sought = !error && list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_topic_partition_list_destroy(list);
        if (error)
            rd_kafka_error_destroy(error);
        if (!sought) {
            log_warn(consumer->client.log, "kafka.seek_failed", LOG_TEXT("topic", partition->topic),
                     LOG_I64("partition", partition->id));
            partition->retry_at_ms = now + 1000;
            return;
        }
    }
    partition->retry_at_ms = 0;
    pause_partition(consumer, partition, false);
}

/* Milliseconds until the next retry is due, at most `wait_ms`. */
static uint32_t serve_retries(BusConsumer *consumer, uint32_t wait_ms)
{
    int64_t now = client_now_ms();
    for (size_t i = 0; i < consumer->partitions.count; i++) {
        BusPartition *partition = consumer->partitions.list[i];
        if (partition->retry_at_ms == 0)
            continue;
        if (partition->retry_at_ms <= now)
            resume_retry(consumer, partition, now);
        else if (partition->retry_at_ms - now < wait_ms)
            wait_ms = (uint32_t)(partition->retry_at_ms - now);
    }
    return wait_ms;
}

/* --- rebalances --------------------------------------------------------------------------------
 */
static void log_rebalance(BusConsumer *consumer, const char *event, size_t count)
{
    log_info(consumer->client.log, event, LOG_U64("partitions", count),
             LOG_U64("in_flight", consumer->in_flight));
}

static size_t lane_of(const BusConsumer *consumer, const char *topic)
{
    for (size_t lane = 0; lane < consumer->lane_count; lane++) {
        Str rest = str_from(consumer->lane_topics[lane]), name;
        while (rest.ptr && str_split(&rest, ',', &name))
            if (str_is(name, topic))
                return lane;
    }
    return consumer->lane_count - 1;
}

/* spec: docs of rd_kafka_queue_forward: a queue forwarded by the application stays so when fetching
 * starts; so this comes before rd_kafka_assign. */
static void forward_to_lane(BusConsumer *consumer, const char *full, BusPartition *partition)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(consumer->rk, full, partition->id);
    if (!queue)
        return; /* its messages then come through the group's queue: no lane, but no loss */
    rd_kafka_queue_forward(queue, consumer->lanes[partition->lane]);
    rd_kafka_queue_destroy(queue);
}

static void assign(BusConsumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    /* Exact positions instead of "stored": a position of an earlier assignment must not win. */
    if (rd_kafka_committed(consumer->rk, list, CONSUMER_COMMITTED_MS))
        for (int i = 0; i < list->cnt; i++)
            list->elems[i].offset = RD_KAFKA_OFFSET_STORED;
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *elem = &list->elems[i];
        const char *name = client_topic_name(&consumer->client, elem->topic);
        if (elem->offset == RD_KAFKA_OFFSET_INVALID)
            elem->offset = RD_KAFKA_OFFSET_STORED; /* none: auto.offset.reset decides */
        BusPartition *partition = partitions_add(&consumer->partitions, elem->topic, name,
                                                 elem->partition, lane_of(consumer, name));
        if (elem->offset >= 0)
            partition->stored = elem->offset;
        forward_to_lane(consumer, elem->topic, partition);
    }
    rd_kafka_assign(consumer->rk, list);
    if (list->cnt > 0)
        rd_kafka_resume_partitions(consumer->rk, list); /* a pause outlives its assignment */
    consumer->assigned = true;
    log_rebalance(consumer, "kafka.assigned", (size_t)list->cnt);
}

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    (void)rk;
    (void)offsets;
    *(rd_kafka_resp_err_t *)opaque = code;
}

static bool commit_within(BusConsumer *consumer, uint32_t wait_ms, Err *err)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->rk);
    rd_kafka_resp_err_t started =
        rd_kafka_commit_queue(consumer->rk, NULL, queue, on_commit, &code);
    if (started == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_queue_poll_callback(queue, (int)wait_ms);
    else
        code = started;
    rd_kafka_queue_destroy(queue);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return true;
    return CLIENT_ERR(err, code, "commit");
}

static void give_up(BusConsumer *consumer, size_t count)
{
    Err err = {0};
    int64_t until = client_now_ms() + consumer->revoke_wait_ms;
    log_rebalance(consumer, "kafka.revoked", count);
    if (consumer->on_revoke && consumer->in_flight > 0)
        consumer->on_revoke(consumer->opaque, consumer->revoke_wait_ms);
    int64_t left = until - client_now_ms();
    if (!commit_within(consumer, left > 1000 ? (uint32_t)left : 1000, &err))
        log_warn(consumer->client.log, "kafka.commit_failed", LOG_ERR(&err));
    rd_kafka_assign(consumer->rk, NULL);
    partitions_drop(&consumer->partitions);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    BusConsumer *consumer = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        partitions_drop(&consumer->partitions); /* none are left under eager assignment */
        assign(consumer, list);
    } else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS && !rd_kafka_assignment_lost(rk)) {
        give_up(consumer, (size_t)list->cnt);
    } else {
        log_rebalance(consumer, "kafka.lost", (size_t)list->cnt);
        rd_kafka_assign(rk, NULL);
        partitions_drop(&consumer->partitions);
    }
}

/* --- polling -----------------------------------------------------------------------------------
 */
static void note_error(BusConsumer *consumer, const rd_kafka_message_t *message)
{
    log_warn(consumer->client.log, "kafka.consume_error",
             LOG_TEXT("code", rd_kafka_err2name(message->err)),
             LOG_TEXT("topic", message->rkt ? rd_kafka_topic_name(message->rkt) : ""));
}

static void learn_end(BusConsumer *consumer, BusPartition *partition)
{
    int64_t low, high;
    if (partition->first_end < 0 &&
        rd_kafka_get_watermark_offsets(consumer->rk, partition->full, partition->id, &low, &high) ==
            RD_KAFKA_RESP_ERR_NO_ERROR &&
        high >= 0)
        partition->first_end = high;
}

/* A message of librdkafka -> one of ours, or NULL when it is not to be worked on. */
static BusMessage *take(BusConsumer *consumer, rd_kafka_message_t *native)
{
    BusPartition *partition = NULL;
    OffsetTake how = OFFSET_SKIP;
    uint32_t retries = 0;
    if (native->err)
        note_error(consumer, native);
    else
        partition = partitions_find(&consumer->partitions, rd_kafka_topic_name(native->rkt),
                                    native->partition);
    if (partition && !offsets_take(&partition->offsets, native->offset, &how, &retries)) {
        CHECK(!"memory for an offset"); /* skipping it would lose it */
    }
    HeldMessage *held = how == OFFSET_SKIP ? NULL : malloc(sizeof *held);
    if (!held) {
        CHECK(how == OFFSET_SKIP);
        rd_kafka_message_destroy(native);
        return NULL;
    }
    learn_end(consumer, partition);
    message_show(held, &consumer->client, native);
    held->partition = partition_hold(partition);
    held->shown.lane = partition->lane;
    held->shown.retries = retries;
    held->shown.maybe_redelivered = native->offset < partition->first_end;
    consumer->in_flight++;
    consumer->in_flight_bytes += native->len;
    return &held->shown;
}

/* Rebalances, errors, statistics; messages only in the moment between assign and forward. */
static BusMessage *serve_group(BusConsumer *consumer)
{
    rd_kafka_message_t *native;
    while ((native = rd_kafka_consumer_poll(consumer->rk, 0)) != NULL) {
        BusMessage *message = take(consumer, native);
        if (message)
            return message;
    }
    return NULL;
}

static BusMessage *take_from_lanes(BusConsumer *consumer)
{
    for (size_t lane = 0; lane < consumer->lane_count; lane++) {
        rd_kafka_message_t *native;
        while ((native = rd_kafka_consume_queue(consumer->lanes[lane], 0)) != NULL) {
            BusMessage *message = take(consumer, native);
            if (message)
                return message;
        }
    }
    return NULL;
}

static bool has_room(const BusConsumer *consumer)
{
    return !consumer->paused && consumer->in_flight < consumer->in_flight_max &&
           (consumer->in_flight == 0 ||
            consumer->in_flight_bytes < consumer->in_flight_limit_bytes);
}

bool bus_poll(BusConsumer *consumer, uint32_t timeout_ms, BusMessage **ret_message)
{
    int64_t until = client_now_ms() + timeout_ms;
    BusMessage *message = NULL;
    CHECK(!consumer->polling);
    consumer->polling = true;
    for (;;) {
        client_wakeup_drain(consumer->wakeup);
        message = serve_group(consumer);
        if (!message && has_room(consumer))
            message = take_from_lanes(consumer);
        int64_t left = until - client_now_ms();
        uint32_t wait_ms = serve_retries(consumer, left > 0 ? (uint32_t)left : 0);
        if (message || left <= 0)
            break;
        client_wakeup_wait(consumer->wakeup, wait_ms);
    }
    consumer->polling = false;
    if (message)
        *ret_message = message;
    return message != NULL;
}

/* --- birth and death ---------------------------------------------------------------------------
 */
static bool consumer_conf(BusConsumer *consumer, const BusConfig *config,
                          const BusConsumerOptions *options, rd_kafka_conf_t *conf, Err *err)
{
    char group[BUS_TOPIC_BYTES_MAX];
    uint32_t session =
        options->session_timeout_ms ? options->session_timeout_ms : CONSUMER_SESSION_MS;
    uint32_t interval =
        options->max_poll_interval_ms ? options->max_poll_interval_ms : CONSUMER_POLL_INTERVAL_MS;
    uint32_t commit =
        options->commit_interval_ms ? options->commit_interval_ms : CONSUMER_COMMIT_MS;
    uint32_t queued = options->queued_kbytes ? options->queued_kbytes : CONSUMER_QUEUED_KBYTES;
    TRY(client_topic(&consumer->client, options->group, group, err));
    TRY(client_set(conf, "group.id", group, err));
    TRY(client_set(conf, "auto.offset.reset", "earliest", err));
    TRY(client_set(conf, "enable.auto.offset.store", "false", err));
    TRY(client_set_number(conf, "auto.commit.interval.ms", commit, err));
    /* librdkafka 2.0.2 has known defects in cooperative assignment: eager only. */
    TRY(client_set(conf, "partition.assignment.strategy", "range,roundrobin", err));
    TRY(client_set_number(conf, "session.timeout.ms", session, err));
    TRY(client_set_number(conf, "heartbeat.interval.ms", session / 3, err));
    TRY(client_set_number(conf, "max.poll.interval.ms", interval > session ? interval : session,
                          err));
    TRY(client_set_number(conf, "queued.max.messages.kbytes", queued, err));
    TRY(client_set(conf, "queued.min.messages", "1000", err));
    if (options->gather_ms)
        TRY(client_set_number(conf, "fetch.wait.max.ms", options->gather_ms, err));
    TRY(client_set_number(conf, "fetch.min.bytes", options->gather_ms ? CONSUMER_GATHER_BYTES : 1,
                          err));
    TRY(client_set(conf, "fetch.error.backoff.ms", "200", err));
    return client_extra(conf, config, err);
}

static bool consumer_open(BusConsumer *consumer, const BusConfig *config,
                          const BusConsumerOptions *options, Err *err)
{
    char why[BUS_ERRSTR_BYTES];
    rd_kafka_conf_t *conf;
    TRY(client_init(&consumer->client, config, "consumer", err));
    consumer->wakeup = client_wakeup_open();
    if (consumer->wakeup < 0)
        return ERR(err, ERR_FATAL, "bus-config", "no eventfd");
    TRY(client_conf(&consumer->client, config, true, &conf, err));
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    bool set = consumer_conf(consumer, config, options, conf, err);
    consumer->rk = set ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why) : NULL;
    if (!consumer->rk) {
        rd_kafka_conf_destroy(conf);
        return set ? ERR(err, ERR_FATAL, "bus-config", "%s", why) : false;
    }
    rd_kafka_poll_set_consumer(consumer->rk);
    rd_kafka_queue_t *group = rd_kafka_queue_get_consumer(consumer->rk);
    client_wakeup_watch(group, consumer->wakeup);
    rd_kafka_queue_destroy(group);
    for (size_t lane = 0; lane < options->lane_count; lane++) {
        consumer->lanes[lane] = rd_kafka_queue_new(consumer->rk);
        client_wakeup_watch(consumer->lanes[lane], consumer->wakeup);
        consumer->lane_topics[lane] = strdup(options->lanes[lane]);
        if (!consumer->lane_topics[lane])
            return ERR(err, ERR_FATAL, "bus-config", "no memory");
        consumer->lane_count++;
    }
    return true;
}

static bool subscribe(BusConsumer *consumer, Err *err)
{
    rd_kafka_topic_partition_list_t *topics =
        rd_kafka_topic_partition_list_new(BUS_LANE_TOPICS_MAX);
    bool fine = true;
    for (size_t lane = 0; fine && lane < consumer->lane_count; lane++) {
        Str rest = str_from(consumer->lane_topics[lane]), name;
        while (fine && rest.ptr && str_split(&rest, ',', &name)) {
            char plain[BUS_TOPIC_BYTES_MAX], full[BUS_TOPIC_BYTES_MAX];
            snprintf(plain, sizeof plain, "%.*s", STR_ARG(name));
            fine = client_topic(&consumer->client, plain, full, err);
            if (fine)
                rd_kafka_topic_partition_list_add(topics, full, RD_KAFKA_PARTITION_UA);
        }
    }
    rd_kafka_resp_err_t code =
        fine ? rd_kafka_subscribe(consumer->rk, topics) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(topics);
    if (code)
        return CLIENT_ERR(err, code, "subscribe");
    return fine;
}

bool bus_consumer_new(const BusConfig *config, const BusConsumerOptions *options,
                      BusConsumer **ret_consumer, Err *err)
{
    CHECK(options->lane_count > 0 && options->lane_count <= BUS_LANES_MAX);
    BusConsumer *consumer = calloc(1, sizeof *consumer);
    if (!consumer)
        return ERR(err, ERR_FATAL, "bus-config", "no memory");
    consumer->wakeup = -1;
    consumer->on_revoke = options->on_revoke;
    consumer->opaque = options->opaque;
    consumer->revoke_wait_ms =
        options->revoke_wait_ms ? options->revoke_wait_ms : CONSUMER_REVOKE_MS;
    consumer->in_flight_max = options->in_flight_max ? options->in_flight_max : CONSUMER_IN_FLIGHT;
    consumer->in_flight_limit_bytes =
        options->in_flight_limit_bytes ? options->in_flight_limit_bytes : CONSUMER_IN_FLIGHT_BYTES;
    if (!consumer_open(consumer, config, options, err) || !subscribe(consumer, err)) {
        bus_consumer_free(consumer);
        return false;
    }
    *ret_consumer = consumer;
    return true;
}

/* Revokes, which stores and commits, and leaves the group; false when the coordinator did not
 * answer in time. rd_kafka_consumer_close() itself knows no limit: with a broker that has just come
 * back it was seen to wait for a whole minute, while senders wait for this worker's successor. */
static bool close_in_time(BusConsumer *consumer)
{
    int64_t until = client_now_ms() + consumer->revoke_wait_ms + CONSUMER_CLOSE_MS;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->rk);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(consumer->rk, queue);
    while (!error && !rd_kafka_consumer_closed(consumer->rk) && client_now_ms() < until)
        rd_kafka_queue_poll_callback(queue, CONSUMER_CLOSE_POLL_MS);
    bool closed = !error && rd_kafka_consumer_closed(consumer->rk);
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_queue_destroy(queue);
    return closed;
}

void bus_consumer_free(BusConsumer *consumer)
{
    if (!consumer)
        return;
    bool closed = !consumer->rk || close_in_time(consumer);
    CHECK(consumer->in_flight == 0); /* messages are settled or dropped before */
    for (size_t lane = 0; lane < consumer->lane_count; lane++) {
        rd_kafka_queue_destroy(consumer->lanes[lane]);
        free(consumer->lane_topics[lane]);
    }
    partitions_drop(&consumer->partitions);
    if (consumer->rk)
        rd_kafka_destroy_flags(consumer->rk, closed ? 0 : RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    if (consumer->wakeup >= 0)
        close(consumer->wakeup);
    client_clear(&consumer->client);
    free(consumer);
}

/* --- what callers ask --------------------------------------------------------------------------
 */
void bus_pause(BusConsumer *consumer)
{
    consumer->paused = true;
}

void bus_resume(BusConsumer *consumer)
{
    consumer->paused = false;
}

bool bus_commit(BusConsumer *consumer, Err *err)
{
    return commit_within(consumer, consumer->revoke_wait_ms, err);
}

bool bus_consumer_connected(BusConsumer *consumer)
{
    return consumer->client.up;
}

bool bus_consumer_assigned(BusConsumer *consumer)
{
    return consumer->assigned;
}

bool bus_consumer_fatal(BusConsumer *consumer)
{
    return consumer->client.fatal;
}

size_t bus_consumer_in_flight(const BusConsumer *consumer)
{
    return consumer->in_flight;
}

int bus_consumer_fd(const BusConsumer *consumer)
{
    return consumer->wakeup;
}

size_t bus_consumer_lag(BusConsumer *consumer, BusLag *ret_lags, size_t room)
{
    size_t count = consumer->partitions.count < room ? consumer->partitions.count : room;
    for (size_t i = 0; i < count; i++) {
        BusPartition *partition = consumer->partitions.list[i];
        int64_t low, high = -1;
        if (rd_kafka_get_watermark_offsets(consumer->rk, partition->full, partition->id, &low,
                                           &high))
            high = -1;
        int64_t done = offsets_low(&partition->offsets);
        done = done > partition->stored ? done : partition->stored;
        ret_lags[i] = (BusLag){.topic = partition->topic,
                               .partition = partition->id,
                               .stored = done,
                               .end = high,
                               .lag = high > done && done >= 0 ? high - done : 0};
    }
    return count;
}
