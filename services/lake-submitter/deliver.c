/* The role deliver: submit.<destination> -> HTTPS. One request at a time per ordering key; a result
 * is recorded on `response` before the offset may be stored. While the destination is down the
 * documents wait in hand, and the rest on the topic. */
#include <stdlib.h>

#include "services/lake-submitter/breaker.h"
#include "services/lake-submitter/recorded.h"
#include "services/lake-submitter/role.h"
#include "services/lake-submitter/submit.h"

enum { BUSY_WAIT_MS = 10, ACCEPT_BURST = 16, LOOK_AGAIN_MS = 1000 };

typedef struct Deliverer {
    Service *service;
    const SubmitterConfig *config;
    Hand *hand;
    BusProducer *producer;
    BusConsumer *consumer;
    HttpClient *client;
    Recorded *recorded;
    Breaker breaker;
    Items items;
    size_t sending;
    size_t recording;
    int64_t look_after_ms; /* the database was away: not before */
    char topic[200];
} Deliverer;

static void record(Item *item);

/* --- the end of an item ------------------------------------------------------------------------
 */
static void settle(Deliverer *deliverer, Item *item, const char *how)
{
    counts_ended(deliverer->service->counts, how);
    bus_settle(deliverer->consumer, item->message);
    items_remove(&deliverer->items, item);
}

/* Somebody else has its partition now, or will have. */
static void drop(Deliverer *deliverer, Item *item)
{
    bus_drop(deliverer->consumer, item->message);
    items_remove(&deliverer->items, item);
}

static bool is_leaving(const Item *item)
{
    return item->leaving || !bus_message_owned(item->message);
}

/* Its result is on `response` (or its message on `dlq`). */
static void recorded_well(Deliverer *deliverer, Item *item)
{
    if (item->final) {
        settle(deliverer, item, item->give_up ? "failed" : "delivered");
    } else if (is_leaving(item)) {
        drop(deliverer, item);
    } else {
        item->state = ITEM_WAITS;
    }
}

static void on_recorded(void *opaque, const BusDelivery *delivery)
{
    Item *item = opaque;
    Deliverer *deliverer = item->owner;
    item->report_failed |= !delivery->ok;
    if (--item->reports > 0)
        return;
    deliverer->recording--;
    if (!item->report_failed) {
        recorded_well(deliverer, item);
    } else if (is_leaving(item)) {
        drop(deliverer, item);
    } else {
        log_warn(deliverer->service->log, "delivery.not_recorded", LOG_ERR(&delivery->err));
        item->state = ITEM_UNRECORDED;
        item->due_ms = role_now_ms() + ROLE_RETRY_MS;
    }
}

/* --- recording ---------------------------------------------------------------------------------
 */
static bool publish_record(Item *item, Err *err)
{
    const Envelope *envelope = &item->submission.envelope;
    const BusHeader headers[] = {
        {STR("traceparent"), str_from(item->traceparent)},
        {STR("interaction"), envelope->interaction_id   },
        {STR("tenant"),      envelope->tenant           },
    };
    const BusRecord message = {
        .topic = "response",
        .partition = BUS_PARTITION_BY_KEY,
        .key = item->message->key,
        .value = item->record,
        .headers = headers,
        .header_count = sizeof headers / sizeof headers[0],
        .bulk = true,
        .on_delivery = on_recorded,
        .opaque = item,
    };
    return bus_publish(item->owner->producer, &message, err);
}

static bool publish_dead_letter(Item *item, Err *err)
{
    Err reason = {0};
    (void)ERR(&reason, ERR_INPUT, "delivery-failed", "%u attempts", item->attempt);
    counts_dead_letter(item->owner->service->counts, reason.code);
    return bus_dead_letter(item->owner->producer, item->message, "lake-submitter", &reason,
                           on_recorded, item, err);
}

/* Reports come later, from bus_producer_poll, never from within. */
static void record(Item *item)
{
    Deliverer *deliverer = item->owner;
    Err err = {0};
    item->state = ITEM_RECORDING;
    item->report_failed = false;
    item->reports = 0;
    /* Without a record (no memory for one) the dead letter is what is left of it. */
    bool sent = !item->record.ptr || publish_record(item, &err);
    item->reports += sent && item->record.ptr;
    if (sent && item->give_up) {
        sent = publish_dead_letter(item, &err);
        item->reports += sent;
    }
    item->report_failed = !sent;
    deliverer->recording += item->reports > 0;
    if (item->reports == 0) {
        item->state = ITEM_UNRECORDED;
        item->due_ms = role_now_ms() + ROLE_RETRY_MS;
    }
}

