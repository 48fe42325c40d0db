/* POST /Bundle/replay: asks for a replay; GET and DELETE /Bundle/replay/{id}: how far it is, no
 * further. Who works it off: replays.c, of any replica.
 *
 * Spec:    X-TechBD-StartDate and X-TechBD-EndDate, half-open: the tenant's failures, or
 * everybody's, to the data lake once more. A query says anything else, in fhirbus-replay's words.
 */
#include "common/base/check.h"
#include "common/base/when.h"
#include "common/http/fields.h"
#include "common/http/target.h"
#include "common/json/write.h"
#include "services/ingest/diagnostics/reveal.h"
#include "services/ingest/diagnostics/veil.h"
#include "services/ingest/exchange.h"
#include "services/ingest/lookups.h"
#include "services/ingest/refuse.h"
#include "services/ingest/replays.h"

enum { TOLD_MAX = 1000, REPORT_BYTES_MAX = 32 * 1024 * 1024 };

typedef struct ReplayQuestion {
    Question base;
    Uuid id; /* of the new replay */
    ReplayWords words;
    ReplayProgress progress;
    bool found, report, revealed;
    Veil *veil; /* of the report, where it is not revealed */
    Buf told;   /* lines of the report, by comma */
    ReplayReport sums;
} ReplayQuestion;

