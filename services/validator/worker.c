#include "services/validator/worker.h"

#include <poll.h>
#include <stdlib.h>

#include "common/bus/pace.h"
#include "common/rules/source.h"
#include "services/validator/counts.h"
#include "services/validator/judge.h"
#include "services/validator/loaded.h"

enum {
    POLL_MS = 100,
    RETRY_MS = 1000,
    FULL_RETRY_MS = 100,
    SERVICE_DRAIN_MS = 10000,
    BURIAL_WAIT_MS = 5000,
    GOODBYE_WAIT_MS = 2000
};
static const char service[] = "validator";

typedef struct Worker {
    const ValidatorConfig *config;
    const Log *log;
    Supervisor *supervisor;
    Hand *hand;
    Images *images;
    Counts *counts;
    RuleSource *rules;
    BusProducer *producer;
    BusConsumer *consumer;
    LoadedReport *loaded;
    Arena *arena;
    size_t jobs; /* published, reports outstanding */
    int64_t looked_at_us;
    Pace pace;
} Worker;

/* One message until its records are acknowledged. */
typedef struct Job {
    Worker *worker;
    BusMessage *message;
    uint32_t open; /* reports outstanding, and one while it is still being worked on */
    bool failed;
    Err err;
    char id[40]; /* interaction id, for the log */
} Job;

/* --- jobs --------------------------------------------------------------------------------------
 */
static Job *job_new(Worker *worker, BusMessage *message)
{
    Job *job = calloc(1, sizeof *job);
    if (!job)
        abort(); /* without 400 bytes nothing works: the supervisor starts us again */
    *job = (Job){.worker = worker, .message = message, .open = 1};
    worker->jobs++;
    return job;
}

static void job_release(Job *job)
{
    Worker *worker = job->worker;
    if (--job->open > 0)
        return;
    if (job->failed) {
        Trace trace = bus_message_trace(job->message);
        log_warn(worker->log, "message.retry", LOG_TRACE(&trace),
                 LOG_TEXT("interaction_id", job->id), LOG_TEXT("topic", job->message->topic),
                 LOG_I64("partition", job->message->partition),
                 LOG_I64("offset", job->message->offset), LOG_ERR(&job->err));
        bool full = strcmp(job->err.code, "bus-full") == 0;
        bus_retry(worker->consumer, job->message, full ? FULL_RETRY_MS : RETRY_MS);
    } else {
        bus_settle(worker->consumer, job->message);
    }
    worker->jobs--;
    free(job);
}

static void job_fail(Job *job, const Err *err)
{
    if (!job->failed)
        job->err = *err;
    job->failed = true;
}

static void on_delivery(void *opaque, const BusDelivery *delivery)
{
    Job *job = opaque;
    if (!delivery->ok)
        job_fail(job, &delivery->err);
    job_release(job);
}

/* Nobody can wait on a partition that does not exist: then the verdict alone counts. */
static void on_answer_delivery(void *opaque, const BusDelivery *delivery)
{
    Job *job = opaque;
    if (!delivery->ok && delivery->err.kind != ERR_INPUT)
        job_fail(job, &delivery->err);
    job_release(job);
}

/* --- publishing --------------------------------------------------------------------------------
 */
typedef struct Target {
    const char *topic;
    int32_t partition;
    bool bulk;
    BusDeliveryFn on_delivery;
} Target;

static bool publish(Job *job, const Envelope *envelope, const Target *target, Str bytes, Err *err)
{
    const BusHeader headers[] = {
        {STR("traceparent"), envelope->traceparent   },
        {STR("interaction"), envelope->interaction_id},
        {STR("tenant"),      envelope->tenant        },
        {STR("replay"),      envelope->replay_id     },
    };
    size_t header_count = sizeof headers / sizeof headers[0] - (envelope->replay_id.len == 0);
    const BusRecord record = {
        .topic = target->topic,
        .partition = target->partition,
        .key = job->message->key,
        .value = bytes,
        .headers = headers,
        .header_count = header_count,
        .bulk = target->bulk,
        .on_delivery = target->on_delivery,
        .opaque = job,
    };
    job->open++;
    if (bus_publish(job->worker->producer, &record, err))
        return true;
    job->open--;
    return false;
}

