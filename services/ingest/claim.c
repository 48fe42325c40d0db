/* Step 5: an id that the sender chose is claimed before anything is published. */
#include "services/ingest/claim.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ingest/await.h"
#include "services/ingest/counts.h"
#include "services/ingest/lookups.h"
#include "services/ingest/refuse.h"
#include "services/ingest/routes.h"
#include "services/ingest/unpack.h"

enum { RECALL_PAUSE_MS = 150, OUTCOME_MAX = 128 * 1024 * 1024 };

/* One row: who holds the claim now. None: somebody is claiming it at this moment, and his row is
 * not visible to this statement yet: ask again. */
const DbStatement claim_take = {
    "claim-take",
    "WITH mine AS ("
    "  INSERT INTO fhirbus.claim (tenant, route, correlation_id, sha256, interaction_id)"
    "  SELECT $1, $2, $3, $4, CASE WHEN EXISTS ("
    "      SELECT FROM fhirbus.claim WHERE tenant = $1 AND interaction_id = $5 AND route <> $2)"
    "    THEN $6::uuid ELSE $5::uuid END"
    "  ON CONFLICT DO NOTHING RETURNING sha256, interaction_id)"
    " SELECT true, sha256, interaction_id FROM mine"
    " UNION ALL"
    " SELECT false, sha256, interaction_id FROM fhirbus.claim"
    " WHERE tenant = $1 AND route = $2 AND correlation_id = $3 AND NOT EXISTS (SELECT FROM mine)"};

/* The recorded verdict of the first try, or why it can have none; one row of NULLs when the bundle
 * is stored but not judged yet; or none. */
const DbStatement claim_recall = {
    "claim-recall",
    "SELECT v.valid, v.action, v.disposition, v.precheck_code, v.precheck_message, v.outcome,"
    "       v.ig_version, v.profile_url, v.engine_name, v.engine_version, v.engine_started_at,"
    "       v.validation_initiated_at, v.validation_completed_at, v.rules_version, f.reason"
    " FROM (SELECT FROM fhirbus.message"
    "       WHERE interaction_id = $1 AND tenant = $2 AND sha256 = $3 LIMIT 1) m"
    " FULL JOIN (SELECT * FROM fhirbus.verdict"
    "       WHERE interaction_id = $1 AND tenant = $2 AND sha256 = $3"
    "       ORDER BY replay_id, attempt LIMIT 1) v ON true"
    " FULL JOIN (SELECT reason FROM fhirbus.event"
    "       WHERE interaction_id = $1 AND tenant = $2 AND sha256 = $3 AND step = 'failed-validator'"
    "       ORDER BY replay_id, attempt LIMIT 1) f ON true"};

/* --- questions -------------------------------------------------------------------------------- */

typedef struct TakeQuestion {
    Question base;
    bool found, fresh, same_body;
    Uuid id;
} TakeQuestion;

static bool run_take(Question *base, Db *db, Arena *arena, Err *err)
{
    TakeQuestion *question = (TakeQuestion *)base;
    const Exchange *exchange = base->exchange;
    Uuid derived = uuid_v5(uuid_str(&exchange->id), str_from(exchange->route->name));
    for (int tries = 0; tries < 3 && !question->found; tries++) {
        DbParams params;
        DbResult *result = NULL;
        db_params_init(&params, arena);
        db_text(&params, exchange->tenant);
        db_text(&params, str_from(exchange->route->name));
        db_text(&params, uuid_str(&exchange->id));
        db_bytes(&params, exchange->envelope.payload_sha256);
        db_uuid(&params, uuid_str(&exchange->id));
        db_uuid(&params, uuid_str(&derived));
        TRY(db_run(db, &claim_take, &params, &result, err));
        if (db_rows(result) == 1) {
            question->found = true;
            question->fresh = db_get_bool(result, 0, 0);
            question->same_body =
                str_eq(db_get_text(result, 0, 1), exchange->envelope.payload_sha256);
            db_get_uuid(result, 0, 2, question->id.text);
        }
        db_result_free(result);
    }
    return question->found ? true : ERR(err, ERR_RETRY, "claim-unclear", "no row after 3 tries");
}

