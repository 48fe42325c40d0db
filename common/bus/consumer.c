/* Consuming: lanes, rebalances, and the low-water mark.
 *
 * Each lane is a client of its own, in a group of its own: a broker answers one fetch of a
 * connection after the other, and what somebody waits for must not stand behind a megabyte of bulk.
 * Every assigned partition's queue is forwarded to its lane's queue, and the lanes are emptied in
 * order. The groups' own queues (rebalances, errors) are served on every bus_poll, so that a paused
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
    CONSUMER_HEARTBEAT_MS = 500,
    CONSUMER_POLL_INTERVAL_MS = 60000,
    CONSUMER_COMMIT_MS = 500,
    CONSUMER_QUEUED_KBYTES = 16 * 1024,
    CONSUMER_REVOKE_MS = 4000,
    CONSUMER_COMMITTED_MS = 5000,
    CONSUMER_SEEK_MS = 5000,
    CONSUMER_CLOSE_MS = 3000,
    CONSUMER_CLOSE_POLL_MS = 100,
    CONSUMER_LEAVE_POLL_MS = 10,
    CONSUMER_GATHER_BYTES = 256 * 1024,
};

typedef struct Lane {
    BusClient client; /* first: librdkafka's opaque */
    BusConsumer *consumer;
    size_t index;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* of its partitions' messages */
    char *topics;            /* without prefix, comma-separated */
    Partitions partitions;
    bool assigned;
    int64_t held_until_ms; /* bus_hold_lane */
} Lane;

