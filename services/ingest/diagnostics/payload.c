/* GET /admin/api/diagnostics/interactions/{id}/payload: what was sent, the bundle that it became,
 * or what went to a destination; masked (mask.h), unless it is revealed, which takes a right and is
 * recorded. */
#include "services/ingest/diagnostics/payload.h"

#include "services/ingest/audited.h"
#include "services/ingest/authenticate.h"
#include "services/ingest/diagnostics/flows.h"
#include "services/ingest/diagnostics/lake.h"
#include "services/ingest/diagnostics/mask.h"
#include "services/ingest/diagnostics/place.h"
#include "services/ingest/diagnostics/scope.h"
#include "services/ingest/diagnostics/tell.h"
#include "services/ingest/refuse.h"
#include "services/ingest/sessions/session.h"
#include "services/ingest/unpack.h"

enum { PAYLOAD_BYTES_MAX = 64 * 1024 * 1024 };

/* $1 id, $2 tenant, $3 received_at: media type, packed bytes */
const DbStatement payload_original = {
    "payload-original",
    "SELECT coalesce(m.content_type, ''), m.payload FROM fhirbus.message m"
    " WHERE m.interaction_id = $1::uuid AND m.tenant = $2::text AND m.received_at = $3::timestamptz"
    " ORDER BY m.sent_at, m.sha256 LIMIT 1"};
const DbStatement payload_bundle = {
    "payload-bundle",
    "SELECT 'application/fhir+json', w.bundle FROM fhirbus.verdict w"
    " WHERE w.interaction_id = $1::uuid AND w.tenant = $2::text AND w.received_at = $3::timestamptz"
    "   AND w.bundle_bytes IS NOT NULL"
    " ORDER BY w.replay_id DESC, w.attempt DESC, w.sha256 LIMIT 1"};

typedef struct Payload {
    TellQuestion tell;
    PlaceAsk ask;
    bool of_bundle, of_lake, reveal, download, purged;
    Str type, destination;
    LakeDocument lake;
} Payload;

static bool is_json_type(Str type)
{
    return str_find(type, STR("json")) != SIZE_MAX;
}

static void add_document(Payload *payload, Str document)
{
    bool json = is_json_type(payload->type);
    if (payload->reveal)
        buf_add(&payload->tell.text, document);
    else
        mask_add(&payload->tell.text, document, json);
}

/* Frees the result. */
static bool take_lake(Payload *payload, DbResult *result, Arena *arena, Err *err)
{
    const Place *place = &payload->ask.place;
    LakeDocument *lake = &payload->lake;
    bool made = lake_make(payload->tell.base.exchange->ingest, str_from(place->id), place->tenant,
                          result, arena, lake, err);
    payload->purged = made && lake->purged;
    payload->type = STR("application/fhir+json");
    if (made && lake->body.len)
        add_document(payload, lake->body);
    lake->destination = arena_copy(payload->ask.arena, lake->destination);
    lake->body = STR_NONE;
    db_result_free(result);
    return made && (!payload->tell.text.overflowed ||
                    ERR(err, ERR_INPUT, "page-too-large", "more than %d bytes", TELL_BYTES_MAX));
}

static bool run_payload(Question *base, Db *db, Arena *arena, Err *err)
{
    Payload *payload = (Payload *)base;
    const Place *place = &payload->ask.place;
    DbParams params;
    DbResult *result = NULL;
    Str document;
    TRY(place_find(&payload->ask, db, payload->tell.scope, arena, err));
    if (!payload->ask.found || payload->ask.several)
        return true;
    db_params_init(&params, arena);
    db_uuid(&params, str_from(place->id));
    db_text(&params, place->tenant);
    db_time_us(&params, place->received_us);
    if (payload->of_lake)
        db_text(&params, payload->destination);
    TRY(scope_run(db, payload->tell.scope,
                  payload->of_lake     ? &lake_rows
                  : payload->of_bundle ? &payload_bundle
                                       : &payload_original,
                  &params, &result, err));
    payload->tell.found = db_rows(result) > 0;
    if (payload->of_lake)
        return take_lake(payload, result, arena, err);
    payload->purged = payload->tell.found && db_is_null(result, 0, 1);
    const Stored stored = {base->exchange->ingest, str_from(place->id),
                           payload->of_bundle ? VAULT_ONE(VAULT_BUNDLE) : VAULT_ONE(VAULT_PAYLOAD)};
    if (payload->tell.found && !payload->purged) {
        payload->type = arena_copy(payload->ask.arena, db_get_text(result, 0, 0));
        if (unpack_stored(&stored, db_get_text(result, 0, 1), PAYLOAD_BYTES_MAX, arena, &document))
            add_document(payload, document);
        else
            payload->purged = true;
    }
    db_result_free(result);
    return !payload->tell.text.overflowed ||
           ERR(err, ERR_INPUT, "page-too-large", "more than %d bytes", TELL_BYTES_MAX);
}

