/* The role deliver: submit.<destination> -> HTTPS. One request at a time per ordering key; a result
 * is recorded on `response` before the offset may be stored. While the destination is down the
 * documents wait in hand, and the rest on the topic. */
#include "services/lake-submitter/deliver.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/bus/faults.h"
#include "common/destinations/topic.h"
#include "services/lake-submitter/breaker.h"
#include "services/lake-submitter/ledger.h"
#include "services/lake-submitter/pace.h"
#include "services/lake-submitter/recorded.h"
#include "services/lake-submitter/submit.h"

enum {
    BUSY_WAIT_MS = 10,
    ACCEPT_BURST = 16,
    LOOK_AGAIN_MS = 1000,
    SHARE_EVERY_MS = 1000,
    LAGS_MAX = 1024,
    NOTE_BYTES_MAX = 256 * 1024,
};

typedef struct Deliverer {
    Service *service;
    const SubmitterConfig *config;
    const DeliverJob *job;
    const DirectoryView *view;
    const Destination *destination; /* of the view */
    const DirectoryView *next_view; /* changed: taken over when nothing is being sent */
    BusProducer *producer;
    BusConsumer *consumer;
    HttpClient *client;
    Access *access;
    Recorded *recorded;
    Breaker breaker;
    Pace pace;
    Items items;
    size_t sending;
    size_t recording;
    size_t concurrency;     /* our share of it */
    int64_t share_after_ms; /* not looked at before */
    int64_t quiet_until_ms; /* the destination asked for it */
    int64_t look_after_ms;  /* the database was away: not before */
    char topic[DESTINATION_TOPIC_MAX];
    BusLag lags[LAGS_MAX];
} Deliverer;

static void record(Item *item);

/* --- the end of an item ------------------------------------------------------------------------
 */
static void settle(Deliverer *deliverer, Item *item, const char *how)
{
    counts_ended(deliverer->service->counts, deliverer->destination->name, how);
    bus_settle(deliverer->consumer, item->message);
    items_remove(&deliverer->items, item);
}

/* Somebody else has its partition now, or will have. */
static void drop(Deliverer *deliverer, Item *item)
{
    bus_drop(deliverer->consumer, item->message);
    items_remove(&deliverer->items, item);
}

static void note_trouble(const Item *item, LogLevel level, const char *event, const Err *err)
{
    const Trace trace = bus_message_trace(item->message);
    LOG_AT(item->owner->service->log, level, event, LOG_TRACE(&trace),
           LOG_STR("interaction_id", item->submission.envelope.interaction_id),
           LOG_STR("destination", item->submission.destination), LOG_ERR(err));
}

/* Who could not be read has no identity to note anything of. */
static ItemPart last_part(const Item *item)
{
    return item->submission.envelope.interaction_id.len ? PART_NOTE : PART_LETTER;
}

static bool is_leaving(const Item *item)
{
    return item->leaving || !bus_message_owned(item->message);
}