static bool publish_response(Job *job, const Envelope *envelope, const Response *response, Err *err)
{
    const Target target = {"response", envelope->response_partition, envelope->lane == LANE_BULK,
                           on_answer_delivery};
    Str bytes;
    TRY(response_encode(response, job->worker->arena, &bytes, err));
    return publish(job, envelope, &target, bytes, err);
}

static bool publish_verdict(Job *job, const Validated *validated, Err *err)
{
    /* By a connection of its own: a broker takes up one request of a connection after the other,
     * and the answer, for which somebody waits, must not stand behind a record twice its size. */
    const Target target = {"validated", BUS_PARTITION_BY_KEY, true, on_delivery};
    const Envelope *envelope = &validated->envelope;
    Response response =
        envelope_response(envelope, RESPONSE_VERDICT, STR("validator"), validated->published_at_us);
    Str bytes;
    if (envelope->response_partition != ENVELOPE_NOBODY_WAITS) { /* first: somebody waits */
        response.has_outcome = response.has_disposition = true;
        response.outcome = validated->outcome;
        response.rules_version = validated->rules_version;
        if (!validated->outcome.precheck_code.len)
            response.outcome.issue_count = 0; /* the OperationOutcome has them */
        response.disposition = validated->disposition;
        TRY(publish_response(job, envelope, &response, err));
    }
    if (envelope->route == ROUTE_TRIAL) /* whoever tries something has the answer, nobody else */
        return true;
    TRY(validated_encode(validated, job->worker->arena, &bytes, err));
    return publish(job, envelope, &target, bytes, err);
}

static FailureKind failure_kind(const Err *reason)
{
    if (strcmp(reason->code, "poison") == 0)
        return FAILURE_POISON;
    return strcmp(reason->code, "memory-limit") == 0 ? FAILURE_MEMORY : FAILURE_INPUT;
}

/* A trial is kept nowhere, not here either. */
static bool bury_message(Job *job, const Err *reason, Err *err)
{
    if (str_is(str_from(job->message->topic), "trial"))
        return true;
    const BusMessage *message = job->message;
    const BusBurial burial = {service, reason,
                              .deaths = hand_deaths(job->worker->supervisor, message->topic,
                                                    message->partition, message->offset)};
    job->open++;
    if (bus_dead_letter(job->worker->producer, message, &burial, on_delivery, job, err))
        return true;
    job->open--;
    return false;
}

/* The untouched message to `dlq`, the news to its sender and to the record. */
static void dead_letter(Job *job, const Envelope *envelope, const Err *reason)
{
    Worker *worker = job->worker;
    Err err = {0};
    Trace trace = bus_message_trace(job->message);
    log_error(worker->log, "message.dead_lettered", LOG_TRACE(&trace),
              LOG_TEXT("interaction_id", job->id), LOG_TEXT("topic", job->message->topic),
              LOG_I64("partition", job->message->partition),
              LOG_I64("offset", job->message->offset), LOG_ERR(reason));
    counts_failed(worker->counts, reason->code);
    if (!bury_message(job, reason, &err)) {
        job_fail(job, &err);
        return;
    }
    if (!envelope)
        return;
    Response response =
        envelope_response(envelope, RESPONSE_FAILED, STR("validator"), judge_now_us());
    response.has_failure = true;
    response.failure = (Failure){.kind = failure_kind(reason),
                                 .code = str_from(reason->code),
                                 .text = str_from(reason->text)};
    if (!publish_response(job, envelope, &response, &err))
        job_fail(job, &err);
}

/* --- one message -------------------------------------------------------------------------------
 */
