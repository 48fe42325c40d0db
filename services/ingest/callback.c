/* POST /lake/callback/{id}: what a destination says later about a document, by its Idempotency-Key
 * (or the interaction id alone, as keys were before).
 *
 * Spec:    ?destination=NAME[&tenant=T]; a JSON object whose .status is "Success", or anything else
 *          for a failure. Authenticated by the destination's own secret: x-api-key, or
 *          X-Fhirbus-Signature: t=<seconds since 1970>,v1=<hex of HMAC-SHA256(secret,
 *          "<t>.<id>.<body>")>, at most SIGNATURE_AGE_S old.
 * Rule:    202 means that the brokers have it (topic events). The same answer twice is one event.
 *          Whether such a document exists is not told: the persister finds out, now or when the
 *          delivery is on record. */
#include "common/base/clock.h"
#include "common/catalog/catalog.h"
#include "common/destinations/secret.h"
#include "common/envelope/idempotency_key.h"
#include "common/http/fields.h"
#include "common/http/target.h"
#include "common/json/json.h"
#include "services/ingest/exchange.h"
#include "services/ingest/refuse.h"
#include "services/ingest/text.h"

enum { SIGNATURE_AGE_S = 300, BODY_BYTES_MAX = 1 << 20, REASON_BYTES_MAX = 200 };

/* --- who calls ---------------------------------------------------------------------------------
 */
static bool signed_well(const Exchange *exchange, Str secret)
{
    Str rest = http_request_header(exchange->request, STR("x-fhirbus-signature"));
    Str part, time = STR_NONE, signature = STR_NONE;
    uint64_t seconds;
    while (rest.ptr && str_split(&rest, ',', &part)) {
        part = str_trim(part);
        if (str_starts(part, STR("t=")))
            time = str_skip(part, 2);
        else if (str_starts(part, STR("v1=")))
            signature = str_skip(part, 3);
    }
    if (!str_to_u64(time, &seconds) || seconds > INT32_MAX * (uint64_t)4)
        return false;
    int64_t age_s = clock_wall_ms() / 1000 - (int64_t)seconds;
    const Str parts[] = {time, STR("."), exchange->parameter, STR("."),
                         http_request_body(exchange->request)};
    return age_s <= SIGNATURE_AGE_S && age_s >= -SIGNATURE_AGE_S &&
           secret_signed(secret, parts, sizeof parts / sizeof parts[0], signature);
}

static bool shows(const Exchange *exchange, DestinationCallback how, Str secret)
{
    return how == DESTINATION_CALLBACK_HMAC
               ? signed_well(exchange, secret)
               : secret_equal(http_request_header(exchange->request, STR("x-api-key")), secret);
}

static bool may_call(const Exchange *exchange, const Destination *destination)
{
    Str secret;
    Err err = {0};
    if (destination->callback == DESTINATION_CALLBACK_NONE)
        return false;
    if (!secret_read(exchange->ingest->config->secrets, destination->callback_secret_file,
                     exchange->arena, &secret, &err)) {
        log_error(exchange->ingest->log, "callback.no_secret", LOG_TRACE(&exchange->trace),
                  LOG_ERR(&err));
        return false;
    }
    return shows(exchange, (DestinationCallback)destination->callback, secret);
}

/* One that the settings describe. */
static bool built_in_may_call(const Exchange *exchange, Str name)
{
    const IngestConfig *config = exchange->ingest->config;
    Str rest = str_from(config->destinations), secret = str_from(config->lake_callback_key), one;
    while (secret.len && rest.ptr && str_split(&rest, ',', &one))
        if (str_eq(str_trim(one), name))
            return shows(exchange, (DestinationCallback)(config->lake_callback + 1), secret);
    return false;
}

/* What it does not know and what it must not know look alike. */
static bool authentic(const Exchange *exchange, Str name)
{
    Catalog *catalog = exchange->ingest->catalog;
    const CatalogView *view = catalog_acquire(catalog);
    Str id = arena_format(exchange->arena, "destinations/%.*s", STR_ARG(name));
    const CatalogEntry *entry = id.ptr ? catalog_find(view, id) : NULL;
    bool fine =
        entry ? entry->made && may_call(exchange, entry->made) : built_in_may_call(exchange, name);
    catalog_release(catalog, view);
    return fine;
}

/* --- what it says ------------------------------------------------------------------------------
 */
static void on_report(void *opaque, const BusDelivery *delivery)
{
    Exchange *exchange = opaque;
    pthread_mutex_lock(&exchange->lock);
    exchange->publish = delivery->ok ? PUBLISH_ACKED : PUBLISH_FAILED;
    exchange_wake(exchange);
    pthread_mutex_unlock(&exchange->lock);
    exchange_release(exchange);
}

