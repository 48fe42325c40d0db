/* GET and POST /admin/api/diagnostics/replays: those that were asked for, and asking for one: of
 * named interactions, of what failed in a time, of a topic or of the dead letters; dry first. */
#include "services/ingest/diagnostics/replaying.h"

#include "common/json/json.h"
#include "common/replay/replay.h"
#include "services/ingest/audited.h"
#include "services/ingest/authenticate.h"
#include "services/ingest/diagnostics/flows.h"
#include "services/ingest/diagnostics/scope.h"
#include "services/ingest/diagnostics/tell.h"
#include "services/ingest/refuse.h"
#include "services/ingest/replays.h"

enum { LIST_DEFAULT = 50, LIST_MAX = 500 };

/* $1 scope, $2 rows */
const DbStatement replaying_list = {
    "replaying-list",
    "SELECT json_build_object('replays', coalesce(json_agg(json_build_object("
    " 'replay_id', r.replay_id, 'asked_at', fhirbus.iso(r.asked_at),"
    " 'asked_by', fhirbus.asker(r.asked_by), 'tenant', r.tenant,"
    " 'from_at', CASE WHEN r.from_at >= '1970-01-02' THEN fhirbus.iso(r.from_at) END,"
    " 'to_at', CASE WHEN r.to_at < '9999-01-01' THEN fhirbus.iso(r.to_at) END,"
    " 'of_state', r.of_state, 'ids', cardinality(r.ids), 'to', r.go_to, 'state', r.state,"
    " 'source', r.source, 'topic', r.topic, 'resubmit', r.resubmit, 'rate', r.rate,"
    " 'total', r.total, 'published', r.published, 'superseded', r.superseded,"
    " 'accepted', r.accepted, 'purged', r.purged, 'skipped', r.skipped,"
    " 'unreadable', r.unreadable, 'from_store', r.from_store, 'redriven', r.redriven)"
    " ORDER BY r.asked_at DESC, r.replay_id DESC), '[]'))::text"
    " FROM (SELECT * FROM fhirbus.replay p"
    "       WHERE nullif($1::text, '{*}') IS NULL OR p.tenant = ANY (nullif($1::text, "
    "'{*}')::text[])"
    "       ORDER BY p.asked_at DESC, p.replay_id DESC LIMIT $2::integer) r"};

/* --- the list --------------------------------------------------------------------------------- */

typedef struct ReplayList {
    TellQuestion tell;
    uint64_t limit;
} ReplayList;

static StepNext read_list(Exchange *exchange, Question *base)
{
    ReplayList *list = (ReplayList *)base;
    Str limit = tell_parameter(exchange, "limit");
    tell_begin(&list->tell, exchange);
    list->tell.scope = scope_for(exchange, PERMISSION_REPLAY);
    list->limit = LIST_DEFAULT;
    if (limit.ptr && (!str_to_u64(limit, &list->limit) || !list->limit || list->limit > LIST_MAX))
        return tell_malformed(exchange, "limit is a number from 1 to 500");
    return STEP_NEXT;
}

static bool run_list(Question *base, Db *db, Arena *arena, Err *err)
{
    ReplayList *list = (ReplayList *)base;
    DbParams params;
    db_params_init(&params, arena);
    db_text(&params, list->tell.scope);
    db_int(&params, (int32_t)list->limit);
    return tell_run(&list->tell, db, &replaying_list, &params, err);
}

StepNext step_replaying_list(Exchange *exchange)
{
    static const LookupStep step = {sizeof(ReplayList), run_list, tell_clear, read_list, tell_json};
    return lookups_step(exchange->ingest->reads, exchange, &step);
}

/* --- what is asked: the body's members -> fhirbus-replay's words --------------------------------
 */

typedef struct Replaying {
    Question base;
    Uuid id;
    ReplayWords words;
    ReplayProgress progress;
    char wrong[240]; /* what was asked cannot be */
} Replaying;

static const char *read_ids(ReplayWords *words, const JsonDoc *doc, const JsonNode *list)
{
    if (list->kind != JSON_KIND_ARRAY || list->count == 0)
        return "ids is a list of interaction ids, or null";
    JSON_EACH(doc, id, list)
    {
        if (id->kind != JSON_KIND_STRING)
            return "ids is a list of interaction ids, or null";
        const char *wrong = replay_word(words, STR("id"), json_text(id));
        if (wrong)
            return wrong;
    }
    return NULL;
}

static const char *read_from(ReplayWords *words, const JsonDoc *doc, Str from)
{
    Str topic = json_get_text(doc, json_root(doc), "topic");
    if (str_is(from, "store"))
        return NULL;
    if (str_is(from, "dlq"))
        return replay_word(words, STR("from-dlq"), STR(""));
    if (str_is(from, "topic"))
        return replay_word(words, STR("from-topic"), topic.ptr ? topic : STR("intake"));
    return "from is store, topic or dlq";
}

