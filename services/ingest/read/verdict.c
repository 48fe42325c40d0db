/* GET /Bundles/status/operation-outcome: the latest verdict on one bundle of a tenant, by its own
 * id or by the interaction's; of several interactions with that bundle the latest. */
#include "services/ingest/read/verdict.h"

#include "common/http/fields.h"
#include "common/json/json.h"
#include "common/json/write.h"
#include "services/ingest/diagnostics/reveal.h"
#include "services/ingest/exchange.h"
#include "services/ingest/lookups.h"
#include "services/ingest/refuse.h"
#include "services/ingest/text.h"
#include "services/ingest/unpack.h"

enum { VERDICT_BYTES_MAX = 64 * 1024 * 1024, OUTCOME_BYTES_MAX = 32 * 1024 * 1024 };

#define UTC(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

/* $1 tenant, $2 interaction id or NULL, $3 bundle id or NULL. Of a delivery that was taken its end
 * counts, else that of the latest attempt. */
const DbStatement verdict_latest = {
    "verdict-latest",
    "WITH chosen AS ("
    "  SELECT r.interaction_id, r.tenant, r.received_at FROM fhirbus.registry r"
    "  WHERE r.tenant = $1 AND ($2::uuid IS NULL OR r.interaction_id = $2)"
    "    AND ($3::text IS NULL OR r.interaction_id IN ("
    "         SELECT m.interaction_id FROM fhirbus.message m WHERE m.tenant = $1 AND m.bundle_id = "
    "$3"
    "         UNION SELECT w.interaction_id FROM fhirbus.verdict w"
    "               WHERE w.tenant = $1 AND w.bundle_id = $3))"
    "  ORDER BY r.received_at DESC, r.interaction_id DESC LIMIT 1)"
    " SELECT coalesce(m.bundle_id, v.bundle_id), c.interaction_id::text, c.tenant, " UTC(
        "d.at") ","
                "        (SELECT s.state FROM fhirbus.thread_state s"
                "         WHERE s.interaction_id = c.interaction_id AND s.tenant = c.tenant"
                "           AND s.received_at = c.received_at"
                "           AND s.replay_id <> '00000000-0000-0000-0000-000000000000'"
                "         ORDER BY s.replay_id DESC, s.destination DESC LIMIT 1), v.outcome"
                " FROM chosen c"
                " LEFT JOIN LATERAL (SELECT * FROM fhirbus.message n WHERE n.interaction_id = "
                "c.interaction_id"
                "       AND n.tenant = c.tenant AND n.received_at = c.received_at"
                "       ORDER BY n.sent_at, n.sha256 LIMIT 1) m ON true"
                " LEFT JOIN LATERAL (SELECT * FROM fhirbus.verdict w WHERE w.interaction_id = "
                "c.interaction_id"
                "       AND w.tenant = c.tenant AND w.received_at = c.received_at"
                "       ORDER BY w.replay_id DESC, w.attempt DESC, w.sha256 LIMIT 1) v ON true"
                " LEFT JOIN LATERAL (SELECT coalesce(y.finished_at, y.started_at) AS at FROM "
                "fhirbus.delivery y"
                "       WHERE y.interaction_id = c.interaction_id AND y.tenant = c.tenant"
                "         AND y.received_at = c.received_at"
                "       ORDER BY y.success DESC, y.replay_id DESC, y.attempt DESC LIMIT 1) d ON "
                "true"};

static const char *const names[] = {"bundleId", "interactionId", "tenantId",
                                    "bundleSubmittedToNyecAt", "replayStatus"};
enum { NAME_COUNT = sizeof names / sizeof names[0], OUTCOME_COLUMN = NAME_COUNT };

typedef struct VerdictQuestion {
    Question base;
    Str tenant, interaction_id, bundle_id;
    bool found;
    Buf text;
} VerdictQuestion;

static void clear_verdict(Question *base)
{
    buf_clear(&((VerdictQuestion *)base)->text);
}