static bool publish(Exchange *exchange, const Event *event, Err *err)
{
    Str bytes;
    TRY(event_encode(event, exchange->arena, &bytes, err));
    const BusRecord record = {.topic = "events",
                              .partition = BUS_PARTITION_BY_KEY,
                              .key = event->interaction_id,
                              .value = bytes,
                              .bulk = true, /* whose reports come at once: the 202 waits for it */
                              .on_delivery = on_report,
                              .opaque = exchange};
    exchange->publish = PUBLISH_PENDING;
    exchange_hold(exchange);
    if (bus_publish(exchange->ingest->producer, &record, err))
        return true;
    exchange->publish = PUBLISH_NOT_YET;
    exchange_release(exchange);
    return false;
}

/* The same answer about the same document has the same id, however often it comes. */
static Uuid event_id(const Exchange *exchange, Str destination, Str tenant)
{
    unsigned char hash[ENVELOPE_SHA256_BYTES];
    char hex[2 * ENVELOPE_SHA256_BYTES + 1];
    envelope_sha256(http_request_body(exchange->request), hash);
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    Str name = arena_format(exchange->arena, "callback %.*s %.*s %s", STR_ARG(destination),
                            STR_ARG(tenant), hex);
    return uuid_v5(exchange->parameter, name.ptr ? name : STR("callback"));
}

static Str clip(Str text)
{
    return str_cut(text, 0, text.len < REASON_BYTES_MAX ? text.len : REASON_BYTES_MAX);
}

static StepNext take(Exchange *exchange, Str destination, Str tenant)
{
    JsonDoc doc;
    Err err = {0};
    HttpRequest *request = exchange->request;
    Str body = http_request_body(request);
    if (body.len > BODY_BYTES_MAX)
        return refuse(exchange, 413, "callback-bytes", "The answer is too large");
    if (!json_read(body, NULL, NULL, exchange->arena, &doc, NULL, &err))
        return refuse(exchange, 400, "callback-json", "The answer is not JSON");
    Str status = json_get_text(&doc, json_root(&doc), "status");
    if (!status.len)
        return refuse(exchange, 400, "callback-status", "The answer has no status");
    bool success = str_eq_ignore_case(status, STR("Success"));
    Str said = text_utf8(exchange->arena, clip(status));
    const NameValue details[] = {
        {STR("key"),         exchange->parameter                 },
        {STR("destination"), destination                         },
        {STR("success"),     success ? STR("true") : STR("false")},
        {STR("status"),      said                                },
    };
    Uuid id = event_id(exchange, destination, tenant);
    const Event event = {.event_id = uuid_str(&id),
                         .interaction_id = idempotency_key_interaction(exchange->parameter),
                         .tenant = tenant,
                         .service = STR("ingest"),
                         .kind = STR("lake-callback"),
                         .at_us = clock_wall_us(),
                         .content_type = STR("application/json"),
                         .body = body,
                         .details = details,
                         .detail_count = sizeof details / sizeof details[0]};
    return publish(exchange, &event, &err)
               ? STEP_WAIT
               : refuse_unavailable(exchange, "callback-not-taken", "Try again later");
}

/* Both ways are named whichever the destination has, if there is one at all. */
static StepNext refuse_caller(Exchange *exchange)
{
    http_reply_header(exchange->request, "WWW-Authenticate",
                      STR("X-API-Key realm=\"fhirbus\", X-Fhirbus-Signature realm=\"fhirbus\""));
    return refuse_outcome(exchange, 401, "not-authenticated", "login", "Authentication required");
}

static StepNext begin(Exchange *exchange)
{
    HttpRequest *request = exchange->request;
    Str query = http_request_query(request);
    Str destination = http_query_get(query, STR("destination"), exchange->arena);
    Str tenant = http_query_get(query, STR("tenant"), exchange->arena);
    if (!idempotency_key_interaction(exchange->parameter).ptr)
        return refuse(exchange, 400, "callback-id", "The id is no Idempotency-Key of a delivery");
    if (!destination.len || destination.len > DESTINATION_NAME_MAX)
        return refuse(exchange, 400, "callback-destination", "?destination=NAME is missing");
    if (!catalog_ready(exchange->ingest->catalog, 0))
        return refuse_unavailable(exchange, "callback-not-ready", "Try again later");
    if (!authentic(exchange, destination))
        return refuse_caller(exchange);
    return take(exchange, destination, text_utf8(exchange->arena, tenant));
}

StepNext step_callback(Exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    PublishState state = exchange->publish;
    pthread_mutex_unlock(&exchange->lock);
    switch (state) {
    case PUBLISH_NOT_YET:
        return begin(exchange);
    case PUBLISH_PENDING:
        return STEP_WAIT;
    case PUBLISH_FAILED:
        return refuse_unavailable(exchange, "callback-not-taken", "Try again later");
    case PUBLISH_ACKED:
        break;
    }
    http_reply_status(exchange->request, 202);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    buf_add(http_reply_body(exchange->request), STR("{\"status\":\"Accepted\"}\n"));
    return STEP_REPLY;
}
