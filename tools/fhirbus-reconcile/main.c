/* fhirbus-reconcile: acknowledged interactions (topics) beside the store and the lake's answers. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/seen.h"
#include "common/bus/bus_options.h"
#include "common/config/config.h"
#include "common/db/db_options.h"
#include "common/envelope/envelope.h"
#include "tools/fhirbus-reconcile/report.h"

enum { BATCH = 500, POLL_MS = 200, QUIET_MS = 60000, ARENA_MAX = 512 * 1024 * 1024 };
/* A busy database may be slow, or away for a while: that is no reason to give up a night's work. */
enum { ANSWER_MS = 120000, TRIES_MAX = 5, TRY_AGAIN_MS = 2000 };

typedef struct ToolConfig {
    BusConfig bus;
    DbConfig db;
    uint64_t grace_s, list_max;
    const char *metrics_file, *push_url, *push_ca;
} ToolConfig;

#define OPT(...) CONFIG_OPTION(ToolConfig, __VA_ARGS__)
static const ConfigOption options[] = {
    BUS_OPTIONS(ToolConfig, bus),
    DB_OPTIONS(ToolConfig, db, "fhirbus_ingest"),
    OPT("GRACE_S", CONFIG_UINT, grace_s, "900",
        "what was received less long ago is still under way", .max = 31536000),
    OPT("LIST_MAX", CONFIG_UINT, list_max, "1000", "interactions listed; all are counted",
        .max = 10000000),
    OPT("METRICS_FILE", CONFIG_TEXT, metrics_file, NULL,
        "written for a textfile collector, whole or not at all"),
    OPT("METRICS_PUSH_URL", CONFIG_TEXT, push_url, NULL,
        "of a Prometheus Pushgateway, which keeps the metrics until the next run"),
    OPT("METRICS_PUSH_CA_FILE", CONFIG_TEXT, push_ca, NULL, "PEM; default: the system's"),
    {0},
};

/* Of each interaction: stored how often, answered or not to be, by how many acceptances that no
 * operator asked for, and which destinations still owe an answer: those that were chosen ($4:
 * before then, else there is still time), whether or not its record ever came to their topics. */
static const DbStatement compare = {
    "reconcile",
    "SELECT k.id::text, k.tenant,"
    " (SELECT count(*) FROM fhirbus.message m WHERE m.interaction_id = k.id AND m.tenant = k.tenant"
    "   AND m.sha256 = k.sha256),"
    " coalesce((SELECT i.state FROM fhirbus.interaction i WHERE i.interaction_id = k.id"
    "   AND i.tenant_id = k.tenant), 'unknown'),"
    " coalesce((SELECT v.action FROM fhirbus.verdict v WHERE v.interaction_id = k.id"
    "   AND v.tenant = k.tenant AND v.sha256 = k.sha256 ORDER BY v.replay_id DESC, v.attempt DESC"
    "   LIMIT 1), ''),"
    " coalesce((SELECT max(n) FROM (SELECT count(*) AS n FROM fhirbus.delivery d"
    "   WHERE d.interaction_id = k.id AND d.tenant = k.tenant AND d.sha256 = k.sha256 AND d.success"
    "     AND NOT EXISTS (SELECT FROM fhirbus.replay p WHERE p.replay_id = d.replay_id AND "
    "p.resubmit)"
    "   GROUP BY d.destination) x), 0),"
    " coalesce(o.late, ''), coalesce(o.waiting, false)"
    " FROM unnest($1::text[], $2::uuid[], $3::bytea[]) AS k (tenant, id, sha256)"
    " LEFT JOIN LATERAL (SELECT string_agg(s.destination, ',' ORDER BY s.destination)"
    "     FILTER (WHERE coalesce(e.at, '-infinity') < $4::timestamptz) AS late,"
    "   bool_or(coalesce(e.at, '-infinity') >= $4::timestamptz) AS waiting"
    "   FROM fhirbus.thread_state s LEFT JOIN LATERAL (SELECT max(n.happened_at) AS at"
    "     FROM fhirbus.event n WHERE n.interaction_id = k.id AND n.tenant = k.tenant"
    "       AND n.sha256 = k.sha256 AND n.step = 'routed' AND n.destination = s.destination) e ON "
    "true"
    "   WHERE s.interaction_id = k.id AND s.tenant = k.tenant AND s.sha256 = k.sha256"
    "     AND s.destination <> '' AND s.state NOT IN ('COMPLETE', 'FAIL')) o ON true"
    " WHERE NOT EXISTS (SELECT FROM fhirbus.registry r, fhirbus.horizon h WHERE"
    "   r.interaction_id = k.id AND r.tenant = k.tenant AND r.received_at < h.received_before)"};
