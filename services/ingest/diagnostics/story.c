/* GET /admin/api/diagnostics/interactions/{id}: all that is known of one interaction. What the
 * database keeps compressed is put in here: what the sender was told, what destinations answered,
 * what the engine had said before rules changed it. */
#include "services/ingest/diagnostics/story.h"

#include "common/base/utf8.h"
#include "common/http/fields.h"
#include "common/json/json.h"
#include "common/json/write.h"
#include "services/ingest/diagnostics/flows.h"
#include "services/ingest/diagnostics/payload.h"
#include "services/ingest/diagnostics/place.h"
#include "services/ingest/diagnostics/reveal.h"
#include "services/ingest/diagnostics/scope.h"
#include "services/ingest/diagnostics/tell.h"
#include "services/ingest/diagnostics/veil.h"
#include "services/ingest/read/columns.h"
#include "services/ingest/refuse.h"
#include "services/ingest/unpack.h"

enum {
    TOLD_MAX = 64 * 1024,
    ANSWER_MAX = 16 * 1024,
    UNPACKED_MAX = 32 * 1024 * 1024,
    DOCUMENT_MAX = 64 * 1024 * 1024
};

/* $1 id, $2 tenant, $3 received_at, $4 whose patient identifiers are not shown: a mask, or NULL */
const DbStatement story_row = {
    "story-row",
    "SELECT (to_jsonb(i) - 'route' - 'caller' - 'parent_interaction_id' || jsonb_build_object("
    " 'interaction_id', i.interaction_id, 'received_at', " COLUMN_TIME(
        "i.received_at") ","
                         " 'state_at', " COLUMN_TIME(
                             "i.state_at") ", 'state', f.state,"
                                           " 'sender', g.sender, 'verdict_ms', "
                                           "nullif(g.verdict_ms, "
                                           "-1), 'complete_ms',"
                                           " nullif(g.complete_ms, -1), 'changed', g.changed, "
                                           "'replay_id', i.replay_id)"
                                           " || CASE WHEN $4::text IS NULL THEN '{}'::jsonb ELSE "
                                           "jsonb_build_object("
                                           "   'patient_id', CASE WHEN i.patient_id IS NOT NULL "
                                           "THEN $4::text END,"
                                           "   'patient_mrn', CASE WHEN i.patient_mrn IS NOT NULL "
                                           "THEN $4::text END,"
                                           "   'medicaid_cin', CASE WHEN i.medicaid_cin IS NOT "
                                           "NULL THEN $4::text END) END)::text"
                                           " FROM fhirbus.grid g JOIN fhirbus.facet f ON "
                                           "f.facet_id = g.facet_id"
                                           " JOIN fhirbus.interaction i ON i.interaction_id = "
                                           "g.interaction_id AND i.tenant_id = g.tenant"
                                           "   AND i.received_at = g.received_at"
                                           " WHERE g.interaction_id = $1::uuid AND g.tenant = "
                                           "$2::text AND g.received_at = $3::timestamptz"};

/* $1 id, $2 tenant, $3 received_at, $4 replay or NULL */
const DbStatement story_text = {
    "story", "SELECT fhirbus.story($1::uuid, $2::text, $3::timestamptz, $4::uuid)"};

/* $1 id, $2 tenant, $3 received_at: kind, JSON of the rest, packed bytes, what they are. Notices
 * are filed under their own time. What a sender was told is kept as it went, unless it was a
 * verdict: then that is. */
