/* pipeline_probe - puts documents on the topics as ingest would, and shows what is on a topic.
 *
 *   pipeline_probe send [--bulk] [--validate] [--tenant T] [--id UUID] [--repeat N] FILE...
 *       one line per document: its interaction id; acknowledged by the broker when it returns
 *   pipeline_probe dump TOPIC COUNT TIMEOUT_MS [--body]
 *       one JSON line per record from the beginning, until COUNT or the time is over
 *
 * KAFKA_BROKERS says where. For tests by hand and by script. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/bus/bus.h"
#include "common/envelope/envelope.h"
#include "common/envelope/ordering_key.h"
#include "common/envelope/uuid.h"

enum { FILE_MAX = 64 << 20, ARENA_MAX = 512 << 20 };

static BusConfig config = {.client_id = "pipeline-probe", .message_max_bytes = 33554432};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int complain(const char *what, const Err *err)
{
    fprintf(stderr, "pipeline_probe: %s: %s: %s\n", what, err->code, err->text);
    return 1;
}

static Str read_file(const char *path, Arena *arena)
{
    FILE *file = fopen(path, "rb");
    char *bytes = file ? arena_alloc(arena, FILE_MAX) : NULL;
    size_t len = bytes ? fread(bytes, 1, FILE_MAX, file) : 0;
    if (file)
        fclose(file);
    return (Str){bytes, len};
}

/* --- send --------------------------------------------------------------------------------------
 */
typedef struct Send {
    const char *tenant, *id;
    bool bulk, validate;
    int repeat;
} Send;

static void on_delivery(void *opaque, const BusDelivery *delivery)
{
    int *failed = opaque;
    if (!delivery->ok)
        *failed += 1;
}

static bool send_one(BusProducer *producer, const Send *how, Str payload, Arena *arena, int *failed,
                     Err *err)
{
    Uuid id = uuid_v7();
    Str id_text = how->id ? str_from(how->id) : uuid_str(&id), bytes;
    OrderingKey key = ordering_key(STR("probe"), str_from(how->tenant), id_text, payload, NULL);
    Envelope envelope = {
        .interaction_id = id_text,
        .tenant = str_from(how->tenant),
        .route = how->validate ? ROUTE_BUNDLE_VALIDATE : ROUTE_BUNDLE,
        .source_type = STR("FHIR"),
        .content_type = STR("application/fhir+json"),
        .received_at_us = now_us(),
        .payload = payload,
        .response_partition = 0,
        .ingest_instance = STR("probe"),
        .deadline_at_us = now_us() + 10000000,
        .lane = how->bulk ? LANE_BULK : LANE_INTERACTIVE,
        .ordering_key = {(const char *)key.bytes, sizeof key.bytes},
    };
    TRY(envelope_seal(&envelope, arena, err));
    TRY(envelope_encode(&envelope, arena, &bytes, err));
    const BusRecord record = {
        .topic = how->bulk ? "intake.bulk" : "intake",
        .partition = BUS_PARTITION_BY_KEY,
        .key = envelope.ordering_key,
        .value = bytes,
        .bulk = how->bulk,
        .on_delivery = on_delivery,
        .opaque = failed,
    };
    while (!bus_publish(producer, &record, err)) {
        if (err->kind != ERR_RETRY)
            return false;
        bus_producer_poll(producer, 100);
    }
    printf("%.*s\n", STR_ARG(id_text));
    return true;
}

static int send_all(const Send *how, char **paths, int count)
{
    const BusProducerOptions options = {.bulk_linger_ms = 20};
    BusProducer *producer;
    Err err = {0};
    int failed = 0;
    ARENA_AUTO files = arena_new((size_t)FILE_MAX + 4096);
    ARENA_AUTO arena = arena_new(ARENA_MAX);
    if (!bus_producer_new(&config, &options, &producer, &err))
        return complain("producer", &err);
    for (int i = 0; i < count && !failed; i++) {
        arena_reset(files);
        Str payload = read_file(paths[i], files);
        for (int n = 0; n < how->repeat && !failed; n++) {
            arena_reset(arena);
            if (!payload.ptr || !send_one(producer, how, payload, arena, &failed, &err))
                failed = complain(paths[i], &err);
            bus_producer_poll(producer, 0);
        }
    }
    while (bus_producer_in_flight(producer) > 0)
        bus_producer_poll(producer, 100);
    bus_producer_free(producer, 1000);
    return failed ? 1 : 0;
}

/* --- dump --------------------------------------------------------------------------------------
 */
