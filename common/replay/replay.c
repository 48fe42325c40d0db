#include "common/replay/replay.h"

#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/json/write.h"
#include "common/replay/inner.h"

enum { EXTENT_MS = 15000, DRY_PAGE = 500, P_COLUMNS = 16 };

/* Columns of replay_page that say what becomes of a row; see documents.c for the others. */
enum { ROW_RECEIVED = 0, ROW_ID = 1, ROW_TENANT = 2, ROW_SHA256 = 3, ROW_PAYLOAD = 4 };
enum { ROW_SUPERSEDED = 23, ROW_ACCEPTED = 24 };

static void keep_text(char *to, size_t room, Str text)
{
    snprintf(to, room, "%.*s", STR_ARG(text));
}

static void read_progress(const DbResult *result, ReplayProgress *ret)
{
    Str source = db_get_text(result, 0, 2), topic = db_get_text(result, 0, 3);
    int64_t *numbers[] = {&ret->total,    &ret->published, &ret->superseded, &ret->accepted,
                          &ret->purged,   &ret->skipped,   &ret->unreadable, &ret->from_store,
                          &ret->redriven, &ret->past,      &ret->rate};
    keep_text(ret->state, sizeof ret->state, db_get_text(result, 0, 0));
    keep_text(ret->go_to, sizeof ret->go_to, db_get_text(result, 0, 1));
    snprintf(ret->source, sizeof ret->source, str_is(source, "topic") ? "%.*s %.*s" : "%.*s",
             STR_ARG(source), STR_ARG(topic));
    for (int i = 0; i < (int)(sizeof numbers / sizeof numbers[0]); i++)
        *numbers[i] = db_get_int(result, 0, 4 + i);
    keep_text(ret->tenant, sizeof ret->tenant, db_get_text(result, 0, P_COLUMNS - 1));
}

int64_t replay_looked_at(const ReplayProgress *p)
{
    return p->published + p->superseded + p->accepted + p->purged + p->skipped + p->unreadable;
}

void replay_write_json(const ReplayProgress *p, Str id, Buf *out)
{
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"total",      p->total     },
        {"published",  p->published },
        {"superseded", p->superseded},
        {"accepted",   p->accepted  },
        {"purged",     p->purged    },
        {"skipped",    p->skipped   },
        {"unreadable", p->unreadable},
        {"from_store", p->from_store},
        {"redriven",   p->redriven  },
    };
    buf_add_format(out, "{\"replay_id\":\"%.*s\",\"state\":\"%s\",\"to\":\"%s\",\"source\":\"%s\"",
                   STR_ARG(id), p->state, p->go_to, p->source);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        buf_add_format(out, ",\"%s\":%lld", numbers[i].name, (long long)numbers[i].value);
    buf_add(out, STR("}"));
}

/* --- asking ----------------------------------------------------------------------------------- */

static const char *source_name(const ReplayAsk *ask)
{
    return ask->from_topic.len ? "topic" : ask->from_dlq ? "dlq" : "store";
}

static Str topic_of(const ReplayAsk *ask)
{
    return ask->from_dlq ? STR("dlq") : ask->from_topic.len ? ask->from_topic : STR_NONE;
}

/* What the topic has of the offsets that were asked for; of dlq nothing below what it still holds:
 * the store knows no dead letters. */
static bool choose_ranges(const BusConfig *bus, const ReplayAsk *ask, Arena *arena, Str *ret_ranges,
                          int64_t *ret_size, Err *err)
{
    BusRange extent[REPLAY_RANGES_MAX], list[REPLAY_RANGES_MAX];
    size_t extents = 0, count = 0;
    Str topic = arena_copy(arena, topic_of(ask));
    *ret_ranges = STR_NONE;
    *ret_size = 0;
    if (!topic.len)
        return true;
    TRY(bus_extent(bus, topic.ptr, EXTENT_MS, extent, REPLAY_RANGES_MAX, &extents, err));
    TRY(ranges_choose(ask->offsets, extent, extents, list, &count, err));
    for (size_t i = 0; ask->from_dlq && i < count; i++) {
        int64_t low = extent[list[i].partition].from;
        list[i].from = list[i].from > low ? list[i].from : low;
        list[i].from = list[i].from < list[i].end ? list[i].from : list[i].end;
    }
    *ret_ranges = ranges_write(list, count, arena);
    *ret_size = ranges_size(list, count);
    return true;
}

