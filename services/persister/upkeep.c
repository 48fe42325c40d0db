#include "services/persister/upkeep.h"

#include "common/base/clock.h"
#include "services/persister/statements.h"

typedef struct UpkeepTask {
    const DbStatement *statement; /* NULL: the last */
    enum { ARG_NONE, ARG_MONTHS, ARG_PURGE, ARG_AUDIT, ARG_REFRESH } argument;
    enum { SUM_MADE, SUM_DEFAULTS, SUM_PURGED, SUM_CALLBACKS, SUM_DROPPED, SUM_NONE } sum;
    bool until_zero;
} UpkeepTask;

/* One round, in order; a task that yields a number may ask to be repeated. */
static const UpkeepTask upkeep_tasks[] = {
    {&sql_make_months,     ARG_MONTHS, SUM_MADE, true},
    {&sql_default_rows,            ARG_NONE, SUM_DEFAULTS, false},
    {&sql_settle_defaults,                    ARG_NONE, SUM_MADE, true},
    {&sql_purge, ARG_PURGE, SUM_PURGED, true},
    {&sql_keep_callbacks,               ARG_NONE, SUM_CALLBACKS, false},
    {&sql_drop_months, ARG_NONE, SUM_DROPPED, true},
    {&sql_audit_months,            ARG_AUDIT, SUM_DROPPED, false},
    {&sql_purge_grid,                    ARG_PURGE, SUM_PURGED, true},
    {&sql_purge_loaded,           ARG_NONE, SUM_PURGED, false},
    {0               },
};
/* What the diagnostics pages read, brought up to date. */
static const UpkeepTask grid_tasks[] = {
    {&sql_refresh_grid, ARG_REFRESH, SUM_NONE, true},
    {0        },
};
/* A part that fails is tried again with half its rows, down to one: on a slow machine it would
 * take too long for ever. After so many that went well, with twice as many. */
enum { REFRESH_ROWS = 250, RETRY_MS = 10000, HALVED_MAX = 16, STEADY = 16 };

struct Upkeep {
    const Settings *settings;
    const Counts *counts;
    const Log *log;
    const UpkeepTask *tasks;
    int64_t interval_ms;
    Db *db;
    Arena *arena;
    size_t next;  /* task; the last, without a statement: resting */
    bool running; /* its transaction is under way */
    int64_t value;
    int64_t wake_at_ms;
    uint64_t rounds;
    unsigned halved, steady; /* how often a part was halved; how many went well since */
};

static Upkeep *begin(const Settings *settings, const Counts *counts, const Log *log,
                     const UpkeepTask *tasks, const DbStatement *const *statements,
                     int64_t interval_ms)
{
    Upkeep *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    *u = (Upkeep){.settings = settings,
                  .counts = counts,
                  .log = log,
                  .tasks = tasks,
                  .interval_ms = interval_ms};
    u->arena = arena_new(1 << 20);
    u->db = db_new(&settings->db, statements, "fhirbus-persister upkeep", log);
    if (u->arena && u->db)
        return u;
    upkeep_free(u);
    return NULL;
}

Upkeep *upkeep_new(const Settings *settings, const Counts *counts, const Log *log)
{
    return begin(settings, counts, log, upkeep_tasks, upkeep_statements,
                 (int64_t)settings->upkeep_interval_s * 1000);
}

Upkeep *upkeep_new_grid(const Settings *settings, const Counts *counts, const Log *log)
{
    return begin(settings, counts, log, grid_tasks, grid_statements,
                 (int64_t)settings->grid_interval_ms);
}

void upkeep_free(Upkeep *upkeep)
{
    if (!upkeep)
        return;
    db_free(upkeep->db);
    arena_free(upkeep->arena);
    free(upkeep);
}

uint64_t upkeep_rounds(const Upkeep *upkeep)
{
    return upkeep->rounds;
}

static void rest(Upkeep *u)
{
    while (u->tasks[u->next].statement)
        u->next++;
    u->wake_at_ms = clock_mono_ms() + u->interval_ms;
}