/* Our own span of the sender's trace goes on with the message. */
static void continue_trace(Worker *worker, Envelope *envelope, Trace *ret_trace)
{
    char text[TRACEPARENT_SIZE];
    Trace trace;
    if (!trace_parse(envelope->traceparent, &trace))
        trace = trace_new();
    *ret_trace = trace_child(&trace);
    trace_format(ret_trace, text);
    Str copy = arena_copy(worker->arena, str_from(text));
    if (copy.ptr)
        envelope->traceparent = copy;
}

static void note_verdict(Worker *worker, const Validated *validated, const Trace *trace)
{
    const Outcome *outcome = &validated->outcome;
    const Envelope *envelope = &validated->envelope;
    double seconds = (double)(outcome->finished_at_us - outcome->started_at_us) / 1e6;
    double waited = (double)(outcome->started_at_us - envelope->received_at_us) / 1e6;
    counts_verdict(worker->counts, validated, seconds, waited);
    log_info(worker->log, "message.validated", LOG_TRACE(trace),
             LOG_STR("interaction_id", envelope->interaction_id),
             LOG_STR("tenant", envelope->tenant), LOG_TEXT("route", route_name(envelope->route)),
             LOG_STR_IF("replay_id", envelope->replay_id),
             LOG_TEXT("action", action_name(validated->disposition.action)),
             LOG_STR("precheck", outcome->precheck_code), LOG_U64("bytes", validated->bundle.len),
             LOG_U64("errors", outcome->errors), LOG_U64("warnings", outcome->warnings),
             LOG_F64("seconds", seconds), LOG_F64("waited", waited));
}

/* A rule that cannot be evaluated does not hold, and somebody should know. */
static void note_rules(Worker *worker, const Validated *validated, const Trace *trace)
{
    for (uint32_t i = 0; i < validated->rule_change_count; i++) {
        const RuleChange *change = &validated->rule_changes[i];
        counts_rule(worker->counts, change);
        if (str_is(change->what, "not-evaluated"))
            log_warn(worker->log, "rule.not_evaluated", LOG_TRACE(trace),
                     LOG_STR("rule", change->rule),
                     LOG_STR("interaction_id", validated->envelope.interaction_id),
                     LOG_STR("why", change->after));
    }
}

static bool decide(Worker *worker, Job *job, Envelope *envelope, const RuleBook *book, Err *err)
{
    Validated validated;
    Trace trace;
    continue_trace(worker, envelope, &trace);
    const Judge by = {worker->config, worker->images, book, 0};
    TRY(judge(&by, envelope, worker->arena, &validated, err));
    validated.redelivered = job->message->maybe_redelivered || job->message->retries > 0;
    validated.published_at_us = judge_now_us();
    TRY(publish_verdict(job, &validated, err));
    note_verdict(worker, &validated, &trace);
    note_rules(worker, &validated, &trace);
    return true;
}

/* True when a verdict was handed to the producer; ERR_INPUT means: never. The verdict is encoded
 * while its rules are held. */
static bool work(Worker *worker, Job *job, Envelope *envelope, Err *err)
{
    RuleHold hold;
    TRY(rule_source_hold(worker->rules, envelope->tenant, worker->arena, &hold, err));
    bool done = decide(worker, job, envelope, &hold.book, err);
    rule_source_release(worker->rules, &hold);
    return done;
}

/* A message that killed its worker: only its envelope is read, to know whom to answer; if even that
 * kills, the next child does without. */
static void bury(Job *job, uint32_t deaths)
{
    Envelope envelope;
    Err ignored = {0}, reason = {0};
    bool known = deaths == SUPERVISOR_DEATHS_MAX &&
                 envelope_decode(job->message->value, job->worker->arena, &envelope, &ignored);
    (void)ERR(&reason, ERR_INPUT, "poison", "its worker died or hung %u times", deaths);
    if (known)
        snprintf(job->id, sizeof job->id, "%.*s", STR_ARG(envelope.interaction_id));
    dead_letter(job, known ? &envelope : NULL, &reason);
}

