/* GET /Bundles/status/nyec-submission-failed: what the data lake has not taken.
 *
 * An interaction is listed when it is FAIL now and became so in [start, end); what a replay
 * delivered since then is not. One that several destinations refused is listed once, with the
 * latest. */
#include "services/ingest/read/failed.h"

#include "common/base/when.h"
#include "common/json/write.h"
#include "services/ingest/diagnostics/reveal.h"
#include "services/ingest/exchange.h"
#include "services/ingest/lookups.h"
#include "services/ingest/refuse.h"
#include "services/ingest/text.h"

enum { BUNDLES_MAX = 100000, FAILED_BYTES_MAX = 128 * 1024 * 1024 };

/* Texts of a bundle, as TechBD spells them; the first two always, the others with details. */
static const char *const names[] = {
    "bundleid",
    "interactionid",
    "created_at",
    "nature",
    "tenantID",
    "source",
    "uri",
    "errorMessage",
    "groupInteractionId",
    "zipInteractionID",
    "submissionAttemptedDate",
    "submissionFailedReason",
};
enum { NAME_COUNT = sizeof names / sizeof names[0], BRIEF_COUNT = 2 };

/* $1 tenant or NULL, $2 start, $3 end, $4 rows. */
const DbStatement failed_rows = {
    "submission-failed",
    "SELECT coalesce(m.bundle_id, v.bundle_id), f.interaction_id::text,"
    "  to_char(f.happened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
    "  n.nature, f.tenant, m.source_type, m.uri, coalesce(d.error_text, d.error_class, f.reason),"
    "  m.group_interaction_id, m.parent_interaction_id::text,"
    "  to_char(coalesce(d.started_at, f.happened_at) AT TIME ZONE 'UTC',"
    "          'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
    "  concat_ws(': ', d.error_class, 'HTTP ' || d.http_status, coalesce(d.error_text, f.reason))"
    " FROM (SELECT DISTINCT e.tenant, e.interaction_id, e.received_at FROM fhirbus.event e"
    "       WHERE e.to_state = 'FAIL' AND e.happened_at >= $2 AND e.happened_at < $3"
    "         AND ($1::text IS NULL OR e.tenant = $1)) c"
    " CROSS JOIN LATERAL (SELECT * FROM fhirbus.thread_state s"
    "       WHERE s.interaction_id = c.interaction_id AND s.tenant = c.tenant"
    "         AND s.received_at = c.received_at AND s.state = 'FAIL'"
    "         AND s.happened_at >= $2 AND s.happened_at < $3"
    "       ORDER BY s.happened_at DESC, s.destination LIMIT 1) f"
    " LEFT JOIN LATERAL (SELECT e.nature FROM fhirbus.event e"
    "       WHERE e.interaction_id = f.interaction_id AND e.tenant = f.tenant"
    "         AND e.received_at = f.received_at AND e.sha256 = f.sha256"
    "         AND e.destination = f.destination AND e.replay_id = f.replay_id"
    "         AND e.attempt = f.attempt AND e.to_state = 'FAIL'"
    "       ORDER BY e.happened_at DESC LIMIT 1) n ON true"
    " LEFT JOIN fhirbus.message m ON m.interaction_id = f.interaction_id AND m.tenant = f.tenant"
    "   AND m.received_at = f.received_at AND m.sha256 = f.sha256"
    " LEFT JOIN LATERAL (SELECT w.bundle_id FROM fhirbus.verdict w"
    "       WHERE w.interaction_id = f.interaction_id AND w.tenant = f.tenant"
    "         AND w.received_at = f.received_at AND w.sha256 = f.sha256"
    "       ORDER BY w.replay_id DESC, w.attempt DESC LIMIT 1) v ON true"
    " LEFT JOIN LATERAL (SELECT * FROM fhirbus.delivery y"
    "       WHERE y.interaction_id = f.interaction_id AND y.tenant = f.tenant"
    "         AND y.received_at = f.received_at AND y.sha256 = f.sha256"
    "         AND y.destination = f.destination AND NOT y.success"
    "       ORDER BY y.replay_id DESC, y.attempt DESC LIMIT 1) d ON true"
    " ORDER BY f.happened_at, f.interaction_id, f.tenant LIMIT $4"};

typedef struct FailedQuestion {
    Question base;
    Str tenant;
    int64_t from_us, to_us;
    bool details;
    size_t rows;
    Buf text; /* the bundles, by comma */
} FailedQuestion;