struct BusConsumer {
    Lane lanes[BUS_LANES_MAX];
    size_t lane_count;
    size_t in_flight, in_flight_max;
    size_t in_flight_bytes, in_flight_limit_bytes;
    uint32_t bulk_after, since_bulk;
    int wakeup;
    bool paused;
    bool polling; /* bus_poll is not to be called from on_revoke */
    bool lasting; /* a member with a name: it leaves when told to, not when it dies */
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

static Lane *lane_of(BusConsumer *consumer, const BusPartition *partition)
{
    return &consumer->lanes[partition->lane];
}

static void store_low(Lane *lane, BusPartition *partition)
{
    int64_t low = offsets_low(&partition->offsets);
    if (low <= partition->stored)
        return;
    rd_kafka_topic_partition_list_t *list = partition_list(partition, low);
    if (rd_kafka_offsets_store(lane->rk, list) == RD_KAFKA_RESP_ERR_NO_ERROR)
        partition->stored = low;
    rd_kafka_topic_partition_list_destroy(list);
}

void bus_settle(BusConsumer *consumer, BusMessage *message)
{
    HeldMessage *held = message_held(message);
    BusPartition *partition = held->partition;
    if (partition->owned) {
        offsets_settle(&partition->offsets, message->offset);
        store_low(lane_of(consumer, partition), partition);
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

static void pause_partition(Lane *lane, BusPartition *partition, bool pause)
{
    rd_kafka_topic_partition_list_t *list = partition_list(partition, RD_KAFKA_OFFSET_INVALID);
    if (pause)
        rd_kafka_pause_partitions(lane->rk, list);
    else
        rd_kafka_resume_partitions(lane->rk, list);
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
            pause_partition(lane_of(consumer, partition), partition, true);
        if (partition->retry_at_ms == 0 || at < partition->retry_at_ms)
            partition->retry_at_ms = at;
    }
    let_go(consumer, held);
}

/* Back to the first message that waits, while still paused; what was settled since is skipped. */
static void resume_retry(Lane *lane, BusPartition *partition, int64_t now)
{
    int64_t offset = offsets_first_retry(&partition->offsets);
    if (offset >= 0) {
        rd_kafka_topic_partition_list_t *list = partition_list(partition, offset);
        rd_kafka_error_t *error = rd_kafka_seek_partitions(lane->rk, list, CONSUMER_SEEK_MS);
        bool sought = !error && list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_topic_partition_list_destroy(list);
        if (error)
            rd_kafka_error_destroy(error);
        if (!sought) {
            log_warn(lane->client.log, "kafka.seek_failed", LOG_TEXT("topic", partition->topic),
                     LOG_I64("partition", partition->id));
            partition->retry_at_ms = now + 1000;
            return;
        }
    }
    partition->retry_at_ms = 0;
    pause_partition(lane, partition, false);
}

/* Milliseconds until the lane's next retry is due, at most `wait_ms`. */
static uint32_t serve_retries(Lane *lane, uint32_t wait_ms)
{
    int64_t now = client_now_ms();
    for (size_t i = 0; i < lane->partitions.count; i++) {
        BusPartition *partition = lane->partitions.list[i];
        if (partition->retry_at_ms == 0)
            continue;
        if (partition->retry_at_ms <= now)
            resume_retry(lane, partition, now);
        else if (partition->retry_at_ms - now < wait_ms)
            wait_ms = (uint32_t)(partition->retry_at_ms - now);
    }
    return wait_ms;
}

/* --- rebalances --------------------------------------------------------------------------------
 */
static void log_rebalance(const Lane *lane, const char *event, size_t count)
{
    log_info(lane->client.log, event, LOG_U64("lane", lane->index), LOG_U64("partitions", count),
             LOG_U64("in_flight", lane->consumer->in_flight));
}

/* spec: docs of rd_kafka_queue_forward: a queue forwarded by the application stays so when fetching
 * starts; so this comes before rd_kafka_assign. */
static void forward_to_lane(const Lane *lane, const char *full, int32_t id)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(lane->rk, full, id);
    if (!queue)
        return; /* its messages then come through the group's queue: no lane, but no loss */
    rd_kafka_queue_forward(queue, lane->queue);
    rd_kafka_queue_destroy(queue);
}

static void assign(Lane *lane, rd_kafka_topic_partition_list_t *list)
{
    /* Exact positions instead of "stored": a position of an earlier assignment must not win. */
    if (rd_kafka_committed(lane->rk, list, CONSUMER_COMMITTED_MS))
        for (int i = 0; i < list->cnt; i++)
            list->elems[i].offset = RD_KAFKA_OFFSET_STORED;
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *elem = &list->elems[i];
        const char *name = client_topic_name(&lane->client, elem->topic);
        if (elem->offset == RD_KAFKA_OFFSET_INVALID)
            elem->offset = RD_KAFKA_OFFSET_STORED; /* none: auto.offset.reset decides */
        BusPartition *partition =
            partitions_add(&lane->partitions, elem->topic, name, elem->partition, lane->index);
        if (elem->offset >= 0)
            partition->stored = elem->offset;
        forward_to_lane(lane, elem->topic, elem->partition);
    }
    rd_kafka_assign(lane->rk, list);
    if (list->cnt > 0)
        rd_kafka_resume_partitions(lane->rk, list); /* a pause outlives its assignment */
    lane->assigned = true;
    log_rebalance(lane, "kafka.assigned", (size_t)list->cnt);
}

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    (void)rk;
    (void)offsets;
    *(rd_kafka_resp_err_t *)opaque = code;
}

static bool commit_within(Lane *lane, uint32_t wait_ms, Err *err)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(lane->rk);
    rd_kafka_resp_err_t started = rd_kafka_commit_queue(lane->rk, NULL, queue, on_commit, &code);
    if (started == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_queue_poll_callback(queue, (int)wait_ms);
    else
        code = started;
    rd_kafka_queue_destroy(queue);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET)
        return true;
    return CLIENT_ERR(err, code, "commit");
}

