/* Every field survives the way out and back; so do fields that this version does not know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/envelope/envelope.h"

static int arena_up(void **state)
{
    *state = arena_new((size_t)64 << 20);
    return *state ? 0 : -1;
}

static int arena_down(void **state)
{
    arena_free(*state);
    return 0;
}

static void assert_str(Str got, Str want)
{
    assert_int_equal(got.len, want.len);
    if (want.len)
        assert_memory_equal(got.ptr, want.ptr, want.len);
}

/* Fills a struct with values that tell each member from the others. */
static Envelope sample_envelope(const NameValue *others, uint32_t count)
{
    return (Envelope){
        .interaction_id = STR("018f0000-0000-7000-8000-000000000001"),
        .tenant = STR("tenant"),
        .caller = STR("caller"),
        .route = ROUTE_BUNDLE_VALIDATE,
        .source_type = STR("FHIR"),
        .content_type = STR("application/fhir+json"),
        .received_at_us = 1741776907970000,
        .payload = (Str){"{\"a\":\0\xff}", 8 },
        .payload_sha256 = STR("0123456789abcdef0123456789abcdef"),
        .payload_bytes = 8,
        .response_partition = ENVELOPE_NOBODY_WAITS,
        .ingest_instance = STR("ingest-1"),
        .deadline_at_us = 1741776917970000,
        .lane = LANE_BULK,
        .headers = { .correlation_id = STR("c"),
                         .severity_level = STR("error"),
                         .datalake_url = STR("https://lake.example/x"),
                         .ig_version = STR("1.8.1"),
                         .elaboration = STR("{}"),
                         .provenance = STR("{\"p\":1}"),
                         .master_interaction_id = STR("m"),
                         .group_interaction_id = STR("g"),
                         .override_request_uri = STR("/o"),
                         .health_check = true,
                         .data_ledger_tracking = STR("t"),
                         .data_ledger_diagnostics = STR("d"),
                         .user_agent = STR("ua"),
                         .client_address = STR("192.0.2.1"),
                         .request_uri = STR("/Bundle?x=1"),
                         .other = others,
                         .other_count = count},
        .traceparent = STR("00-1-2-01"),
        .replay_id = STR("r"),
        .parent_id = STR("p"),
        .child_index = 3,
        .attempt = 4,
        .ordering_key = STR("0123456789abcdef"),
    };
}

static void assert_same_envelope(const Envelope *a, const Envelope *b)
{
    assert_str(a->interaction_id, b->interaction_id);
    assert_str(a->tenant, b->tenant);
    assert_str(a->caller, b->caller);
    assert_int_equal(a->route, b->route);
    assert_str(a->source_type, b->source_type);
    assert_str(a->content_type, b->content_type);
    assert_int_equal(a->received_at_us, b->received_at_us);
    assert_str(a->payload, b->payload);
    assert_str(a->payload_sha256, b->payload_sha256);
    assert_int_equal(a->payload_bytes, b->payload_bytes);
    assert_int_equal(a->response_partition, b->response_partition);
    assert_str(a->ingest_instance, b->ingest_instance);
    assert_int_equal(a->deadline_at_us, b->deadline_at_us);
    assert_int_equal(a->lane, b->lane);
    assert_str(a->traceparent, b->traceparent);
    assert_str(a->replay_id, b->replay_id);
    assert_str(a->parent_id, b->parent_id);
    assert_int_equal(a->child_index, b->child_index);
    assert_int_equal(a->attempt, b->attempt);
    assert_str(a->ordering_key, b->ordering_key);
    assert_str(a->headers.correlation_id, b->headers.correlation_id);
    assert_str(a->headers.severity_level, b->headers.severity_level);
    assert_str(a->headers.datalake_url, b->headers.datalake_url);
    assert_str(a->headers.ig_version, b->headers.ig_version);
    assert_str(a->headers.elaboration, b->headers.elaboration);
    assert_str(a->headers.provenance, b->headers.provenance);
    assert_str(a->headers.master_interaction_id, b->headers.master_interaction_id);
    assert_str(a->headers.group_interaction_id, b->headers.group_interaction_id);
    assert_str(a->headers.override_request_uri, b->headers.override_request_uri);
    assert_int_equal(a->headers.health_check, b->headers.health_check);
    assert_str(a->headers.data_ledger_tracking, b->headers.data_ledger_tracking);
    assert_str(a->headers.data_ledger_diagnostics, b->headers.data_ledger_diagnostics);
    assert_str(a->headers.user_agent, b->headers.user_agent);
    assert_str(a->headers.client_address, b->headers.client_address);
    assert_str(a->headers.request_uri, b->headers.request_uri);
    assert_int_equal(a->headers.other_count, b->headers.other_count);
    for (uint32_t i = 0; i < b->headers.other_count; i++) {
        assert_str(a->headers.other[i].name, b->headers.other[i].name);
        assert_str(a->headers.other[i].value, b->headers.other[i].value);
    }
}