static void clear_replay(Question *base)
{
    buf_clear(&((ReplayQuestion *)base)->told);
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool run_replay(Question *base, Db *db, Arena *arena, Err *err)
{
    ReplayQuestion *question = (ReplayQuestion *)base;
    return replays_ask(base->exchange->ingest, db, &question->id, &question->words, arena,
                       &question->progress, err);
}

/* NULL: fine. `needed`: they must be there. */
static const char *read_dates(Exchange *exchange, ReplayAsk *ask, bool needed)
{
    HttpRequest *request = exchange->request;
    Str start = http_request_header(request, STR("x-techbd-startdate"));
    Str end = http_request_header(request, STR("x-techbd-enddate"));
    if (needed && !start.ptr)
        return "Required request header 'X-TechBD-StartDate' for method parameter type String is "
               "not present";
    if (needed && !end.ptr)
        return "Required request header 'X-TechBD-EndDate' for method parameter type String is "
               "not present";
    if (start.ptr && !when_parse(start, WHEN_FROM, &ask->from_us))
        return "Invalid date in X-TechBD-StartDate. " WHEN_FORMS;
    if (end.ptr && !when_parse(end, WHEN_TO, &ask->to_us))
        return "Invalid date in X-TechBD-EndDate. " WHEN_FORMS;
    return ask->from_us < ask->to_us ? NULL : "X-TechBD-StartDate must be before X-TechBD-EndDate";
}

/* What was sent is not said again: somebody may have put a patient's name there. */
static const char *not_known(const Exchange *exchange)
{
    Str text = STR("A parameter is not known; these are: ");
    const char *name;
    for (size_t i = 0; (name = replay_word_name(i)); i++)
        text = arena_format(exchange->arena, "%.*s%s%s", STR_ARG(text), i ? ", " : "", name);
    return text.ptr ? text.ptr : "A parameter is not known";
}

/* Each name=value of the query; a flag may stand alone. NULL: fine. */
static const char *read_query(Exchange *exchange, ReplayWords *words)
{
    Str query = http_request_query(exchange->request), part;
    while (query.len && str_split(&query, '&', &part)) {
        Str name = str_cut(part, 0, str_find_char(part, '='));
        if (part.len == 0)
            continue;
        Str value = http_query_get(part, name, exchange->arena);
        if (!value.ptr)
            return "A parameter is malformed";
        const char *wrong = replay_word(words, name, value);
        if (wrong && replay_word_is_known(name))
            return wrong;
        if (wrong)
            return not_known(exchange);
    }
    return replay_words_check(words);
}

static const char *read_words(Exchange *exchange, ReplayWords *words)
{
    bool asked = http_request_query(exchange->request).len > 0;
    replay_words_init(words);
    words->ask.asked_by = replays_asker(exchange);
    const char *wrong = read_dates(exchange, &words->ask, !asked);
    if (wrong)
        return wrong;
    if (!asked) { /* spec: what TechBD's route does */
        words->ask.of_state = STR("FAIL");
        words->ask.go_to = STR("submit");
        words->ask.tenant = exchange->tenant;
        return NULL;
    }
    wrong = read_query(exchange, words);
    if (wrong)
        return wrong;
    if (exchange->tenant.len && words->ask.tenant.len &&
        !str_eq(exchange->tenant, words->ask.tenant))
        return "tenant and X-TechBD-Tenant-ID differ";
    if (exchange->tenant.len)
        words->ask.tenant = exchange->tenant;
    return NULL;
}

static StepNext read_replay(Exchange *exchange, Question *base)
{
    ReplayQuestion *question = (ReplayQuestion *)base;
    const char *wrong = read_words(exchange, &question->words);
    if (wrong)
        return refuse(exchange, 400, "replay-words", wrong);
    question->id = exchange->id = uuid_v7();
    return STEP_NEXT;
}

static Buf *begin_reply(Exchange *exchange)
{
    http_reply_status(exchange->request, 200);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    return http_reply_body(exchange->request);
}

static StepNext tell_replay(Exchange *exchange, Question *base)
{
    const ReplayQuestion *question = (const ReplayQuestion *)base;
    const ReplayProgress *p = &question->progress;
    Str id = uuid_str(&question->id);
    Buf *body = begin_reply(exchange);
    if (question->words.dry_run) {
        buf_add_format(body,
                       "{\"bundle_count\":%lld,\"message\":\"Dry run: nothing is replayed\","
                       "\"replay\":",
                       (long long)p->published);
        replay_write_json(p, id, body);
        buf_add(body, STR("}\n"));
    } else if (p->total == 0) {
        buf_add(body, STR("{\"bundle_count\":0,\"message\":\"No bundles found to replay\"}\n"));
    } else {
        buf_add_format(body,
                       "{\"total_bundles\":%lld,\"replay_id\":\"%.*s\",\"message\":\"Replay "
                       "started. /Bundle/replay/%.*s shows how far it is.\"}\n",
                       (long long)p->total, STR_ARG(id), STR_ARG(id));
    }
    return STEP_REPLY;
}

StepNext step_replay(Exchange *exchange)
{
    static const LookupStep step = {sizeof(ReplayQuestion), run_replay, clear_replay, read_replay,
                                    tell_replay};
    return lookups_step(exchange->ingest->replay_asks, exchange, &step);
}

/* --- looking, cancelling ---------------------------------------------------------------------- */

static StepNext read_id(Exchange *exchange, Question *base)
{
    ReplayQuestion *question = (ReplayQuestion *)base;
    Str report =
        http_query_get(http_request_query(exchange->request), STR("report"), exchange->arena);
    if (!http_is_uuid(exchange->parameter))
        return refuse(exchange, 400, "replay-id", "A replay's id is a UUID");
    question->report = report.ptr && !str_is(report, "false");
    buf_init(&question->told, REPORT_BYTES_MAX);
    return question->report ? reveal_asked(exchange, "report", &question->revealed) : STEP_NEXT;
}

static void add_line(void *context, Str text)
{
    ReplayQuestion *question = context;
    Buf *told = &question->told;
    BUF_AUTO veiled;
    buf_init(&veiled, text.len + 1);
    if (told->len)
        buf_add_char(told, ',');
    if (!question->revealed)
        veil_add(question->veil, &veiled, text);
    json_write_string(told, question->revealed ? text : buf_str(&veiled));
}

/* Another tenant's replay is none. */
static bool look(ReplayQuestion *question, Db *db, Arena *arena, Err *err)
{
    Str tenant = question->base.exchange->tenant;
    TRY(replay_look(db, question->base.exchange->parameter, arena, &question->progress,
                    &question->found, err));
    if (tenant.len && !str_is(tenant, question->progress.tenant))
        question->found = false;
    return true;
}

static bool run_look(Question *base, Db *db, Arena *arena, Err *err)
{
    ReplayQuestion *question = (ReplayQuestion *)base;
    TRY(look(question, db, arena, err));
    if (!question->found || !question->report)
        return true;
    question->veil = veil_new(arena);
    if (!question->veil)
        return ERR(err, ERR_INPUT, "memory-limit", "no room to mask it");
    veil_ready(question->veil, false); /* of many documents: none is read for it */
    return replay_report(db, base->exchange->parameter, TOLD_MAX, add_line, question, arena,
                         &question->sums, err);
}

static bool run_cancel(Question *base, Db *db, Arena *arena, Err *err)
{
    ReplayQuestion *question = (ReplayQuestion *)base;
    bool cancelled;
    TRY(look(question, db, arena, err));
    if (!question->found)
        return true;
    TRY(replay_cancel(db, base->exchange->parameter, arena, &cancelled, err));
    return look(question, db, arena, err);
}

static void add_report(const ReplayQuestion *question, Buf *body)
{
    const ReplayReport *s = &question->sums;
    buf_add_format(body,
                   ",\"report\":{\"judged\":%lld,\"failed\":%lld,\"changed\":%lld,"
                   "\"now_invalid\":%lld,\"now_valid\":%lld,\"other_disposition\":%lld,"
                   "\"issues_added\":%lld,\"issues_gone\":%lld,\"differences\":[",
                   (long long)s->judged, (long long)s->failed, (long long)s->changed,
                   (long long)s->now_invalid, (long long)s->now_valid, (long long)s->other_action,
                   (long long)s->added, (long long)s->gone);
    buf_add(body, buf_str(&question->told));
    buf_add(body, STR("]}"));
}

static StepNext tell_progress(Exchange *exchange, Question *base)
{
    const ReplayQuestion *question = (const ReplayQuestion *)base;
    if (!question->found)
        return refuse(exchange, 404, "replay-unknown", "There is no such replay");
    Buf *body = begin_reply(exchange);
    replay_write_json(&question->progress, exchange->parameter, body);
    if (question->report) {
        body->len--; /* the closing brace */
        add_report(question, body);
        buf_add_char(body, '}');
    }
    buf_add_char(body, '\n');
    return STEP_REPLY;
}

StepNext step_replay_look(Exchange *exchange)
{
    static const LookupStep step = {sizeof(ReplayQuestion), run_look, clear_replay, read_id,
                                    tell_progress};
    return lookups_step(exchange->ingest->replay_asks, exchange, &step);
}

StepNext step_replay_cancel(Exchange *exchange)
{
    static const LookupStep step = {sizeof(ReplayQuestion), run_cancel, clear_replay, read_id,
                                    tell_progress};
    return lookups_step(exchange->ingest->replay_asks, exchange, &step);
}