static void add_outcome(const Stored *stored, Buf *out, Str packed, Arena *arena)
{
    Str outcome;
    JsonDoc doc;
    Err err = {0};
    if (packed.len && unpack_stored(stored, packed, OUTCOME_BYTES_MAX, arena, &outcome) &&
        json_read(outcome, NULL, NULL, arena, &doc, NULL, &err))
        buf_add(out, outcome);
}

static bool run_verdict(Question *base, Db *db, Arena *arena, Err *err)
{
    VerdictQuestion *question = (VerdictQuestion *)base;
    Buf *out = &question->text;
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_text(&params, question->tenant);
    db_uuid(&params, question->interaction_id);
    db_text_or_null(&params, question->bundle_id);
    TRY(db_run(db, &verdict_latest, &params, &result, err));
    question->found = db_rows(result) > 0;
    for (int i = 0; question->found && i < NAME_COUNT; i++) {
        buf_add_format(out, "%s\"%s\":", i ? "," : "{", names[i]);
        if (db_is_null(result, 0, i))
            buf_add(out, STR("null"));
        else
            json_write_string(out, db_get_text(result, 0, i));
    }
    if (question->found) {
        buf_add(out, STR(",\"operationOutcome\":["));
        const Stored stored = {base->exchange->ingest, db_get_text(result, 0, 1),
                               VAULT_ONE(VAULT_OUTCOME)};
        add_outcome(&stored, out, db_get_text(result, 0, OUTCOME_COLUMN), arena);
        buf_add(out, STR("]}\n"));
    }
    db_result_free(result);
    return out->overflowed
               ? ERR(err, ERR_INPUT, "page-too-large", "more than %d bytes", VERDICT_BYTES_MAX)
               : true;
}

/* As TechBD's route says no, unlike the others. */
static StepNext say_no(Exchange *exchange, unsigned status, const char *code, const char *text)
{
    Buf *body = http_reply_body(exchange->request);
    exchange->error_code = str_from(code);
    http_reply_status(exchange->request, status);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    buf_add(body, STR("{\"error\":{\"message\":"));
    json_write_string(body, str_from(text));
    buf_add(body, STR("}}\n"));
    return STEP_REPLY;
}

static StepNext read_verdict(Exchange *exchange, Question *base)
{
    VerdictQuestion *question = (VerdictQuestion *)base;
    HttpRequest *request = exchange->request;
    Str id = str_trim(http_request_header(request, STR("x-techbd-interaction-id")));
    Str bundle = str_trim(http_request_header(request, STR("x-techbd-bundle-id")));
    if (id.len == 0 && bundle.len == 0)
        return say_no(exchange, 400, "id-missing",
                      "X-TechBD-Bundle-ID or X-TechBD-Interaction-ID must be provided");
    if (id.len && !http_is_uuid(id))
        return say_no(exchange, 400, "id", "X-TechBD-Interaction-ID must be a valid UUID");
    StepNext next = reveal_needed(exchange, "verdict");
    if (next != STEP_NEXT)
        return next;
    question->tenant = exchange->tenant;
    question->interaction_id = id;
    question->bundle_id = text_utf8(exchange->arena, bundle);
    buf_init(&question->text, VERDICT_BYTES_MAX);
    return STEP_NEXT;
}

static StepNext tell_verdict(Exchange *exchange, Question *base)
{
    const VerdictQuestion *question = (const VerdictQuestion *)base;
    if (!question->found)
        return say_no(exchange, 404, "not-found", "No record found for the given id");
    http_reply_status(exchange->request, 200);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    buf_add(http_reply_body(exchange->request), buf_str(&question->text));
    return STEP_REPLY;
}

StepNext step_verdict(Exchange *exchange)
{
    static const LookupStep step = {sizeof(VerdictQuestion), run_verdict, clear_verdict,
                                    read_verdict, tell_verdict};
    return lookups_step(exchange->ingest->reads, exchange, &step);
}