static void give_up(Lane *lane, size_t count)
{
    BusConsumer *consumer = lane->consumer;
    Err err = {0};
    int64_t until = client_now_ms() + consumer->revoke_wait_ms;
    log_rebalance(lane, "kafka.revoked", count);
    if (consumer->on_revoke && consumer->in_flight > 0)
        consumer->on_revoke(consumer->opaque, consumer->revoke_wait_ms);
    int64_t left = until - client_now_ms();
    if (!commit_within(lane, left > 1000 ? (uint32_t)left : 1000, &err))
        log_warn(lane->client.log, "kafka.commit_failed", LOG_ERR(&err));
    rd_kafka_assign(lane->rk, NULL);
    partitions_drop(&lane->partitions);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    Lane *lane = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        partitions_drop(&lane->partitions); /* none are left under eager assignment */
        assign(lane, list);
    } else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS && !rd_kafka_assignment_lost(rk)) {
        give_up(lane, (size_t)list->cnt);
    } else {
        log_rebalance(lane, "kafka.lost", (size_t)list->cnt);
        rd_kafka_assign(rk, NULL);
        partitions_drop(&lane->partitions);
    }
}

/* --- polling -----------------------------------------------------------------------------------
 */
/* A consumer is told here, not by the error callback, that its client cannot go on: such as a
 * member that came back after its session had timed out, and committed under the id it had before.
 */
static void note_error(Lane *lane, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__FATAL)
        lane->client.fatal = true;
    log_warn(lane->client.log, "kafka.consume_error",
             LOG_TEXT("code", rd_kafka_err2name(message->err)),
             LOG_TEXT("topic", message->rkt ? rd_kafka_topic_name(message->rkt) : ""));
}

static void learn_end(Lane *lane, BusPartition *partition)
{
    int64_t low, high;
    if (partition->first_end < 0 &&
        rd_kafka_get_watermark_offsets(lane->rk, partition->full, partition->id, &low, &high) ==
            RD_KAFKA_RESP_ERR_NO_ERROR &&
        high >= 0)
        partition->first_end = high;
}

/* A message of librdkafka -> one of ours, or NULL when it is not to be worked on. */
static BusMessage *take(Lane *lane, rd_kafka_message_t *native)
{
    BusConsumer *consumer = lane->consumer;
    BusPartition *partition = NULL;
    OffsetTake how = OFFSET_SKIP;
    uint32_t retries = 0;
    if (native->err)
        note_error(lane, native);
    else
        partition =
            partitions_find(&lane->partitions, rd_kafka_topic_name(native->rkt), native->partition);
    if (partition && !offsets_take(&partition->offsets, native->offset, &how, &retries)) {
        CHECK(!"memory for an offset"); /* skipping it would lose it */
    }
    HeldMessage *held = how == OFFSET_SKIP ? NULL : malloc(sizeof *held);
    if (!held) {
        CHECK(how == OFFSET_SKIP);
        rd_kafka_message_destroy(native);
        return NULL;
    }
    learn_end(lane, partition);
    message_show(held, &lane->client, native);
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
    for (size_t i = 0; i < consumer->lane_count; i++) {
        Lane *lane = &consumer->lanes[i];
        rd_kafka_message_t *native;
        while ((native = rd_kafka_consumer_poll(lane->rk, 0)) != NULL) {
            BusMessage *message = take(lane, native);
            if (message)
                return message;
        }
    }
    return NULL;
}

static BusMessage *take_from_lane(Lane *lane)
{
    rd_kafka_message_t *native;
    if (lane->held_until_ms && lane->held_until_ms > client_now_ms())
        return NULL;
    while ((native = rd_kafka_consume_queue(lane->queue, 0)) != NULL) {
        BusMessage *message = take(lane, native);
        if (message)
            return message;
    }
    return NULL;
}

