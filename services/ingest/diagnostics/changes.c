/* GET /interactions/changes: what has changed since and fits the same filters, for a list that
 * follows what happens. With `wait` it answers when something has changed, or after so many
 * seconds: tail.h. */
#include "common/base/clock.h"
#include "services/ingest/audited.h"
#include "services/ingest/diagnostics/flows.h"
#include "services/ingest/diagnostics/grid.h"
#include "services/ingest/diagnostics/reveal.h"
#include "services/ingest/diagnostics/scope.h"
#include "services/ingest/diagnostics/tail.h"
#include "services/ingest/diagnostics/tell.h"
#include "services/ingest/read/rows.h"

enum { CHANGES_MAX = 200, CHANGED_PLACE = 6, WAIT_MAX_S = 25 };

typedef struct Changes {
    TellQuestion tell;
    InteractionQuery query;
    bool begins; /* nothing is told but where to go on */
    uint64_t after;
    int64_t last, seen; /* `seen`: by the tail, before this was asked */
    uint64_t wait_s;
    size_t rows;
    bool more, unmasked;
} Changes;

/* The query without what is not the grid's business. */
static Str filters_of(Exchange *exchange)
{
    Str query = http_request_query(exchange->request), part, kept = STR("");
    while (query.len && str_split(&query, '&', &part)) {
        Str name = str_cut(part, 0, str_find_char(part, '='));
        if (str_is(name, "after") || str_is(name, "wait") || str_is(name, "sort"))
            continue;
        kept = kept.len ? ARENA_JOIN(exchange->arena, kept, STR("&"), part) : part;
    }
    return kept;
}

static StepNext read_changes(Exchange *exchange, Question *base)
{
    Changes *changes = (Changes *)base;
    const char *why = NULL;
    Str after = tell_parameter(exchange, "after");
    base->spans = true;
    tell_begin(&changes->tell, exchange);
    changes->begins = !after.ptr;
    if (after.ptr && (!str_to_u64(after, &changes->after) || changes->after > INT64_MAX))
        return tell_malformed(exchange, "after is a number of a former answer");
    if (!query_read(filters_of(exchange), exchange->tenant, exchange->arena, &changes->query, &why))
        return tell_malformed(exchange, why);
    if (changes->query.patient.ptr)
        audited_patient(exchange, changes->query.patient);
    StepNext next = exchange->tail_until_ms /* asked anew: it was allowed, and is on record */
                        ? STEP_NEXT
                        : reveal_asked(exchange, "patients", &changes->unmasked);
    if (next != STEP_NEXT)
        return next;
    changes->unmasked = !reveal_is_needed_by(exchange) || str_is(changes->query.reveal, "true");
    Str wait = tell_parameter(exchange, "wait");
    if (wait.ptr && (!str_to_u64(wait, &changes->wait_s) || changes->wait_s > WAIT_MAX_S))
        return tell_malformed(exchange, "wait is a number of seconds, up to 25");
    changes->seen = tail_seen(exchange->ingest->tail);
    return STEP_NEXT;
}

static void add_rows(Changes *changes, const DbResult *result)
{
    const RowForm form = {true, changes->unmasked};
    size_t rows = db_rows(result);
    changes->more = rows > CHANGES_MAX;
    rows = changes->more ? (size_t)CHANGES_MAX : rows;
    changes->rows = rows;
    changes->last = (int64_t)changes->after;
    for (size_t i = 0; i < rows; i++) {
        if (i)
            buf_add(&changes->tell.text, STR(",\n"));
        row_add_json(&form, &changes->tell.text, result, i);
        changes->last = db_get_int(result, i, row_key_column() + CHANGED_PLACE);
    }
}

static bool run_changes(Question *base, Db *db, Arena *arena, Err *err)
{
    Changes *changes = (Changes *)base;
    const GridAsk ask = {&changes->query, changes->tell.scope, CHANGES_MAX + 1};
    DbResult *result = NULL;
    if (changes->begins)
        return grid_last_change(db, changes->tell.scope, arena, &changes->last, err);
    int64_t newest = 0; /* asked first: what comes between both is told again, not lost */
    GridSpan span = {(int64_t)changes->after, 0};
    TRY(grid_last_change(db, changes->tell.scope, arena, &newest, err));
    TRY(grid_span(db, changes->tell.scope, &span, arena, err));
    TRY(grid_changes(db, &ask, &span, arena, &result, err));
    add_rows(changes, result);
    if (!changes->more) { /* none of the others fits: not looked at again */
        int64_t looked = span.reach < newest ? span.reach : newest;
        changes->more = span.reach < newest;
        changes->last = changes->last < looked ? looked : changes->last;
    }
    db_result_free(result);
    return !changes->tell.text.overflowed ||
           ERR(err, ERR_INPUT, "page-too-large", "more than %d bytes", TELL_BYTES_MAX);
}

static StepNext tell_changes(Exchange *exchange, Question *base)
{
    const Changes *changes = (const Changes *)base;
    Buf *body = http_reply_body(exchange->request);
    http_reply_status(exchange->request, 200);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    buf_add(body, STR("{\"interactions\":[\n"));
    buf_add(body, buf_str(&changes->tell.text));
    buf_add_format(body, "],\"after\":%lld,\"more\":%s}\n", (long long)changes->last,
                   changes->more ? "true" : "false");
    return STEP_REPLY;
}

/* Nothing yet, and there is time: parked until something changes; STEP_REPLY: no, tell it. */
static StepNext wait_for_more(Exchange *exchange, const Changes *changes)
{
    int64_t now_ms = clock_mono_ms();
    if (!exchange->tail_until_ms)
        exchange->tail_until_ms = now_ms + (int64_t)changes->wait_s * 1000;
    if (changes->begins || changes->rows || changes->more || !changes->wait_s ||
        now_ms >= exchange->tail_until_ms || atomic_load(&exchange->ingest->draining))
        return STEP_REPLY;
    tail_park(exchange->ingest->tail, exchange, changes->seen, exchange->tail_until_ms);
    return STEP_WAIT;
}

static bool take_wake(Exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    bool woken = exchange->tail_woken;
    exchange->tail_woken = false;
    pthread_mutex_unlock(&exchange->lock);
    return woken;
}

StepNext step_changes(Exchange *exchange)
{
    static const LookupStep step = {sizeof(Changes), run_changes, tell_clear, read_changes,
                                    tell_changes};
    if (take_wake(exchange)) { /* asked anew */
        question_free(exchange->question);
        exchange->question = NULL;
    }
    Question *answered = exchange->question ? lookups_answered(exchange) : NULL;
    if (answered && answered->ok && wait_for_more(exchange, (const Changes *)answered) == STEP_WAIT)
        return STEP_WAIT;
    return lookups_step(exchange->ingest->reads, exchange, &step);
}
