/* The connection: a small machine that libpq's descriptor drives. */
#include "common/db/db.h"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/db/connect.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 10000
#define BACKOFF_DOUBLINGS 7

typedef enum Stage { STAGE_DOWN, STAGE_CONNECTING, STAGE_PREPARING, STAGE_READY } Stage;

struct Db {
    const DbConfig *config;
    const DbStatement *const *statements;
    const char *application;
    const Log *log;
    PGconn *conn;
    Stage stage;
    PostgresPollingStatusType wants; /* while connecting */
    int64_t deadline_ms;             /* of the stage or the transaction; monotonic */
    int64_t retry_at_ms;
    unsigned failures;
    pid_t owner; /* a fork must not use its parent's connection */
    /* the transaction */
    bool open;   /* something was sent, not ended */
    bool ended;  /* the sync is sent: results are awaited */
    bool failed; /* outcome of the last one, or of the one under way */
    Err error;
    size_t sent, read;
    const DbStatement **names; /* of what was sent, by index; for errors */
    size_t names_room;
    DbOnResult on_result;
    void *context;
};

Db *db_new(const DbConfig *config, const DbStatement *const *statements, const char *application,
           const Log *log)
{
    Db *db = calloc(1, sizeof *db);
    if (!db)
        return NULL;
    db->config = config;
    db->statements = statements;
    db->application = application;
    db->log = log;
    db->owner = getpid();
    return db;
}

void db_free(Db *db)
{
    if (!db)
        return;
    if (db->conn && db->owner == getpid())
        PQfinish(db->conn);
    free(db->names);
    free(db);
}

/* --- failing ---------------------------------------------------------------------------------- */

/* Half to full of an exponential back-off, so that a fleet does not return in step. */
static int64_t backoff_ms(unsigned failures)
{
    unsigned doublings = failures > BACKOFF_DOUBLINGS ? BACKOFF_DOUBLINGS : failures;
    int64_t full = (int64_t)BACKOFF_FIRST_MS << doublings;
    unsigned random = 0;
    if (full > BACKOFF_MAX_MS)
        full = BACKOFF_MAX_MS;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random = failures;
    return full / 2 + (int64_t)(random % (unsigned)(full / 2 + 1));
}

/* Closes; whatever was under way has failed. */
static void drop(Db *db, ErrKind kind, const char *code, Str text)
{
    if (db->open || db->ended) {
        if (!db->failed)
            ERR(&db->error, kind, code, "%.*s", STR_ARG(text));
        db->failed = true;
    } else {
        ERR(&db->error, kind, code, "%.*s", STR_ARG(text));
    }
    Err err = {.kind = kind, .code = code, .where = __FILE__};
    snprintf(err.text, sizeof err.text, "%.*s", (int)(text.len > 200 ? 200 : text.len), text.ptr);
    log_warn(db->log, "db.away", LOG_ERR(&err), LOG_U64("failures", db->failures + 1));
    PQfinish(db->conn);
    db->conn = NULL;
    db->stage = STAGE_DOWN;
    db->open = db->ended = false;
    db->retry_at_ms = clock_mono_ms() + backoff_ms(db->failures++);
}

static void drop_away(Db *db)
{
    char text[240];
    Str line = db_first_line(PQerrorMessage(db->conn));
    snprintf(text, sizeof text, "%.*s", (int)(line.len > 200 ? 200 : line.len), line.ptr);
    drop(db, ERR_RETRY, "db-away", str_from(text));
}

static bool state_starts(const char *sqlstate, const char *with)
{
    return strncmp(sqlstate, with, strlen(with)) == 0;
}

/* What is not there, may not be used, or is not what it was when a statement was prepared. */
static bool is_of_schema(const char *sqlstate)
{
    static const char *const states[] = {
        "3F",    "26",    "0A",    /* schema, prepared statement, "cached plan must not change" */
        "42501",                   /* rights */
        "42P01", "42703", "42883", /* table, column, function */
        "42704", "42P02", "42P03", /* other object, parameter, cursor */
    };
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (state_starts(sqlstate, states[i]))
            return true;
    return false;
}

/* spec: www.postgresql.org/docs/15/errcodes-appendix.html
 * A syntax error of a statement that was prepared well is in a value that becomes a part of one (a
 * tsquery, a dynamic statement): that statement's own fault, and no other's. */