const DbStatement story_packed = {
    "story-packed",
    "SELECT 'told', json_build_object('at', fhirbus.iso(n.happened_at), 'kind', n.kind, 'status',"
    "   n.http_status, 'content_type', n.content_type, 'details', nullif(n.details, '')::json,"
    "   'body_is', o.what)::text, o.packed, o.what"
    " FROM fhirbus.notice n LEFT JOIN LATERAL (SELECT 'answer' AS what, n.body AS packed"
    "     WHERE n.body IS NOT NULL"
    "   UNION ALL SELECT * FROM (SELECT 'verdict', w.outcome FROM fhirbus.verdict w"
    "     WHERE n.body IS NULL AND n.kind = 'replied' AND n.http_status = 200"
    "       AND w.interaction_id = $1::uuid AND w.tenant = $2::text"
    "       AND w.received_at = $3::timestamptz AND w.outcome IS NOT NULL"
    "       AND w.replay_id = '00000000-0000-0000-0000-000000000000'"
    "     ORDER BY w.attempt, w.sha256 LIMIT 1) v) o ON true"
    " WHERE n.interaction_id = $1::uuid AND n.tenant = $2::text"
    "   AND n.received_at >= $3::timestamptz"
    " UNION ALL "
    "SELECT * FROM (SELECT 'attempt', json_build_object('destination', d.destination, 'replay_id',"
    "   nullif(d.replay_id, '00000000-0000-0000-0000-000000000000'), 'attempt', d.attempt,"
    "   'success', d.success, 'final', d.final, 'url', d.url, 'http_status', d.http_status,"
    "   'error_class', nullif(d.error_class, ''), 'error_text', nullif(d.error_text, ''),"
    "   'response_bytes', d.response_bytes, 'response_truncated', d.response_truncated,"
    "   'response_content_type', nullif(d.response_content_type, ''),"
    "   'response_headers', nullif(d.response_headers, '')::json,"
    "   'idempotency_key', nullif(d.idempotency_key, ''),"
    "   'request_sha256', encode(d.request_sha256, 'hex'), 'request_bytes', d.request_bytes,"
    "   'started_at', fhirbus.iso(d.started_at), 'finished_at', fhirbus.iso(d.finished_at),"
    "   'took_ms', round(extract(epoch FROM d.finished_at - d.started_at) * 1000, 1),"
    "   'rules_version', nullif(d.rules_version, ''),"
    "   'transforms', nullif(d.transforms, '')::json)::text, d.response, 'answer'"
    " FROM fhirbus.delivery d WHERE d.interaction_id = $1::uuid AND d.tenant = $2::text"
    "   AND d.received_at = $3::timestamptz"
    " ORDER BY d.replay_id, d.destination, d.attempt, d.success) a"};

/* As story_text; of the same verdict. */
const DbStatement story_engine = {
    "story-engine",
    "SELECT w.engine_outcome FROM fhirbus.verdict w WHERE w.interaction_id = $1::uuid"
    "   AND w.tenant = $2::text AND w.received_at = $3::timestamptz"
    " ORDER BY (w.replay_id IS NOT DISTINCT FROM $4::uuid) DESC, w.replay_id DESC, w.attempt DESC,"
    "   w.sha256 LIMIT 1"};

typedef struct Story {
    TellQuestion tell;
    PlaceAsk ask;
    Str replay;
    bool unmasked, several;
} Story;

static void bind(DbParams *params, Arena *arena, const Place *place)
{
    db_params_init(params, arena);
    db_uuid(params, str_from(place->id));
    db_text(params, place->tenant);
    db_time_us(params, place->received_us);
}

/* Texts as they are, up to a limit; bytes that are none: null. */
static void add_unpacked(Buf *out, const char *name, const Stored *stored, Str packed, size_t most,
                         Arena *arena)
{
    Str bytes;
    buf_add_format(out, ",\"%s\":", name);
    if (!packed.len || !unpack_stored(stored, packed, UNPACKED_MAX, arena, &bytes)) {
        buf_add(out, STR("null"));
        return;
    }
    if (bytes.len > most)
        bytes.len = most;
    json_write_string(out, bytes);
}

static unsigned packed_in(size_t list, Str what)
{
    if (list)
        return VAULT_ONE(VAULT_RESPONSE);
    return str_is(what, "verdict") ? VAULT_ONE(VAULT_OUTCOME) : VAULT_ONE(VAULT_BODY);
}

static bool add_packed(Story *story, Db *db, Arena *arena, const Place *place, Err *err)
{
    static const char *const lists[] = {"told", "attempt"};
    Buf *out = &story->tell.text;
    DbParams params;
    DbResult *result = NULL;
    bind(&params, arena, place);
    TRY(scope_run(db, story->tell.scope, &story_packed, &params, &result, err));
    for (size_t list = 0; list < 2; list++) {
        bool first = true;
        buf_add(out, list ? STR("],\"attempts\":[") : STR(",\"told\":["));
        for (size_t i = 0; i < db_rows(result); i++) {
            Str json = db_get_text(result, i, 1);
            if (!str_is(db_get_text(result, i, 0), lists[list]) || json.len < 2)
                continue;
            buf_add(out, first ? STR("\n") : STR(",\n"));
            buf_add(out, str_cut(json, 0, json.len - 1));
            const Stored stored = {story->tell.base.exchange->ingest, str_from(place->id),
                                   packed_in(list, db_get_text(result, i, 3))};
            add_unpacked(out, list ? "response" : "body", &stored, db_get_text(result, i, 2),
                         list ? ANSWER_MAX : TOLD_MAX, arena);
            buf_add_char(out, '}');
            first = false;
        }
    }
    buf_add_char(out, ']');
    db_result_free(result);
    return true;
}

/* --- what the engine had said ----------------------------------------------------------------- */

static void add_text(Buf *out, const char *name, Str value)
{
    buf_add_format(out, ",\"%s\":", name);
    if (value.ptr)
        json_write_string(out, value);
    else
        buf_add(out, STR("null"));
}