static void text(const char *name, Str value)
{
    printf(",\"%s\":\"", name);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c < 0x20)
            printf("\\u%04x", c);
        else if (c == '"' || c == '\\')
            printf("\\%c", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void hex(const char *name, Str value)
{
    printf(",\"%s\":\"", name);
    for (size_t i = 0; i < value.len; i++)
        printf("%02x", (unsigned char)value.ptr[i]);
    putchar('"');
}

static void show_outcome(const Outcome *outcome, const Disposition *disposition, bool body)
{
    text("action", str_from(action_name(disposition->action)));
    text("disposition", disposition->actions_json);
    text("precheck", outcome->precheck_code);
    text("message", outcome->precheck_message);
    text("ig", outcome->ig_version);
    printf(",\"valid\":%s,\"errors\":%u,\"issues\":%u,\"judged_us\":%lld",
           outcome->valid ? "true" : "false", outcome->errors, outcome->issue_count,
           (long long)(outcome->finished_at_us - outcome->started_at_us));
    if (body)
        text("outcome", outcome->operation_outcome);
}

static void show_response(const Response *r, bool body)
{
    text("kind", str_from(response_kind_name(r->kind)));
    text("service", r->service);
    text("id", r->interaction_id);
    printf(",\"after_us\":%lld", (long long)(r->at_us - r->received_at_us));
    if (r->has_outcome)
        show_outcome(&r->outcome, &r->disposition, body);
    if (r->has_failure) {
        text("failure", str_from(failure_kind_name(r->failure.kind)));
        text("code", r->failure.code);
    }
    if (r->has_delivery) {
        const Delivery *d = &r->delivery;
        text("destination", d->destination);
        text("url", d->url);
        text("class", d->error_class);
        printf(",\"attempt\":%u,\"status\":%u,\"success\":%s,\"final\":%s,\"truncated\":%s",
               d->attempt, d->http_status, d->success ? "true" : "false",
               d->final ? "true" : "false", d->response_truncated ? "true" : "false");
        text("answer", d->response_body);
    }
}

static bool show_body(const BusMessage *message, Arena *arena, bool body, Err *err)
{
    Envelope envelope;
    Validated validated;
    Response response;
    Submission submission;
    if (strcmp(message->topic, "response") == 0) {
        TRY(response_decode(message->value, arena, &response, err));
        show_response(&response, body);
    } else if (strcmp(message->topic, "validated") == 0) {
        unsigned char hash[ENVELOPE_SHA256_BYTES];
        TRY(validated_decode(message->value, arena, &validated, err));
        envelope_sha256(validated.bundle, hash);
        text("id", validated.envelope.interaction_id);
        hex("payload_sha256", validated.envelope.payload_sha256);
        hex("bundle_sha256", (Str){(const char *)hash, sizeof hash});
        show_outcome(&validated.outcome, &validated.disposition, body);
    } else if (strncmp(message->topic, "submit.", 7) == 0) {
        TRY(submission_decode(message->value, arena, &submission, err));
        text("id", submission.envelope.interaction_id);
        text("agent", submission.processing_agent);
        text("key", submission.idempotency_key);
        if (body)
            text("body", submission.body);
    } else {
        TRY(envelope_decode(message->value, arena, &envelope, err));
        text("id", envelope.interaction_id);
    }
    return true;
}

static void show(const BusMessage *message, Arena *arena, bool body)
{
    static const char *const reasons[] = {"dlq-reason", "dlq-topic", "dlq-offset", "dlq-service"};
    Err err = {0};
    printf("{\"partition\":%d,\"offset\":%lld", message->partition, (long long)message->offset);
    hex("record_key", message->key);
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (bus_message_header(message, reasons[i]).ptr)
            text(reasons[i], bus_message_header(message, reasons[i]));
    if (!show_body(message, arena, body, &err))
        text("unreadable", str_from(err.code));
    printf("}\n");
}

static int dump(const char *topic, uint64_t count, uint64_t timeout_ms, bool body)
{
    char group[64];
    BusConsumer *consumer;
    BusMessage *message;
    Err err = {0};
    ARENA_AUTO arena = arena_new(ARENA_MAX);
    snprintf(group, sizeof group, "pipeline-probe-%d-%lld", getpid(), (long long)now_us());
    const BusConsumerOptions options = {.group = group, .lanes = {topic}, .lane_count = 1};
    if (!bus_consumer_new(&config, &options, &consumer, &err))
        return complain(topic, &err);
    int64_t until = now_us() + (int64_t)timeout_ms * 1000;
    while (count > 0 && now_us() < until) {
        if (!bus_poll(consumer, 100, &message))
            continue;
        show(message, arena, body);
        arena_reset(arena);
        bus_settle(consumer, message);
        count--;
    }
    bus_consumer_free(consumer);
    return 0;
}

int main(int argc, char **argv)
{
    Send how = {.tenant = "test-qe", .repeat = 1};
    uint64_t count, timeout_ms;
    config.brokers = getenv("KAFKA_BROKERS");
    if (argc >= 5 && strcmp(argv[1], "dump") == 0 && str_to_u64(str_from(argv[3]), &count) &&
        str_to_u64(str_from(argv[4]), &timeout_ms))
        return dump(argv[2], count, timeout_ms, argc > 5 && strcmp(argv[5], "--body") == 0);
    if (argc < 3 || strcmp(argv[1], "send") != 0) {
        fprintf(stderr, "usage: pipeline_probe send|dump ... (see the source's head)\n");
        return 2;
    }
    int at = 2;
    for (; at < argc && argv[at][0] == '-'; at++) {
        uint64_t repeat;
        if (strcmp(argv[at], "--bulk") == 0)
            how.bulk = true;
        else if (strcmp(argv[at], "--validate") == 0)
            how.validate = true;
        else if (strcmp(argv[at], "--tenant") == 0 && at + 1 < argc)
            how.tenant = argv[++at];
        else if (strcmp(argv[at], "--id") == 0 && at + 1 < argc)
            how.id = argv[++at];
        else if (strcmp(argv[at], "--repeat") == 0 && at + 1 < argc &&
                 str_to_u64(str_from(argv[at + 1]), &repeat) && repeat <= 1000000)
            how.repeat = (int)repeat, at++;
        else
            return 2;
    }
    return send_all(&how, argv + at, argc - at);
}