/* Around a payload of each length where its length takes another byte. */
static void an_envelope_is_written_around_its_payload(void **state)
{
    enum { ROOM = 1024 };
    static const size_t lengths[] = {1, 127, 128, 16383, 16384, 2097152};
    char *memory = malloc(ROOM + 2097152);
    assert_non_null(memory);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        Envelope in = sample_envelope(NULL, 0), out;
        Str bytes;
        Err err;
        memset(memory + ROOM, (int)('a' + i), lengths[i]);
        in.payload = (Str){memory + ROOM, lengths[i]};
        assert_true(envelope_encode_before(&in, ROOM, *state, &bytes, &err));
        assert_true(bytes.ptr >= memory && bytes.ptr < in.payload.ptr);
        assert_ptr_equal(bytes.ptr + bytes.len, in.payload.ptr + in.payload.len);
        assert_true(envelope_decode(bytes, *state, &out, &err));
        assert_same_envelope(&out, &in);
        size_t needed = (size_t)(in.payload.ptr - bytes.ptr);
        assert_true(envelope_encode_before(&in, needed, *state, &bytes, &err));
        assert_false(envelope_encode_before(&in, needed - 1, *state, &bytes, &err));
        arena_reset(*state);
    }
    free(memory);
}

static void an_envelope_comes_back_as_it_went(void **state)
{
    const NameValue others[] = {
        {STR("x-a"), STR("1")},
        {STR("x-b"), STR("") }
    };
    Envelope in = sample_envelope(others, 2), out;
    Str bytes;
    Err err;
    assert_true(envelope_encode(&in, *state, &bytes, &err));
    assert_true(envelope_decode(bytes, *state, &out, &err));
    assert_int_equal(out.version, ENVELOPE_VERSION);
    assert_same_envelope(&out, &in);
}