static void add_number(Buf *out, const char *name, const JsonNode *value)
{
    buf_add_format(out, ",\"%s\":", name);
    if (value && value->kind == JSON_KIND_NUMBER)
        buf_add(out, json_text(value));
    else
        buf_add(out, STR("null"));
}

static const JsonNode *extension(const JsonDoc *doc, const JsonNode *issue, Str ending)
{
    const JsonNode *list = json_get(doc, issue, "extension");
    for (const JsonNode *e = list ? json_first(list) : NULL; e; e = json_next(doc, e))
        if (str_ends(json_get_text(doc, e, "url"), ending))
            return e;
    return NULL;
}

static Str first_text(const JsonDoc *doc, const JsonNode *issue, const char *name)
{
    const JsonNode *list = json_get(doc, issue, name);
    const JsonNode *first = list && list->kind == JSON_KIND_ARRAY ? json_first(list) : NULL;
    return first && first->kind == JSON_KIND_STRING ? json_text(first) : STR_NONE;
}

static Str message_id(const JsonDoc *doc, const JsonNode *issue)
{
    const JsonNode *coding = json_get(doc, json_get(doc, issue, "details"), "coding");
    const JsonNode *first = coding && coding->kind == JSON_KIND_ARRAY ? json_first(coding) : NULL;
    return json_get_text(doc, first, "code");
}

static void add_issue(Buf *out, const JsonDoc *doc, const JsonNode *issue)
{
    const JsonNode *line = extension(doc, issue, STR("issue-line"));
    const JsonNode *col = extension(doc, issue, STR("issue-col"));
    buf_add_format(out, "%s\n{\"ordinal\":%u", issue->index ? "," : "", issue->index);
    add_text(out, "severity", json_get_text(doc, issue, "severity"));
    add_text(out, "code", json_get_text(doc, issue, "code"));
    add_text(out, "message_id", message_id(doc, issue));
    add_text(out, "location", first_text(doc, issue, "location"));
    add_text(out, "expression", first_text(doc, issue, "expression"));
    add_text(out, "diagnostics", json_get_text(doc, issue, "diagnostics"));
    add_number(out, "line", json_get(doc, line, "valueInteger"));
    add_number(out, "col", json_get(doc, col, "valueInteger"));
    buf_add_char(out, '}');
}

static bool add_engine(Story *story, Db *db, Arena *arena, const Place *place, Err *err)
{
    Buf *out = &story->tell.text;
    DbParams params;
    DbResult *result = NULL;
    JsonDoc doc;
    Str outcome;
    Err broken = {0};
    bind(&params, arena, place);
    db_uuid(&params, story->replay.ptr ? story->replay : STR(""));
    TRY(scope_run(db, story->tell.scope, &story_engine, &params, &result, err));
    Str packed = db_rows(result) ? db_get_text(result, 0, 0) : STR_NONE;
    const JsonNode *issues = NULL;
    const Stored stored = {story->tell.base.exchange->ingest, str_from(place->id),
                           VAULT_ONE(VAULT_ENGINE_OUTCOME)};
    if (packed.len && unpack_stored(&stored, packed, UNPACKED_MAX, arena, &outcome) &&
        json_read(outcome, NULL, NULL, arena, &doc, NULL, &broken))
        issues = json_get(&doc, json_root(&doc), "issue");
    buf_add(out, STR(",\"engine_issues\":"));
    if (issues) {
        buf_add_char(out, '[');
        JSON_EACH(&doc, issue, issues)
        add_issue(out, &doc, issue);
        buf_add_char(out, ']');
    } else {
        buf_add(out, STR("null"));
    }
    db_result_free(result);
    return true;
}

/* --- all of it -------------------------------------------------------------------------------- */

static bool add_row(Story *story, Db *db, Arena *arena, const Place *place, Err *err)
{
    DbParams params;
    bind(&params, arena, place);
    db_text(&params, story->unmasked ? STR_NONE : STR("\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2"));
    return tell_run(&story->tell, db, &story_row, &params, err);
}

/* story_text's object: its first member's members join the row, the others follow. */
static bool add_story(Story *story, Db *db, Arena *arena, const Place *place, Err *err)
{
    Buf *out = &story->tell.text;
    DbParams params;
    DbResult *result = NULL;
    JsonDoc doc;
    bind(&params, arena, place);
    db_uuid(&params, story->replay.ptr ? story->replay : STR(""));
    TRY(scope_run(db, story->tell.scope, &story_text, &params, &result, err));
    Str text = db_rows(result) ? db_get_text(result, 0, 0) : STR("{}");
    bool fine = json_read(text, NULL, NULL, arena, &doc, NULL, err);
    if (fine) {
        const JsonNode *more = json_get(&doc, json_root(&doc), "more");
        if (more && more->kind == JSON_KIND_OBJECT && more->count) {
            out->len--; /* the row's closing brace */
            buf_add_char(out, ',');
            buf_add(out, str_cut(text, more->at + 1, more->end));
        }
        JSON_EACH(&doc, member, json_root(&doc))
        {
            if (member == more)
                continue;
            buf_add_format(out, ",\n\"%.*s\":", STR_ARG(json_key(member)));
            buf_add(out, str_cut(text, member->at, member->end));
        }
    }
    db_result_free(result);
    return fine;
}

