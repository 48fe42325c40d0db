/* GET /Bundle/$status/{id}: an array of rows, one per nature and state, named as in TechBD's view.
 *
 * The rows' payloads (the verdict, the destination's answer) come with them, and what the engine
 * had said where rules changed it; the sender's own document, which he has, only with
 * ?payload=true. */
#include "services/ingest/read/status.h"

#include "common/base/clock.h"
#include "common/http/fields.h"
#include "common/http/target.h"
#include "common/json/json.h"
#include "common/json/write.h"
#include "services/ingest/diagnostics/reveal.h"
#include "services/ingest/exchange.h"
#include "services/ingest/lookups.h"
#include "services/ingest/refuse.h"
#include "services/ingest/unpack.h"

enum {
    ROWS_BYTES_MAX = 128 * 1024 * 1024,
    PAYLOAD_BYTES_MAX = 32 * 1024 * 1024,
    FRESH_MS = 10 * 60 * 1000, /* an id of ours younger than this may not be stored yet */
};

/* $1 id, $2 tenant or NULL, $3 whether to read the sender's own document. A disposition's row comes
 * with what the engine had said and which rule changed what; a request's with what was done to the
 * bundle before it was sent. */
const DbStatement status_rows = {
    "status-rows",
    "WITH asked AS ("
    "  SELECT *, coalesce(replay_id, '00000000-0000-0000-0000-000000000000') AS replay,"
    "         decode(payload_sha256, 'hex') AS hash FROM fhirbus.interaction_http_request"
    "  WHERE interaction_id = $1 AND ($2::text IS NULL OR tenant_id = $2) LIMIT 1000),"
    " rows AS ("
    "  SELECT to_jsonb(v) - '{payload_zstd,replay,hash}'::text[]"
    "           || coalesce(w.more, d.more, '{\"rules_version\":null}') AS doc,"
    "         v.created_at, v.nature, w.engine_outcome AS engine,"
    "         CASE WHEN $3 OR v.nature <> 'Original FHIR Payload' THEN v.payload_zstd END AS packed"
    "  FROM asked v"
    "  LEFT JOIN LATERAL (SELECT x.engine_outcome, jsonb_build_object("
    "         'rules_version', x.rules_version, 'engine_errors', x.engine_errors,"
    "         'engine_warnings', x.engine_warnings, 'engine_information', x.engine_information,"
    "         'rule_changes', (SELECT coalesce(jsonb_agg(jsonb_build_object('rule', c.rule,"
    "           'what', c.what, 'issue', c.issue, 'before', c.before, 'after', c.after)"
    "           ORDER BY c.ordinal), '[]') FROM fhirbus.rule_change c"
    "           WHERE (c.interaction_id, c.tenant, c.received_at, c.sha256, c.replay_id, c.attempt)"
    "             = (v.interaction_id, v.tenant_id, v.received_at, v.hash, v.replay, v.attempt)))"
    "         AS more FROM fhirbus.verdict x"
    "       WHERE v.nature = 'techByDesignDisposition'"
    "         AND (x.interaction_id, x.tenant, x.received_at, x.sha256, x.replay_id, x.attempt)"
    "           = (v.interaction_id, v.tenant_id, v.received_at, v.hash, v.replay, v.attempt)"
    "       LIMIT 1) w ON true"
    "  LEFT JOIN LATERAL (SELECT jsonb_build_object('rules_version', y.rules_version) ||"
    "         CASE WHEN v.nature LIKE 'Forward% HTTP Request%'"
    "           THEN jsonb_build_object('transforms', coalesce(y.transforms, '[]')::jsonb)"
    "           ELSE '{}' END AS more FROM fhirbus.delivery y"
    "       WHERE v.destination <> '' AND y.destination = v.destination"
    "         AND (y.interaction_id, y.tenant, y.received_at, y.sha256, y.replay_id, y.attempt)"
    "           = (v.interaction_id, v.tenant_id, v.received_at, v.hash, v.replay, v.attempt)"
    "       LIMIT 1) d ON true)"
    " SELECT doc::text, packed, created_at, engine, nature FROM rows"
    " UNION ALL"
    " SELECT jsonb_build_object('interaction_id', c.interaction_id, 'interaction_key', c.route,"
    "        'tenant_id', c.tenant, 'tenant_id_lower', lower(c.tenant), 'from_state', 'NONE',"
    "        'to_state', 'RECEIVED', 'nature', 'Original FHIR Payload', 'created_at', c.claimed_at,"
    "        'created_by', 'ingest', 'bundle_session_id', c.interaction_id,"
    "        'payload_sha256', encode(c.sha256, 'hex'))::text, NULL, c.claimed_at, NULL, NULL"
    " FROM fhirbus.claim c WHERE c.interaction_id = $1 AND ($2::text IS NULL OR c.tenant = $2)"
    "   AND NOT EXISTS (SELECT FROM rows)"
    " ORDER BY created_at"};

typedef struct StatusQuestion {
    Question base;
    Str id;
    bool with_document;
    size_t rows;
    Buf text;
} StatusQuestion;

static void clear_status(Question *base)
{
    buf_clear(&((StatusQuestion *)base)->text);
}