static BusMessage *take_from_lanes(BusConsumer *consumer)
{
    size_t count = consumer->lane_count;
    bool bulk_is_due = consumer->bulk_after && consumer->since_bulk >= consumer->bulk_after;
    for (size_t i = 0; i < count; i++) {
        Lane *lane = &consumer->lanes[bulk_is_due ? count - 1 - i : i];
        BusMessage *message = take_from_lane(lane);
        if (message) {
            consumer->since_bulk = lane->index ? 0 : consumer->since_bulk + 1;
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
        uint32_t wait_ms = left > 0 ? (uint32_t)left : 0;
        for (size_t i = 0; i < consumer->lane_count; i++)
            wait_ms = serve_retries(&consumer->lanes[i], wait_ms);
        wait_ms = bus_consumer_due_ms(consumer, wait_ms);
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
static uint32_t or_default(uint32_t value, uint32_t initial)
{
    return value ? value : initial;
}

/* Lane 0 has the group's own name, lane 1 that of the bulk beside it. */
static bool lane_group(const Lane *lane, const BusConsumerOptions *options,
                       char out[BUS_TOPIC_BYTES_MAX], Err *err)
{
    char plain[BUS_TOPIC_BYTES_MAX];
    snprintf(plain, sizeof plain, "%s%s", options->group, lane->index ? ".bulk" : "");
    return client_topic(&lane->client, plain, out, err);
}

static bool lane_conf(const Lane *lane, const BusConfig *config, const BusConsumerOptions *options,
                      rd_kafka_conf_t *conf, Err *err)
{
    char group[BUS_TOPIC_BYTES_MAX];
    uint32_t session = or_default(options->session_timeout_ms, CONSUMER_SESSION_MS);
    uint32_t interval = or_default(options->max_poll_interval_ms, CONSUMER_POLL_INTERVAL_MS);
    TRY(lane_group(lane, options, group, err));
    TRY(client_set(conf, "group.id", group, err));
    TRY(client_set(conf, "group.instance.id", options->member, err));
    TRY(client_set(conf, "auto.offset.reset", "earliest", err));
    TRY(client_set(conf, "enable.auto.offset.store", "false", err));
    TRY(client_set_number(conf, "auto.commit.interval.ms",
                          or_default(options->commit_interval_ms, CONSUMER_COMMIT_MS), err));
    /* librdkafka 2.0.2 has known defects in cooperative assignment: eager only. */
    TRY(client_set(conf, "partition.assignment.strategy", "range,roundrobin", err));
    TRY(client_set_number(conf, "session.timeout.ms", session, err));
    /* Members learn of a rebalance by their heartbeats: the slowest one decides how long all wait.
     */
    TRY(client_set_number(conf, "heartbeat.interval.ms",
                          session / 3 < CONSUMER_HEARTBEAT_MS ? session / 3 : CONSUMER_HEARTBEAT_MS,
                          err));
    TRY(client_set_number(conf, "max.poll.interval.ms", interval > session ? interval : session,
                          err));
    TRY(client_set_number(conf, "queued.max.messages.kbytes",
                          or_default(options->queued_kbytes, CONSUMER_QUEUED_KBYTES), err));
    TRY(client_set(conf, "queued.min.messages", "1000", err));
    if (options->gather_ms)
        TRY(client_set_number(conf, "fetch.wait.max.ms", options->gather_ms, err));
    TRY(client_set_number(conf, "fetch.min.bytes", options->gather_ms ? CONSUMER_GATHER_BYTES : 1,
                          err));
    TRY(client_set(conf, "fetch.error.backoff.ms", "200", err));
    return client_extra(conf, config, err);
}

static bool lane_subscribe(Lane *lane, Err *err)
{
    rd_kafka_topic_partition_list_t *topics =
        rd_kafka_topic_partition_list_new(BUS_LANE_TOPICS_MAX);
    bool fine = true;
    Str rest = str_from(lane->topics), name;
    while (fine && rest.ptr && str_split(&rest, ',', &name)) {
        char plain[BUS_TOPIC_BYTES_MAX], full[BUS_TOPIC_BYTES_MAX];
        snprintf(plain, sizeof plain, "%.*s", STR_ARG(name));
        fine = client_topic(&lane->client, plain, full, err);
        if (fine)
            rd_kafka_topic_partition_list_add(topics, full, RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_resp_err_t code =
        fine ? rd_kafka_subscribe(lane->rk, topics) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(topics);
    if (code)
        return CLIENT_ERR(err, code, "subscribe");
    return fine;
}

static bool lane_open(Lane *lane, const BusConfig *config, const BusConsumerOptions *options,
                      Err *err)
{
    char why[BUS_ERRSTR_BYTES];
    rd_kafka_conf_t *conf;
    TRY(client_init(&lane->client, config, "consumer", err));
    lane->topics = strdup(options->lanes[lane->index]);
    if (!lane->topics)
        return ERR(err, ERR_FATAL, "bus-config", "no memory");
    TRY(client_conf(&lane->client, config, true, &conf, err));
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    bool set = lane_conf(lane, config, options, conf, err);
    lane->rk = set ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why) : NULL;
    if (!lane->rk) {
        rd_kafka_conf_destroy(conf);
        return set ? ERR(err, ERR_FATAL, "bus-config", "%s", why) : false;
    }
    rd_kafka_poll_set_consumer(lane->rk);
    rd_kafka_queue_t *group = rd_kafka_queue_get_consumer(lane->rk);
    client_wakeup_watch(group, lane->consumer->wakeup);
    rd_kafka_queue_destroy(group);
    lane->queue = rd_kafka_queue_new(lane->rk);
    client_wakeup_watch(lane->queue, lane->consumer->wakeup);
    return lane_subscribe(lane, err);
}

static bool consumer_open(BusConsumer *consumer, const BusConfig *config,
                          const BusConsumerOptions *options, Err *err)
{
    consumer->wakeup = client_wakeup_open();
    if (consumer->wakeup < 0)
        return ERR(err, ERR_FATAL, "bus-config", "no eventfd");
    for (size_t i = 0; i < options->lane_count; i++) {
        Lane *lane = &consumer->lanes[consumer->lane_count++];
        lane->consumer = consumer;
        lane->index = i;
        TRY(lane_open(lane, config, options, err));
    }
    return true;
}

bool bus_consumer_new(const BusConfig *config, const BusConsumerOptions *options,
                      BusConsumer **ret_consumer, Err *err)
{
    CHECK(options->lane_count > 0 && options->lane_count <= BUS_LANES_MAX);
    BusConsumer *consumer = calloc(1, sizeof *consumer);
    if (!consumer)
        return ERR(err, ERR_FATAL, "bus-config", "no memory");
    consumer->on_revoke = options->on_revoke;
    consumer->opaque = options->opaque;
    consumer->lasting = options->member != NULL;
    consumer->bulk_after = options->bulk_after;
    consumer->revoke_wait_ms = or_default(options->revoke_wait_ms, CONSUMER_REVOKE_MS);
    consumer->in_flight_max = or_default(options->in_flight_max, CONSUMER_IN_FLIGHT);
    consumer->in_flight_limit_bytes =
        options->in_flight_limit_bytes ? options->in_flight_limit_bytes : CONSUMER_IN_FLIGHT_BYTES;
    if (!consumer_open(consumer, config, options, err)) {
        bus_consumer_free(consumer);
        return false;
    }
    *ret_consumer = consumer;
    return true;
}

/* A member with a name stays one when its client closes: only by unsubscribing it leaves at once.
 * librdkafka forgets the id that the group gave it when it has sent its leave. */
static bool has_left(const Lane *lane)
{
    char *id = rd_kafka_memberid(lane->rk);
    bool left = !id || !*id;
    if (id)
        rd_kafka_mem_free(lane->rk, id);
    return left && lane->partitions.count == 0;
}

static void leave(Lane *lane, int64_t until)
{
    rd_kafka_message_t *late;
    if (rd_kafka_unsubscribe(lane->rk) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    while (!has_left(lane) && client_now_ms() < until)
        if ((late = rd_kafka_consumer_poll(lane->rk, CONSUMER_LEAVE_POLL_MS)) != NULL)
            rd_kafka_message_destroy(late);
}

/* Revokes, which stores and commits, and leaves the group; false when the coordinator did not
 * answer in time. rd_kafka_consumer_close() itself knows no limit: with a broker that has just come
 * back it was seen to wait for a whole minute, while senders wait for this worker's successor. */
static bool close_in_time(Lane *lane)
{
    const BusConsumer *consumer = lane->consumer;
    int64_t until = client_now_ms() + consumer->revoke_wait_ms + CONSUMER_CLOSE_MS;
    if (consumer->lasting && !lane->client.fatal)
        leave(lane, until);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(lane->rk);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(lane->rk, queue);
    while (!error && !rd_kafka_consumer_closed(lane->rk) && client_now_ms() < until)
        rd_kafka_queue_poll_callback(queue, CONSUMER_CLOSE_POLL_MS);
    bool closed = !error && rd_kafka_consumer_closed(lane->rk);
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_queue_destroy(queue);
    return closed;
}

static void lane_clear(Lane *lane, bool closed)
{
    if (lane->queue)
        rd_kafka_queue_destroy(lane->queue);
    partitions_drop(&lane->partitions);
    if (lane->rk)
        rd_kafka_destroy_flags(lane->rk, closed ? 0 : RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    free(lane->topics);
    client_clear(&lane->client);
}

void bus_consumer_free(BusConsumer *consumer)
{
    bool closed[BUS_LANES_MAX] = {0};
    if (!consumer)
        return;
    for (size_t i = 0; i < consumer->lane_count; i++)
        closed[i] = !consumer->lanes[i].rk || close_in_time(&consumer->lanes[i]);
    CHECK(consumer->in_flight == 0); /* messages are settled or dropped before */
    for (size_t i = 0; i < consumer->lane_count; i++)
        lane_clear(&consumer->lanes[i], closed[i]);
    if (consumer->wakeup >= 0)
        close(consumer->wakeup);
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

void bus_hold_lane(BusConsumer *consumer, size_t lane, uint32_t for_ms)
{
    CHECK(lane < consumer->lane_count);
    consumer->lanes[lane].held_until_ms = for_ms ? client_now_ms() + for_ms : 0;
}

bool bus_commit(BusConsumer *consumer, Err *err)
{
    for (size_t i = 0; i < consumer->lane_count; i++)
        TRY(commit_within(&consumer->lanes[i], consumer->revoke_wait_ms, err));
    return true;
}

bool bus_consumer_connected(BusConsumer *consumer)
{
    bool all = true;
    for (size_t i = 0; i < consumer->lane_count; i++)
        all &= consumer->lanes[i].client.up;
    return all;
}

bool bus_consumer_assigned(BusConsumer *consumer)
{
    bool all = true;
    for (size_t i = 0; i < consumer->lane_count; i++)
        all &= consumer->lanes[i].assigned;
    return all;
}

bool bus_consumer_fatal(BusConsumer *consumer)
{
    bool any = false;
    for (size_t i = 0; i < consumer->lane_count; i++)
        any |= consumer->lanes[i].client.fatal;
    return any;
}

size_t bus_consumer_in_flight(const BusConsumer *consumer)
{
    return consumer->in_flight;
}

int bus_consumer_fd(const BusConsumer *consumer)
{
    return consumer->wakeup;
}

uint32_t bus_consumer_due_ms(const BusConsumer *consumer, uint32_t wait_ms)
{
    int64_t now = client_now_ms();
    for (size_t i = 0; i < consumer->lane_count; i++) {
        int64_t left = consumer->lanes[i].held_until_ms - now;
        if (left > 0 && left < wait_ms)
            wait_ms = (uint32_t)left;
    }
    return wait_ms;
}

static BusLag lag_of(const Lane *lane, const BusPartition *partition)
{
    int64_t low, high = -1;
    if (rd_kafka_get_watermark_offsets(lane->rk, partition->full, partition->id, &low, &high))
        high = -1;
    int64_t done = offsets_low(&partition->offsets);
    done = done > partition->stored ? done : partition->stored;
    return (BusLag){.topic = partition->topic,
                    .partition = partition->id,
                    .stored = done,
                    .end = high,
                    .lag = high > done && done >= 0 ? high - done : 0};
}

size_t bus_consumer_lag(BusConsumer *consumer, BusLag *ret_lags, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < consumer->lane_count; i++) {
        const Lane *lane = &consumer->lanes[i];
        for (size_t j = 0; j < lane->partitions.count && count < room; j++)
            ret_lags[count++] = lag_of(lane, lane->partitions.list[j]);
    }
    return count;
}