static void classify(const char *sqlstate, bool preparing, ErrKind *ret_kind, const char **ret_code)
{
    *ret_kind = ERR_RETRY;
    *ret_code = "db-error";
    if (state_starts(sqlstate, "40") || state_starts(sqlstate, "55P03"))
        *ret_code = "db-conflict";
    else if (state_starts(sqlstate, "57014"))
        *ret_code = "db-timeout"; /* statement_timeout */
    else if (state_starts(sqlstate, "53") || state_starts(sqlstate, "57") ||
             state_starts(sqlstate, "25006"))
        *ret_code = "db-busy";
    else if (is_of_schema(sqlstate) || (preparing && state_starts(sqlstate, "42")))
        *ret_code = "db-schema";
    else if (state_starts(sqlstate, "22") || state_starts(sqlstate, "23") ||
             state_starts(sqlstate, "42601") || state_starts(sqlstate, "54"))
        *ret_kind = ERR_INPUT, *ret_code = "db-data";
}

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

/* The server's own words may quote values: they are shown only of a statement's text, while it is
 * prepared and there are none. Else what is known by name: where in the server it was found too. */
static void error_from_result(Db *db, const PGresult *result, Err *err)
{
    const char *sqlstate = or_dash(PQresultErrorField(result, PG_DIAG_SQLSTATE));
    const char *table = or_dash(PQresultErrorField(result, PG_DIAG_TABLE_NAME));
    const char *constraint = or_dash(PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME));
    const char *primary = or_dash(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    const char *found_by = or_dash(PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION));
    bool preparing = db->stage == STAGE_PREPARING;
    const char *name =
        db->read < db->sent && db->names ? db->names[db->read]->name : "prepare or commit";
    ErrKind kind;
    const char *code;
    classify(sqlstate, preparing, &kind, &code);
    if (preparing)
        ERR(err, kind, code, "SQLSTATE %s in %s: %s", sqlstate, name, primary);
    else
        ERR(err, kind, code, "SQLSTATE %s in %s, table %s, constraint %s, by %s", sqlstate, name,
            table, constraint, found_by);
}

/* --- connecting ------------------------------------------------------------------------------- */

static void start_connecting(Db *db)
{
    DbKeywords k = {0};
    const DbConfig *c = db->config;
    db_keywords(c, db->application, c->timeout_ms, c->timeout_ms, &k);
    db->deadline_ms = clock_mono_ms() + (int64_t)c->connect_timeout_ms;
    db->owner = getpid();
    db->stage = STAGE_CONNECTING;
    db->wants = PGRES_POLLING_WRITING;
    db->conn = PQconnectStartParams(k.names, k.values, 0);
    if (!db->conn)
        drop(db, ERR_RETRY, "db-away", STR("out of memory"));
    else if (PQstatus(db->conn) == CONNECTION_BAD)
        drop_away(db);
}

static void swallow_notice(void *context, const PGresult *result)
{
    (void)context;
    (void)result;
}

static void start_preparing(Db *db)
{
    PQsetNoticeReceiver(db->conn, swallow_notice, NULL);
    bool fine = PQsetnonblocking(db->conn, 1) == 0 && PQenterPipelineMode(db->conn) == 1;
    for (const DbStatement *const *s = db->statements; fine && *s; s++)
        fine = PQsendPrepare(db->conn, (*s)->name, (*s)->sql, 0, NULL) == 1;
    db->read = db->sent = 0;
    db->failed = false;
    if (fine && PQpipelineSync(db->conn) == 1)
        db->stage = STAGE_PREPARING;
    else
        drop_away(db);
}

static bool step_connecting(Db *db)
{
    db->wants = PQconnectPoll(db->conn);
    if (db->wants == PGRES_POLLING_OK) {
        start_preparing(db);
        return true;
    }
    if (db->wants == PGRES_POLLING_FAILED) {
        drop_away(db);
        return true;
    }
    return false;
}

/* Sends and receives what the socket takes and has. False: dropped. */
static bool pump(Db *db)
{
    if (PQflush(db->conn) < 0 || PQconsumeInput(db->conn) == 0) {
        drop_away(db);
        return false;
    }
    return true;
}

static bool step_preparing(Db *db)
{
    bool synced = false;
    while (!synced && !PQisBusy(db->conn)) {
        PGresult *result = PQgetResult(db->conn);
        if (!result && PQstatus(db->conn) == CONNECTION_BAD) {
            drop_away(db);
            return true;
        }
        synced = result && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        if (result && PQresultStatus(result) == PGRES_FATAL_ERROR && !db->failed) {
            error_from_result(db, result, &db->error);
            db->failed = true;
        }
        PQclear(result);
    }
    if (!synced)
        return false;
    if (db->failed) {
        Err why = db->error;
        drop(db, why.kind, why.code, str_from(why.text));
        return true;
    }
    db->stage = STAGE_READY;
    if (db->failures)
        log_info(db->log, "db.back", LOG_U64("failures", db->failures));
    db->failures = 0;
    return true;
}

