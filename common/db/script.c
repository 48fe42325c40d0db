#include "common/db/script.h"

#include <libpq-fe.h>
#include <string.h>

#include "common/db/connect.h"

struct DbScript {
    PGconn *conn;
};

static void swallow_notice(void *context, const PGresult *result)
{
    (void)context;
    (void)result;
}

/* The server counts characters; our files are ASCII, and an editor counts lines. */
static unsigned line_at(const char *sql, const char *position)
{
    unsigned line = 1;
    uint64_t at = 0;
    if (!position || !str_to_u64(str_from(position), &at))
        return 0;
    for (uint64_t i = 1; i < at && sql[i - 1]; i++)
        line += sql[i - 1] == '\n';
    return line;
}

/* Of what is stored, while it is changed: no place in our SQL. */
static bool may_quote_values(const char *sqlstate, const char *position)
{
    return !position && (!sqlstate || strncmp(sqlstate, "22", 2) == 0 ||
                         strncmp(sqlstate, "23", 2) == 0 || strcmp(sqlstate, "42601") == 0);
}

static bool report(PGconn *conn, const char *sql, const PGresult *result, Err *err)
{
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *at = result ? PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION) : NULL;
    const char *constraint = result ? PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME) : NULL;
    if (primary && PQstatus(conn) == CONNECTION_OK && may_quote_values(sqlstate, at))
        return ERR(err, ERR_FATAL, "db-script", "line %u: SQLSTATE %s, constraint %s",
                   line_at(sql, at), sqlstate, constraint ? constraint : "-");
    if (primary && PQstatus(conn) == CONNECTION_OK)
        return ERR(err, ERR_FATAL, "db-script", "line %u: SQLSTATE %s: %s", line_at(sql, at),
                   sqlstate, primary);
    Str text = db_first_line(PQerrorMessage(conn));
    return ERR(err, ERR_RETRY, "db-away", "%.*s", STR_ARG(text));
}

bool db_script_open(const DbConfig *config, uint64_t lock_timeout_ms, DbScript **ret_script,
                    Err *err)
{
    DbKeywords k = {0};
    db_keywords(config, "fhirbus-migrate", 0, lock_timeout_ms, &k);
    PGconn *conn = PQconnectdbParams(k.names, k.values, 0);
    DbScript *script = malloc(sizeof *script);
    if (conn && script && PQstatus(conn) == CONNECTION_OK) {
        PQsetNoticeReceiver(conn, swallow_notice, NULL);
        script->conn = conn;
        *ret_script = script;
        return true;
    }
    bool failed =
        conn ? report(conn, "", NULL, err) : ERR(err, ERR_RETRY, "db-away", "out of memory");
    free(script);
    PQfinish(conn);
    return failed;
}

void db_script_close(DbScript *script)
{
    if (!script)
        return;
    PQfinish(script->conn);
    free(script);
}

bool db_script_run(DbScript *script, const char *sql, const DbParams *params, DbResult **ret_result,
                   Err *err)
{
    static const int binary[DB_PARAMS_MAX] = {
        [0 ... DB_PARAMS_MAX - 1] = 1,
    };
    PGresult *result = params ? PQexecParams(script->conn, sql, params->count, NULL, params->values,
                                             params->lengths, binary, 1)
                              : PQexec(script->conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
        report(script->conn, sql, result, err);
        PQclear(result);
        return false;
    }
    if (ret_result)
        *ret_result = (DbResult *)result;
    else
        PQclear(result);
    return true;
}

bool db_script_set_password(DbScript *script, const char *role, const char *password, Err *err)
{
    char *verifier = PQencryptPasswordConn(script->conn, password, role, "scram-sha-256");
    char *name = PQescapeIdentifier(script->conn, role, strlen(role));
    char *secret = verifier ? PQescapeLiteral(script->conn, verifier, strlen(verifier)) : NULL;
    char sql[1024];
    bool fits =
        name && secret &&
        snprintf(sql, sizeof sql, "ALTER ROLE %s PASSWORD %s", name, secret) < (int)sizeof sql;
    PQfreemem(verifier);
    PQfreemem(name);
    PQfreemem(secret);
    if (!fits)
        return ERR(err, ERR_FATAL, "db-script", "could not encrypt the password of %s", role);
    return db_script_run(script, sql, NULL, NULL, err);
}