static void a_validated_comes_back_as_it_went(void **state)
{
    const OutcomeIssue issues[] = {
        {STR("error"),   STR("structure"),    STR("MSG"), STR("Bundle.entry[0]"), STR("Bundle.entry"),
         STR("wrong"),                                                                                            7, 9},
        {STR("warning"), STR("code-invalid"), STR(""),    STR("Bundle"),          STR("Bundle"),       STR("hm"), 0,
         0                                                                                                            },
    };
    const RuleChange changes[] = {
        {STR("q/quiet"), STR("suppress"), 2, STR("hm"), STR("")     },
        {STR("q/no"),    STR("reject"),   0, STR(""),   STR("since")},
    };
    Validated in = {
        .envelope = sample_envelope(NULL, 0),
        .bundle = STR("{\"resourceType\":\"Bundle\"}"),
        .bundle_is_payload = true,
        .outcome = {.valid = false,
                    .operation_outcome = STR("{}"),
                    .precheck_code = STR("TECHBD-1001"),
                    .precheck_message = STR("TECHBD-1001: no"),
                    .ig_name = STR("us.ny.hrsn"),
                    .ig_version = STR("1.9.2"),
                    .profile_url = STR("http://p"),
                    .engine_name = STR("fhirbus"),
                    .engine_version = STR("0.1"),
                    .started_at_us = 1,
                    .finished_at_us = 2,
                    .errors = 3,
                    .warnings = 4,
                    .information = 5,
                    .issues_left_out = 6,
                    .issues = issues,
                    .issue_count = 2,
                    .engine_started_at_us = 7},
        .disposition = {.action = ACTION_DISCARD, .actions_json = STR("[]")  },
        .published_at_us = 8,
        .redelivered = true,
        .rules_version = STR("q@1#00000000"),
        .has_engine_outcome = true,
        .engine_outcome = {.operation_outcome = STR("{1}"),             .errors = 9 },
        .rule_changes = changes,
        .rule_change_count = 2,
    };
    Validated out;
    Str bytes;
    Err err;
    in.envelope.payload = STR_NONE;
    assert_true(validated_encode(&in, *state, &bytes, &err));
    assert_true(validated_decode(bytes, *state, &out, &err));
    assert_same_envelope(&out.envelope, &in.envelope);
    assert_str(out.bundle, in.bundle);
    assert_true(out.bundle_is_payload && out.redelivered && !out.outcome.valid);
    assert_str(out.outcome.operation_outcome, in.outcome.operation_outcome);
    assert_str(out.outcome.precheck_code, in.outcome.precheck_code);
    assert_str(out.outcome.precheck_message, in.outcome.precheck_message);
    assert_str(out.outcome.ig_name, in.outcome.ig_name);
    assert_str(out.outcome.ig_version, in.outcome.ig_version);
    assert_str(out.outcome.profile_url, in.outcome.profile_url);
    assert_str(out.outcome.engine_name, in.outcome.engine_name);
    assert_str(out.outcome.engine_version, in.outcome.engine_version);
    assert_int_equal(out.outcome.started_at_us, 1);
    assert_int_equal(out.outcome.finished_at_us, 2);
    assert_int_equal(out.outcome.errors, 3);
    assert_int_equal(out.outcome.warnings, 4);
    assert_int_equal(out.outcome.information, 5);
    assert_int_equal(out.outcome.issues_left_out, 6);
    assert_int_equal(out.outcome.engine_started_at_us, 7);
    assert_int_equal(out.published_at_us, 8);
    assert_int_equal(out.outcome.issue_count, 2);
    assert_str(out.rules_version, in.rules_version);
    assert_true(out.has_engine_outcome && out.engine_outcome.errors == 9);
    assert_str(out.engine_outcome.operation_outcome, in.engine_outcome.operation_outcome);
    assert_int_equal(out.rule_change_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_str(out.rule_changes[i].rule, changes[i].rule);
        assert_str(out.rule_changes[i].what, changes[i].what);
        assert_int_equal(out.rule_changes[i].issue, changes[i].issue);
        assert_str(out.rule_changes[i].before, changes[i].before);
        assert_str(out.rule_changes[i].after, changes[i].after);
    }
    for (int i = 0; i < 2; i++) {
        assert_str(out.outcome.issues[i].severity, issues[i].severity);
        assert_str(out.outcome.issues[i].code, issues[i].code);
        assert_str(out.outcome.issues[i].message_id, issues[i].message_id);
        assert_str(out.outcome.issues[i].location, issues[i].location);
        assert_str(out.outcome.issues[i].expression, issues[i].expression);
        assert_str(out.outcome.issues[i].text, issues[i].text);
        assert_int_equal(out.outcome.issues[i].line, issues[i].line);
        assert_int_equal(out.outcome.issues[i].column, issues[i].column);
    }
    assert_int_equal(out.disposition.action, ACTION_DISCARD);
    assert_str(out.disposition.actions_json, in.disposition.actions_json);
}