typedef struct RecallQuestion {
    Question base;
    bool stored;    /* the bundle is in the database */
    Answer *answer; /* and this was the verdict, or the failure; NULL: none yet */
} RecallQuestion;

static void clear_recall(Question *base)
{
    answer_release(((RecallQuestion *)base)->answer);
}

static Str kept(Arena *arena, const DbResult *result, int column)
{
    return arena_copy(arena, db_get_text(result, 0, column));
}

static DispositionAction action_of(Str name)
{
    return str_is(name, "discard")  ? ACTION_DISCARD
           : str_is(name, "reject") ? ACTION_REJECT
                                    : ACTION_ACCEPT;
}

static Answer *recorded_answer(const Exchange *exchange, const DbResult *result)
{
    const Stored stored = {exchange->ingest, uuid_str(&exchange->id), VAULT_ONE(VAULT_OUTCOME)};
    Answer *answer = answer_new(OUTCOME_MAX + 1024 * 1024);
    Arena *arena = answer->arena;
    Response *response = &answer->response;
    Outcome *outcome = &response->outcome;
    response->kind = RESPONSE_VERDICT;
    response->has_outcome = response->has_disposition = true;
    outcome->valid = db_get_bool(result, 0, 0);
    response->disposition.action = action_of(db_get_text(result, 0, 1));
    response->disposition.actions_json = kept(arena, result, 2);
    response->rules_version = kept(arena, result, 13);
    outcome->precheck_code = kept(arena, result, 3);
    outcome->precheck_message = kept(arena, result, 4);
    outcome->ig_version = kept(arena, result, 6);
    outcome->profile_url = kept(arena, result, 7);
    outcome->engine_name = kept(arena, result, 8);
    outcome->engine_version = kept(arena, result, 9);
    outcome->engine_started_at_us = db_get_time_us(result, 0, 10);
    outcome->started_at_us = db_get_time_us(result, 0, 11);
    outcome->finished_at_us = db_get_time_us(result, 0, 12);
    if (!db_is_null(result, 0, 5) && !unpack_stored(&stored, db_get_text(result, 0, 5), OUTCOME_MAX,
                                                    arena, &outcome->operation_outcome)) {
        answer_release(answer);
        return NULL;
    }
    return answer;
}

/* Of "poison: its worker died ...", as the persister puts code and text together. */
static Answer *recorded_failure(const DbResult *result)
{
    Answer *answer = answer_new(64 * 1024);
    Response *response = &answer->response;
    Str reason = kept(answer->arena, result, 14);
    Str code = str_cut(reason, 0, str_find_char(reason, ':'));
    response->kind = RESPONSE_FAILED;
    response->has_failure = true;
    response->failure.code = code;
    response->failure.kind = str_is(code, "poison") ? FAILURE_POISON : FAILURE_INPUT;
    return answer;
}

static bool run_recall(Question *base, Db *db, Arena *arena, Err *err)
{
    RecallQuestion *question = (RecallQuestion *)base;
    const Exchange *exchange = base->exchange;
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_uuid(&params, uuid_str(&exchange->id));
    db_text(&params, exchange->tenant);
    db_bytes(&params, exchange->envelope.payload_sha256);
    TRY(db_run(db, &claim_recall, &params, &result, err));
    question->stored = db_rows(result) > 0;
    if (question->stored && !db_is_null(result, 0, 0))
        question->answer = recorded_answer(exchange, result);
    else if (question->stored && !db_is_null(result, 0, 14))
        question->answer = recorded_failure(result);
    db_result_free(result);
    return true;
}

/* --- the step --------------------------------------------------------------------------------- */

static Question *question_new(size_t bytes, bool (*run)(Question *, Db *, Arena *, Err *),
                              void (*clear)(Question *))
{
    Question *question = calloc(1, bytes);
    CHECK(question);
    question->run = run;
    question->clear = clear;
    return question;
}

static bool has_answer(Exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    bool has = exchange->answer != NULL;
    pthread_mutex_unlock(&exchange->lock);
    return has;
}

static StepNext recall(Exchange *exchange)
{
    Question *question = question_new(sizeof(RecallQuestion), run_recall, clear_recall);
    exchange->claim_phase = CLAIM_RECALLED;
    return lookups_ask(exchange->ingest->lookups, exchange, question) ? STEP_WAIT : STEP_NEXT;
}