static void insert_params(Str id, const ReplayAsk *ask, Str ranges, int64_t size, Arena *arena,
                          DbParams *params)
{
    db_params_init(params, arena);
    db_uuid(params, id);
    db_text(params, ask->asked_by);
    db_text_or_null(params, ask->tenant);
    db_time_us(params, ask->from_us);
    db_time_us(params, ask->to_us);
    db_text_or_null(params, ask->of_state);
    if (ask->id_count)
        db_uuid_array(params, ask->ids, ask->id_count);
    else
        db_null(params);
    db_text(params, ask->go_to);
    db_bool(params, ask->include_superseded);
    db_bool(params, ask->resubmit);
    db_int(params, (int32_t)ask->rate);
    db_text(params, str_from(source_name(ask)));
    db_text_or_null(params, topic_of(ask));
    db_text(params, ranges);
    db_bigint(params, size);
}

static bool count_rows(Db *db, Str id, Arena *arena, Err *err)
{
    DbParams params;
    db_params_init(&params, arena);
    db_uuid(&params, id);
    db_bool(&params, true);
    return db_run(db, &replay_count, &params, NULL, err);
}

bool replay_look(Db *db, Str id, Arena *arena, ReplayProgress *ret_progress, bool *ret_found,
                 Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_uuid(&params, id);
    TRY(db_run(db, &replay_read, &params, &result, err));
    *ret_found = db_rows(result) == 1;
    if (*ret_found)
        read_progress(result, ret_progress);
    db_result_free(result);
    return true;
}

bool replay_ask(Db *db, const BusConfig *bus, Str id, const ReplayAsk *ask, Arena *arena,
                ReplayProgress *ret_progress, Err *err)
{
    DbParams params;
    Str ranges;
    int64_t size;
    bool found;
    TRY(choose_ranges(bus, ask, arena, &ranges, &size, err));
    insert_params(id, ask, ranges, size, arena, &params);
    TRY(db_run(db, &replay_insert, &params, NULL, err));
    if (!ranges.ptr)
        TRY(count_rows(db, id, arena, err));
    TRY(replay_look(db, id, arena, ret_progress, &found, err));
    return found || ERR(err, ERR_RETRY, "replay-unknown", "the replay is gone again");
}

/* --- a page of the store ---------------------------------------------------------------------- */

struct ReplayWorker {
    Db *db;
    BusProducer *producer;
    const BusConfig *bus;
    Str name;
    Vault *vault; /* opens what is stored encrypted; NULL: nothing is */
    TopicReader *topic;
    char opened[40]; /* whose topic was looked at for gaps */
};

ReplayWorker *replay_worker_new(Db *db, BusProducer *producer, const BusConfig *bus, Str name,
                                Vault *vault)
{
    ReplayWorker *worker = calloc(1, sizeof *worker);
    CHECK(worker);
    *worker = (ReplayWorker){.db = db,
                             .producer = producer,
                             .bus = bus,
                             .name = name,
                             .vault = vault,
                             .topic = topic_reader_new(bus)};
    CHECK(worker->topic);
    return worker;
}

void replay_worker_free(ReplayWorker *worker)
{
    if (!worker)
        return;
    topic_reader_free(worker->topic);
    free(worker);
}