static void a_response_comes_back_with_the_parts_it_had(void **state)
{
    Envelope envelope = sample_envelope(NULL, 0);
    Response in = envelope_response(&envelope, RESPONSE_DELIVERY, STR("lake-submitter"), 99);
    in.has_delivery = true;
    in.delivery = (Delivery){.destination = STR("lake"),
                             .url = STR("https://lake"),
                             .idempotency_key = STR("k"),
                             .attempt = 2,
                             .started_at_us = 3,
                             .finished_at_us = 4,
                             .http_status = 200,
                             .success = true,
                             .final = true,
                             .error_class = STR("c"),
                             .error_text = STR("t"),
                             .response_body = STR("{\"status\":\"Success\"}"),
                             .response_truncated = true,
                             .request_sha256 = STR("sha"),
                             .request_bytes = 5,
                             .response_content_type = STR("application/json")};
    Response out;
    Str bytes;
    Err err;
    assert_true(response_encode(&in, *state, &bytes, &err));
    assert_true(response_decode(bytes, *state, &out, &err));
    assert_int_equal(out.kind, RESPONSE_DELIVERY);
    assert_str(out.service, STR("lake-submitter"));
    assert_str(out.interaction_id, envelope.interaction_id);
    assert_str(out.tenant, envelope.tenant);
    assert_int_equal(out.route, ROUTE_BUNDLE_VALIDATE);
    assert_str(out.payload_sha256, envelope.payload_sha256);
    assert_str(out.ingest_instance, envelope.ingest_instance);
    assert_int_equal(out.at_us, 99);
    assert_int_equal(out.received_at_us, envelope.received_at_us);
    assert_str(out.traceparent, envelope.traceparent);
    assert_str(out.replay_id, envelope.replay_id);
    assert_str(out.parent_id, envelope.parent_id);
    assert_str(out.source_type, envelope.source_type);
    assert_int_equal(out.attempt, 4);
    assert_true(out.has_delivery && !out.has_outcome && !out.has_disposition && !out.has_failure);
    assert_str(out.delivery.destination, in.delivery.destination);
    assert_str(out.delivery.url, in.delivery.url);
    assert_str(out.delivery.idempotency_key, in.delivery.idempotency_key);
    assert_int_equal(out.delivery.attempt, 2);
    assert_int_equal(out.delivery.started_at_us, 3);
    assert_int_equal(out.delivery.finished_at_us, 4);
    assert_int_equal(out.delivery.http_status, 200);
    assert_true(out.delivery.success && out.delivery.final && out.delivery.response_truncated);
    assert_str(out.delivery.error_class, in.delivery.error_class);
    assert_str(out.delivery.error_text, in.delivery.error_text);
    assert_str(out.delivery.response_body, in.delivery.response_body);
    assert_str(out.delivery.request_sha256, in.delivery.request_sha256);
    assert_int_equal(out.delivery.request_bytes, 5);
    assert_str(out.delivery.response_content_type, in.delivery.response_content_type);
}

static void in_place_reads(Str bytes, Str outcome, Arena *arena)
{
    Response whole, placed;
    Str again_whole, again_placed;
    Err err = {0};
    assert_true(response_decode(bytes, arena, &whole, &err));
    assert_true(response_decode_in_place(bytes, arena, &placed, &err));
    assert_true(str_eq(placed.outcome.operation_outcome, outcome));
    assert_true(response_encode(&whole, arena, &again_whole, &err));
    assert_true(response_encode(&placed, arena, &again_placed, &err));
    assert_true(str_eq(again_whole, again_placed));
}

