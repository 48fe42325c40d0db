/* POST /Bundle/replay: what the data lake did not take goes to it once more.
 *
 * Spec:    X-TechBD-StartDate and X-TechBD-EndDate, half-open; the tenant's failures, or
 * everybody's. Other selections: fhirbus-replay. */
#include "services/ingest/replays.h"

#include <poll.h>
#include <pthread.h>

#include "common/base/check.h"
#include "common/base/when.h"
#include "common/json/write.h"
#include "common/replay/replay.h"
#include "services/ingest/exchange.h"
#include "services/ingest/lookups.h"
#include "services/ingest/refuse.h"

#define ASKED_BY "POST /Bundle/replay"
enum { PAGE_ROWS = 100, IDLE_MS = 2000, ARENA_MAX = 256 * 1024 * 1024 };

/* --- the work --------------------------------------------------------------------------------- */

struct Replays {
    Ingest *ingest;
    DbConfig db;
    atomic_bool stop;
    pthread_t thread;
};

/* False: nothing to do, or not now. */
static bool work(Replays *replays, Db *db, Arena *arena)
{
    Ingest *ingest = replays->ingest;
    ReplayProgress progress = {0};
    Str id;
    Err err = {0};
    if (!replay_orphan(db, STR(ASKED_BY), arena, &id, &err) || !id.len)
        return false;
    do {
        if (!replay_step(db, ingest->producer, id, ingest->instance, PAGE_ROWS, arena, &progress,
                         &err)) {
            log_warn(ingest->log, "replay.waits", LOG_STR("replay_id", id), LOG_ERR(&err));
            return false;
        }
    } while (strcmp(progress.state, "running") == 0 && !atomic_load(&replays->stop));
    log_info(ingest->log, "replay.ended", LOG_STR("replay_id", id),
             LOG_TEXT("state", progress.state), LOG_I64("published", progress.published),
             LOG_I64("superseded", progress.superseded), LOG_I64("accepted", progress.accepted));
    return true;
}

static void *replays_main(void *context)
{
    Replays *replays = context;
    pthread_setname_np(pthread_self(), "replays");
    ARENA_AUTO arena = arena_new(ARENA_MAX);
    Db *db = db_new(&replays->db, replay_statements, "fhirbus-ingest", replays->ingest->log);
    while (!atomic_load(&replays->stop)) {
        bool worked = work(replays, db, arena);
        arena_reset(arena);
        for (int waited = 0; !worked && waited < IDLE_MS && !atomic_load(&replays->stop);
             waited += 100)
            poll(NULL, 0, 100);
    }
    db_free(db);
    return NULL;
}

Replays *replays_start(Ingest *ingest, Err *err)
{
    Replays *replays = calloc(1, sizeof *replays);
    CHECK(replays);
    replays->ingest = ingest;
    replays->db = ingest->config->db;
    replays->db.timeout_ms = ingest->config->read_timeout_ms;
    if (pthread_create(&replays->thread, NULL, replays_main, replays) == 0)
        return replays;
    free(replays);
    ERR(err, ERR_FATAL, "replays", "no thread");
    return NULL;
}

void replays_stop(Replays *replays)
{
    if (!replays)
        return;
    atomic_store(&replays->stop, true);
    pthread_join(replays->thread, NULL);
    free(replays);
}

/* --- the route -------------------------------------------------------------------------------- */

typedef struct ReplayQuestion {
    Question base;
    ReplayAsk ask;
    ReplayProgress progress;
} ReplayQuestion;

static bool run_replay(Question *base, Db *db, Arena *arena, Err *err)
{
    ReplayQuestion *question = (ReplayQuestion *)base;
    return replay_ask(db, uuid_str(&base->exchange->id), &question->ask, arena, &question->progress,
                      err);
}

/* NULL: fine. */
static const char *read_dates(Exchange *exchange, ReplayAsk *ask)
{
    HttpRequest *request = exchange->request;
    Str start = http_request_header(request, STR("x-techbd-startdate"));
    Str end = http_request_header(request, STR("x-techbd-enddate"));
    if (!start.ptr)
        return "Required request header 'X-TechBD-StartDate' for method parameter type String is "
               "not present";
    if (!end.ptr)
        return "Required request header 'X-TechBD-EndDate' for method parameter type String is "
               "not present";
    if (!when_parse(start, WHEN_FROM, &ask->from_us))
        return "Invalid date in X-TechBD-StartDate. " WHEN_FORMS;
    if (!when_parse(end, WHEN_TO, &ask->to_us))
        return "Invalid date in X-TechBD-EndDate. " WHEN_FORMS;
    return ask->from_us < ask->to_us ? NULL : "X-TechBD-StartDate must be before X-TechBD-EndDate";
}

static StepNext read_replay(Exchange *exchange, Question *base)
{
    ReplayQuestion *question = (ReplayQuestion *)base;
    question->ask = (ReplayAsk){.tenant = exchange->tenant,
                                .of_state = STR("FAIL"),
                                .go_to = STR("submit"),
                                .asked_by = STR(ASKED_BY)};
    const char *wrong = read_dates(exchange, &question->ask);
    if (wrong)
        return refuse(exchange, 400, "replay-dates", wrong);
    exchange->id = uuid_v7();
    return STEP_NEXT;
}

static StepNext tell_replay(Exchange *exchange, Question *base)
{
    const ReplayQuestion *question = (const ReplayQuestion *)base;
    Buf *body = http_reply_body(exchange->request);
    http_reply_status(exchange->request, 200);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    if (question->progress.total == 0)
        buf_add(body, STR("{\"bundle_count\":0,\"message\":\"No bundles found to replay\"}\n"));
    else
        buf_add_format(body,
                       "{\"total_bundles\":%lld,\"replay_id\":\"%.*s\",\"message\":\"Replay "
                       "started. /interactions and $status show what becomes of it.\"}\n",
                       (long long)question->progress.total, STR_ARG(uuid_str(&exchange->id)));
    return STEP_REPLY;
}

StepNext step_replay(Exchange *exchange)
{
    static const LookupStep step = {sizeof(ReplayQuestion), run_replay, NULL, read_replay,
                                    tell_replay};
    return lookups_step(exchange->ingest->reads, exchange, &step);
}