static bool publish_row(Page *page, const DbResult *rows, size_t i, const ReplayRow *replay,
                        Arena *arena, Counts *counts, Err *err)
{
    Envelope envelope;
    if (db_get_bool(rows, i, ROW_SUPERSEDED)) {
        counts->superseded++;
        return true;
    }
    if (db_get_bool(rows, i, ROW_ACCEPTED)) {
        counts->accepted++;
        return true;
    }
    if (db_is_null(rows, i, ROW_PAYLOAD)) {
        counts->purged++;
        return true;
    }
    ArenaMark mark = arena_mark(arena);
    bool done = document_of_row(rows, i, replay, arena, &envelope, err) &&
                page_publish(page, &envelope, STR("store"), arena, err);
    arena_release(arena, mark);
    counts->published += done;
    return done;
}

/* The place behind the page's last row; nulls: there was none. */
static void add_place(DbParams *params, const DbResult *rows)
{
    size_t count = db_rows(rows);
    char id[37] = "";
    if (count == 0) {
        for (int i = 0; i < 4; i++)
            db_null(params);
        return;
    }
    (void)!db_get_uuid(rows, count - 1, ROW_ID, id);
    db_time_us(params, db_get_time_us(rows, count - 1, ROW_RECEIVED));
    db_uuid(params, arena_copy(params->arena, str_from(id)));
    db_text(params, db_get_text(rows, count - 1, ROW_TENANT));
    db_bytes(params, db_get_text(rows, count - 1, ROW_SHA256));
}

static bool finish_move(ReplayWorker *worker, const DbStatement *statement, const DbParams *params,
                        ReplayProgress *ret_progress, Err *err)
{
    DbResult *result = NULL;
    TRY(db_run(worker->db, statement, params, &result, err));
    bool ours = db_rows(result) == 1;
    if (ours)
        read_progress(result, ret_progress);
    db_result_free(result);
    return ours ? true : ERR(err, ERR_RETRY, "replay-taken", "another worker is at it");
}

static bool move(ReplayWorker *worker, const ReplayRow *replay, const DbResult *rows,
                 const Counts *counts, Arena *arena, ReplayProgress *ret_progress, Err *err)
{
    DbParams params;
    db_params_init(&params, arena);
    db_uuid(&params, replay->id);
    db_text(&params, worker->name);
    add_place(&params, rows);
    db_bigint(&params, counts->published);
    db_bigint(&params, counts->superseded);
    db_bigint(&params, counts->accepted);
    db_bigint(&params, counts->purged);
    return finish_move(worker, &replay_move, &params, ret_progress, err);
}

static bool store_page(ReplayWorker *worker, const ReplayRow *replay, size_t most, Arena *arena,
                       ReplayProgress *ret_progress, Err *err)
{
    DbParams params;
    DbResult *rows = NULL;
    Counts counts = {0};
    bool done = true;
    db_params_init(&params, arena);
    db_uuid(&params, replay->id);
    db_bigint(&params, (int64_t)most);
    TRY(db_run(worker->db, &replay_page, &params, &rows, err));
    Page *page = page_begin(worker->producer);
    for (size_t i = 0; done && i < db_rows(rows); i++)
        done = publish_row(page, rows, i, replay, arena, &counts, err);
    done =
        page_end(page, done, err) && move(worker, replay, rows, &counts, arena, ret_progress, err);
    db_result_free(rows);
    return done;
}

/* --- a page of a topic ------------------------------------------------------------------------ */

/* Once for each replay that is taken up: what the topic no longer holds is the store's part. */
static bool look_for_gaps(ReplayWorker *worker, const ReplayRow *replay, Arena *arena,
                          bool *ret_gap, Err *err)
{
    BusRange gaps[REPLAY_RANGES_MAX];
    size_t count = 0;
    DbParams params;
    Str left;
    *ret_gap = false;
    if (str_is(replay->id, worker->opened))
        return true;
    topic_reader_reset(worker->topic);
    TRY(topic_gaps(worker->topic, replay, gaps, &count, &left, arena, err));
    if (count) {
        db_params_init(&params, arena);
        db_uuid(&params, replay->id);
        db_text(&params, ranges_write(gaps, count, arena));
        db_text(&params, left);
        db_bigint(&params, ranges_size(gaps, count));
        TRY(db_run(worker->db, &replay_open_gap, &params, NULL, err));
    }
    *ret_gap = count > 0;
    keep_text(worker->opened, sizeof worker->opened, replay->id);
    return true;
}