static StepNext read_payload(Exchange *exchange, Question *base)
{
    Payload *payload = (Payload *)base;
    Str what = tell_parameter(exchange, "what");
    tell_begin(&payload->tell, exchange);
    if (what.ptr && !str_is(what, "original") && !str_is(what, "bundle") && !str_is(what, "lake"))
        return tell_malformed(exchange, "what must be original, bundle or lake");
    payload->of_lake = str_is(what, "lake");
    payload->destination = tell_parameter(exchange, "destination");
    payload->of_bundle = str_is(what, "bundle");
    payload->reveal = str_is(tell_parameter(exchange, "reveal"), "true");
    payload->download = str_is(tell_parameter(exchange, "download"), "true");
    if (payload->reveal && exchange->session && !session_may(exchange, ACCOUNT_REVEAL))
        return refuse_forbidden(exchange, "reveal");
    if (payload->reveal)
        audited_detail(exchange, "reveal", STR("payload"));
    return place_read(&payload->ask, exchange);
}

/* Whatever a sender said it is: it must not become a page of ours. */
static Str safe_type(Str type)
{
    return is_json_type(type) ? STR("application/json; charset=utf-8")
                              : STR("text/plain; charset=utf-8");
}

static StepNext tell_payload(Exchange *exchange, Question *base)
{
    const Payload *payload = (const Payload *)base;
    HttpRequest *request = exchange->request;
    if (payload->ask.several)
        return place_refuse(&payload->ask, exchange);
    if (payload->ask.found && payload->of_bundle && !payload->tell.found)
        return refuse(exchange, 404, "no-bundle", "It was a FHIR bundle when it came");
    if (payload->ask.found && payload->of_lake && !payload->lake.sent)
        return refuse(exchange, 404, "no-lake-payload", "It was not sent there");
    if (!payload->tell.found)
        return refuse(exchange, 404, "not-found", "There is no such interaction");
    if (payload->purged)
        return refuse(exchange, 410, "purged", "Its bytes are gone by retention");
    http_reply_status(request, 200);
    http_reply_header(request, "Content-Type", safe_type(payload->type));
    http_reply_header(request, "X-Fhirbus-Masked", payload->reveal ? STR("false") : STR("true"));
    http_reply_header(request, "X-Fhirbus-Content-Type", payload->type);
    http_reply_header(request, "Content-Security-Policy", STR("default-src 'none'; sandbox"));
    if (payload->of_lake) {
        http_reply_header(request, "X-Fhirbus-Verified",
                          payload->lake.verified ? STR("true") : STR("false"));
        http_reply_header(request, "X-Fhirbus-Destination", payload->lake.destination);
    }
    if (payload->download)
        http_reply_header(request, "Content-Disposition",
                          arena_format(exchange->arena, "attachment; filename=\"%s.%s\"",
                                       payload->ask.place.id,
                                       is_json_type(payload->type) ? "json" : "txt"));
    buf_add(http_reply_body(request), buf_str(&payload->tell.text));
    return STEP_REPLY;
}

StepNext step_payload(Exchange *exchange)
{
    static const LookupStep step = {sizeof(Payload), run_payload, tell_clear, read_payload,
                                    tell_payload};
    return lookups_step(exchange->ingest->reads, exchange, &step);
}
