/* db - PostgreSQL as the services need it: named statements, whole transactions, no surprises.
 *
 *   static const DbStatement find_claim = {"claim-find", "SELECT ... WHERE tenant = $1 ..."};
 *   db_params_init(&params, arena); db_text(&params, tenant);
 *   if (!db_run(db, &find_claim, &params, &result, err)) ...          one statement, waits
 *
 *   db_send(db, &a, &params, err); db_send(db, &b, &params, err);      many, does not wait:
 *   db_end(db, on_result, context, err);                               one transaction,
 *   while (db_progress(db) == DB_BUSY) db_wait(db, 100);               committed as a whole
 *   ok = db_outcome(db, err);
 *
 * Rule:    there is no general query(): statements are constants, prepared at connect. Everything
 *          between two db_end is one transaction (libpq's pipeline), all or nothing.
 * Owner:   DbResult is freed by db_result_free; one given to DbOnResult only lives for the call.
 * Threads: a Db belongs to one thread at a time; see DbPool. Names are resolved by the system's
 *          resolver, which may block; addresses never do.
 * Errors:  ERR_RETRY "db-away" (not connected; also while backing off), "db-timeout", "db-conflict"
 *          (deadlock, serialization), "db-busy" (shut down, out of something), "db-schema" (objects
 *          or rights missing: migrate), "db-error"; ERR_INPUT "db-data" (the values can never be
 *          stored, or are no query of the kind that is asked for): that transaction's own, and the
 *          connection stays. Texts name SQLSTATE, statement, table and constraint, never a value.
 * After an error: the Db reconnects by itself, with back-off from 0.1 to 10 s. Nothing of a failed
 *          transaction is kept, save that "db-away" and "db-timeout" after db_end may hide
 *          a commit: statements must bear repeating. */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/obs/log.h"

typedef struct Db Db;
typedef struct DbResult DbResult; /* a PGresult */

/* Settings DB_*, see db_options.h. */
typedef struct DbConfig {
    const char *host; /* name, address or socket folder; several by comma: the writable one */
    const char *port; /* one for all hosts, or as many as hosts */
    const char *database;
    const char *user;
    const char *password; /* NULL: none */
    int tls;              /* index of DB_TLS_CHOICES */
    const char *ca_file;
    const char *certificate_file;
    const char *key_file;
    uint64_t connect_timeout_ms;
    uint64_t timeout_ms; /* one statement on the server; one transaction here */
} DbConfig;
#define DB_TLS_CHOICES "disable|require|verify-ca|verify-full"

typedef struct DbStatement {
    const char *name; /* unique, in logs: "message-insert" */
    const char *sql;
} DbStatement;

/* --- parameters: binary, built in an arena -------------------------------------------------- */
enum { DB_PARAMS_MAX = 64 };
typedef struct DbParams {
    Arena *arena;
    int count;
    const char *values[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX];
    bool failed; /* out of memory, not a UUID ...: db_send says so */
} DbParams;
void db_params_init(DbParams *params, Arena *arena);
/* Text must be UTF-8 without NUL: what is not becomes U+FFFD. ptr NULL: NULL. */
void db_text(DbParams *params, Str text);
void db_text_or_null(DbParams *params, Str text); /* empty: NULL */
void db_bytes(DbParams *params, Str bytes);       /* borrowed; ptr NULL: NULL */
void db_uuid(DbParams *params, Str text);         /* empty: NULL */
void db_int(DbParams *params, int32_t value);
void db_bigint(DbParams *params, int64_t value);
void db_bool(DbParams *params, bool value);
void db_time_us(DbParams *params, int64_t unix_us); /* 0: NULL */
void db_null(DbParams *params);
/* One-dimensional arrays; elements by the same rules. */
void db_text_array(DbParams *params, const Str *texts, size_t count);
void db_text_or_null_array(DbParams *params, const Str *texts, size_t count);
void db_uuid_array(DbParams *params, const Str *texts, size_t count);
void db_bytes_array(DbParams *params, const Str *list, size_t count);
void db_bigint_array(DbParams *params, const int64_t *values, size_t count);
void db_int_array(DbParams *params, const int32_t *values, size_t count);
void db_time_us_array(DbParams *params, const int64_t *unix_us, size_t count);

/* --- results: binary ------------------------------------------------------------------------ */
size_t db_rows(const DbResult *result);
uint64_t db_affected(const DbResult *result); /* rows that an INSERT, UPDATE or DELETE touched */
bool db_is_null(const DbResult *result, size_t row, int column);
/* The reader must match the column's type; NULL reads as empty, 0, false. Str live as long as the
 * result. Columns by number, in the order of the SELECT. */
Str db_get_text(const DbResult *result, size_t row, int column);    /* text, bytea */
int64_t db_get_int(const DbResult *result, size_t row, int column); /* smallint, integer, bigint */
bool db_get_bool(const DbResult *result, size_t row, int column);
int64_t db_get_time_us(const DbResult *result, size_t row, int column); /* timestamptz */
bool db_get_uuid(const DbResult *result, size_t row, int column, char ret_text[37]);
/* Elements of a text[]; in `arena`. */
bool db_get_text_array(const DbResult *result, size_t row, int column, Arena *arena,
                       const Str **ret_list, size_t *ret_count) MUST_USE;
void db_result_free(DbResult *result); /* NULL is fine */

/* --- the connection ------------------------------------------------------------------------- */
/* Connects in the background; `statements` (NULL-terminated) and `config` outlive the Db. */
Db *db_new(const DbConfig *config, const DbStatement *const *statements, const char *application,
           const Log *log);
void db_free(Db *db); /* NULL is fine */

typedef enum DbState {
    DB_AWAY, /* connecting, preparing or backing off */
    DB_IDLE, /* send something */
    DB_BUSY, /* a transaction is under way */
} DbState;
/* Moves everything as far as it goes without waiting: connection, sending, results. */
DbState db_progress(Db *db);
/* Waits until db_progress has something to do, at most timeout_ms. */
void db_wait(Db *db, uint32_t timeout_ms);
/* For an outer poll(): -1 while backing off; events to wait for. */
int db_fd(const Db *db);
short db_events(const Db *db);

typedef void (*DbOnResult)(void *context, size_t index, const DbResult *result);
/* Only in DB_IDLE, or after other db_send. A failed send ends what was begun. */
bool db_send(Db *db, const DbStatement *statement, const DbParams *params, Err *err) MUST_USE;
/* With nothing sent it has ended well already. */
bool db_end(Db *db, DbOnResult on_result, void *context, Err *err) MUST_USE;
/* How the last transaction ended; asked once db_progress is no longer DB_BUSY. */
bool db_outcome(Db *db, Err *err) MUST_USE;

/* One statement as a transaction of its own; connects if need be and waits, at most
 * timeout_ms of the config in all. ret_result may be NULL. */
bool db_run(Db *db, const DbStatement *statement, const DbParams *params, DbResult **ret_result,
            Err *err) MUST_USE;
/* The same, `first` before it in the same transaction (its result is nobody's). */
bool db_run_after(Db *db, const DbStatement *first, const DbParams *first_params,
                  const DbStatement *statement, const DbParams *params, DbResult **ret_result,
                  Err *err) MUST_USE;