/* Its own message, or the first one's, may still be under way: look out for it, and wake after a
 * while. */
static void look_out(Exchange *exchange, int64_t until_ms)
{
    pthread_mutex_lock(&exchange->lock);
    exchange->timed_out = false;
    pthread_mutex_unlock(&exchange->lock);
    await_add(exchange->ingest->await, exchange, until_ms);
}

/* Without the database, or without asking it, nobody knows whether this is a repetition. */
static StepNext skipped(Exchange *exchange)
{
    exchange->maybe_taken = true;
    count_claim(exchange->ingest->counters, CLAIM_SKIPPED);
    return STEP_NEXT;
}

static StepNext taken(Exchange *exchange, const TakeQuestion *question)
{
    const Ingest *ingest = exchange->ingest;
    if (!question->base.ok)
        return skipped(exchange);
    if (question->fresh) {
        exchange->id = question->id;
        /* an id of ours, which came with a 503: its first request may have been taken */
        exchange->maybe_taken = exchange->id.text[14] == '7';
        count_claim(ingest->counters, CLAIM_FRESH);
        return STEP_NEXT;
    }
    if (!question->same_body) {
        count_claim(ingest->counters, CLAIM_CONFLICT);
        return refuse(exchange, 409, "claim-conflict",
                      "X-Correlation-ID was used before with a different body");
    }
    count_claim(ingest->counters, CLAIM_REPEATED);
    exchange->id = question->id;
    exchange->repeated = exchange->maybe_taken = true;
    exchange->patience_ms = clock_mono_ms() + (int64_t)ingest->config->repeat_patience_ms;
    look_out(exchange, exchange->deadline_ms);
    return recall(exchange);
}

/* The first try is stored: it was acknowledged, nothing needs to be published again. */
static StepNext known_to_be_taken(Exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    exchange->publish = PUBLISH_ACKED;
    exchange->timed_out = true;
    pthread_mutex_unlock(&exchange->lock);
    await_remove(exchange->ingest->await, exchange);
    return STEP_NEXT;
}

static StepNext recalled(Exchange *exchange, RecallQuestion *question)
{
    int64_t now_ms = clock_mono_ms();
    if (question->base.ok && question->answer) {
        pthread_mutex_lock(&exchange->lock);
        if (!exchange->answer) {
            exchange->answer = question->answer;
            question->answer = NULL;
        }
        pthread_mutex_unlock(&exchange->lock);
        return STEP_NEXT;
    }
    bool stored = question->base.ok && question->stored;
    if (stored && (now_ms >= exchange->deadline_ms || exchange->wants_async))
        return known_to_be_taken(exchange);
    if (!question->base.ok || (!stored && now_ms >= exchange->patience_ms))
        return STEP_NEXT; /* publish again, marked as a repetition */
    exchange->claim_phase = CLAIM_PAUSED;
    look_out(exchange, now_ms + RECALL_PAUSE_MS);
    return STEP_WAIT;
}

StepNext step_claim(Exchange *exchange)
{
    Ingest *ingest = exchange->ingest;
    if (exchange->correlation_id.len == 0)
        return STEP_NEXT;
    if (exchange->envelope.headers.health_check) /* a probe leaves nothing behind */
        return STEP_NEXT;
    if (!ingest->config->claims)
        return skipped(exchange);
    if (exchange->claim_phase == CLAIM_NOT_YET) {
        exchange->claim_phase = CLAIM_ASKED;
        Question *question = question_new(sizeof(TakeQuestion), run_take, NULL);
        if (lookups_ask(ingest->lookups, exchange, question))
            return STEP_WAIT;
        return skipped(exchange);
    }
    if (exchange->claim_phase == CLAIM_PAUSED) {
        if (has_answer(exchange))
            return STEP_NEXT;
        pthread_mutex_lock(&exchange->lock);
        bool due = exchange->timed_out;
        pthread_mutex_unlock(&exchange->lock);
        return due ? recall(exchange) : STEP_WAIT;
    }
    Question *question = lookups_answered(exchange);
    if (!question)
        return STEP_WAIT;
    return exchange->claim_phase == CLAIM_ASKED ? taken(exchange, (TakeQuestion *)question)
                                                : recalled(exchange, (RecallQuestion *)question);
}
