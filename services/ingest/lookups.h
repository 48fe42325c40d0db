/* lookups - questions to the database, asked on threads of their own so that no server thread
 * waits.
 *
 * Owner:   a question belongs to its exchange, which frees it (question_free).
 * Threads: `run` is called on a lookup thread; `done` and all behind it are set under the
 *          exchange's lock before it is woken.
 * Errors:  lookups_ask: false when the line is full or the database was away a moment ago: go on
 *          without, or say 503. It is away when no connection works; one that is lost or slow to
 *          be made takes no questions while others do.
 * Limits:  LOOKUPS_WAITING_MAX questions in line; each options.timeout_ms. */
#pragma once
#include "common/db/db.h"
#include "services/ingest/exchange.h"
#include "services/ingest/flow.h"

enum { LOOKUPS_WAITING_MAX = 2000, LOOKUPS_AWAY_MS = 1000 };

typedef struct Question {
    bool (*run)(struct Question *question, Db *db, Arena *arena, Err *err);
    void (*clear)(struct Question *question); /* frees what it holds; may be NULL */
    struct Question *next;
    Exchange *exchange;
    bool spans; /* a time, or several tenants: less of it can be asked for. For `read` to set */
    bool done;
    bool ok;
    Err err;
} Question;

typedef struct LookupsOptions {
    const DbStatement *const *statements; /* NULL-terminated; NULL: no database is asked */
    size_t threads;                       /* one connection each */
    uint64_t timeout_ms;                  /* of one question */
    uint64_t connect_timeout_ms;          /* of one attempt to connect */
    /* A question that takes too long was a large one, and says nothing of the database. */
    bool may_be_large;
    /* How many may wait, and what the others are told; 0, NULL: LOOKUPS_WAITING_MAX, as if the
     * database were away. */
    size_t waiting_max;
    const char *full_code, *full_text;
} LookupsOptions;

Lookups *lookups_start(Ingest *ingest, const LookupsOptions *options, Err *err) MUST_USE;
void lookups_stop(Lookups *lookups); /* NULL is fine */
/* `question` was made with calloc; it replaces the exchange's former one when it is taken. */
bool lookups_ask(Lookups *lookups, Exchange *exchange, Question *question);
/* The exchange's question once it is answered, else NULL. */
Question *lookups_answered(Exchange *exchange);
void question_free(Question *question); /* NULL is fine */
/* The whole step of a route that asks one question and answers with it: asks, waits, says 503 while
 * the database is away or slow, 400 where more was asked for than there is room. Where no database
 * is asked `tell` is also told what failed: question->ok, ->err. */
typedef struct LookupStep {
    size_t bytes; /* of the question, which begins with a Question */
    bool (*run)(Question *question, Db *db, Arena *arena, Err *err);
    void (*clear)(Question *question); /* may be NULL */
    /* What the request asks. STEP_NEXT: ask it; anything else is the step's end, the reply filled.
     */
    StepNext (*read)(Exchange *exchange, Question *question);
    StepNext (*tell)(Exchange *exchange, Question *question); /* the reply */
} LookupStep;
StepNext lookups_step(Lookups *lookups, Exchange *exchange, const LookupStep *step);
bool lookups_away(const Lookups *lookups);
size_t lookups_waiting(Lookups *lookups);