/* One member; NULL: fine. */
static const char *read_member(ReplayWords *words, const JsonDoc *doc, const JsonNode *member)
{
    static const struct {
        const char *name, *word;
        bool flag;
    } flags[] = {
        {"dry_run",            "dry-run",            true },
        {"resubmit",           "resubmit",           true },
        {"include_superseded", "include-superseded", true },
        {"to",                 "to",                 false},
        {"tenant",             "tenant",             false},
        {"since",              "since",              false},
        {"until",              "until",              false},
        {"state",              "state",              false},
        {"offsets",            "offsets",            false},
    };
    Str name = json_key(member);
    bool truth = member->kind == JSON_KIND_TRUE;
    if (member->kind == JSON_KIND_NULL || str_is(name, "topic"))
        return NULL;
    if (str_is(name, "ids"))
        return read_ids(words, doc, member);
    if (str_is(name, "from"))
        return read_from(words, doc, json_get_text(doc, json_root(doc), "from"));
    if (str_is(name, "rate") && member->kind == JSON_KIND_NUMBER)
        return replay_word(words, name, json_text(member));
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (!str_is(name, flags[i].name))
            continue;
        if (flags[i].flag && (truth || member->kind == JSON_KIND_FALSE))
            return replay_word(words, str_from(flags[i].word), truth ? STR("true") : STR("false"));
        if (!flags[i].flag && member->kind == JSON_KIND_STRING)
            return replay_word(words, str_from(flags[i].word), json_text(member));
        return flags[i].flag ? "dry_run, resubmit and include_superseded are true or false"
                             : "to, tenant, since, until, state and offsets are texts";
    }
    return "A member of the body is not known, or not of its type";
}

static const char *read_body(Exchange *exchange, ReplayWords *words)
{
    const JsonLimits limits = {.depth = 4, .nodes = 4 * REPLAY_IDS_MAX};
    JsonDoc doc;
    Err err = {0};
    if (!json_read(http_request_body(exchange->request), NULL, &limits, exchange->arena, &doc, NULL,
                   &err) ||
        json_root(&doc)->kind != JSON_KIND_OBJECT || doc.duplicates)
        return "The body is a JSON object";
    JSON_EACH(&doc, member, json_root(&doc))
    {
        const char *wrong = read_member(words, &doc, member);
        if (wrong)
            return wrong;
    }
    return replay_words_check(words);
}

/* Its tenant is the body's or the request's, and one for which the caller may replay. */
static StepNext settle_tenant(Exchange *exchange, ReplayAsk *ask)
{
    const Caller *caller = exchange->identity.caller;
    if (ask->tenant.len && !authenticate_may_for(exchange, ask->tenant))
        return refuse_forbidden(exchange, "tenant-forbidden");
    if (ask->tenant.len && exchange->tenant.len && !str_eq(ask->tenant, exchange->tenant))
        return refuse(exchange, 400, "replay-words", "Body and request name different tenants");
    if (exchange->tenant.len)
        ask->tenant = exchange->tenant;
    else if (!ask->tenant.len && caller && !caller_may_for_all(caller, PERMISSION_REPLAY))
        return refuse(exchange, 400, "tenant-missing", "Say which tenant's");
    exchange->tenant = ask->tenant;
    return STEP_NEXT;
}

static void note(Exchange *exchange, const ReplayWords *words)
{
    const ReplayAsk *ask = &words->ask;
    audited_detail(exchange, "to", ask->go_to);
    audited_detail(exchange, "from",
                   ask->from_dlq         ? STR("dlq")
                   : ask->from_topic.len ? ask->from_topic
                                         : STR("store"));
    if (ask->id_count)
        audited_detail(exchange, "ids",
                       arena_format(exchange->arena, "%llu", (unsigned long long)ask->id_count));
    if (ask->resubmit)
        audited_detail(exchange, "resubmit", STR("true"));
    if (words->dry_run)
        audited_detail(exchange, "dry-run", STR("true"));
}

static StepNext read_ask(Exchange *exchange, Question *base)
{
    Replaying *question = (Replaying *)base;
    replay_words_init(&question->words);
    const char *wrong = read_body(exchange, &question->words);
    if (wrong)
        return refuse(exchange, 400, "replay-words", wrong);
    StepNext next = settle_tenant(exchange, &question->words.ask);
    if (next != STEP_NEXT)
        return next;
    question->words.ask.asked_by = replays_asker(exchange);
    question->id = uuid_v7();
    audited_resource(exchange, arena_copy(exchange->arena, uuid_str(&question->id)));
    note(exchange, &question->words);
    return STEP_NEXT;
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool run_ask(Question *base, Db *db, Arena *arena, Err *err)
{
    Replaying *question = (Replaying *)base;
    if (replays_ask(base->exchange->ingest, db, &question->id, &question->words, arena,
                    &question->progress, err))
        return true;
    if (err->kind != ERR_INPUT)
        return false;
    snprintf(question->wrong, sizeof question->wrong, "%s", err->text);
    *err = (Err){0};
    return true;
}

static StepNext tell_ask(Exchange *exchange, Question *base)
{
    const Replaying *question = (const Replaying *)base;
    const ReplayProgress *progress = &question->progress;
    if (question->wrong[0])
        return refuse(exchange, 400, "replay-words", question->wrong);
    audited_detail(exchange, "documents",
                   arena_format(exchange->arena, "%lld", (long long)progress->total));
    http_reply_status(exchange->request, 200);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    Buf *body = http_reply_body(exchange->request);
    buf_add(body, STR("{\"replay\":"));
    replay_write_json(progress, uuid_str(&question->id), body);
    buf_add(body, STR("}\n"));
    return STEP_REPLY;
}

StepNext step_replaying_ask(Exchange *exchange)
{
    static const LookupStep step = {sizeof(Replaying), run_ask, NULL, read_ask, tell_ask};
    return lookups_step(exchange->ingest->replay_asks, exchange, &step);
}
