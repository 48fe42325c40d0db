/* fhirbus-migrate: brings the database to this version's schema, or says how far it is.
 *
 * Exit codes: 0 done / up to date; 1 `status` found something to do; 2 wrong usage or settings;
 * 3 the database is newer than this program, or an applied file has changed; 4 could not. */
#include <unistd.h>

#include "common/base/clock.h"
#include "common/config/config.h"
#include "common/db/db_options.h"
#include "common/db/script.h"
#include "tools/fhirbus-migrate/migrations.h"

enum { EXIT_PENDING = 1, EXIT_USAGE = 2, EXIT_NEWER = 3, EXIT_FAILED = 4 };

typedef struct MigrateConfig {
    DbConfig db;
    const char *folder;
    uint64_t wait_ms;
    uint64_t lock_timeout_ms;
    const char *passwords[4];
} MigrateConfig;

#define OPT(...) CONFIG_OPTION(MigrateConfig, __VA_ARGS__)
static const ConfigOption options[] = {
    DB_OPTIONS(MigrateConfig, db, "fhirbus_owner"),
    OPT("MIGRATIONS_DIR", CONFIG_TEXT, folder, NULL, "NNNN_name.sql from here, not those built in"),
    OPT("WAIT_MS", CONFIG_UINT, wait_ms, "0", "how long to wait for the database to come up",
        .max = 3600000),
    OPT("LOCK_TIMEOUT_MS", CONFIG_UINT, lock_timeout_ms, "30000",
        "how long a statement waits for a lock before the migration is given up", .max = 3600000),
    OPT("INGEST_DB_PASSWORD", CONFIG_SECRET, passwords[0], NULL,
        "set for role fhirbus_ingest after `up`"),
    OPT("PERSISTER_DB_PASSWORD", CONFIG_SECRET, passwords[1], NULL,
        "set for role fhirbus_persister after `up`"),
    OPT("SUBMITTER_DB_PASSWORD", CONFIG_SECRET, passwords[2], NULL,
        "set for role fhirbus_submitter after `up`"),
    OPT("OPERATOR_DB_PASSWORD", CONFIG_SECRET, passwords[3], NULL,
        "set for role fhirbus_operator after `up`"),
    {0},
};
static const char *const password_roles[] = {"fhirbus_ingest", "fhirbus_persister",
                                             "fhirbus_submitter", "fhirbus_operator"};

static const ConfigProgram program = {
    .name = "fhirbus-migrate",
    .summary = "brings the database to this version's schema",
    .usage = "  up       apply what is missing, each file in a transaction; safe to repeat and to\n"
             "           run from several places at once\n"
             "  status   what is applied and what is not; exit 0 when up to date, 1 when not\n"
             "  list     the migrations this program knows",
    .options = options,
};

typedef struct Job {
    const MigrateConfig *config;
    Arena *arena;
    DbScript *db;
    Migration *list;
    size_t count;
    size_t applied; /* list[0..applied) are in the database */
} Job;

/* --- the record of what is applied -------------------------------------------------------------
 */

static const char sql_record[] = "CREATE SCHEMA IF NOT EXISTS fhirbus;"
                                 "CREATE TABLE IF NOT EXISTS fhirbus.schema_migration ("
                                 "    number     integer PRIMARY KEY,"
                                 "    name       text NOT NULL,"
                                 "    sha256     text NOT NULL,"
                                 "    applied_at timestamptz NOT NULL DEFAULT now(),"
                                 "    applied_by text NOT NULL DEFAULT session_user,"
                                 "    took_ms    bigint NOT NULL)";
static const char sql_exists[] = "SELECT to_regclass('fhirbus.schema_migration') IS NOT NULL";
static const char sql_applied[] =
    "SELECT number, name, sha256 FROM fhirbus.schema_migration ORDER BY number";
static const char sql_insert[] =
    "INSERT INTO fhirbus.schema_migration (number, name, sha256, took_ms) "
    "VALUES ($1, $2, $3, $4)";
/* One migration at a time in a database; whoever comes second waits, then finds all done. */
static const char sql_lock[] = "SELECT pg_advisory_lock(hashtextextended('fhirbus-migrate', 0))";

static bool run(Job *job, const char *sql, DbResult **ret_result, Err *err)
{
    DbParams none;
    db_params_init(&none, job->arena);
    return db_script_run(job->db, sql, &none, ret_result, err);
}

/* Applied files must be ours, unchanged, and no more than ours. */
static bool check_applied(Job *job, const DbResult *rows, Err *err)
{
    for (size_t i = 0; i < db_rows(rows); i++) {
        int64_t number = db_get_int(rows, i, 0);
        Str name = db_get_text(rows, i, 1);
        if (i >= job->count)
            return ERR(err, ERR_INPUT, "schema-newer",
                       "the database has %.*s, which this program does not know: it is of a newer "
                       "version; nothing was done",
                       STR_ARG(name));
        if (number != (int64_t)job->list[i].number ||
            !str_is(db_get_text(rows, i, 2), job->list[i].sha256))
            return ERR(err, ERR_INPUT, "schema-changed",
                       "%.*s was applied with another content than %s has now; an applied file "
                       "never changes: add a new one",
                       STR_ARG(name), job->list[i].name);
    }
    job->applied = db_rows(rows);
    return true;
}