/* Partitions are leaving: what is published is acknowledged or not, nothing new is begun. */
static void await_reports(void *opaque, uint32_t wait_ms)
{
    Worker *worker = opaque;
    for (uint32_t waited = 0; worker->jobs > 0 && waited < wait_ms; waited += POLL_MS)
        bus_producer_poll(worker->producer, POLL_MS);
}

/* After a burial: the next death must not bring the dead back, so its offset is committed at once.
 */
static void commit_now(Worker *worker)
{
    Err err = {0};
    await_reports(worker, BURIAL_WAIT_MS);
    if (!bus_commit(worker->consumer, &err))
        log_warn(worker->log, "kafka.commit_failed", LOG_ERR(&err));
}

static void handle(Worker *worker, BusMessage *message)
{
    Job *job = job_new(worker, message);
    Envelope envelope;
    Err err = {0};
    uint32_t deaths =
        hand_deaths(worker->supervisor, message->topic, message->partition, message->offset);
    hand_take(worker->hand, message->topic, message->partition, message->offset);
    if (deaths >= SUPERVISOR_DEATHS_MAX) {
        bury(job, deaths);
    } else if (!envelope_decode(message->value, worker->arena, &envelope, &err)) {
        dead_letter(job, NULL, &err);
    } else {
        snprintf(job->id, sizeof job->id, "%.*s", STR_ARG(envelope.interaction_id));
        if (!work(worker, job, &envelope, &err)) {
            arena_reset(worker->arena); /* room to say so; the envelope is read again */
            if (err.kind != ERR_INPUT)
                job_fail(job, &err);
            else if (envelope_decode(message->value, worker->arena, &envelope, &(Err){0}))
                dead_letter(job, &envelope, &err);
            else
                dead_letter(job, NULL, &err);
        }
    }
    hand_return(worker->hand);
    arena_reset(worker->arena);
    job_release(job);
    if (deaths >= SUPERVISOR_DEATHS_MAX)
        commit_now(worker);
}

/* Interactive before bulk, also on the machine: bulk steps back while somebody waits. */
static void handle_in_turn(Worker *worker, BusMessage *message)
{
    int64_t began = judge_now_us();
    size_t lane = message->lane;
    handle(worker, message);
    int64_t now = judge_now_us();
    if (lane == 0)
        pace_interactive(&worker->pace, now);
    else
        bus_hold_lane(worker->consumer, lane, pace_bulk(&worker->pace, now, now - began));
}

/* --- the loop ----------------------------------------------------------------------------------
 */
static void await_work(Worker *worker)
{
    struct pollfd fds[] = {
        {.fd = bus_consumer_fd(worker->consumer), .events = POLLIN},
        {.fd = bus_producer_fd(worker->producer), .events = POLLIN}
    };
    poll(fds, 2, (int)bus_consumer_due_ms(worker->consumer, POLL_MS));
}

static void refresh_images(Worker *worker)
{
    int64_t now = judge_now_us();
    bool asked = supervisor_reload_asked();
    int64_t every = (int64_t)worker->config->image_check_s * 1000000;
    if (!asked && (every == 0 || now - worker->looked_at_us < every))
        return;
    worker->looked_at_us = now;
    images_refresh(worker->images, asked);
}

static int loop(Worker *worker)
{
    while (!supervisor_stopping()) {
        BusMessage *message;
        supervisor_beat(worker->supervisor);
        counts_update(worker->counts, worker->consumer, worker->producer, worker->supervisor);
        counts_rules(worker->counts, rule_source_counts(worker->rules));
        refresh_images(worker);
        loaded_step(worker->loaded, worker->images, worker->arena, judge_now_us());
        int reports = bus_producer_poll(worker->producer, 0);
        if (bus_poll(worker->consumer, 0, &message))
            handle_in_turn(worker, message);
        else if (reports == 0)
            await_work(worker);
        if (bus_producer_fatal(worker->producer) || bus_consumer_fatal(worker->consumer))
            return 1;
    }
    log_info(worker->log, "worker.draining", LOG_U64("in_flight", worker->jobs));
    await_reports(worker, SERVICE_DRAIN_MS);
    loaded_end(worker->loaded, worker->images, worker->arena, judge_now_us(), GOODBYE_WAIT_MS);
    return 0;
}