/* --- a transaction ---------------------------------------------------------------------------- */

static void take_result(Db *db, PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        if (db->on_result)
            db->on_result(db->context, db->read, (const DbResult *)result);
        break;
    case PGRES_PIPELINE_ABORTED: /* skipped, because of the error before */
        break;
    default:
        if (!db->failed)
            error_from_result(db, result, &db->error);
        db->failed = true;
    }
}

/* After a failover the old primary may still talk to us, read-only or on its way out; after
 * a migration statements must be prepared anew ("cached plan must not change result type"). */
static bool needs_reconnect(const Err *err)
{
    return strcmp(err->code, "db-busy") == 0 || strcmp(err->code, "db-schema") == 0;
}

/* A result is followed by a NULL; the sync ends the transaction. */
static bool step_results(Db *db)
{
    while (db->ended && !PQisBusy(db->conn)) {
        PGresult *result = PQgetResult(db->conn);
        if (!result) {
            if (PQstatus(db->conn) == CONNECTION_BAD) {
                drop_away(db);
                return true;
            }
            db->read++;
            continue;
        }
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
            db->open = db->ended = false;
        else
            take_result(db, result);
        PQclear(result);
        if (PQstatus(db->conn) == CONNECTION_BAD) {
            drop_away(db);
            return true;
        }
    }
    if (!db->ended && db->failed && needs_reconnect(&db->error)) {
        Err why = db->error;
        drop(db, why.kind, why.code, str_from(why.text));
    }
    return !db->ended;
}

static void check_deadline(Db *db)
{
    bool under_way = db->stage == STAGE_CONNECTING || db->stage == STAGE_PREPARING || db->ended;
    if (under_way && clock_mono_ms() >= db->deadline_ms)
        drop(db, ERR_RETRY, db->ended ? "db-timeout" : "db-away",
             db->ended ? STR("transaction took too long") : STR("connecting took too long"));
}

static DbState state_of(const Db *db)
{
    if (db->ended)
        return DB_BUSY;
    return db->stage == STAGE_READY ? DB_IDLE : DB_AWAY;
}

static bool step(Db *db)
{
    switch (db->stage) {
    case STAGE_DOWN:
        if (clock_mono_ms() < db->retry_at_ms)
            return false;
        start_connecting(db);
        return true;
    case STAGE_CONNECTING:
        return step_connecting(db);
    case STAGE_PREPARING:
        return !pump(db) || step_preparing(db);
    case STAGE_READY:
        if (!db->ended)
            return false;
        if (pump(db))
            step_results(db);
        return false;
    }
    return false;
}

/* An idle connection that the server closed is readable: notice before the next use. First comes
 * its parting message, then the end. */
static void notice_close(Db *db)
{
    struct pollfd fd = {.fd = PQsocket(db->conn), .events = POLLIN};
    for (int turns = 0; turns < 4 && poll(&fd, 1, 0) > 0; turns++)
        if (PQconsumeInput(db->conn) == 0 || PQstatus(db->conn) == CONNECTION_BAD) {
            drop_away(db);
            db->retry_at_ms = 0; /* at once, this once: the server may only have been restarted */
            return;
        }
}

DbState db_progress(Db *db)
{
    CHECK(!db->conn || db->owner == getpid());
    if (db->stage == STAGE_READY && !db->ended && !db->open)
        notice_close(db);
    for (int turns = 0; turns < 8 && step(db); turns++)
        if (db->stage == STAGE_CONNECTING || db->stage == STAGE_DOWN)
            break; /* wait for the socket, or for the back-off */
    check_deadline(db);
    return state_of(db);
}

int db_fd(const Db *db)
{
    return db->conn ? PQsocket(db->conn) : -1;
}

short db_events(const Db *db)
{
    if (!db->conn)
        return 0;
    if (db->stage == STAGE_CONNECTING)
        return db->wants == PGRES_POLLING_WRITING ? POLLOUT : POLLIN;
    /* PQflush says 1 while there is something left to send; it cannot fail worse than next time. */
    return (short)(POLLIN | (PQflush(db->conn) == 1 ? POLLOUT : 0));
}

void db_wait(Db *db, uint32_t timeout_ms)
{
    int64_t now = clock_mono_ms(), until = now + timeout_ms;
    if (db->stage == STAGE_DOWN && db->retry_at_ms < until)
        until = db->retry_at_ms;
    if (db->stage != STAGE_DOWN && !(db->stage == STAGE_READY && !db->ended) &&
        db->deadline_ms < until)
        until = db->deadline_ms;
    int ms = until > now ? (int)(until - now) : 0;
    struct pollfd fd = {.fd = db_fd(db), .events = db_events(db)};
    poll(&fd, 1, ms);
}