static int32_t part(const Upkeep *u, uint64_t rows)
{
    uint64_t least = rows >> u->halved;
    return least ? (int32_t)least : 1;
}

static bool goes_by_parts(const UpkeepTask *task)
{
    return task->argument == ARG_PURGE || task->argument == ARG_REFRESH;
}

static void learn(Upkeep *u, bool fine)
{
    if (!goes_by_parts(&u->tasks[u->next]))
        return;
    if (!fine && u->halved < HALVED_MAX)
        u->halved++;
    u->steady = fine ? u->steady + 1 : 0;
    if (u->halved && u->steady >= STEADY) {
        u->halved--;
        u->steady = 0;
    }
}

static void fail(Upkeep *u, const Err *err)
{
    learn(u, false);
    log_warn(u->log, "upkeep.failed", LOG_ERR(err),
             LOG_TEXT("task", u->tasks[u->next].statement->name));
    rest(u);
    if (err->kind == ERR_RETRY && u->interval_ms > RETRY_MS)
        u->wake_at_ms = clock_mono_ms() + RETRY_MS;
}

static void note_value(void *context, size_t index, const DbResult *result)
{
    Upkeep *u = context;
    (void)index;
    u->value = db_rows(result) ? db_get_int(result, 0, 0) : 0;
}

static void start_task(Upkeep *u)
{
    const UpkeepTask *task = &u->tasks[u->next];
    DbParams params;
    Err err = {0};
    arena_reset(u->arena);
    db_params_init(&params, u->arena);
    if (task->argument == ARG_MONTHS || task->argument == ARG_AUDIT)
        db_int(&params, (int32_t)u->settings->months_ahead);
    if (task->argument == ARG_AUDIT)
        db_int(&params, (int32_t)u->settings->audit_retention_days);
    if (task->argument == ARG_PURGE)
        db_int(&params, part(u, u->settings->purge_rows));
    else if (task->argument == ARG_REFRESH)
        db_int(&params, part(u, REFRESH_ROWS));
    if (db_send(u->db, task->statement, &params, &err) && db_end(u->db, note_value, u, &err))
        u->running = true;
    else
        fail(u, &err);
}

static void count(const Upkeep *u, const UpkeepTask *task)
{
    uint64_t value = u->value > 0 ? (uint64_t)u->value : 0;
    switch (task->sum) {
    case SUM_NONE:
        return;
    case SUM_MADE:
        counter_add(u->counts->months_made, value);
        break;
    case SUM_DEFAULTS:
        gauge_set(u->counts->default_rows, (double)value);
        break;
    case SUM_PURGED:
        counter_add(u->counts->purged_rows, value);
        break;
    case SUM_CALLBACKS: /* said in the log */
        break;
    case SUM_DROPPED:
        counter_add(u->counts->months_dropped, value);
        break;
    }
    if (value && task->sum != SUM_DEFAULTS)
        log_info(u->log, "upkeep.done", LOG_TEXT("task", task->statement->name),
                 LOG_U64("count", value));
    if (value && task->sum == SUM_DEFAULTS)
        log_warn(u->log, "upkeep.default_partition_rows", LOG_U64("count", value));
}

static void finish_task(Upkeep *u)
{
    const UpkeepTask *task = &u->tasks[u->next];
    Err err = {0};
    u->running = false;
    if (!db_outcome(u->db, &err)) {
        fail(u, &err);
        return;
    }
    learn(u, true);
    count(u, task);
    if (task->until_zero && u->value > 0)
        return; /* once more */
    if (!u->tasks[++u->next].statement) {
        u->rounds++;
        rest(u);
    }
}

void upkeep_step(Upkeep *u)
{
    DbState state = db_progress(u->db);
    if (u->running && state != DB_BUSY)
        finish_task(u);
    if (u->running)
        return;
    bool resting = !u->tasks[u->next].statement;
    if (resting && clock_mono_ms() >= u->wake_at_ms) {
        u->next = 0;
        resting = false;
    }
    if (!resting && db_progress(u->db) == DB_IDLE)
        start_task(u);
}