/* Nothing is decided before the published rules are known. */
static bool await_rules(Worker *worker, Err *err)
{
    TRY(rule_source_open(&worker->config->bus, &worker->rules, err));
    while (!rule_source_ready(worker->rules, POLL_MS)) {
        supervisor_beat(worker->supervisor);
        if (supervisor_stopping())
            return ERR(err, ERR_RETRY, "rules-not-read", "stopped before the rules were read");
    }
    return true;
}

static bool worker_open(Worker *worker, Err *err)
{
    const ValidatorConfig *config = worker->config;
    const BusProducerOptions producing = {
        .message_timeout_ms = (uint32_t)config->publish_timeout_ms,
        .bulk_linger_ms = (uint32_t)config->bulk_linger_ms,
        .in_flight_limit_bytes = (size_t)512 << 20,
        .plain_topic = "response", /* a sender waits, and unpacks nothing but this */
    };
    const BusConsumerOptions consuming = {
        .group = service,
        .lanes = {"intake,trial", "intake.bulk"},
        .lane_count = 2,
        .member = supervisor_member(worker->supervisor),
        .max_poll_interval_ms = supervisor_poll_interval_ms(worker->supervisor),
        .in_flight_max = (uint32_t)config->in_flight_max,
        .session_timeout_ms = (uint32_t)config->session_timeout_ms,
        .on_revoke = await_reports,
        .revoke_wait_ms = (uint32_t)config->revoke_wait_ms,
        .opaque = worker,
    };
    worker->pace = pace_new((uint32_t)config->bulk_share, judge_now_us());
    worker->arena = arena_new((size_t)config->message_mib << 20);
    if (!worker->arena)
        return ERR(err, ERR_FATAL, "worker-memory", "no memory");
    worker->hand = hand_new(worker->supervisor);
    TRY(images_open(config->images, worker->log, &worker->images, err));
    worker->looked_at_us = judge_now_us();
    TRY(counts_start(config, &worker->counts, err));
    TRY(await_rules(worker, err));
    TRY(bus_producer_new(&config->bus, &producing, &worker->producer, err));
    worker->loaded = loaded_new(config, worker->log, worker->producer, worker->supervisor);
    if (!worker->loaded)
        return ERR(err, ERR_FATAL, "worker-memory", "no memory");
    return bus_consumer_new(&config->bus, &consuming, &worker->consumer, err);
}

/* The producer first: purging it brings the last reports, which settle or give back. */
static void worker_close(Worker *worker)
{
    bus_producer_free(worker->producer, 0);
    loaded_free(worker->loaded);
    bus_consumer_free(worker->consumer);
    counts_stop(worker->counts);
    rule_source_close(worker->rules);
    images_close(worker->images);
    arena_free(worker->arena);
}

int worker_run(const ValidatorConfig *config, const Log *log, Supervisor *supervisor)
{
    Worker worker = {.config = config, .log = log, .supervisor = supervisor};
    Err err = {0};
    int code = 1;
    if (worker_open(&worker, &err)) {
        supervisor_started(supervisor);
        log_info(log, "worker.started",
                 LOG_U64("images", fhir_validator_image_count(images_engine(worker.images))));
        code = loop(&worker);
    } else {
        log_error(log, "worker.not_started", LOG_ERR(&err));
    }
    worker_close(&worker);
    log_info(log, "worker.stopped", LOG_I64("code", code));
    return code;
}