/* --- the answer --------------------------------------------------------------------------------
 */
static uint32_t backoff_ms(const SubmitterConfig *config, uint32_t failures)
{
    uint64_t ms = config->backoff_min_ms;
    for (uint32_t i = 1; i < failures && ms < config->backoff_max_ms; i++)
        ms *= 2;
    if (ms > config->backoff_max_ms)
        ms = config->backoff_max_ms;
    return (uint32_t)(ms / 2) + arc4random_uniform((uint32_t)(ms / 2) + 1);
}

/* What follows from it for breaker, budget and the next attempt. */
static void judge(Deliverer *deliverer, Item *item, const Answer *answer)
{
    const SubmitterConfig *config = deliverer->config;
    int64_t now = role_now_ms();
    if (answer->success || answer->says_up)
        breaker_success(&deliverer->breaker);
    else if (breaker_failure(&deliverer->breaker, now))
        item->failures++;
    item->give_up = answer->retriable && item->failures >= config->attempts_max;
    item->final = !answer->retriable || item->give_up;
    if (item->final)
        return;
    uint32_t wait = backoff_ms(config, item->failures);
    item->due_ms = now + (answer->wait_ms > wait ? answer->wait_ms : wait);
}

static void note_answer(Deliverer *deliverer, Item *item, const HttpResult *result,
                        const Answer *answer)
{
    const Envelope *envelope = &item->submission.envelope;
    double seconds = (double)result->total_us / 1e6;
    counts_attempt(deliverer->service->counts, answer->error_class, seconds);
    if (answer->success)
        counts_delivered(deliverer->service->counts,
                         (double)(role_now_us() - envelope->received_at_us) / 1e6);
    LOG_AT(deliverer->service->log, answer->success ? LOG_INFO : LOG_WARN,
           answer->success ? "delivery.accepted" : "delivery.failed", LOG_TRACE(&item->trace),
           LOG_STR("interaction_id", envelope->interaction_id), LOG_STR("tenant", envelope->tenant),
           LOG_STR("destination", item->submission.destination), LOG_U64("attempt", item->attempt),
           LOG_U64("status", result->status), LOG_TEXT("class", answer->error_class),
           LOG_BOOL("final", item->final), LOG_F64("seconds", seconds));
}

static void on_answer(void *context, const HttpResult *result)
{
    Item *item = context;
    Deliverer *deliverer = item->owner;
    Err err = {0};
    deliverer->sending--;
    if (result->failure == HTTP_FAILURE_CANCELLED) { /* its partition left, or we stop */
        breaker_forget(&deliverer->breaker);
        drop(deliverer, item);
        return;
    }
    hand_take(deliverer->hand, item->message->topic, item->message->partition,
              item->message->offset);
    Answer answer = answer_judge(result, item->arena);
    hand_return(deliverer->hand);
    item->attempt++;
    judge(deliverer, item, &answer);
    if (answer.success)
        recorded_remember(deliverer->recorded, &item->submission);
    note_answer(deliverer, item, result, &answer);
    if (submit_record(deliverer->config, item, result, &answer, &err)) {
        record(item);
        return;
    }
    log_error(deliverer->service->log, "delivery.no_record", LOG_ERR(&err));
    item->give_up = item->final = true; /* the arena is exhausted: dlq keeps the message */
    item->record = STR_NONE;
    record(item);
}

/* --- starting ----------------------------------------------------------------------------------
 */
typedef enum Look { LOOK_SEND, LOOK_ACCEPTED, LOOK_LATER } Look;

/* Has it been accepted before? */
static Look look(Deliverer *deliverer, Item *item, int64_t now)
{
    Err err = {0};
    bool accepted = false;
    if (recorded_remembers(deliverer->recorded, &item->submission))
        return LOOK_ACCEPTED;
    if (!item->suspect)
        return LOOK_SEND;
    if (item->suspect_since_ms == 0)
        item->suspect_since_ms = now;
    if (now < deliverer->look_after_ms) {
        item->due_ms = deliverer->look_after_ms;
        return LOOK_LATER;
    }
    if (recorded_look(deliverer->recorded, &item->submission, item->arena, &accepted, &err)) {
        item->suspect = false;
        return accepted ? LOOK_ACCEPTED : LOOK_SEND;
    }
    log_warn(deliverer->service->log, "delivery.records_away", LOG_ERR(&err));
    deliverer->look_after_ms = role_now_ms() + LOOK_AGAIN_MS;
    item->due_ms = deliverer->look_after_ms;
    bool patient = now - item->suspect_since_ms < (int64_t)deliverer->config->recorded_patience_ms;
    item->suspect = patient;
    return patient ? LOOK_LATER : LOOK_SEND;
}