/* A part is written. */
static void recorded_well(Deliverer *deliverer, Item *item)
{
    if (item->give_up && item->part < last_part(item)) {
        item->part++;
        record(item);
    } else if (item->final) {
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
    deliverer->recording--;
    if (delivery->ok) {
        recorded_well(deliverer, item);
    } else if (is_leaving(item)) {
        drop(deliverer, item);
    } else {
        note_trouble(item, LOG_WARN, "delivery.not_recorded", &delivery->err);
        item->state = ITEM_UNRECORDED;
        item->due_ms = clock_mono_ms() + ROLE_RETRY_MS;
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
        {STR("replay"),      envelope->replay_id        },
    };
    size_t header_count = sizeof headers / sizeof headers[0] - (envelope->replay_id.len == 0);
    const BusRecord message = {
        .topic = item->topic,
        .partition = BUS_PARTITION_BY_KEY,
        .key = item->message->key,
        .value = item->record,
        .headers = headers,
        .header_count = header_count,
        .bulk = true,
        .on_delivery = on_recorded,
        .opaque = item,
    };
    return bus_publish(item->owner->producer, &message, err);
}

/* Why it is given up, where the answers say so. */
static void explain(Item *item)
{
    if (item->failures >= item->owner->destination->attempts_max)
        (void)ERR(&item->reason, ERR_INPUT, "delivery-failed", "%u attempts, the last: %s, HTTP %u",
                  item->attempt, item->ended, item->status);
    else
        (void)ERR(&item->reason, ERR_INPUT, "delivery-refused", "attempt %u: %s, HTTP %u",
                  item->attempt, item->ended, item->status);
}

static bool publish_dead_letter(Item *item, Err *err)
{
    if (!item->reason.code)
        explain(item);
    counts_dead_letter(item->owner->service->counts, item->reason.code);
    const BusMessage *message = item->message;
    const BusBurial burial = {"lake-submitter", &item->reason,
                              .deaths =
                                  hand_deaths(item->owner->service->supervisor, message->topic,
                                              message->partition, message->offset),
                              .attempts = item->attempt};
    return bus_dead_letter(item->owner->producer, message, &burial, on_recorded, item, err);
}

static bool is_ledger(const Deliverer *deliverer)
{
    return deliverer->destination->format == DESTINATION_DATALEDGER;
}

/* Of an item whose arena may be exhausted. */
static bool publish_note(Item *item, Err *err)
{
    ARENA_AUTO arena = arena_new(NOTE_BYTES_MAX);
    if (!arena)
        return ERR(err, ERR_RETRY, "memory-limit", "no room for a note");
    TRY(submit_note(is_ledger(item->owner), item, arena, err));
    bool sent = publish_record(item, err);
    item->record = STR_NONE;
    return sent;
}

/* The result first: it is what keeps a refused document from being sent again. A crash before its
 * dead letter is noted costs a second letter at most, of the same record for the same reason.
 * Without a result (no memory for one) the dead letter is what is left of it. Reports come later,
 * from bus_producer_poll, never from within. */
static void record(Item *item)
{
    static bool (*const publish[])(Item *, Err *) = {
        [PART_RECORD] = publish_record,
        [PART_LETTER] = publish_dead_letter,
        [PART_NOTE] = publish_note,
    };
    Deliverer *deliverer = item->owner;
    Err err = {0};
    bool sent = publish[item->part](item, &err);
    deliverer->recording += sent;
    item->state = sent ? ITEM_RECORDING : ITEM_UNRECORDED;
    if (!sent)
        item->due_ms = clock_mono_ms() + ROLE_RETRY_MS;
}

/* Its result is on record, or there is no room for it. */
static void record_letter(Item *item)
{
    item->part = PART_LETTER;
    item->give_up = item->final = true;
    record(item);
}

/* --- the answer --------------------------------------------------------------------------------
 */
/* Full jitter: anything between at once and the exponential bound, so that those who failed
 * together do not come back together. */
static uint32_t backoff_ms(const Destination *destination, uint32_t failures)
{
    uint64_t most = destination->backoff_min_ms;
    for (uint32_t i = 1; i < failures && most < destination->backoff_max_ms; i++)
        most *= 2;
    if (most > destination->backoff_max_ms)
        most = destination->backoff_max_ms;
    return arc4random_uniform((uint32_t)most + 1);
}

/* The destination is up: whoever failed meanwhile failed by itself. */
static void charge(Deliverer *deliverer)
{
    breaker_success(&deliverer->breaker);
    for (Item *item = deliverer->items.first; item; item = item->next)
        item->streak = 0;
}

/* The destination is down: the failures by which it was found out are nobody's, else each restart
 * of ours would cost the documents that wait some of their budget. */
static void refund(Deliverer *deliverer)
{
    for (Item *item = deliverer->items.first; item; item = item->next) {
        item->failures -= item->streak;
        item->streak = 0;
    }
}

/* What follows from it for breaker, budget and the next attempt. */
static void judge(Deliverer *deliverer, Item *item, const Answer *answer)
{
    int64_t now = clock_mono_ms();
    const BreakerFailure failure = {
        .document = str_hash(item->submission.envelope.interaction_id) | 1,
        .for_all = answer->for_all,
    };
    if (answer->success || answer->says_up) {
        charge(deliverer);
    } else if (breaker_failure(&deliverer->breaker, failure, now)) {
        item->failures++;
        item->streak++;
    } else {
        refund(deliverer);
    }
    bool exhausted = item->failures >= deliverer->destination->attempts_max;
    item->final = !answer->retriable || exhausted;
    item->give_up = item->final && !answer->success;
    item->suspect = item->unsure;
    if (now + answer->wait_ms > deliverer->quiet_until_ms)
        deliverer->quiet_until_ms = now + answer->wait_ms;
    if (!item->final)
        item->due_ms = now + backoff_ms(deliverer->destination, item->failures);
}

/* 401 with credentials that can be renewed: once more with new ones. It says nothing about the
 * document, and nothing about the destination yet. */
static bool renew(Deliverer *deliverer, Item *item, const HttpResult *result)
{
    if (result->failure != HTTP_FAILURE_NONE || result->status != 401 || item->renewed ||
        !item->edition || !access_refused(deliverer->access, item->edition))
        return false;
    breaker_forget(&deliverer->breaker);
    item->renewed = true;
    item->final = item->give_up = false;
    item->due_ms = 0;
    return true;
}

static void note_answer(Deliverer *deliverer, Item *item, const HttpResult *result,
                        const Answer *answer)
{
    const Envelope *envelope = &item->submission.envelope;
    double seconds = (double)result->total_us / 1e6;
    counts_attempt(deliverer->service->counts, deliverer->destination->name, answer->error_class,
                   seconds);
    if (answer->success)
        counts_delivered(deliverer->service->counts,
                         (double)(clock_wall_us() - envelope->received_at_us) / 1e6);
    LOG_AT(deliverer->service->log, answer->success ? LOG_INFO : LOG_WARN,
           answer->success ? "delivery.accepted" : "delivery.failed", LOG_TRACE(&item->trace),
           LOG_STR("interaction_id", envelope->interaction_id), LOG_STR("tenant", envelope->tenant),
           LOG_STR_IF("replay_id", envelope->replay_id),
           LOG_STR("destination", item->submission.destination), LOG_U64("attempt", item->attempt),
           LOG_U64("status", result->status), LOG_TEXT("class", answer->error_class),
           LOG_BOOL("final", item->final), LOG_F64("seconds", seconds));
}

static void tell_ledger(Deliverer *deliverer, const Item *item)
{
    const LedgerNews news = {.envelope = &item->submission.envelope,
                             .action = "sent",
                             .data_id = item->submission.data_id,
                             .key = item->message->key};
    ledger_tell(deliverer->view, deliverer->producer, deliverer->service->counts, &news,
                item->arena);
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
    hand_take(deliverer->job->hand, item->message->topic, item->message->partition,
              item->message->offset);
    faults_on(item->submission.body, "answer-");
    Answer answer =
        answer_judge(result, (DestinationFormat)deliverer->destination->format, item->arena);
    hand_return(deliverer->job->hand);
    item->attempt++;
    item->ended = answer.error_class;
    item->status = result->status;
    if (!renew(deliverer, item, result))
        judge(deliverer, item, &answer);
    if (answer.success && !is_ledger(deliverer)) {
        recorded_remember(deliverer->recorded, &item->submission);
        tell_ledger(deliverer, item);
    }
    note_answer(deliverer, item, result, &answer);
    if (submit_record(deliverer->config, is_ledger(deliverer), item, result, &answer, &err)) {
        record(item);
        return;
    }
    note_trouble(item, LOG_ERROR, "delivery.no_record", &err);
    record_letter(item); /* the arena is exhausted: dlq keeps the message */
}

/* --- starting ----------------------------------------------------------------------------------
 */
typedef enum Look { LOOK_SEND, LOOK_ACCEPTED, LOOK_FAILED, LOOK_UNBURIED, LOOK_LATER } Look;

/* A replay that an operator told to send even what was accepted. */
static bool is_resubmitted(const Envelope *envelope)
{
    const RequestHeaders *headers = &envelope->headers;
    for (uint32_t i = 0; envelope->replay_id.len && i < headers->other_count; i++)
        if (str_is(headers->other[i].name, "fhirbus-resubmit"))
            return true;
    return false;
}

/* Whoever had it before us counted this far: a restart is no fresh budget. */
static void take_up(Item *item, const RecordedPast *past)
{
    if (past->attempts > item->attempt)
        item->attempt = past->attempts;
    if (past->budget_used > item->failures)
        item->failures = past->budget_used;
    item->ended = past->error_class;
    item->status = past->status;
}

/* Has it been accepted, or ended, before? */
static Look look(Deliverer *deliverer, Item *item, int64_t now)
{
    Err err = {0};
    RecordedPast past;
    /* What goes out although it was accepted does so once: its own replay's acceptance counts. */
    bool again = is_resubmitted(&item->submission.envelope);
    /* What was accepted may have been taken back since, and then be replayed: the record knows. */
    bool remembered = !again && recorded_remembers(deliverer->recorded, &item->submission);
    if (remembered && !item->submission.envelope.replay_id.len)
        return LOOK_ACCEPTED;
    if (!item->suspect)
        return LOOK_SEND;
    if (item->suspect_since_ms == 0)
        item->suspect_since_ms = now;
    if (now < deliverer->look_after_ms) {
        item->due_ms = deliverer->look_after_ms;
        return LOOK_LATER;
    }
    RecordedKind kind = is_ledger(deliverer) ? RECORDED_NEWS : RECORDED_DELIVERY;
    if (recorded_look(deliverer->recorded, kind, &item->submission, item->arena, &past, &err)) {
        item->suspect = item->unsure = false;
        take_up(item, &past);
        /* What we remember may be on its way to the record: it has not been taken back then. */
        bool fresh = remembered && !past.on_record;
        bool accepted = again ? past.accepted_again : past.accepted || fresh;
        if (accepted || !past.failed)
            return accepted ? LOOK_ACCEPTED : LOOK_SEND;
        return past.buried ? LOOK_FAILED : LOOK_UNBURIED;
    }
    note_trouble(item, LOG_WARN, "delivery.records_away", &err);
    deliverer->look_after_ms = clock_mono_ms() + LOOK_AGAIN_MS;
    item->due_ms = deliverer->look_after_ms;
    bool patient = now - item->suspect_since_ms < (int64_t)deliverer->config->recorded_patience_ms;
    item->suspect = patient;
    item->unsure = !patient;
    return patient ? LOOK_LATER : remembered ? LOOK_ACCEPTED : LOOK_SEND;
}

/* On record as accepted, or as failed for good, its dead letter on dlq: only a replay sends the
 * latter again. */
static void already_ended(Deliverer *deliverer, Item *item, bool accepted)
{
    Trace trace = bus_message_trace(item->message);
    log_info(deliverer->service->log,
             accepted ? "delivery.already_accepted" : "delivery.already_failed", LOG_TRACE(&trace),
             LOG_STR("interaction_id", item->submission.envelope.interaction_id),
             LOG_STR("destination", item->submission.destination));
    settle(deliverer, item, accepted ? "already_accepted" : "already_failed");
}

/* It cannot even be tried, or not again. */
static void not_sent(Deliverer *deliverer, Item *item, const Err *why)
{
    static const char *const told[] = {"url-not-allowed", "poison"};
    Err err = {0};
    const HttpResult never = {.failure = HTTP_FAILURE_CONNECT, .text = why->text};
    Answer answer = {.error_class = "request"};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (strcmp(why->code, told[i]) == 0)
            answer.error_class = told[i];
    note_trouble(item, LOG_ERROR, "delivery.not_started", why);
    item->attempt++;
    item->ended = answer.error_class;
    item->final = item->give_up = true;
    if (submit_record(deliverer->config, is_ledger(deliverer), item, &never, &answer, &err))
        record(item);
    else
        record_letter(item);
}

static void send(Deliverer *deliverer, Item *item)
{
    Err err = {0};
    if (submit_start(deliverer->destination, deliverer->access, deliverer->client, item, on_answer,
                     &err)) {
        item->state = ITEM_SENDING;
        deliverer->sending++;
        return;
    }
    breaker_forget(&deliverer->breaker);
    not_sent(deliverer, item, &err);
}

/* Is the destination to be sent anything now? */
static bool may_send(Deliverer *deliverer, int64_t now)
{
    return !deliverer->next_view && deliverer->sending < deliverer->concurrency &&
           now >= deliverer->quiet_until_ms &&
           breaker_state(&deliverer->breaker, now) != BREAKER_OPEN;
}

static bool send_next(Deliverer *deliverer, Item *item, int64_t now)
{
    Look found = look(deliverer, item, now);
    if (found == LOOK_ACCEPTED || found == LOOK_FAILED)
        already_ended(deliverer, item, found == LOOK_ACCEPTED);
    if (found == LOOK_UNBURIED) /* whoever recorded its failure died before the letter was noted */
        record_letter(item);
    if (found != LOOK_SEND)
        return true;
    if (!access_ready(deliverer->access, deliverer->client, now) ||
        !breaker_allow(&deliverer->breaker, now))
        return false; /* the one probe is under way */
    int64_t wait = pace_take(&deliverer->pace, now);
    if (wait > 0) {
        breaker_forget(&deliverer->breaker);
        return false;
    }
    send(deliverer, item);
    return true;
}

static void start_due(Deliverer *deliverer)
{
    int64_t now = clock_mono_ms();
    Item *item;
    while (may_send(deliverer, now) && (item = items_next(&deliverer->items, now)) != NULL &&
           send_next(deliverer, item, now))
        ;
    for (item = deliverer->items.first; item; item = item->next)
        if (item->state == ITEM_UNRECORDED && item->due_ms <= now)
            record(item);
}

/* --- accepting ---------------------------------------------------------------------------------
 */
/* What cannot be read: dlq is all the record that it gets. What killed its worker has one of its
 * own, as long as it can be read whose it is. */
static void bury(Item *item, const Err *reason)
{
    Trace trace = bus_message_trace(item->message);
    log_error(item->owner->service->log, "delivery.dead_lettered", LOG_TRACE(&trace),
              LOG_I64("partition", item->message->partition),
              LOG_I64("offset", item->message->offset), LOG_ERR(reason));
    item->reason = *reason;
    if (item->submission.envelope.interaction_id.len)
        not_sent(item->owner, item, reason);
    else
        record_letter(item);
}

/* If even reading it kills, the next child does without. */
static bool read_submission(Deliverer *deliverer, Item *item, Err *err)
{
    const BusMessage *message = item->message;
    uint32_t deaths = hand_deaths(deliverer->service->supervisor, message->topic,
                                  message->partition, message->offset);
    hand_take(deliverer->job->hand, message->topic, message->partition, message->offset);
    bool fine = deaths > SUPERVISOR_DEATHS_MAX ||
                submission_decode(message->value, item->arena, &item->submission, err);
    hand_return(deliverer->job->hand);
    return deaths >= SUPERVISOR_DEATHS_MAX
               ? ERR(err, ERR_INPUT, "poison", "its worker died or hung %u times", deaths)
               : fine;
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
    bool fine = read_submission(deliverer, item, &err);
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
    int64_t until = clock_mono_ms() + wait_ms;
    for (Item *item = deliverer->items.first, *next; item; item = next) {
        next = item->next;
        item->leaving = true;
        if (item->state == ITEM_WAITS || item->state == ITEM_UNRECORDED)
            drop(deliverer, item);
    }
    while (deliverer->sending + deliverer->recording > 0 && clock_mono_ms() < until) {
        http_client_poll(deliverer->client, BUSY_WAIT_MS);
        bus_producer_poll(deliverer->producer, deliverer->sending ? 0 : BUSY_WAIT_MS);
    }
    if (deliverer->sending == 0)
        return;
    log_warn(deliverer->service->log, "delivery.cancelled",
             LOG_U64("requests", deliverer->sending));
    http_client_free(deliverer->client); /* cancels: on_answer drops them */
    deliverer->client = NULL;
    if (!submit_open_client(deliverer->config, deliverer->destination, &deliverer->client, &err)) {
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

/* --- the destination and its changes -----------------------------------------------------------
 */
/* What of it is ours: as much as we have of its topic's partitions. */
static void take_share(Deliverer *deliverer, int64_t now)
{
    const Destination *d = deliverer->destination;
    if (now < deliverer->share_after_ms)
        return;
    size_t ours = bus_consumer_lag(deliverer->consumer, deliverer->lags, LAGS_MAX);
    size_t all = (size_t)atomic_load(deliverer->job->partitions);
    double share = all > 0 && ours < all ? (double)ours / (double)all : 1;
    double concurrency = (double)d->concurrency * share;
    deliverer->concurrency = concurrency < 1 ? 1 : (size_t)concurrency;
    pace_set(&deliverer->pace, (double)d->per_minute * share, now);
    deliverer->share_after_ms = now + SHARE_EVERY_MS;
}

static bool served(const Destination *destination)
{
    return destination && !destination->paused && destination->url.len > 0;
}

/* Takes a view over; nothing is being sent. On failure the old one stays. */
static bool adopt(Deliverer *deliverer, const DirectoryView *view, Err *err)
{
    const SubmitterConfig *config = deliverer->config;
    const Destination *d = directory_find(view, deliverer->job->name);
    HttpClient *client = NULL;
    Access *access = NULL;
    TRY(submit_open_client(config, d, &client, err));
    access = access_new(d, config->secrets, deliverer->service->log);
    if (!access) {
        http_client_free(client);
        return ERR(err, ERR_FATAL, "worker-memory", "no memory");
    }
    http_client_free(deliverer->client); /* a token under way ends with it */
    access_free(deliverer->access);
    directory_release(deliverer->service->directory, deliverer->view);
    deliverer->client = client;
    deliverer->access = access;
    deliverer->view = view;
    deliverer->destination = d;
    breaker_init(&deliverer->breaker, (uint32_t)d->breaker_failures,
                 (uint32_t)d->breaker_open_min_ms, (uint32_t)d->breaker_open_max_ms);
    deliverer->share_after_ms = deliverer->quiet_until_ms = 0;
    for (Item *item = deliverer->items.first; item; item = item->next)
        item->due_ms = item->state == ITEM_WAITS ? 0 : item->due_ms;
    log_info(deliverer->service->log, "destination.served", LOG_TEXT("destination", d->name),
             LOG_U64("version", d->version));
    return true;
}

/* Did it change? False: it is not ours to serve any more. */
static bool follow(Deliverer *deliverer)
{
    Directory *directory = deliverer->service->directory;
    const DirectoryView *known = deliverer->next_view ? deliverer->next_view : deliverer->view;
    Err err = {0};
    if (directory_generation(directory) != known->generation) {
        const DirectoryView *view = directory_acquire(directory);
        if (!view)
            return true;
        directory_release(directory, deliverer->next_view);
        deliverer->next_view = view;
    }
    if (!deliverer->next_view)
        return true;
    const Destination *d = directory_find(deliverer->next_view, deliverer->job->name);
    if (!served(d))
        return false;
    if (d == deliverer->destination) { /* another one changed; the old view held this one */
        directory_release(directory, deliverer->view);
        deliverer->view = deliverer->next_view;
        deliverer->next_view = NULL;
    } else if (deliverer->sending == 0) {
        const DirectoryView *view = deliverer->next_view;
        deliverer->next_view = NULL;
        if (!adopt(deliverer, view, &err)) {
            log_error(deliverer->service->log, "destination.not_usable",
                      LOG_TEXT("destination", d->name), LOG_ERR(&err));
            directory_release(directory, view);
            return false; /* started again in a while */
        }
    }
    return true;
}

/* --- the loop ----------------------------------------------------------------------------------
 */
static void count(Deliverer *deliverer)
{
    CountsSlot *slot = deliverer->job->slot;
    counts_update(slot, deliverer->consumer, deliverer->producer, deliverer->service->supervisor);
    counts_breaker(slot, (int)breaker_state(&deliverer->breaker, clock_mono_ms()));
    counts_secret_failures(slot, access_failures(deliverer->access));
}

static int loop(Deliverer *deliverer)
{
    while (!role_stopping(deliverer->service) && follow(deliverer)) {
        count(deliverer);
        take_share(deliverer, clock_mono_ms());
        bool any = accept_some(deliverer);
        sweep_lost(deliverer);
        any |= bus_producer_poll(deliverer->producer, 0) > 0;
        start_due(deliverer);
        size_t open = http_client_active(deliverer->client);
        http_client_poll(deliverer->client, open && !any ? BUSY_WAIT_MS : 0);
        if (!any && open == 0)
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
    char group[DESTINATION_TOPIC_MAX];
    destination_topic_name(deliverer->topic, str_from(deliverer->job->name));
    destination_group_name(group, str_from(deliverer->job->name));
    const BusProducerOptions producing = {
        .message_timeout_ms = (uint32_t)config->publish_timeout_ms,
        .bulk_linger_ms = (uint32_t)config->bulk_linger_ms,
    };
    const BusConsumerOptions consuming = {
        .group = group,
        .lanes = {deliverer->topic},
        .lane_count = 1,
        .member = supervisor_member(deliverer->service->supervisor),
        .max_poll_interval_ms = supervisor_poll_interval_ms(deliverer->service->supervisor),
        .in_flight_max = (uint32_t)config->in_flight_max,
        .session_timeout_ms = (uint32_t)config->session_timeout_ms,
        .on_revoke = leave,
        .revoke_wait_ms = (uint32_t)config->revoke_wait_ms,
        .opaque = deliverer,
    };
    const DirectoryView *view = directory_acquire(deliverer->service->directory);
    bool wanted = view && served(directory_find(view, deliverer->job->name));
    if (!wanted || !adopt(deliverer, view, err)) {
        directory_release(deliverer->service->directory, view);
        return wanted ? false
                      : ERR(err, ERR_RETRY, "destination-gone", "it is not served any more");
    }
    deliverer->recorded =
        recorded_new(config->recorded_results ? &config->db : NULL, deliverer->service->log);
    if (!deliverer->recorded)
        return ERR(err, ERR_FATAL, "worker-memory", "no memory");
    TRY(bus_producer_new(&config->bus, &producing, &deliverer->producer, err));
    return bus_consumer_new(&config->bus, &consuming, &deliverer->consumer, err);
}

int deliver_to(Service *service, const DeliverJob *job)
{
    Deliverer *deliverer = calloc(1, sizeof *deliverer);
    Err err = {0};
    int code = 1;
    if (!deliverer)
        return 1;
    *deliverer = (Deliverer){.service = service, .config = service->config, .job = job};
    if (open_all(deliverer, &err)) {
        code = loop(deliverer);
    } else {
        /* A file that is not there yet, a destination that went: tried again in a while. */
        code = err.kind == ERR_RETRY || strcmp(err.code, "http-client") == 0 ? 0 : 1;
        log_error(service->log, "deliver.not_started", LOG_TEXT("destination", job->name),
                  LOG_ERR(&err));
    }
    http_client_free(deliverer->client); /* each brings its last callbacks: requests, reports */
    bus_producer_free(deliverer->producer, 0);
    while (deliverer->items.first)
        drop(deliverer, deliverer->items.first);
    bus_consumer_free(deliverer->consumer);
    access_free(deliverer->access);
    recorded_free(deliverer->recorded);
    directory_release(service->directory, deliverer->next_view);
    directory_release(service->directory, deliverer->view);
    free(deliverer);
    return code;
}
