/* The role route: validated -> submit.<destination>. Drops what is not to be forwarded, makes the
 * body once, stores the offset when every destination's topic has it. */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/bus/faults.h"
#include "common/destinations/topic.h"
#include "common/envelope/idempotency_key.h"
#include "common/envelope/uuid.h"
#include "common/rules/source.h"
#include "common/transform/transform.h"
#include "services/lake-submitter/chosen.h"
#include "services/lake-submitter/ledger.h"
#include "services/lake-submitter/role.h"

typedef struct Router {
    Service *service;
    Hand *hand;
    RuleSource *rules;
    Chosen *chosen;
    BusProducer *producer;
    BusConsumer *consumer;
    Arena *arena;
    size_t jobs; /* reports outstanding */
    const DirectoryView *view;
    CountsSlot *slot;
} Router;

/* One message until all its submissions are acknowledged. */
typedef struct Job {
    Router *router;
    BusMessage *message;
    uint32_t open; /* reports outstanding, and one while it is still being worked on */
    ChosenBefore before;
    bool failed;
    Err err;
} Job;

static Job *job_new(Router *router, BusMessage *message)
{
    Job *job = calloc(1, sizeof *job);
    if (!job)
        abort(); /* the supervisor starts us again */
    *job = (Job){.router = router, .message = message, .open = 1};
    router->jobs++;
    return job;
}