/* --- what is masked of it --------------------------------------------------------------------- */

typedef enum Learnt {
    LEARNT_NOTHING, /* there is none */
    LEARNT_ALL,
    LEARNT_FAILED, /* there is or may be one, which cannot be read */
} Learnt;

static Learnt learn(const Story *story, Db *db, const DbStatement *statement, unsigned column,
                    Arena *arena, Veil *veil)
{
    const Place *place = &story->ask.place;
    const Stored stored = {story->tell.base.exchange->ingest, str_from(place->id), column};
    DbParams params;
    DbResult *result = NULL;
    Str document;
    Err err = {0};
    bind(&params, arena, place);
    if (!scope_run(db, story->tell.scope, statement, &params, &result, &err))
        return LEARNT_FAILED;
    bool there = db_rows(result) > 0;
    bool fine = there && !db_is_null(result, 0, 1) &&
                unpack_stored(&stored, db_get_text(result, 0, 1), DOCUMENT_MAX, arena, &document);
    if (fine) /* of the arena, as what is learnt of it */
        veil_learn(veil, document, str_find(db_get_text(result, 0, 0), STR("json")) != SIZE_MAX);
    db_result_free(result);
    return fine ? LEARNT_ALL : there ? LEARNT_FAILED : LEARNT_NOTHING;
}

static bool fits(const Story *story, Err *err)
{
    return !story->tell.text.overflowed ||
           ERR(err, ERR_INPUT, "page-too-large", "more than %d bytes", TELL_BYTES_MAX);
}

/* A bundle has values that the original lacks: where either cannot be read, not all was learnt. */
static bool veil_story(Story *story, Db *db, Arena *arena, Err *err)
{
    Veil *veil = veil_new(arena);
    Buf veiled;
    if (!veil)
        return ERR(err, ERR_INPUT, "memory-limit", "no room to mask it");
    Learnt original = learn(story, db, &payload_original, VAULT_ONE(VAULT_PAYLOAD), arena, veil);
    Learnt bundle = learn(story, db, &payload_bundle, VAULT_ONE(VAULT_BUNDLE), arena, veil);
    veil_ready(veil, original == LEARNT_ALL && bundle != LEARNT_FAILED);
    buf_init(&veiled, TELL_BYTES_MAX);
    veil_add_json(veil, &veiled, buf_str(&story->tell.text));
    buf_clear(&story->tell.text);
    story->tell.text = veiled;
    return fits(story, err);
}

static bool run_story(Question *base, Db *db, Arena *arena, Err *err)
{
    Story *story = (Story *)base;
    Place *place = &story->ask.place;
    TRY(place_find(&story->ask, db, story->tell.scope, arena, err));
    if (!story->ask.found || story->ask.several)
        return true;
    buf_add(&story->tell.text, STR("{\"interaction\":"));
    TRY(add_row(story, db, arena, place, err));
    if (!story->tell.found)
        return true;
    TRY(add_story(story, db, arena, place, err));
    TRY(add_engine(story, db, arena, place, err));
    TRY(add_packed(story, db, arena, place, err));
    buf_add_format(&story->tell.text, ",\"masked\":%s}", story->unmasked ? "false" : "true");
    return fits(story, err) && (story->unmasked || veil_story(story, db, arena, err));
}

static StepNext read_story(Exchange *exchange, Question *base)
{
    Story *story = (Story *)base;
    tell_begin(&story->tell, exchange);
    story->replay = tell_parameter(exchange, "replay_id");
    if (story->replay.ptr && !http_is_uuid(story->replay))
        return tell_malformed(exchange, "replay_id must be a UUID");
    StepNext next = reveal_asked(exchange, "texts", &story->unmasked);
    return next == STEP_NEXT ? place_read(&story->ask, exchange) : next;
}

static StepNext tell_story(Exchange *exchange, Question *base)
{
    const Story *story = (const Story *)base;
    return story->ask.several ? place_refuse(&story->ask, exchange) : tell_json(exchange, base);
}

StepNext step_story(Exchange *exchange)
{
    static const LookupStep step = {sizeof(Story), run_story, tell_clear, read_story, tell_story};
    return lookups_step(exchange->ingest->reads, exchange, &step);
}