static const DbStatement *const statements[] = {&compare, NULL};

typedef struct Tool {
    Seen seen;
    ToolConfig *config;
    Db *db;
    Arena *batch, *scratch;
    int64_t until_us; /* received before: due */
    Str tenants[BATCH], ids[BATCH], hashes[BATCH];
    bool validate_only[BATCH];
    size_t count;
    uint64_t listed;
    Totals totals;
} Tool;

/* --- one batch -------------------------------------------------------------------------------- */

static void list(Tool *tool, const char *what, const DbResult *result, size_t row)
{
    Str late = db_get_text(result, row, 6);
    if (tool->listed++ < tool->config->list_max)
        printf("%s %.*s %.*s %.*s%s%.*s\n", what, STR_ARG(db_get_text(result, row, 0)),
               STR_ARG(db_get_text(result, row, 1)), STR_ARG(db_get_text(result, row, 3)),
               late.len ? " " : "", STR_ARG(late));
}

static void judge(Tool *tool, const DbResult *result, size_t row, bool validate_only)
{
    Totals *t = &tool->totals;
    int64_t stored = db_get_int(result, row, 2), accepted = db_get_int(result, row, 5);
    Str state = db_get_text(result, row, 3);
    bool ends_there = validate_only || str_is(db_get_text(result, row, 4), "discard");
    bool answered = str_is(state, "COMPLETE") || (ends_there && str_is(state, "DISPOSITION"));
    t->stored += stored > 0;
    t->answered += answered;
    if (stored == 0) {
        t->missing++;
        list(tool, "not-stored", result, row);
    } else if (stored > 1 || accepted > 1) {
        t->doubled++;
        list(tool, "doubled", result, row);
    } else if (db_get_text(result, row, 6).len) { /* one destination's, whatever others said */
        t->missing++;
        list(tool, "no-answer", result, row);
    } else if (db_get_bool(result, row, 7)) {
        t->open++;
    } else if (str_is(state, "FAIL")) { /* an answer, and listed by nyec-submission-failed */
        t->refused++;
    } else if (!answered) {
        t->missing++;
        list(tool, "no-answer", result, row);
    }
}

static bool is_validate_only(const Tool *tool, Str id, Str tenant)
{
    for (size_t i = 0; i < tool->count; i++)
        if (str_eq_ignore_case(tool->ids[i], id) && str_eq(tool->tenants[i], tenant))
            return tool->validate_only[i];
    return false;
}

static bool ask(Tool *tool, const DbParams *params, DbResult **ret_result, Err *err)
{
    for (int tries = 1; !db_run(tool->db, &compare, params, ret_result, err); tries++) {
        if (err->kind != ERR_RETRY || tries == TRIES_MAX)
            return false;
        poll(NULL, 0, TRY_AGAIN_MS);
    }
    return true;
}

static bool flush(Tool *tool, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    if (tool->count == 0)
        return true;
    db_params_init(&params, tool->batch);
    db_text_array(&params, tool->tenants, tool->count);
    db_uuid_array(&params, tool->ids, tool->count);
    db_bytes_array(&params, tool->hashes, tool->count);
    db_time_us(&params, tool->until_us);
    TRY(ask(tool, &params, &result, err));
    tool->totals.acknowledged += db_rows(result);
    for (size_t i = 0; i < db_rows(result); i++)
        judge(tool, result, i,
              is_validate_only(tool, db_get_text(result, i, 0), db_get_text(result, i, 1)));
    db_result_free(result);
    arena_reset(tool->batch);
    tool->count = 0;
    return true;
}

/* --- each document once ----------------------------------------------------------------------- */

static bool is_new(Tool *tool, const Envelope *e, bool *ret_new, Err *err)
{
    Str name = arena_format(tool->scratch, "%.*s|%.*s", STR_ARG(e->interaction_id),
                            (int)e->tenant.len, e->tenant.len ? e->tenant.ptr : "");
    uint64_t hash = str_hash(name) ^ (str_hash(e->payload_sha256) * 0x9e3779b97f4a7c15ULL);
    return seen_add(&tool->seen, hash, ret_new, err);
}