static void job_release(Job *job)
{
    Router *router = job->router;
    if (--job->open > 0)
        return;
    if (job->failed) {
        Trace trace = bus_message_trace(job->message);
        log_warn(router->service->log, "route.retry", LOG_TRACE(&trace),
                 LOG_I64("partition", job->message->partition),
                 LOG_I64("offset", job->message->offset), LOG_ERR(&job->err));
        bus_retry(router->consumer, job->message, ROLE_RETRY_MS);
    } else {
        bus_settle(router->consumer, job->message);
    }
    router->jobs--;
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

static bool publish(Job *job, const Envelope *envelope, const char *topic, Str bytes, Err *err)
{
    /* The same for each submission of it, were there several: dead letters of it are one. */
    Uuid document = uuid_v5(envelope->interaction_id, envelope->payload_sha256);
    const BusHeader headers[] = {
        {STR("traceparent"), envelope->traceparent   },
        {STR("interaction"), envelope->interaction_id},
        {STR("tenant"),      envelope->tenant        },
        {STR("document"),    uuid_str(&document)     },
        {STR("replay"),      envelope->replay_id     },
    };
    size_t header_count = sizeof headers / sizeof headers[0] - (envelope->replay_id.len == 0);
    const BusRecord record = {
        .topic = topic,
        .partition = BUS_PARTITION_BY_KEY,
        .key = job->message->key,
        .value = bytes,
        .headers = headers,
        .header_count = header_count,
        .bulk = true, /* nobody waits for it */
        .on_delivery = on_delivery,
        .opaque = job,
    };
    job->open++;
    if (bus_publish(job->router->producer, &record, err))
        return true;
    job->open--;
    return false;
}

/* For the record: an answer of that destination is due from now on, whatever becomes of its topic.
 * Said again after a crash it is the same event. */
static bool tell_routed(Job *job, const Envelope *envelope, Str destination, Err *err)
{
    Response response =
        envelope_response(envelope, RESPONSE_ROUTED, STR("lake-submitter"), clock_wall_us());
    Str bytes;
    response.has_delivery = true;
    response.delivery.destination = destination;
    TRY(response_encode(&response, job->router->arena, &bytes, err));
    return publish(job, envelope, "response", bytes, err);
}

static bool submit_to(Job *job, Submission *submission, const Destination *destination,
                      const Transformed *made, Err *err)
{
    char topic[DESTINATION_TOPIC_MAX];
    Str bytes, url = submission->envelope.headers.datalake_url;
    const Envelope *envelope = &submission->envelope;
    destination_topic_name(topic, str_from(destination->name));
    submission->url = url.len && destination_allows(destination, url) ? url : STR_NONE;
    submission->destination = str_from(destination->name);
    submission->body = made->body;
    submission->transforms_json = made->steps_json;
    TRY(submission_encode(submission, job->router->arena, &bytes, err));
    TRY(tell_routed(job, envelope, submission->destination, err));
    return publish(job, envelope, topic, bytes, err);
}

/* Where it goes. An address that the sender chose replaces that of the destinations that allow it;
 * the others keep theirs. The body is each destination's own, as rules may be for some of them; all
 * are made before any is sent: what cannot be made for one goes to none. */
static bool submit_to_all(Job *job, Submission *submission, TransformInput *input, Err *err)
{
    const DirectoryView *view = job->router->view;
    const Destination *chosen[DIRECTORY_MAX];
    Transformed made[DIRECTORY_MAX];
    Str tenant = submission->envelope.tenant, url = submission->envelope.headers.datalake_url;
    size_t count = destinations_choose(view->all, view->count, tenant, chosen);
    bool allowed = url.len == 0;
    count = chosen_keep(&job->before, chosen, count);
    if (count == 0 && job->before.was_decided)
        return true; /* all have ended, or are nobody's to send to any more */
    if (count == 0)
        return ERR(err, ERR_INPUT, "no-destination", "no destination is for this tenant");
    for (size_t i = 0; i < count; i++)
        allowed |= destination_allows(chosen[i], url);
    if (!allowed)
        return ERR(err, ERR_INPUT, "url-not-allowed", "no destination allows the sender's URL");
    for (size_t i = 0; i < count; i++) {
        input->destination = str_from(chosen[i]->name);
        TRY(transform_apply(input, job->router->arena, &made[i], err));
    }
    for (size_t i = 0; i < count; i++)
        TRY(submit_to(job, submission, chosen[i], &made[i], err));
    return true;
}

/* May it have been routed before? */
static bool is_redelivered(const Job *job, const Validated *validated)
{
    return validated->redelivered || job->message->maybe_redelivered || job->message->retries > 0;
}

static bool submit_all(Job *job, const Validated *validated, Str data_id, const RuleBook *book,
                       Err *err)
{
    const SubmitterConfig *config = job->router->service->config;
    const Envelope *envelope = &validated->envelope;
    bool again = is_redelivered(job, validated);
    bool chosen = transform_severity(envelope->headers.severity_level) >= 0;
    Submission submission = {
        .envelope = *envelope,
        .content_type = STR("application/fhir+json"),
        .processing_agent =
            role_listed(config->txd_tenants, envelope->tenant) ? STR("TXD") : envelope->tenant,
        .idempotency_key = idempotency_key(envelope, job->router->arena),
        .published_at_us = clock_wall_us(),
        .redelivered = again,
        .rules_version = book->stamp,
        .data_id = data_id,
    };
    TransformInput input = {
        .book = book,
        .bundle = validated->bundle,
        .bundle_sha256 = validated->bundle_is_payload ? envelope->payload_sha256 : STR_NONE,
        .outcome = &validated->outcome,
        .disposition = &validated->disposition,
        .tenant = envelope->tenant,
        .severity_level =
            chosen ? envelope->headers.severity_level : str_from(config->severity_level),
        .now_us = submission.published_at_us,
    };
    if (!submission.idempotency_key.ptr)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for its key");
    if (again)
        TRY(chosen_look(job->router->chosen, envelope, job->router->arena, &job->before, err));
    TRY(submit_to_all(job, &submission, &input, err));
    counts_routed(job->router->service->counts, "submitted");
    return true;
}

static bool submit(Job *job, const Validated *validated, Str data_id, Err *err)
{
    Router *router = job->router;
    RuleHold hold;
    TRY(rule_source_hold(router->rules, validated->envelope.tenant, router->arena, &hold, err));
    bool done = submit_all(job, validated, data_id, &hold.book, err);
    rule_source_release(router->rules, &hold);
    return done;
}

/* spec: TechBD tells DataLedger of what it received, unless it was converted from something else.
 * A replay was not received again. */
static void tell_ledger(Job *job, const Validated *validated, Str data_id)
{
    Router *router = job->router;
    const Envelope *envelope = &validated->envelope;
    const LedgerNews news = {.envelope = envelope,
                             .action = "received",
                             .data_id = data_id,
                             .key = job->message->key,
                             .redelivered = is_redelivered(job, validated)};
    bool fhir =
        !envelope->source_type.len || str_eq_ignore_case(envelope->source_type, STR("FHIR"));
    if (envelope->route == ROUTE_BUNDLE && fhir && !envelope->replay_id.len &&
        !envelope->headers.health_check)
        ledger_tell(router->view, router->producer, router->service->counts, &news, router->arena);
}

/* Why it is not forwarded, or NULL. */
static const char *kept_back(const Validated *validated)
{
    if (validated->envelope.route != ROUTE_BUNDLE)
        return "validate_only";
    if (validated->envelope.headers.health_check)
        return "probe";
    return validated->disposition.action == ACTION_DISCARD ? "discarded" : NULL;
}

static bool work(Job *job, const Validated *validated, Err *err)
{
    const char *why = kept_back(validated);
    Str data_id = STR_NONE;
    faults_on(validated->bundle, "route-");
    if (ledger_wanted(job->router->view, validated->envelope.tenant)) {
        data_id = ledger_data_id(validated->bundle, job->router->arena);
        tell_ledger(job, validated, data_id);
    }
    if (!why)
        return submit(job, validated, data_id, err);
    counts_routed(job->router->service->counts, why);
    return true;
}

/* For the record: nothing will come of it. */
static bool tell(Job *job, const Envelope *envelope, const Err *reason, Err *err)
{
    FailureKind kind = strcmp(reason->code, "memory-limit") == 0 ? FAILURE_MEMORY
                       : strcmp(reason->code, "poison") == 0     ? FAILURE_POISON
                                                                 : FAILURE_INPUT;
    Response response =
        envelope_response(envelope, RESPONSE_FAILED, STR("lake-submitter"), clock_wall_us());
    Str bytes;
    response.has_failure = true;
    response.failure =
        (Failure){.kind = kind, .code = str_from(reason->code), .text = str_from(reason->text)};
    TRY(response_encode(&response, job->router->arena, &bytes, err));
    return publish(job, envelope, "response", bytes, err);
}

static void bury(Job *job, const Envelope *envelope, const Err *reason)
{
    Router *router = job->router;
    Err err = {0};
    Trace trace = bus_message_trace(job->message);
    log_error(router->service->log, "route.dead_lettered", LOG_TRACE(&trace),
              LOG_I64("partition", job->message->partition),
              LOG_I64("offset", job->message->offset), LOG_ERR(reason));
    counts_dead_letter(router->service->counts, reason->code);
    const BusBurial burial = {"lake-submitter", reason,
                              .deaths =
                                  hand_deaths(router->service->supervisor, job->message->topic,
                                              job->message->partition, job->message->offset)};
    job->open++;
    if (!bus_dead_letter(router->producer, job->message, &burial, on_delivery, job, &err)) {
        job->open--;
        job_fail(job, &err);
    } else if (envelope && !tell(job, envelope, reason, &err)) {
        job_fail(job, &err);
    }
}

/* If even reading it kills, the next child does without. */
static bool read_verdict(Router *router, const BusMessage *message, uint32_t deaths,
                         Validated *ret_validated, Err *err)
{
    if (deaths > SUPERVISOR_DEATHS_MAX)
        return ERR(err, ERR_INPUT, "poison", "its worker died or hung %u times", deaths);
    return validated_decode(message->value, router->arena, ret_validated, err);
}

static void handle(Router *router, BusMessage *message)
{
    Job *job = job_new(router, message);
    Validated validated;
    Err err = {0};
    uint32_t deaths = hand_deaths(router->service->supervisor, message->topic, message->partition,
                                  message->offset);
    hand_take(router->hand, message->topic, message->partition, message->offset);
    bool known = read_verdict(router, message, deaths, &validated, &err);
    bool poison = known && deaths >= SUPERVISOR_DEATHS_MAX;
    bool done = known && (poison ? ERR(&err, ERR_INPUT, "poison", "its worker died or hung twice")
                                 : work(job, &validated, &err));
    if (!done && err.kind == ERR_INPUT)
        bury(job, known ? &validated.envelope : NULL, &err);
    else if (!done)
        job_fail(job, &err);
    hand_return(router->hand);
    arena_reset(router->arena);
    job_release(job);
}

static void await_reports(void *opaque, uint32_t wait_ms)
{
    Router *router = opaque;
    for (uint32_t waited = 0; router->jobs > 0 && waited < wait_ms; waited += ROLE_POLL_MS)
        bus_producer_poll(router->producer, ROLE_POLL_MS);
}

/* The destinations as they are now. */
static void follow(Router *router)
{
    Directory *directory = router->service->directory;
    if (router->view && directory_generation(directory) == router->view->generation)
        return;
    const DirectoryView *view = directory_acquire(directory);
    if (!view)
        return;
    directory_release(directory, router->view);
    router->view = view;
}

static int loop(Router *router)
{
    Service *service = router->service;
    while (!role_stopping(service)) {
        BusMessage *message;
        counts_update(router->slot, router->consumer, router->producer, service->supervisor);
        counts_rules(service->counts, rule_source_counts(router->rules));
        follow(router);
        int reports = bus_producer_poll(router->producer, 0);
        if (bus_poll(router->consumer, 0, &message))
            handle(router, message);
        else if (reports == 0)
            role_await(router->consumer, router->producer);
        if (bus_producer_fatal(router->producer) || bus_consumer_fatal(router->consumer))
            return 1;
    }
    await_reports(router, ROLE_DRAIN_MS);
    return 0;
}

/* Nothing is sent before the published rules are known. */
static bool await_rules(Router *router, Err *err)
{
    TRY(rule_source_open(&router->service->config->bus, &router->rules, err));
    while (!rule_source_ready(router->rules, ROLE_POLL_MS))
        if (role_stopping(router->service))
            return ERR(err, ERR_RETRY, "rules-not-read", "stopped before the rules were read");
    return true;
}

static bool open_all(Router *router, Err *err)
{
    const SubmitterConfig *config = router->service->config;
    const BusProducerOptions producing = {
        .message_timeout_ms = (uint32_t)config->publish_timeout_ms,
        .bulk_linger_ms = (uint32_t)config->bulk_linger_ms,
        .in_flight_limit_bytes = (size_t)512 << 20,
    };
    const BusConsumerOptions consuming = {
        .group = "lake-submitter.route",
        .lanes = {"validated"},
        .lane_count = 1,
        .member = supervisor_member(router->service->supervisor),
        .max_poll_interval_ms = supervisor_poll_interval_ms(router->service->supervisor),
        .session_timeout_ms = (uint32_t)config->session_timeout_ms,
        .gather_ms = (uint32_t)config->gather_ms,
        .on_revoke = await_reports,
        .revoke_wait_ms = (uint32_t)config->revoke_wait_ms,
        .opaque = router,
    };
    router->arena = arena_new((size_t)config->message_mib << 20);
    if (!router->arena)
        return ERR(err, ERR_FATAL, "worker-memory", "no memory");
    router->hand = hand_new(router->service->supervisor);
    router->chosen = chosen_new(config->recorded_results ? &config->db : NULL,
                                config->recorded_patience_ms, router->service->log);
    if (!router->chosen)
        return ERR(err, ERR_FATAL, "worker-memory", "no memory");
    TRY(await_rules(router, err));
    follow(router);
    if (!router->view)
        return ERR(err, ERR_FATAL, "worker-memory", "no memory");
    TRY(bus_producer_new(&config->bus, &producing, &router->producer, err));
    return bus_consumer_new(&config->bus, &consuming, &router->consumer, err);
}

int route_run(Service *service)
{
    Router router = {.service = service};
    Err err = {0};
    int code = 1;
    if (!role_await_directory(service))
        return 0;
    router.slot = counts_slot(service->counts, NULL);
    if (open_all(&router, &err)) {
        supervisor_started(service->supervisor);
        code = loop(&router);
    } else {
        log_error(service->log, "route.not_started", LOG_ERR(&err));
    }
    bus_producer_free(router.producer, 0); /* brings the last reports, which settle or give back */
    bus_consumer_free(router.consumer);
    rule_source_close(router.rules);
    chosen_free(router.chosen);
    arena_free(router.arena);
    directory_release(service->directory, router.view);
    counts_slot_ends(router.slot);
    return code;
}