static void a_large_outcome_is_read_where_it_lies(void **state)
{
    static char text[20000];
    memset(text, 'o', sizeof text);
    Envelope envelope = sample_envelope(NULL, 0);
    const size_t sizes[] = {0, 1, 127, 128, 4095, 4096, 16383, 16384, sizeof text};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        Str bytes, outcome = {text, sizes[i]};
        Err err = {0};
        Response out, in = envelope_response(&envelope, RESPONSE_VERDICT, STR("validator"), 1);
        in.has_outcome = in.has_disposition = true;
        in.outcome = (Outcome){.operation_outcome = outcome,
                               .valid = true,
                               .profile_url = STR("http://example.org/profile"),
                               .engine_name = STR("fhirbus")};
        in.rules_version = STR("7");
        assert_true(response_encode(&in, *state, &bytes, &err));
        in_place_reads(bytes, outcome, *state);
        assert_true(response_decode_in_place(bytes, *state, &out, &err));
        bool inside = out.outcome.operation_outcome.ptr >= bytes.ptr &&
                      out.outcome.operation_outcome.ptr < bytes.ptr + bytes.len;
        assert_int_equal(inside, sizes[i] >= 4096);
        /* cut anywhere, both refuse or both read the same */
        for (size_t len = 0; len < bytes.len; len += len < 400 ? 1 : 997) {
            Response a, b;
            Err one = {0}, other = {0};
            Str cut = {bytes.ptr, len};
            bool read = response_decode(cut, *state, &a, &one);
            assert_int_equal(read, response_decode_in_place(cut, *state, &b, &other));
        }
        /* protobuf's rule for a part that comes twice is protobuf-c's to keep */
        char *twice = arena_alloc(*state, 2 * bytes.len);
        memcpy(twice, bytes.ptr, bytes.len);
        memcpy(twice + bytes.len, bytes.ptr, bytes.len);
        in_place_reads((Str){twice, 2 * bytes.len}, outcome, *state);
        arena_reset(*state);
        envelope = sample_envelope(NULL, 0);
    }
}

static void a_failure_names_its_kind(void **state)
{
    Envelope envelope = sample_envelope(NULL, 0);
    Response in = envelope_response(&envelope, RESPONSE_FAILED, STR("validator"), 1), out;
    in.has_failure = true;
    in.failure = (Failure){.kind = FAILURE_POISON, .code = STR("poison"), .text = STR("twice")};
    Str bytes;
    Err err;
    assert_true(response_encode(&in, *state, &bytes, &err));
    assert_true(response_decode(bytes, *state, &out, &err));
    assert_true(out.has_failure);
    assert_int_equal(out.failure.kind, FAILURE_POISON);
    assert_str(out.failure.code, STR("poison"));
    assert_str(out.failure.text, STR("twice"));
}

static void audit_records_come_back(void **state)
{
    NameValue detail = {STR("version"), STR("3")};
    AuditRecord in = {.id = STR("i"),
                      .at_us = 7,
                      .kind = AUDIT_ADMINISTRATION,
                      .service = STR("s"),
                      .instance = STR("n"),
                      .action = STR("U"),
                      .operation = STR("publish"),
                      .resource = STR("callers/a"),
                      .tenant = STR("t"),
                      .caller = STR("c"),
                      .means = STR("token"),
                      .address = STR("10.0.0.1"),
                      .peer = STR("10.0.0.2"),
                      .status = 409,
                      .outcome = AUDIT_REFUSED,
                      .code = STR("publish-version"),
                      .subject = STR("0123456789abcdef"),
                      .count = 5,
                      .details = &detail,
                      .detail_count = 1};
    AuditRecord out;
    Str bytes, again;
    Err err = {0};
    assert_true(audit_record_encode(&in, *state, &bytes, &err));
    assert_true(audit_record_decode(bytes, *state, &out, &err));
    assert_int_equal(out.kind, AUDIT_ADMINISTRATION);
    assert_str(out.resource, in.resource);
    assert_str(out.subject, in.subject);
    assert_str(out.details[0].value, detail.value);
    assert_true(audit_record_encode(&out, *state, &again, &err)); /* nothing was forgotten */
    assert_str(again, bytes);
    in.id = STR_NONE;
    assert_false(audit_record_encode(&in, *state, &bytes, &err));
}