static bool move_topic(ReplayWorker *worker, const ReplayRow *replay, Str left,
                       const Counts *counts, Arena *arena, ReplayProgress *ret_progress, Err *err)
{
    DbParams params;
    db_params_init(&params, arena);
    db_uuid(&params, replay->id);
    db_text(&params, worker->name);
    db_text(&params, left);
    db_bigint(&params, counts->published);
    db_bigint(&params, counts->superseded);
    db_bigint(&params, counts->accepted);
    db_bigint(&params, counts->purged);
    db_bigint(&params, counts->skipped);
    db_bigint(&params, counts->unreadable);
    db_bigint(&params, counts->redriven);
    return finish_move(worker, &replay_move_topic, &params, ret_progress, err);
}

static bool topic_step(ReplayWorker *worker, const ReplayRow *replay, size_t most, Arena *arena,
                       ReplayProgress *ret_progress, Err *err)
{
    Counts counts = {0};
    Str left;
    bool gap = false;
    TRY(look_for_gaps(worker, replay, arena, &gap, err));
    if (gap)
        return true; /* the next step begins with it */
    return topic_page(worker->topic, worker->db, worker->producer, replay, most, arena, &counts,
                      &left, err) &&
           move_topic(worker, replay, left, &counts, arena, ret_progress, err);
}

/* --- a step ----------------------------------------------------------------------------------- */

static bool read_row(const DbResult *result, Str id, Arena *arena, ReplayRow *ret, Err *err)
{
    enum { AT = P_COLUMNS };
    Str source = db_get_text(result, 0, 2);
    *ret = (ReplayRow){.id = id,
                       .of_store = str_is(source, "store"),
                       .of_dlq = str_is(source, "dlq"),
                       .topic = arena_copy(arena, db_get_text(result, 0, 3)),
                       .go_to = arena_copy(arena, db_get_text(result, 0, 1)),
                       .resubmit = db_get_bool(result, 0, AT),
                       .include_superseded = db_get_bool(result, 0, AT + 1),
                       .tenant = arena_copy(arena, db_get_text(result, 0, AT + 2)),
                       .of_state = arena_copy(arena, db_get_text(result, 0, AT + 3)),
                       .from_us = db_get_time_us(result, 0, AT + 5),
                       .to_us = db_get_time_us(result, 0, AT + 6),
                       .ranges = arena_copy(arena, db_get_text(result, 0, AT + 7)),
                       .gap = db_get_bool(result, 0, AT + 8)};
    if (db_is_null(result, 0, AT + 4))
        return true;
    if (!db_get_text_array(result, 0, AT + 4, arena, &ret->ids, &ret->id_count))
        return ERR(err, ERR_RETRY, "memory-limit", "no room for the ids");
    Str *copies = ARENA_ARRAY(arena, Str, ret->id_count);
    for (size_t i = 0; copies && i < ret->id_count; i++)
        copies[i] = arena_copy(arena, ret->ids[i]);
    ret->ids = copies;
    return copies != NULL || ERR(err, ERR_RETRY, "memory-limit", "no room for the ids");
}

static bool take(ReplayWorker *worker, Str id, Arena *arena, ReplayRow *ret_row,
                 ReplayProgress *ret_progress, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_uuid(&params, id);
    db_text(&params, worker->name);
    TRY(db_run(worker->db, &replay_take, &params, &result, err));
    bool ours = db_rows(result) == 1;
    bool read = ours && read_row(result, id, arena, ret_row, err);
    if (read)
        read_progress(result, ret_progress);
    db_result_free(result);
    if (!ours)
        return ERR(err, ERR_RETRY, "replay-taken", "another worker is at it, or unknown");
    return read;
}

