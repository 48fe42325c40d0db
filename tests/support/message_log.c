#include "tests/support/message_log.h"

#include "common/base/check.h"

#define START_US INT64_C(1767225600000000) /* 2026-01-01 */

static Sent *add(MessageLog *log, const char *topic, Str id, int64_t at_us)
{
    CHECK(log->count < log->room);
    Sent *sent = &log->list[log->count++];
    *sent = (Sent){.topic = topic, .key = id, .at_us = at_us};
    return sent;
}

/* The n-th id of a log: the same for the same seed; replays' ids ascend. */
static Str next_id(MessageLog *log)
{
    unsigned number = log->ids++;
    return arena_format(log->arena, "01900000-%04x-7%03x-8000-%08x%04x", number >> 12,
                        number & 0xfff, log->seed, number & 0xffff);
}

Str sample_bundle(Arena *arena, unsigned number, size_t padding_bytes)
{
    char *padding = arena_zero(arena, padding_bytes + 1);
    unsigned state = number * 2654435761U + 1;
    CHECK(padding);
    for (size_t i = 0; i < padding_bytes; i++) { /* compresses about as a bundle does */
        state = state * 1103515245U + 12345U;
        padding[i] = i % 8 < 6 ? "subject\""[i % 8] == '"' ? 'x' : "subject"[i % 8]
                               : (char)('a' + (state >> 16) % 26);
    }
    return arena_format(
        arena,
        "{\"resourceType\":\"Bundle\",\"id\":\"bundle-%u\",\"type\":\"transaction\","
        "\"meta\":{\"lastUpdated\":\"2026-01-02T03:04:05Z\",\"profile\":[\"http://x/P\"]},"
        "\"entry\":[{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"pat-%u\",\"identifier\":["
        "{\"type\":{\"coding\":[{\"code\":\"MR\"}]},\"system\":\"http://hospital\",\"value\":"
        "\"mrn-%u\"},{\"type\":{\"coding\":[{\"code\":\"MA\"}]},\"value\":\"cin-%u\"}]}},"
        "{\"resource\":{\"resourceType\":\"Organization\",\"id\":\"org-1\",\"name\":\"Org\\u00e4\"}"
        "},"
        "{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"other\",\"text\":\"%s\"}}]}",
        number, number, number, number, padding);
}

Envelope sample_envelope(Arena *arena, const char *tenant, Str payload, int64_t received_at_us)
{
    Uuid id = uuid_v7();
    Err err = {0};
    Envelope e = {
        .interaction_id = arena_copy(arena, uuid_str(&id)),
        .tenant = arena_copy(arena, str_from(tenant)),
        .route = ROUTE_BUNDLE,
        .source_type = STR("FHIR"),
        .content_type = STR("application/fhir+json"),
        .received_at_us = received_at_us,
        .payload = payload,
        .response_partition = ENVELOPE_NOBODY_WAITS,
        .lane = LANE_INTERACTIVE,
        .ordering_key = STR("0123456789abcdef"),
        .headers = {.user_agent = STR("test/1"),
                    .client_address = STR("192.0.2.1"),
                    .request_uri = STR("/Bundle?source=FHIR")}
    };
    CHECK(envelope_seal(&e, arena, &err));
    return e;
}

void log_add_envelope(MessageLog *log, const char *topic, const Envelope *envelope)
{
    Err err = {0};
    CHECK(envelope_encode(
        envelope, log->arena,
        &add(log, topic, envelope->interaction_id, envelope->received_at_us)->value, &err));
}

void log_add_validated(MessageLog *log, const Envelope *envelope, DispositionAction action,
                       unsigned issues)
{
    static const char *const severities[] = {"error", "warning", "information"};
    Err err = {0};
    OutcomeIssue *list = ARENA_ARRAY(log->arena, OutcomeIssue, issues + 1);
    bool fhir = str_is(envelope->source_type, "FHIR");
    Validated v = {
        .envelope = *envelope,
        .bundle = envelope->payload,
        .bundle_is_payload = fhir,
        .disposition = {.action = action, .actions_json = STR("[{\"action\":\"x\"}]")},
        .published_at_us = envelope->received_at_us + 9000
    };
    v.envelope.payload = STR_NONE;
    const RuleChange changes[] = {
        {STR("q/quiet"), STR("suppress"), 5, STR("one more"), STR("")     },
        {STR("q/no"),    STR("reject"),   0, STR(""),         STR("since")},
    };
    if (issues > 3) { /* as if a rule had suppressed one more */
        v.rules_version = STR("q@1#00000000");
        v.has_engine_outcome = true;
        v.engine_outcome = (Outcome){.operation_outcome = STR("{\"engine\":1}"), .errors = 77};
        v.rule_changes = changes;
        v.rule_change_count = 2;
    }
    for (unsigned i = 0; i < issues; i++)
        list[i] = (OutcomeIssue){.severity = str_from(severities[i % 3]),
                                 .code = STR("processing"),
                                 .message_id = STR("Validation_VAL_X"),
                                 .location = STR("Bundle.entry[1].resource"),
                                 .text = STR("something is \"odd\""),
                                 .line = i,
                                 .column = 2};
    v.outcome = (Outcome){.valid = issues == 0,
                          .operation_outcome = STR("{\"resourceType\":\"OperationOutcome\"}"),
                          .errors = (issues + 2) / 3,
                          .warnings = (issues + 1) / 3,
                          .information = issues / 3,
                          .issues = list,
                          .issue_count = issues,
                          .engine_name = STR("fhirbus"),
                          .engine_version = STR("0.1"),
                          .started_at_us = envelope->received_at_us + 1000,
                          .finished_at_us = envelope->received_at_us + 8000};
    CHECK(validated_encode(
        &v, log->arena, &add(log, "validated", envelope->interaction_id, v.published_at_us)->value,
        &err));
}