static void submissions_and_events_come_back(void **state)
{
    Submission in = {.envelope = sample_envelope(NULL, 0),
                     .destination = STR("lake"),
                     .url = STR("u"),
                     .content_type = STR("application/fhir+json"),
                     .body = STR("{}"),
                     .processing_agent = STR("qe"),
                     .idempotency_key = STR("k"),
                     .published_at_us = 12,
                     .redelivered = true};
    Submission out;
    const NameValue details[] = {
        {STR("a"), STR("b")}
    };
    Event event = {.event_id = STR("e"),
                   .interaction_id = STR("i"),
                   .tenant = STR("t"),
                   .service = STR("s"),
                   .kind = STR("replied"),
                   .at_us = 1,
                   .http_status = 200,
                   .traceparent = STR("tp"),
                   .payload_sha256 = STR("h"),
                   .content_type = STR("ct"),
                   .body = STR("b"),
                   .details = details,
                   .detail_count = 1};
    Event event_out;
    Str bytes;
    Err err;
    assert_true(submission_encode(&in, *state, &bytes, &err));
    assert_true(submission_decode(bytes, *state, &out, &err));
    assert_same_envelope(&out.envelope, &in.envelope);
    assert_str(out.destination, in.destination);
    assert_str(out.url, in.url);
    assert_str(out.content_type, in.content_type);
    assert_str(out.body, in.body);
    assert_str(out.processing_agent, in.processing_agent);
    assert_str(out.idempotency_key, in.idempotency_key);
    assert_int_equal(out.published_at_us, 12);
    assert_true(out.redelivered);
    assert_true(event_encode(&event, *state, &bytes, &err));
    assert_true(event_decode(bytes, *state, &event_out, &err));
    assert_str(event_out.event_id, event.event_id);
    assert_str(event_out.interaction_id, event.interaction_id);
    assert_str(event_out.tenant, event.tenant);
    assert_str(event_out.service, event.service);
    assert_str(event_out.kind, event.kind);
    assert_int_equal(event_out.at_us, 1);
    assert_int_equal(event_out.http_status, 200);
    assert_str(event_out.traceparent, event.traceparent);
    assert_str(event_out.payload_sha256, event.payload_sha256);
    assert_str(event_out.content_type, event.content_type);
    assert_str(event_out.body, event.body);
    assert_int_equal(event_out.detail_count, 1);
    assert_str(event_out.details[0].name, STR("a"));
}