bool replay_step(ReplayWorker *worker, Str id, size_t most, Arena *arena,
                 ReplayProgress *ret_progress, Err *err)
{
    ReplayRow row;
    TRY(take(worker, id, arena, &row, ret_progress, err));
    row.vault = worker->vault;
    if (strcmp(ret_progress->state, "running") != 0)
        return true;
    if (ret_progress->rate > 0 && (uint64_t)ret_progress->rate < most)
        most = (size_t)ret_progress->rate;
    bool done = row.of_store || row.gap ? store_page(worker, &row, most, arena, ret_progress, err)
                                        : topic_step(worker, &row, most, arena, ret_progress, err);
    if (!done)
        worker->opened[0] = '\0'; /* looked at anew, gaps included */
    return done;
}

/* --- a dry run -------------------------------------------------------------------------------- */

typedef struct DryCount {
    int64_t total, superseded, accepted, purged;
} DryCount;

static void on_dry_result(void *context, size_t index, const DbResult *result)
{
    DryCount *count = context;
    (void)index;
    if (db_rows(result) == 1)
        *count = (DryCount){db_get_int(result, 0, 0), db_get_int(result, 0, 1),
                            db_get_int(result, 0, 2), db_get_int(result, 0, 3)};
}

static bool await_idle(Db *db, Err *err)
{
    int64_t until_ms = clock_mono_ms() + EXTENT_MS;
    while (db_progress(db) != DB_IDLE && clock_mono_ms() < until_ms)
        db_wait(db, 100);
    return db_progress(db) == DB_IDLE || ERR(err, ERR_RETRY, "db-away", "no database");
}

/* Put down, counted and taken away in one transaction: nobody else ever sees it. */
static bool count_dry(Db *db, Str id, const ReplayAsk *ask, Str gaps, Arena *arena,
                      DryCount *ret_count, Err *err)
{
    DbParams inserts, opens, counts, forgets;
    insert_params(id, ask, gaps, 0, arena, &inserts);
    db_params_init(&opens, arena);
    db_uuid(&opens, id);
    db_text(&opens, gaps);
    db_text(&opens, STR(""));
    db_bigint(&opens, 0);
    db_params_init(&counts, arena);
    db_uuid(&counts, id);
    db_bool(&counts, false);
    db_params_init(&forgets, arena);
    db_uuid(&forgets, id);
    TRY(await_idle(db, err));
    TRY(db_send(db, &replay_insert, &inserts, err));
    if (gaps.len)
        TRY(db_send(db, &replay_open_gap, &opens, err));
    TRY(db_send(db, &replay_count, &counts, err));
    TRY(db_send(db, &replay_forget, &forgets, err));
    TRY(db_end(db, on_dry_result, ret_count, err));
    while (db_progress(db) == DB_BUSY)
        db_wait(db, 100);
    return db_outcome(db, err);
}

static void add_dry(ReplayProgress *p, const DryCount *count, int64_t of_records)
{
    int64_t left_out = count->superseded + count->accepted + count->purged;
    p->superseded += count->superseded;
    p->accepted += count->accepted;
    p->purged += count->purged;
    p->published += count->total - left_out;
    p->from_store += of_records ? count->total - left_out : 0;
    p->skipped += of_records ? of_records - count->total : 0;
}

static bool dry_topic(ReplayWorker *worker, ReplayRow *row, Arena *arena, ReplayProgress *p,
                      Err *err)
{
    while (row->ranges.len) {
        Counts counts = {0};
        ArenaMark mark = arena_mark(arena);
        char left[64 * 64];
        Str ranges;
        TRY(topic_page(worker->topic, worker->db, worker->producer, row, DRY_PAGE, arena, &counts,
                       &ranges, err));
        p->published += counts.published;
        p->superseded += counts.superseded;
        p->accepted += counts.accepted;
        p->purged += counts.purged;
        p->skipped += counts.skipped;
        p->unreadable += counts.unreadable;
        p->redriven += counts.redriven;
        bool fits = ranges.len < sizeof left;
        keep_text(left, sizeof left, ranges);
        arena_release(arena, mark);
        row->ranges = fits ? arena_copy(arena, str_from(left)) : STR("");
        if (!fits)
            return ERR(err, ERR_INPUT, "replay-offsets", "too many partitions for a dry run");
    }
    return true;
}