static void already_accepted(Deliverer *deliverer, Item *item)
{
    log_info(deliverer->service->log, "delivery.already_accepted",
             LOG_STR("interaction_id", item->submission.envelope.interaction_id),
             LOG_STR("destination", item->submission.destination));
    settle(deliverer, item, "already_accepted");
}

static void send(Deliverer *deliverer, Item *item)
{
    Err err = {0};
    if (submit_start(deliverer->config, deliverer->client, item, on_answer, &err)) {
        item->state = ITEM_SENDING;
        deliverer->sending++;
        return;
    }
    breaker_forget(&deliverer->breaker);
    const HttpResult never = {.failure = HTTP_FAILURE_CONNECT, .text = err.text};
    const Answer answer = {.error_class = "request"};
    log_error(deliverer->service->log, "delivery.not_started", LOG_ERR(&err));
    item->attempt++;
    item->final = item->give_up = true;
    if (!submit_record(deliverer->config, item, &never, &answer, &err))
        item->record = STR_NONE;
    record(item);
}

static void start_due(Deliverer *deliverer)
{
    int64_t now = role_now_ms();
    Item *item;
    while (deliverer->sending < deliverer->config->connections_max &&
           breaker_state(&deliverer->breaker, now) != BREAKER_OPEN &&
           (item = items_next(&deliverer->items, now)) != NULL) {
        Look found = look(deliverer, item, now);
        if (found == LOOK_ACCEPTED) {
            already_accepted(deliverer, item);
        } else if (found == LOOK_SEND) {
            if (!breaker_allow(&deliverer->breaker, now))
                break; /* the one probe is under way */
            send(deliverer, item);
        }
    }
    for (item = deliverer->items.first; item; item = item->next)
        if (item->state == ITEM_UNRECORDED && item->due_ms <= now)
            record(item);
}

/* --- accepting ---------------------------------------------------------------------------------
 */
static void bury(Item *item, const Err *reason)
{
    Deliverer *deliverer = item->owner;
    Err err = {0};
    log_error(deliverer->service->log, "delivery.dead_lettered",
              LOG_I64("partition", item->message->partition),
              LOG_I64("offset", item->message->offset), LOG_ERR(reason));
    counts_dead_letter(deliverer->service->counts, reason->code);
    item->final = item->give_up = true;
    if (bus_dead_letter(deliverer->producer, item->message, "lake-submitter", reason, on_recorded,
                        item, &err)) {
        item->state = ITEM_RECORDING;
        item->reports = 1;
        deliverer->recording++;
        return;
    }
    bus_retry(deliverer->consumer, item->message, ROLE_RETRY_MS);
    items_remove(&deliverer->items, item);
}

static void accept(Deliverer *deliverer, BusMessage *message)
{
    Err err = {0};
    Item *item =
        items_add(&deliverer->items, message, (size_t)deliverer->config->message_mib << 20);
    if (!item) {
        bus_retry(deliverer->consumer, message, ROLE_RETRY_MS);
        return;
    }
    item->owner = deliverer;
    items_line_up(&deliverer->items, item);
    bool condemned = hand_condemned(deliverer->service->supervisor, message->topic,
                                    message->partition, message->offset);
    hand_take(deliverer->hand, message->topic, message->partition, message->offset);
    bool fine = condemned ? ERR(&err, ERR_INPUT, "poison", "its worker died or hung twice")
                          : submission_decode(message->value, item->arena, &item->submission, &err);
    hand_return(deliverer->hand);
    if (!fine) {
        bury(item, &err);
        return;
    }
    const Submission *submission = &item->submission;
    item->suspect = submission->redelivered || message->maybe_redelivered || message->retries > 0 ||
                    submission->envelope.attempt > 0 || submission->envelope.replay_id.len > 0;
}

/* --- leaving -----------------------------------------------------------------------------------
 */
/* What is under way is finished or cancelled within wait_ms; what waits is somebody else's. */
static void leave(void *opaque, uint32_t wait_ms)
{
    Deliverer *deliverer = opaque;
    Err err = {0};
    int64_t until = role_now_ms() + wait_ms;
    for (Item *item = deliverer->items.first, *next; item; item = next) {
        next = item->next;
        item->leaving = true;
        if (item->state == ITEM_WAITS || item->state == ITEM_UNRECORDED)
            drop(deliverer, item);
    }
    while (deliverer->sending + deliverer->recording > 0 && role_now_ms() < until) {
        http_client_poll(deliverer->client, BUSY_WAIT_MS);
        bus_producer_poll(deliverer->producer, deliverer->sending ? 0 : BUSY_WAIT_MS);
    }
    if (deliverer->sending == 0)
        return;
    log_warn(deliverer->service->log, "delivery.cancelled",
             LOG_U64("requests", deliverer->sending));
    http_client_free(deliverer->client); /* cancels: on_answer drops them */
    deliverer->client = NULL;
    if (!submit_open_client(deliverer->config, &deliverer->client, &err)) {
        log_error(deliverer->service->log, "delivery.no_client", LOG_ERR(&err));
        abort(); /* it opened before; the supervisor starts us again */
    }
}