static bool read_applied(Job *job, Err *err)
{
    DbResult *rows = NULL;
    TRY(run(job, sql_exists, &rows, err));
    bool exists = db_get_bool(rows, 0, 0);
    db_result_free(rows);
    job->applied = 0;
    if (!exists)
        return true;
    TRY(run(job, sql_applied, &rows, err));
    bool fine = check_applied(job, rows, err);
    db_result_free(rows);
    return fine;
}

/* --- commands -----------------------------------------------------------------------------------
 */

static bool apply_inside(Job *job, const Migration *m, Err *err)
{
    int64_t start_ms = clock_mono_ms();
    TRY(db_script_run(job->db, m->sql, NULL, NULL, err));
    DbParams params;
    db_params_init(&params, job->arena);
    db_int(&params, (int32_t)m->number);
    db_text(&params, str_from(m->name));
    db_text(&params, str_from(m->sha256));
    db_bigint(&params, clock_mono_ms() - start_ms);
    return db_script_run(job->db, sql_insert, &params, NULL, err);
}

static bool apply(Job *job, const Migration *m, Err *err)
{
    int64_t start_ms = clock_mono_ms();
    TRY(db_script_run(job->db, "BEGIN", NULL, NULL, err));
    if (!apply_inside(job, m, err)) {
        Err ignored = {0};
        Err why = *err;
        if (!db_script_run(job->db, "ROLLBACK", NULL, NULL, &ignored))
            why.kind = ERR_FATAL;
        return ERR(err, why.kind, why.code, "%s: %.200s", m->name, why.text);
    }
    TRY(db_script_run(job->db, "COMMIT", NULL, NULL, err));
    printf("%s applied in %lld ms\n", m->name, (long long)(clock_mono_ms() - start_ms));
    fflush(stdout);
    return true;
}

static bool command_up(Job *job, Err *err)
{
    TRY(db_script_run(job->db, "SET lock_timeout = 0", NULL, NULL, err));
    TRY(run(job, sql_lock, NULL, err));
    TRY(db_script_run(job->db, "RESET lock_timeout", NULL, NULL, err));
    TRY(read_applied(job, err));
    if (job->applied < job->count)
        TRY(db_script_run(job->db, sql_record, NULL, NULL, err));
    size_t before = job->applied;
    for (; job->applied < job->count; job->applied++)
        TRY(apply(job, &job->list[job->applied], err));
    for (size_t i = 0; i < sizeof password_roles / sizeof *password_roles; i++)
        if (job->config->passwords[i])
            TRY(db_script_set_password(job->db, password_roles[i], job->config->passwords[i], err));
    printf("schema is at %04zu; %zu applied now\n", job->count, job->count - before);
    return true;
}

static bool command_status(Job *job, Err *err)
{
    TRY(read_applied(job, err));
    for (size_t i = 0; i < job->count; i++)
        printf("%s  %s\n", i < job->applied ? "applied" : "pending", job->list[i].name);
    return true;
}

static bool open_waiting(Job *job, Err *err)
{
    int64_t until_ms = clock_mono_ms() + (int64_t)job->config->wait_ms;
    while (!db_script_open(&job->config->db, job->config->lock_timeout_ms, &job->db, err)) {
        if (err->kind != ERR_RETRY || clock_mono_ms() >= until_ms)
            return false;
        usleep(250000);
    }
    return true;
}

static int exit_code(const Err *err)
{
    fprintf(stderr, "fhirbus-migrate: %s: %s\n", err->code, err->text);
    return strncmp(err->code, "schema-", 7) == 0 ? EXIT_NEWER : EXIT_FAILED;
}

static int act(Job *job, Str command)
{
    Err err = {0};
    if (!migrations_load(job->config->folder, job->arena, &job->list, &job->count, &err))
        return exit_code(&err);
    if (str_is(command, "list")) {
        for (size_t i = 0; i < job->count; i++)
            printf("%s %s\n", job->list[i].sha256, job->list[i].name);
        return 0;
    }
    bool up = str_is(command, "up");
    bool fine = open_waiting(job, &err) && (up ? command_up(job, &err) : command_status(job, &err));
    db_script_close(job->db);
    if (!fine)
        return exit_code(&err);
    return job->applied < job->count ? EXIT_PENDING : 0;
}

int main(int argc, char **argv)
{
    ARENA_AUTO arena = arena_new((size_t)256 << 20);
    MigrateConfig config = {0};
    int next = argc;
    ConfigStart start = config_start(&program, argc, argv, arena, &config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : EXIT_USAGE;
    Str command = next + 1 == argc ? str_from(argv[next]) : STR("");
    if (!str_is(command, "up") && !str_is(command, "status") && !str_is(command, "list")) {
        fprintf(stderr, "fhirbus-migrate: expected one of up, status, list; see --help\n");
        return EXIT_USAGE;
    }
    Job job = {.config = &config, .arena = arena};
    return act(&job, command);
}