static void what_is_loaded_comes_back(void **state)
{
    const NameValue packages[] = {
        {STR("us.ny.hrsn"), STR("1.8.1")}
    };
    const Str urls[] = {STR("http://a/p"), STR("http://a/q")};
    const LoadedImage images[] = {
        {.digest = STR("00ff"),
         .name = STR("us.ny.hrsn"),
         .version = STR("1.8.1"),
         .reference = STR("hapi"),
         .bytes = (uint64_t)1 << 33,
         .loaded_at_us = 7,
         .profiles = 2,
         .described = true,
         .packages = packages,
         .package_count = 1,
         .profile_urls = urls,
         .profile_url_count = 2},
        {.digest = STR("01")},
    };
    const Event in = {
        .event_id = STR("e"),
        .interaction_id = STR("i"),
        .kind = STR("images"),
        .has_loaded = true,
        .loaded = {.instance = STR("0123456789abcdef"),
                   .host = STR("pod"),
                   .software = STR("0.1.0"),
                   .started_at_us = 5,
                   .every_s = 30,
                   .ended = true,
                   .images = images,
                   .image_count = 2}
    };
    Event out;
    Str bytes, again;
    Err err;
    assert_true(event_encode(&in, *state, &bytes, &err));
    assert_true(event_decode(bytes, *state, &out, &err));
    assert_true(out.has_loaded);
    const Loaded *loaded = &out.loaded;
    assert_str(loaded->instance, in.loaded.instance);
    assert_str(loaded->host, STR("pod"));
    assert_str(loaded->software, STR("0.1.0"));
    assert_int_equal(loaded->started_at_us, 5);
    assert_int_equal(loaded->every_s, 30);
    assert_true(loaded->ended);
    assert_int_equal(loaded->image_count, 2);
    const LoadedImage *image = &loaded->images[0];
    assert_str(image->digest, STR("00ff"));
    assert_str(image->version, STR("1.8.1"));
    assert_str(image->reference, STR("hapi"));
    assert_true(image->bytes == (uint64_t)1 << 33);
    assert_int_equal(image->loaded_at_us, 7);
    assert_int_equal(image->profiles, 2);
    assert_true(image->described && !loaded->images[1].described);
    assert_int_equal(image->package_count, 1);
    assert_str(image->packages[0].value, STR("1.8.1"));
    assert_int_equal(image->profile_url_count, 2);
    assert_str(image->profile_urls[1], STR("http://a/q"));
    assert_true(event_encode(&out, *state, &again, &err)); /* nothing was forgotten */
    assert_str(again, bytes);
}

/* Field 2000 (varint 5) behind the message, as a newer writer would add it. */
static Str with_future_field(Arena *arena, Str bytes)
{
    static const char field[] = "\x80\x7d\x05";
    char *both = arena_alloc(arena, bytes.len + 3);
    memcpy(both, bytes.ptr, bytes.len);
    memcpy(both + bytes.len, field, 3);
    return (Str){both, bytes.len + 3};
}

static void fields_of_the_future_are_written_back(void **state)
{
    Envelope in = sample_envelope(NULL, 0), out;
    Str bytes, again;
    Err err;
    assert_true(envelope_encode(&in, *state, &bytes, &err));
    Str future = with_future_field(*state, bytes);
    assert_true(envelope_decode(future, *state, &out, &err));
    assert_int_equal(out.unknown.count, 1);
    out.tenant = STR("another");
    assert_true(envelope_encode(&out, *state, &again, &err));
    assert_true(str_find(again, (Str){"\x80\x7d\x05", 3}) != SIZE_MAX);
    /* ... also through the message that carries it. */
    Validated carrier = {.envelope = out}, carried;
    assert_true(validated_encode(&carrier, *state, &again, &err));
    assert_true(validated_decode(again, *state, &carried, &err));
    assert_int_equal(carried.envelope.unknown.count, 1);
    assert_str(carried.envelope.tenant, STR("another"));
}

/* A newer validator says more of itself and of an image: Event.loaded (14), Loaded.images (7). */
static void what_newer_validators_tell_is_written_back(void **state)
{
    static const char future[] =
        "\x12\x01\x65"         /* event_id "e" */
        "\x1a\x01\x69"         /* interaction_id "i" */
        "\x72\x0b"             /* loaded: */
        "\x0a\x01\x76"         /*   instance "v" */
        "\x3a\x03\x80\x7d\x05" /*   an image of which is known nothing but that */
        "\x80\x7d\x06";
    Event out;
    Str again;
    Err err;
    assert_true(event_decode((Str){future, sizeof future - 1}, *state, &out, &err));
    assert_str(out.loaded.instance, STR("v"));
    assert_int_equal(out.loaded.unknown.count, 1);
    assert_int_equal(out.loaded.images[0].unknown.count, 1);
    assert_true(event_encode(&out, *state, &again, &err));
    assert_true(str_find(again, (Str){"\x3a\x03\x80\x7d\x05", 5}) != SIZE_MAX);
    assert_true(str_find(again, (Str){"\x80\x7d\x06", 3}) != SIZE_MAX);
}