/* Lost without notice: the same, for what is not ours any more. */
static void sweep_lost(Deliverer *deliverer)
{
    for (Item *item = deliverer->items.first, *next; item; item = next) {
        next = item->next;
        if (bus_message_owned(item->message))
            continue;
        item->leaving = true;
        if (item->state == ITEM_WAITS || item->state == ITEM_UNRECORDED)
            drop(deliverer, item);
    }
}

/* --- the loop ----------------------------------------------------------------------------------
 */
static bool accept_some(Deliverer *deliverer)
{
    BusMessage *message;
    bool any = false;
    for (int i = 0; i < ACCEPT_BURST && bus_poll(deliverer->consumer, 0, &message); i++) {
        accept(deliverer, message);
        any = true;
    }
    return any;
}

static int loop(Deliverer *deliverer)
{
    Service *service = deliverer->service;
    while (!role_stopping(service)) {
        counts_update(service->counts, COUNTS_DELIVER, deliverer->consumer, deliverer->producer,
                      service->supervisor);
        counts_breaker(service->counts, (int)breaker_state(&deliverer->breaker, role_now_ms()));
        bool any = accept_some(deliverer);
        sweep_lost(deliverer);
        any |= bus_producer_poll(deliverer->producer, 0) > 0;
        start_due(deliverer);
        http_client_poll(deliverer->client, deliverer->sending && !any ? BUSY_WAIT_MS : 0);
        if (!any && deliverer->sending == 0)
            role_await(deliverer->consumer, deliverer->producer);
        if (bus_producer_fatal(deliverer->producer) || bus_consumer_fatal(deliverer->consumer))
            return 1;
    }
    leave(deliverer, ROLE_DRAIN_MS);
    return 0;
}

static bool open_all(Deliverer *deliverer, Err *err)
{
    const SubmitterConfig *config = deliverer->config;
    char group[200];
    snprintf(deliverer->topic, sizeof deliverer->topic, "submit.%s", config->destination);
    snprintf(group, sizeof group, "lake-submitter.%s", config->destination);
    const BusProducerOptions producing = {
        .message_timeout_ms = (uint32_t)config->publish_timeout_ms,
        .bulk_linger_ms = (uint32_t)config->bulk_linger_ms,
    };
    const BusConsumerOptions consuming = {
        .group = group,
        .lanes = {deliverer->topic},
        .lane_count = 1,
        .member = supervisor_member(deliverer->service->supervisor),
        .in_flight_max = (uint32_t)config->in_flight_max,
        .session_timeout_ms = (uint32_t)config->session_timeout_ms,
        .on_revoke = leave,
        .revoke_wait_ms = (uint32_t)config->revoke_wait_ms,
        .opaque = deliverer,
    };
    breaker_init(&deliverer->breaker, (uint32_t)config->breaker_failures,
                 (uint32_t)config->breaker_open_min_ms, (uint32_t)config->breaker_open_max_ms);
    deliverer->hand = hand_new(deliverer->service->supervisor);
    deliverer->recorded =
        recorded_new(config->recorded_results ? &config->db : NULL, deliverer->service->log);
    if (!deliverer->recorded)
        return ERR(err, ERR_FATAL, "worker-memory", "no memory");
    TRY(submit_open_client(config, &deliverer->client, err));
    TRY(bus_producer_new(&config->bus, &producing, &deliverer->producer, err));
    return bus_consumer_new(&config->bus, &consuming, &deliverer->consumer, err);
}

int deliver_run(Service *service)
{
    Deliverer deliverer = {.service = service, .config = service->config};
    Err err = {0};
    int code = 1;
    if (open_all(&deliverer, &err))
        code = loop(&deliverer);
    else
        log_error(service->log, "deliver.not_started", LOG_ERR(&err));
    http_client_free(deliverer.client); /* each brings its last callbacks: requests, reports */
    bus_producer_free(deliverer.producer, 0);
    while (deliverer.items.first)
        drop(&deliverer, deliverer.items.first);
    bus_consumer_free(deliverer.consumer);
    recorded_free(deliverer.recorded);
    return code;
}