/* What is JSON goes in as it is, anything else as a JSON string. */
static void add_packed(const Stored *stored, Buf *out, const char *name, Str packed, Arena *arena)
{
    Str payload;
    JsonDoc doc;
    Err err = {0};
    if (packed.len == 0)
        return;
    out->len--; /* the row's closing brace */
    buf_add_format(out, ",\"%s\":", name);
    if (!unpack_stored(stored, packed, PAYLOAD_BYTES_MAX, arena, &payload))
        buf_add(out, STR("null"));
    else if (json_read(payload, NULL, NULL, arena, &doc, NULL, &err))
        buf_add(out, payload);
    else
        json_write_string(out, payload);
    buf_add_char(out, '}');
}

/* Which column of ours the view shows for a nature. */
static unsigned columns_of(Str nature)
{
    if (str_is(nature, "Original FHIR Payload"))
        return VAULT_ONE(VAULT_PAYLOAD);
    if (str_is(nature, "techByDesignDisposition"))
        return VAULT_ONE(VAULT_OUTCOME);
    return VAULT_ONE(VAULT_RESPONSE) | VAULT_ONE(VAULT_BODY);
}

static bool run_status(Question *base, Db *db, Arena *arena, Err *err)
{
    StatusQuestion *question = (StatusQuestion *)base;
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_uuid(&params, question->id);
    db_text_or_null(&params, base->exchange->tenant);
    db_bool(&params, question->with_document);
    TRY(db_run(db, &status_rows, &params, &result, err));
    question->rows = db_rows(result);
    buf_add_char(&question->text, '[');
    for (size_t i = 0; i < question->rows; i++) {
        if (i)
            buf_add_char(&question->text, ',');
        buf_add(&question->text, db_get_text(result, i, 0));
        ArenaMark mark = arena_mark(arena);
        Stored payload = {base->exchange->ingest, question->id,
                          columns_of(db_get_text(result, i, 4))};
        Stored engine = {base->exchange->ingest, question->id, VAULT_ONE(VAULT_ENGINE_OUTCOME)};
        add_packed(&payload, &question->text, "payload", db_get_text(result, i, 1), arena);
        arena_release(arena, mark);
        add_packed(&engine, &question->text, "engine_outcome", db_get_text(result, i, 3), arena);
        arena_release(arena, mark);
    }
    buf_add(&question->text, STR("]\n"));
    db_result_free(result);
    return question->text.overflowed
               ? ERR(err, ERR_INPUT, "status-too-large", "more than %d bytes", ROWS_BYTES_MAX)
               : true;
}

static StepNext read_status(Exchange *exchange, Question *base)
{
    StatusQuestion *question = (StatusQuestion *)base;
    Str document =
        http_query_get(http_request_query(exchange->request), STR("payload"), exchange->arena);
    if (!http_is_uuid(exchange->parameter))
        return refuse(exchange, 400, "status-id",
                      "Invalid request. bundleSessionId must be a valid UUID.");
    StepNext next = reveal_needed(exchange, "status");
    if (next != STEP_NEXT)
        return next;
    question->id = exchange->parameter;
    question->with_document = str_is(document, "true");
    buf_init(&question->text, ROWS_BYTES_MAX);
    return STEP_NEXT;
}

/* spec: RFC 9562 §5.7: the first 48 bits of a UUIDv7 are milliseconds since 1970 */
static bool is_fresh(Str id)
{
    uint64_t ms = 0;
    if (id.ptr[14] != '7')
        return false;
    for (size_t i = 0; i < 13; i++) {
        char c = id.ptr[i];
        if (c == '-')
            continue;
        ms = ms * 16 + (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    int64_t age_ms = clock_wall_ms() - (int64_t)ms;
    return age_ms > -FRESH_MS && age_ms < FRESH_MS;
}

static StepNext no_rows(Exchange *exchange)
{
    HttpRequest *request = exchange->request;
    Str id = exchange->parameter;
    Buf *body = http_reply_body(request);
    http_reply_header(request, "Content-Type", STR("application/json"));
    if (is_fresh(id)) {
        http_reply_header(request, "Retry-After", STR("1"));
        buf_add_format(body,
                       "{\"status\":\"Success\",\"message\":\"No record found yet for "
                       "bundleSessionId: %.*s; it may still be under way\"}\n",
                       STR_ARG(id));
    } else {
        buf_add_format(body,
                       "{\"status\":\"Success\",\"message\":\"No record found for "
                       "bundleSessionId: %.*s\"}\n",
                       STR_ARG(id));
    }
    return STEP_REPLY;
}

static StepNext tell_status(Exchange *exchange, Question *base)
{
    const StatusQuestion *question = (const StatusQuestion *)base;
    HttpRequest *request = exchange->request;
    http_reply_status(request, 200);
    if (question->rows == 0)
        return no_rows(exchange);
    http_reply_header(request, "Content-Type", STR("application/json"));
    buf_add(http_reply_body(request), buf_str(&question->text));
    return STEP_REPLY;
}

StepNext step_status(Exchange *exchange)
{
    static const LookupStep step = {sizeof(StatusQuestion), run_status, clear_status, read_status,
                                    tell_status};
    return lookups_step(exchange->ingest->asks, exchange, &step);
}