static bool note_sent(Db *db, const DbStatement *statement)
{
    if (db->sent == db->names_room) {
        size_t room = db->names_room ? db->names_room * 2 : 64;
        const DbStatement **names = realloc(db->names, room * sizeof(DbStatement *));
        if (!names)
            return false;
        db->names = names;
        db->names_room = room;
    }
    db->names[db->sent++] = statement;
    return true;
}

/* What was sent so far shall not be committed by a later sync: only closing helps. */
static bool give_up(Db *db, ErrKind kind, const char *code, const char *text, Err *err)
{
    bool was_open = db->open;
    if (was_open && db->conn)
        drop(db, ERR_RETRY, "db-away", STR("transaction given up"));
    if (was_open)
        db->retry_at_ms = 0; /* our own doing: no reason to wait */
    return ERR(err, kind, code, "%s", text);
}

bool db_send(Db *db, const DbStatement *statement, const DbParams *params, Err *err)
{
    static const int binary[DB_PARAMS_MAX] = {
        [0 ... DB_PARAMS_MAX - 1] = 1,
    };
    CHECK(!db->ended);
    if (db->stage != STAGE_READY) {
        *err = db->error;
        return err->code ? false : ERR(err, ERR_RETRY, "db-away", "not connected yet");
    }
    if (params->failed)
        return give_up(db, ERR_INPUT, "db-data", statement->name, err);
    if (!db->open) {
        db->sent = db->read = 0;
        db->failed = false;
    }
    if (!note_sent(db, statement))
        return give_up(db, ERR_RETRY, "db-busy", "out of memory", err);
    db->open = true;
    if (PQsendQueryPrepared(db->conn, statement->name, params->count, params->values,
                            params->lengths, binary, 1) != 1)
        return give_up(db, ERR_RETRY, "db-away", "could not send", err);
    return true;
}

bool db_end(Db *db, DbOnResult on_result, void *context, Err *err)
{
    CHECK(!db->ended);
    if (db->stage != STAGE_READY)
        return give_up(db, ERR_RETRY, "db-away", "not connected", err);
    if (!db->open) { /* nothing was sent: nothing to wait for */
        db->failed = false;
        return true;
    }
    if (PQpipelineSync(db->conn) != 1)
        return give_up(db, ERR_RETRY, "db-away", "could not send", err);
    db->on_result = on_result;
    db->context = context;
    db->ended = true;
    db->deadline_ms = clock_mono_ms() + (int64_t)db->config->timeout_ms;
    return true;
}

bool db_outcome(Db *db, Err *err)
{
    CHECK(!db->ended);
    if (db->failed && err)
        *err = db->error;
    return !db->failed;
}

/* --- one statement, waiting ------------------------------------------------------------------- */

static void keep_result(void *context, size_t index, const DbResult *result)
{
    DbResult **ret = context; /* the last one's counts */
    (void)index;
    db_result_free(*ret);
    *ret = (DbResult *)PQcopyResult((const PGresult *)result, PG_COPYRES_ATTRS | PG_COPYRES_TUPLES);
}

static bool wait_idle(Db *db, int64_t until_ms, Err *err)
{
    while (db_progress(db) != DB_IDLE) {
        bool resting = db->stage == STAGE_DOWN; /* backing off: fail at once, do not queue up */
        int64_t left = until_ms - clock_mono_ms();
        if (resting || left <= 0) {
            *err = db->error;
            return err->code ? false : ERR(err, ERR_RETRY, "db-away", "not connected yet");
        }
        db_wait(db, (uint32_t)left);
    }
    return true;
}

bool db_run_after(Db *db, const DbStatement *first, const DbParams *first_params,
                  const DbStatement *statement, const DbParams *params, DbResult **ret_result,
                  Err *err)
{
    DbResult *result = NULL;
    int64_t until_ms = clock_mono_ms() + (int64_t)db->config->timeout_ms;
    TRY(wait_idle(db, until_ms, err));
    if (first)
        TRY(db_send(db, first, first_params, err));
    TRY(db_send(db, statement, params, err));
    TRY(db_end(db, ret_result ? keep_result : NULL, &result, err));
    while (db_progress(db) == DB_BUSY)
        db_wait(db, 1000);
    if (!db_outcome(db, err) || (ret_result && !result)) {
        db_result_free(result);
        return db->failed ? false : ERR(err, ERR_RETRY, "db-busy", "out of memory");
    }
    if (ret_result)
        *ret_result = result;
    return true;
}

bool db_run(Db *db, const DbStatement *statement, const DbParams *params, DbResult **ret_result,
            Err *err)
{
    return db_run_after(db, NULL, NULL, statement, params, ret_result, err);
}