static ReplayRow dry_row(Str id, const ReplayAsk *ask, Str ranges, Arena *arena)
{
    return (ReplayRow){.id = id,
                       .of_dlq = ask->from_dlq,
                       .topic = arena_copy(arena, topic_of(ask)),
                       .ranges = ranges,
                       .tenant = ask->tenant,
                       .of_state = ask->of_state,
                       .go_to = ask->go_to,
                       .ids = ask->ids,
                       .id_count = ask->id_count,
                       .from_us = ask->from_us,
                       .to_us = ask->to_us,
                       .include_superseded = ask->include_superseded,
                       .resubmit = ask->resubmit,
                       .dry = true};
}

static bool dry_of_topic(ReplayWorker *worker, Str id, const ReplayAsk *ask, int64_t most,
                         Arena *arena, ReplayProgress *p, Err *err)
{
    BusRange gaps[REPLAY_RANGES_MAX];
    size_t gap_count = 0;
    Str ranges, left;
    DryCount count = {0};
    TRY(choose_ranges(worker->bus, ask, arena, &ranges, &p->total, err));
    if (most && p->total > most)
        return ERR(err, ERR_INPUT, "replay-offsets", "more than %lld records: name offsets",
                   (long long)most);
    ReplayRow row = dry_row(id, ask, ranges, arena);
    row.vault = worker->vault;
    TRY(topic_gaps(worker->topic, &row, gaps, &gap_count, &left, arena, err));
    p->past = ranges_size(gaps, gap_count);
    if (gap_count)
        TRY(count_dry(worker->db, id, ask, ranges_write(gaps, gap_count, arena), arena, &count,
                      err));
    add_dry(p, &count, p->past);
    row.ranges = left;
    return dry_topic(worker, &row, arena, p, err);
}

bool replay_dry_run(ReplayWorker *worker, Str id, const ReplayAsk *ask, int64_t most, Arena *arena,
                    ReplayProgress *ret_progress, Err *err)
{
    ReplayProgress p = {.state = "dry run"};
    DryCount count = {0};
    keep_text(p.go_to, sizeof p.go_to, ask->go_to);
    snprintf(p.source, sizeof p.source, ask->from_topic.len ? "%s %.*s" : "%s", source_name(ask),
             STR_ARG(ask->from_topic));
    if (topic_of(ask).len) {
        TRY(dry_of_topic(worker, id, ask, most, arena, &p, err));
    } else {
        TRY(count_dry(worker->db, id, ask, STR_NONE, arena, &count, err));
        p.total = count.total;
        add_dry(&p, &count, 0);
    }
    *ret_progress = p;
    return true;
}

/* --- the rest --------------------------------------------------------------------------------- */

bool replay_cancel(Db *db, Str id, Arena *arena, bool *ret_found, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_uuid(&params, id);
    TRY(db_run(db, &replay_stop, &params, &result, err));
    *ret_found = db_affected(result) == 1;
    db_result_free(result);
    return true;
}

bool replay_orphan(Db *db, Arena *arena, Str *ret_id, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    TRY(db_run(db, &replay_find, &params, &result, err));
    *ret_id = db_rows(result) ? arena_copy(arena, db_get_text(result, 0, 0)) : STR_NONE;
    db_result_free(result);
    return true;
}

bool replay_judged(Db *db, Str id, Arena *arena, int64_t *ret_count, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_uuid(&params, id);
    TRY(db_run(db, &replay_judged_count, &params, &result, err));
    *ret_count = db_get_int(result, 0, 0);
    db_result_free(result);
    return true;
}