/* What is looked at: each document once, however often it was published; neither probes nor
 * replays. */
static bool take(Tool *tool, const BusMessage *message, Err *err)
{
    Envelope e;
    Err unreadable = {0};
    arena_reset(tool->scratch);
    if (!envelope_decode(message->value, tool->scratch, &e, &unreadable)) {
        tool->totals.unreadable++;
        return true;
    }
    bool new = false;
    if (e.headers.health_check || e.replay_id.len)
        return true;
    TRY(is_new(tool, &e, &new, err));
    if (!new)
        return true;
    if (e.received_at_us >= tool->until_us) {
        tool->totals.open++;
        return true;
    }
    size_t at = tool->count++;
    tool->tenants[at] = arena_copy(tool->batch, e.tenant.ptr ? e.tenant : STR(""));
    tool->ids[at] = arena_copy(tool->batch, e.interaction_id);
    tool->hashes[at] = arena_copy(tool->batch, e.payload_sha256);
    tool->validate_only[at] = e.route != ROUTE_BUNDLE;
    return tool->count < BATCH || flush(tool, err);
}

static bool read_topic(Tool *tool, const char *topic, Err *err)
{
    BusReader *reader = NULL;
    const BusMessage *message;
    bool fine = true;
    TRY(bus_reader_new_from_start(&tool->config->bus, topic, QUIET_MS, &reader, err));
    int64_t heard_ms = clock_mono_ms();
    while (fine && !bus_reader_caught_up(reader)) {
        if (bus_reader_poll(reader, POLL_MS, &message)) {
            heard_ms = clock_mono_ms();
            fine = take(tool, message, err);
        } else if (clock_mono_ms() - heard_ms > QUIET_MS) {
            fine = ERR(err, ERR_RETRY, "bus-timeout", "%s is silent before its end", topic);
        }
    }
    bus_reader_free(reader);
    return fine && flush(tool, err);
}

/* --- what came of it -------------------------------------------------------------------------- */

static int conclude(const Tool *tool)
{
    const Totals *t = &tool->totals;
    const ToolConfig *config = tool->config;
    report_print(t);
    bool told = !config->metrics_file || report_write(t, config->metrics_file);
    if (config->push_url && !report_push(t, config->push_url, config->push_ca))
        told = false;
    return !told ? 2 : t->missing || t->doubled ? 1 : 0;
}

static const ConfigProgram program = {
    .name = "fhirbus-reconcile",
    .summary = "Compares what was acknowledged with what is stored and answered; lists what is "
               "missing or doubled. Takes no arguments. Exit code: 0 all there, 1 something is "
               "listed, 2 could not compare, or tell.",
    .options = options,
};

int main(int argc, char **argv)
{
    ARENA_AUTO arena = arena_new(1 << 20);
    ToolConfig config = {0};
    int next = 0;
    Err err = {0};
    ConfigStart start = config_start(&program, argc, argv, arena, &config, &next);
    if (start != CONFIG_RUN)
        return start == CONFIG_DONE ? 0 : 2;
    Log *log = log_new(2, "fhirbus-reconcile", LOG_WARN);
    Tool *tool = calloc(1, sizeof *tool);
    if (!tool || !log)
        return 2;
    config.bus.client_id = "fhirbus-reconcile";
    config.bus.log = log;
    tool->config = &config;
    if (config.db.timeout_ms < ANSWER_MS)
        config.db.timeout_ms = ANSWER_MS;
    tool->db = db_new(&config.db, statements, "fhirbus-reconcile", log);
    tool->batch = arena_new(ARENA_MAX);
    tool->scratch = arena_new(ARENA_MAX);
    tool->until_us = clock_wall_us() - (int64_t)config.grace_s * 1000000;
    bool fine = read_topic(tool, "intake", &err) && read_topic(tool, "intake.bulk", &err);
    if (!fine)
        fprintf(stderr, "fhirbus-reconcile: %s: %s\n", err.code, err.text);
    int code = fine ? conclude(tool) : 2;
    db_free(tool->db);
    arena_free(tool->batch);
    arena_free(tool->scratch);
    seen_clear(&tool->seen);
    free(tool);
    log_free(log);
    return code;
}