static void refuses_a_newer_version_garbage_and_nul(void **state)
{
    Envelope in = sample_envelope(NULL, 0), out;
    Str bytes;
    Err err;
    in.version = ENVELOPE_VERSION + 1;
    assert_true(envelope_encode(&in, *state, &bytes, &err));
    assert_false(envelope_decode(bytes, *state, &out, &err));
    assert_string_equal(err.code, "envelope-version");
    assert_false(envelope_decode(STR("\xff\xff\xff garbage"), *state, &out, &err));
    assert_string_equal(err.code, "envelope-bytes");
    assert_int_equal(err.kind, ERR_INPUT);
    assert_false(envelope_decode(STR(""), *state, &out, &err));
    assert_string_equal(err.code, "envelope-field");
    in = sample_envelope(NULL, 0);
    in.tenant = (Str){"a\0b", 3};
    assert_false(envelope_encode(&in, *state, &bytes, &err));
    assert_string_equal(err.code, "envelope-text");
}

static void every_cut_is_refused_or_read_and_never_crashes(void **state)
{
    Envelope in = sample_envelope(NULL, 0), out;
    Str bytes;
    Err err;
    assert_true(envelope_encode(&in, *state, &bytes, &err));
    for (size_t len = 0; len < bytes.len; len++)
        (void)!envelope_decode((Str){bytes.ptr, len}, *state, &out, &err);
}

static void a_small_arena_is_a_memory_limit(void **state)
{
    (void)state;
    Envelope in = sample_envelope(NULL, 0), out;
    ARENA_AUTO large = arena_new(1 << 20);
    Str bytes;
    Err err;
    assert_true(envelope_encode(&in, large, &bytes, &err));
    for (size_t limit = 16; limit < 4096; limit += 64) {
        ARENA_AUTO small = arena_new(limit);
        Str again;
        if (!envelope_decode(bytes, small, &out, &err))
            assert_string_equal(err.code, "memory-limit");
        arena_reset(small);
        if (!envelope_encode(&in, small, &again, &err))
            assert_string_equal(err.code, "memory-limit");
    }
}

static void sealing_hashes_the_payload(void **state)
{
    static const unsigned char abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea};
    Envelope envelope = {.payload = STR("abc")};
    Err err;
    assert_true(envelope_seal(&envelope, *state, &err));
    assert_int_equal(envelope.payload_sha256.len, 32);
    assert_memory_equal(envelope.payload_sha256.ptr, abc, sizeof abc);
    assert_int_equal(envelope.payload_bytes, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_envelope_comes_back_as_it_went, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(an_envelope_is_written_around_its_payload, arena_up,
                                        arena_down),
        cmocka_unit_test_setup_teardown(a_validated_comes_back_as_it_went, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(a_large_outcome_is_read_where_it_lies, arena_up,
                                        arena_down),
        cmocka_unit_test_setup_teardown(a_response_comes_back_with_the_parts_it_had, arena_up,
                                        arena_down),
        cmocka_unit_test_setup_teardown(a_failure_names_its_kind, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(audit_records_come_back, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(submissions_and_events_come_back, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(what_is_loaded_comes_back, arena_up, arena_down),
        cmocka_unit_test_setup_teardown(what_newer_validators_tell_is_written_back, arena_up,
                                        arena_down),
        cmocka_unit_test_setup_teardown(fields_of_the_future_are_written_back, arena_up,
                                        arena_down),
        cmocka_unit_test_setup_teardown(refuses_a_newer_version_garbage_and_nul, arena_up,
                                        arena_down),
        cmocka_unit_test_setup_teardown(every_cut_is_refused_or_read_and_never_crashes, arena_up,
                                        arena_down),
        cmocka_unit_test(a_small_arena_is_a_memory_limit),
        cmocka_unit_test_setup_teardown(sealing_hashes_the_payload, arena_up, arena_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