static void add_response(MessageLog *log, const Response *response)
{
    Err err = {0};
    CHECK(response_encode(response, log->arena,
                          &add(log, "response", response->interaction_id, response->at_us)->value,
                          &err));
}

void log_add_delivery(MessageLog *log, const Envelope *e, const char *destination, uint32_t attempt,
                      bool success, bool final)
{
    int64_t at = e->received_at_us + 1000000 * (int64_t)attempt;
    Response r = envelope_response(e, RESPONSE_DELIVERY, STR("lake-submitter"), at + 5000);
    r.has_delivery = true;
    r.delivery = (Delivery){.destination = str_from(destination),
                            .url = STR("https://lake/HRSNBundle"),
                            .idempotency_key = STR("key"),
                            .attempt = attempt,
                            .started_at_us = at,
                            .finished_at_us = at + 4000,
                            .http_status = success ? 200 : 503,
                            .success = success,
                            .final = final,
                            .error_class = success ? STR_NONE : STR("http-5xx"),
                            .response_body = STR("{\"status\":\"Success\"}")};
    add_response(log, &r);
}

static void add_failure(MessageLog *log, const Envelope *e)
{
    Response r = envelope_response(e, RESPONSE_FAILED, STR("validator"), e->received_at_us + 5);
    r.has_failure = true;
    r.failure = (Failure){.kind = FAILURE_POISON, .code = STR("poison")};
    add_response(log, &r);
}

static void add_verdict(MessageLog *log, const Envelope *e)
{
    Response r = envelope_response(e, RESPONSE_VERDICT, STR("validator"), e->received_at_us + 9);
    r.has_outcome = true;
    r.outcome.operation_outcome = STR("{}");
    add_response(log, &r);
}

static void add_notice(MessageLog *log, const Envelope *e)
{
    NameValue details[] = {
        {STR("why"), STR("a \"reason\"\n")}
    };
    Event event = {.event_id = next_id(log),
                   .interaction_id = e->interaction_id,
                   .tenant = e->tenant,
                   .service = STR("ingest"),
                   .kind = STR("replied"),
                   .at_us = e->received_at_us + 20000,
                   .http_status = 200,
                   .body = STR("{\"OperationOutcome\":{}}"),
                   .details = details,
                   .detail_count = 1};
    Err err = {0};
    CHECK(event_encode(&event, log->arena,
                       &add(log, "events", e->interaction_id, event.at_us)->value, &err));
}

void log_add_choice(MessageLog *log, const Envelope *e, const char *destination)
{
    Response r =
        envelope_response(e, RESPONSE_ROUTED, STR("lake-submitter"), e->received_at_us + 10);
    r.has_delivery = true;
    r.delivery.destination = str_from(destination);
    add_response(log, &r);
}

/* Attempts at one destination: some fail, the last one may succeed. */
static void add_attempts(MessageLog *log, const Envelope *e, const char *destination, unsigned dice)
{
    uint32_t failures = dice % 3;
    bool success = dice % 5 != 0;
    log_add_choice(log, e, destination);
    for (uint32_t i = 1; i <= failures; i++)
        log_add_delivery(log, e, destination, i, false, false);
    if (dice % 7 != 0) /* else still under way */
        log_add_delivery(log, e, destination, failures + 1, success, true);
    if (dice % 4 == 0) /* made again after a crash, with another end */
        log_add_delivery(log, e, destination, failures + 1, !success, true);
}

/* A first try and what may follow it. */
static void add_interaction(MessageLog *log, unsigned n, unsigned dice)
{
    const char *const tenants[] = {"tenant-a", "tenant-b", "tenant-c"};
    Envelope e = sample_envelope(log->arena, tenants[n % 3], sample_bundle(log->arena, n, 200),
                                 START_US + (int64_t)n * 3600000000);
    e.interaction_id = next_id(log);
    if (dice % 11 == 0)
        e.route = ROUTE_BUNDLE_VALIDATE;
    if (dice % 13 == 0) {
        e.source_type = STR("HL7V2");
        e.content_type = STR("x-application/hl7-v2+er7");
    }
    log_add_envelope(log, dice % 4 ? "intake" : "intake.bulk", &e);
    if (dice % 17 == 0) /* the sender again, while the claims were away */
        log_add_envelope(log, "intake", &e);
    if (dice % 19 == 0) {
        add_failure(log, &e);
    } else {
        bool discard = dice % 9 == 0;
        add_verdict(log, &e);
        log_add_validated(log, &e, discard ? ACTION_DISCARD : ACTION_ACCEPT, dice % 8);
        if (!discard && e.route == ROUTE_BUNDLE) {
            add_attempts(log, &e, "lake", dice / 3);
            if (dice % 6 == 0)
                add_attempts(log, &e, "registry", dice / 5);
        }
    }
    add_notice(log, &e);
    for (unsigned replay = 0; replay < dice % 3; replay++) {
        e.replay_id = next_id(log);
        log_add_envelope(log, "intake.bulk", &e);
        log_add_validated(log, &e, ACTION_REJECT, 2);
        add_attempts(log, &e, "lake", dice / 7 + replay);
    }
}

void log_of_messages(MessageLog *log, Arena *arena, size_t interactions, unsigned seed)
{
    *log = (MessageLog){.arena = arena, .room = interactions * 40, .seed = seed};
    log->list = ARENA_ARRAY(arena, Sent, log->room);
    CHECK(log->list);
    for (unsigned n = 0; n < interactions; n++) {
        seed = seed * 1103515245U + 12345U;
        add_interaction(log, n, seed >> 8);
    }
}
