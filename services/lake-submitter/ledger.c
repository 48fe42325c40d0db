#include "services/lake-submitter/ledger.h"

#include "common/base/clock.h"
#include "common/destinations/topic.h"
#include "common/envelope/idempotency_key.h"
#include "common/envelope/uuid.h"
#include "common/fhir/datetime.h"
#include "common/json/json.h"
#include "common/json/write.h"
#include "services/lake-submitter/role.h"

enum { BODY_MAX = 8192 };

static bool interested(const Destination *destination, Str tenant)
{
    return destination->format == DESTINATION_DATALEDGER &&
           (destination->tenants.count == 0 || destination_names(destination, tenant));
}

bool ledger_wanted(const DirectoryView *view, Str tenant)
{
    for (size_t i = 0; i < view->count; i++)
        if (interested(view->all[i], tenant))
            return true;
    return false;
}

Str ledger_data_id(Str bundle, Arena *arena)
{
    JsonDoc doc;
    Err ignored = {0};
    return json_read(bundle, NULL, NULL, arena, &doc, NULL, &ignored)
               ? json_get_text(&doc, json_root(&doc), "id")
               : STR_NONE;
}

static Str body_of(const Destination *destination, const LedgerNews *news, Str data_id,
                   Arena *arena)
{
    char at[DATETIME_TEXT_MAX];
    DateTime now = datetime_from_epoch_ms(clock_wall_us() / 1000, 0);
    bool received = strcmp(news->action, "received") == 0;
    BUF_AUTO out;
    buf_init(&out, BODY_MAX);
    buf_add_format(&out, "{\"executedAt\":\"%.*s\",\"actor\":", STR_ARG(datetime_print(&now, at)));
    json_write_string(&out, destination->ledger_actor);
    buf_add_format(&out, ",\"action\":\"%s\",\"destination\":", news->action);
    json_write_string(&out, received ? destination->ledger_actor : destination->ledger_receiver);
    buf_add(&out, STR(",\"dataId\":"));
    json_write_string(&out, data_id);
    buf_add(&out, STR(",\"payloadType\":\"hrsnBundle\"}"));
    return out.overflowed ? STR_NONE : arena_copy(arena, buf_str(&out));
}

static void on_report(void *opaque, const BusDelivery *delivery)
{
    if (!delivery->ok)
        counts_ledger(opaque, "lost");
}

static bool tell_one(const Destination *destination, BusProducer *producer, Counts *counts,
                     const LedgerNews *news, Arena *arena, Err *err)
{
    char topic[DESTINATION_TOPIC_MAX];
    Str bytes;
    const Envelope *envelope = news->envelope;
    bool received = strcmp(news->action, "received") == 0;
    Str data_id = news->data_id.len ? news->data_id : envelope->interaction_id;
    Str key = idempotency_key(envelope, arena);
    Submission submission = {
        .envelope = *envelope,
        .destination = str_from(destination->name),
        .content_type = STR("application/json"),
        .body = body_of(destination, news, data_id, arena),
        .idempotency_key = arena_format(arena, "%.*s:%s", STR_ARG(key), news->action),
        /* Part of the news' name: it is received once, however often it is routed. */
        .published_at_us = received ? envelope->received_at_us : clock_wall_us(),
        .data_id = data_id,
        .redelivered = news->redelivered,
    };
    submission.envelope.payload = STR_NONE;
    TRY(submission_encode(&submission, arena, &bytes, err));
    destination_topic_name(topic, str_from(destination->name));
    const BusRecord record = {.topic = topic,
                              .partition = BUS_PARTITION_BY_KEY,
                              .key = news->key,
                              .value = bytes,
                              .bulk = true,
                              .on_delivery = on_report,
                              .opaque = counts};
    return submission.body.ptr && key.ptr ? bus_publish(producer, &record, err)
                                          : ERR(err, ERR_INPUT, "ledger-body", "no room");
}

void ledger_tell(const DirectoryView *view, BusProducer *producer, Counts *counts,
                 const LedgerNews *news, Arena *arena)
{
    for (size_t i = 0; i < view->count; i++) {
        Err err = {0};
        if (!interested(view->all[i], news->envelope->tenant))
            continue;
        bool told = tell_one(view->all[i], producer, counts, news, arena, &err);
        counts_ledger(counts, told ? news->action : "lost");
    }
}

static Str action_of(const Submission *submission)
{
    Str key = submission->idempotency_key;
    return str_skip(key, str_find_char(key, ':') + 1);
}

Str ledger_news_name(const Submission *submission, Arena *arena)
{
    return arena_format(arena, "%.*s:%lld", STR_ARG(action_of(submission)),
                        (long long)submission->published_at_us);
}

static Str number(uint64_t value, Arena *arena)
{
    return arena_format(arena, "%llu", (unsigned long long)value);
}

static Str truth(bool value)
{
    return value ? STR("true") : STR("false");
}

/* Named after what it says: an attempt that is recorded twice is one event. */
static bool encode(Event *event, const Submission *submission, Arena *arena, Str *ret_record,
                   Err *err)
{
    BUF_AUTO name;
    buf_init(&name, BODY_MAX);
    buf_add(&name, event->kind);
    for (uint32_t i = 0; i < event->detail_count; i++)
        buf_add_format(&name, "|%.*s", STR_ARG(event->details[i].value));
    Uuid id = uuid_v5(submission->envelope.interaction_id, buf_str(&name));
    event->event_id = uuid_str(&id);
    event->interaction_id = submission->envelope.interaction_id;
    event->tenant = submission->envelope.tenant;
    event->service = STR("lake-submitter");
    event->traceparent = submission->envelope.traceparent;
    event->payload_sha256 = submission->envelope.payload_sha256;
    return event_encode(event, arena, ret_record, err);
}

bool ledger_record(const Submission *submission, const Delivery *delivery, Arena *arena,
                   Str *ret_record, Err *err)
{
    const NameValue details[] = {
        {STR("destination"),            submission->destination     },
        {STR("action"),                 action_of(submission)       },
        {STR("news"),                   ledger_news_name(submission,  arena)},
        {STR("dataId"),                             submission->data_id                                            },
        {STR("attempt"),                             number(delivery->attempt,arena)},
        {STR("budgetUsed"),                       number(delivery->budget_used,                                                    arena)},
        {STR("success"),truth(delivery->success)},
        {STR("final"),                truth(delivery->final)                                         },
        {STR("errorClass"),                  delivery->error_class        },
    };
    Event event = {.kind = STR("dataledger"),
                   .at_us = delivery->finished_at_us,
                   .http_status = delivery->http_status,
                   .content_type = delivery->response_content_type,
                   .body = delivery->response_body,
                   .details = details,
                   .detail_count = sizeof details / sizeof details[0]};
    return encode(&event, submission, arena, ret_record, err);
}

bool ledger_note(const Submission *submission, uint32_t attempt, Arena *arena, Str *ret_record,
                 Err *err)
{
    const NameValue details[] = {
        {STR("destination"),     submission->destination},
        {              STR("action"), action_of(submission)                       },
        {    STR("news"),                ledger_news_name(submission,                                       arena)},
        { STR("attempt"),                number(attempt,                                       arena)},
    };
    Event event = {.kind = STR("dataledger-buried"),
                   .at_us = clock_wall_us(),
                   .details = details,
                   .detail_count = sizeof details / sizeof details[0]};
    return encode(&event, submission, arena, ret_record, err);
}