static void clear_failed(Question *base)
{
    buf_clear(&((FailedQuestion *)base)->text);
}

static void add_bundle(Buf *out, const DbResult *result, size_t row, bool details)
{
    buf_add(out, row ? STR(",{") : STR("{"));
    for (int i = 0; i < (details ? NAME_COUNT : BRIEF_COUNT); i++) {
        buf_add_format(out, "%s\"%s\":", i ? "," : "", names[i]);
        if (db_is_null(result, row, i))
            buf_add(out, STR("null"));
        else
            json_write_string(out, db_get_text(result, row, i));
    }
    buf_add_char(out, '}');
}

static bool run_failed(Question *base, Db *db, Arena *arena, Err *err)
{
    FailedQuestion *question = (FailedQuestion *)base;
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_text_or_null(&params, question->tenant);
    db_time_us(&params, question->from_us);
    db_time_us(&params, question->to_us);
    db_bigint(&params, BUNDLES_MAX + 1);
    TRY(db_run(db, &failed_rows, &params, &result, err));
    question->rows = db_rows(result);
    for (size_t i = 0; i < question->rows && i < BUNDLES_MAX; i++)
        add_bundle(&question->text, result, i, question->details);
    db_result_free(result);
    return question->text.overflowed || question->rows > BUNDLES_MAX
               ? ERR(err, ERR_INPUT, "page-too-large", "more than %d bundles", BUNDLES_MAX)
               : true;
}

/* --- the header ------------------------------------------------------------------------------- */

static bool says_yes(Str value)
{
    static const char *const yes[] = {"true", "on", "yes", "1"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        if (str_eq_ignore_case(str_trim(value), str_from(yes[i])))
            return true;
    return false;
}

static StepNext refuse_missing(Exchange *exchange, const char *name)
{
    Str text = arena_format(exchange->arena,
                            "Required request header '%s' for method parameter type String is not "
                            "present",
                            name);
    return refuse(exchange, 400, "header-missing", text.ptr);
}

static StepNext read_failed(Exchange *exchange, Question *base)
{
    FailedQuestion *question = (FailedQuestion *)base;
    HttpRequest *request = exchange->request;
    Str start = http_request_header(request, STR("x-techbd-startdate"));
    Str end = http_request_header(request, STR("x-techbd-enddate"));
    int64_t from_us = 0, to_us = 0;
    base->spans = true;
    if (!start.ptr)
        return refuse_missing(exchange, "X-TechBD-StartDate");
    if (!end.ptr)
        return refuse_missing(exchange, "X-TechBD-EndDate");
    if (!when_parse(start, WHEN_FROM, &from_us))
        return refuse(exchange, 400, "date", "Invalid date in X-TechBD-StartDate. " WHEN_FORMS);
    if (!when_parse(end, WHEN_TO, &to_us))
        return refuse(exchange, 400, "date", "Invalid date in X-TechBD-EndDate. " WHEN_FORMS);
    if (from_us >= to_us)
        return refuse(exchange, 400, "dates", "X-TechBD-StartDate must be before X-TechBD-EndDate");
    question->tenant = exchange->tenant;
    question->from_us = from_us;
    question->to_us = to_us;
    question->details = says_yes(http_request_header(request, STR("x-techbd-includedetails")));
    buf_init(&question->text, FAILED_BYTES_MAX);
    return question->details ? reveal_needed(exchange, "failures") : STEP_NEXT;
}

static Str sent_date(Exchange *exchange, Str name)
{
    return text_utf8(exchange->arena, str_trim(http_request_header(exchange->request, name)));
}

static StepNext tell_failed(Exchange *exchange, Question *base)
{
    FailedQuestion *question = (FailedQuestion *)base;
    Buf *body = http_reply_body(exchange->request);
    http_reply_status(exchange->request, 200);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    buf_add_format(body, "{\"bundle_count\":%zu,\"startDate\":", question->rows);
    json_write_string(body, sent_date(exchange, STR("x-techbd-startdate")));
    buf_add(body, STR(",\"endDate\":"));
    json_write_string(body, sent_date(exchange, STR("x-techbd-enddate")));
    buf_add(body, STR(",\"bundles\":["));
    buf_add(body, buf_str(&question->text));
    buf_add(body, STR("]}\n"));
    return STEP_REPLY;
}

StepNext step_failed(Exchange *exchange)
{
    static const LookupStep step = {sizeof(FailedQuestion), run_failed, clear_failed, read_failed,
                                    tell_failed};
    return lookups_step(exchange->ingest->reads, exchange, &step);
}
