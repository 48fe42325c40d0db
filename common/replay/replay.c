#include "common/replay/replay.h"

#include <pthread.h>
#include <stdio.h>
#include <zstd.h>

#include "common/envelope/envelope.h"

enum { PAYLOAD_BYTES_MAX = 64 * 1024 * 1024 };

/* Columns of replay_page. */
enum {
    P_RECEIVED,
    P_ID,
    P_TENANT,
    P_SHA256,
    P_PAYLOAD,
    P_BYTES,
    P_TYPE,
    P_ROUTE,
    P_URI,
    P_CALLER,
    P_CORRELATION,
    P_PARENT,
    P_CHILD,
    P_GROUP,
    P_MASTER,
    P_SOURCE,
    P_ADDRESS,
    P_AGENT,
    P_ELABORATION,
    P_PROVENANCE,
    P_TRACE,
    P_KEY,
    P_SUPERSEDED,
    P_ACCEPTED,
};

static void read_progress(const DbResult *result, ReplayProgress *progress)
{
    *progress = (ReplayProgress){.total = db_get_int(result, 0, 1),
                                 .published = db_get_int(result, 0, 2),
                                 .superseded = db_get_int(result, 0, 3),
                                 .accepted = db_get_int(result, 0, 4),
                                 .purged = db_get_int(result, 0, 5),
                                 .rate = db_get_int(result, 0, 6)};
    Str state = db_get_text(result, 0, 0);
    snprintf(progress->state, sizeof progress->state, "%.*s", STR_ARG(state));
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool insert(Db *db, Str id, const ReplayAsk *ask, Arena *arena, Err *err)
{
    DbParams params;
    db_params_init(&params, arena);
    db_uuid(&params, id);
    db_text(&params, ask->asked_by);
    db_text_or_null(&params, ask->tenant);
    db_time_us(&params, ask->from_us);
    db_time_us(&params, ask->to_us);
    db_text_or_null(&params, ask->of_state);
    if (ask->id_count)
        db_uuid_array(&params, ask->ids, ask->id_count);
    else
        db_null(&params);
    db_text(&params, ask->go_to);
    db_bool(&params, ask->include_superseded);
    db_bool(&params, ask->resubmit);
    db_int(&params, (int32_t)ask->rate);
    return db_run(db, &replay_insert, &params, NULL, err);
}

static bool count(Db *db, Str id, bool stays, Arena *arena, ReplayProgress *ret_progress, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_uuid(&params, id);
    db_bool(&params, stays);
    TRY(db_run(db, &replay_count, &params, &result, err));
    read_progress(result, ret_progress);
    db_result_free(result);
    return true;
}

bool replay_ask(Db *db, Str id, const ReplayAsk *ask, Arena *arena, ReplayProgress *ret_progress,
                Err *err)
{
    TRY(insert(db, id, ask, arena, err));
    return count(db, id, true, arena, ret_progress, err);
}

bool replay_dry_run(Db *db, Str id, const ReplayAsk *ask, Arena *arena,
                    ReplayProgress *ret_progress, Err *err)
{
    ReplayAsk dry = *ask;
    dry.asked_by = STR("dry-run"); /* nobody looks for orphans of that name */
    TRY(insert(db, id, &dry, arena, err));
    return count(db, id, false, arena, ret_progress, err);
}

/* --- one page --------------------------------------------------------------------------------- */

typedef struct Page {
    pthread_mutex_t lock;
    pthread_cond_t reported;
    size_t open;
    bool failed;
    Err err;
} Page;

static void on_report(void *opaque, const BusDelivery *delivery)
{
    Page *page = opaque;
    pthread_mutex_lock(&page->lock);
    if (!delivery->ok && !page->failed) {
        page->failed = true;
        page->err = delivery->err;
    }
    page->open--;
    pthread_cond_signal(&page->reported);
    pthread_mutex_unlock(&page->lock);
}

static bool unpack(Str packed, Arena *arena, Str *ret_bytes, Err *err)
{
    unsigned long long size = ZSTD_getFrameContentSize(packed.ptr, packed.len);
    char *to = size <= PAYLOAD_BYTES_MAX ? arena_alloc(arena, (size_t)size + 1) : NULL;
    if (!to || ZSTD_decompress(to, (size_t)size, packed.ptr, packed.len) != size)
        return ERR(err, ERR_FATAL, "replay-bytes", "a stored payload cannot be unpacked");
    *ret_bytes = (Str){to, (size_t)size};
    return true;
}

static bool make_envelope(const DbResult *rows, size_t i, Str replay_id, bool submit, bool resubmit,
                          Arena *arena, Envelope *ret_envelope, Err *err)
{
    static const NameValue again = {
        {"fhirbus-resubmit", 16},
        {"1",                1 }
    };
    char id[37];
    Str payload = STR("");
    bool validate_only = str_is(db_get_text(rows, i, P_ROUTE), "/Bundle/$validate");
    TRY(unpack(db_get_text(rows, i, P_PAYLOAD), arena, &payload, err));
    (void)!db_get_uuid(rows, i, P_ID, id);
    *ret_envelope = (Envelope){
        .interaction_id = arena_copy(arena, (Str){id,                                36}
           ),
        .tenant = db_get_text(rows, i, P_TENANT),
        .caller = db_get_text(rows, i, P_CALLER),
        .route = submit && !validate_only ? ROUTE_BUNDLE : ROUTE_BUNDLE_VALIDATE,
        .source_type = db_get_text(rows, i, P_SOURCE),
        .content_type = db_get_text(rows, i, P_TYPE),
        .received_at_us = db_get_time_us(rows, i, P_RECEIVED),
        .payload = payload,
        .payload_sha256 = db_get_text(rows, i, P_SHA256),
        .payload_bytes = payload.len,
        .response_partition = ENVELOPE_NOBODY_WAITS,
        .lane = LANE_BULK,
        .headers = { .correlation_id = db_get_text(rows, i, P_CORRELATION),
                                                  .elaboration = db_get_text(rows, i, P_ELABORATION),
                                                  .provenance = db_get_text(rows, i, P_PROVENANCE),
                                                  .master_interaction_id = db_get_text(rows, i, P_MASTER),
                                                  .group_interaction_id = db_get_text(rows, i, P_GROUP),
                                                  .user_agent = db_get_text(rows, i, P_AGENT),
                                                  .client_address = db_get_text(rows, i, P_ADDRESS),
                                                  .request_uri = db_get_text(rows, i, P_URI),
                                                  .other = resubmit ? &again : NULL,
                                                  .other_count = resubmit},
        .traceparent = db_get_text(rows, i, P_TRACE),
        .replay_id = replay_id,
        .parent_id = db_get_text(rows, i, P_PARENT),
        .child_index = (uint32_t)db_get_int(rows, i, P_CHILD),
        .ordering_key = db_get_text(rows, i, P_KEY),
    };
    return true;
}

static bool publish(BusProducer *producer, Page *page, const Envelope *envelope, Arena *arena,
                    Err *err)
{
    Str bytes;
    TRY(envelope_encode(envelope, arena, &bytes, err));
    const BusHeader headers[] = {
        {STR("traceparent"), envelope->traceparent   },
        {STR("interaction"), envelope->interaction_id},
        {STR("tenant"),      envelope->tenant        },
        {STR("replay"),      envelope->replay_id     }
    };
    const BusRecord record = {.topic = "intake.bulk",
                              .partition = BUS_PARTITION_BY_KEY,
                              .key = envelope->ordering_key,
                              .value = bytes,
                              .headers = headers,
                              .header_count = sizeof headers / sizeof headers[0],
                              .bulk = true,
                              .on_delivery = on_report,
                              .opaque = page};
    pthread_mutex_lock(&page->lock);
    page->open++;
    pthread_mutex_unlock(&page->lock);
    if (bus_publish(producer, &record, err))
        return true;
    pthread_mutex_lock(&page->lock);
    page->open--;
    pthread_mutex_unlock(&page->lock);
    return false;
}

typedef struct Counts {
    int64_t published, superseded, accepted, purged;
} Counts;

static bool publish_row(BusProducer *producer, Page *page, const DbResult *rows, size_t i, Str id,
                        bool submit, bool resubmit, Arena *arena, Counts *counts, Err *err)
{
    Envelope envelope;
    if (db_get_bool(rows, i, P_SUPERSEDED)) {
        counts->superseded++;
        return true;
    }
    if (db_get_bool(rows, i, P_ACCEPTED)) {
        counts->accepted++;
        return true;
    }
    if (db_is_null(rows, i, P_PAYLOAD)) {
        counts->purged++;
        return true;
    }
    ArenaMark mark = arena_mark(arena);
    bool done = make_envelope(rows, i, id, submit, resubmit, arena, &envelope, err) &&
                publish(producer, page, &envelope, arena, err);
    arena_release(arena, mark); /* the bus has a copy */
    counts->published += done;
    return done;
}

static bool await_reports(Page *page, bool sent, Err *err)
{
    pthread_mutex_lock(&page->lock);
    while (page->open)
        pthread_cond_wait(&page->reported, &page->lock);
    bool failed = page->failed;
    pthread_mutex_unlock(&page->lock);
    if (sent && failed)
        *err = page->err;
    return sent && !failed;
}

static bool publish_page(BusProducer *producer, const DbResult *rows, Str id, bool submit,
                         bool resubmit, Arena *arena, Counts *counts, Err *err)
{
    Page page = {.lock = PTHREAD_MUTEX_INITIALIZER, .reported = PTHREAD_COND_INITIALIZER};
    bool sent = true;
    for (size_t i = 0; sent && i < db_rows(rows); i++)
        sent = publish_row(producer, &page, rows, i, id, submit, resubmit, arena, counts, err);
    sent = await_reports(&page, sent, err);
    pthread_cond_destroy(&page.reported);
    pthread_mutex_destroy(&page.lock);
    return sent;
}

static bool move(Db *db, Str id, Str worker, const DbResult *rows, const Counts *counts,
                 Arena *arena, ReplayProgress *ret_progress, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    size_t last = db_rows(rows);
    char at[37];
    db_params_init(&params, arena);
    db_uuid(&params, id);
    db_text(&params, worker);
    if (last) {
        (void)!db_get_uuid(rows, last - 1, P_ID, at);
        db_time_us(&params, db_get_time_us(rows, last - 1, P_RECEIVED));
        db_uuid(&params, (Str){at, 36});
        db_text(&params, db_get_text(rows, last - 1, P_TENANT));
    } else {
        db_null(&params);
        db_null(&params);
        db_null(&params);
    }
    db_bigint(&params, counts->published);
    db_bigint(&params, counts->superseded);
    db_bigint(&params, counts->accepted);
    db_bigint(&params, counts->purged);
    TRY(db_run(db, &replay_move, &params, &result, err));
    bool ours = db_rows(result) == 1;
    if (ours)
        read_progress(result, ret_progress);
    db_result_free(result);
    return ours ? true : ERR(err, ERR_RETRY, "replay-taken", "another worker is at it");
}

static bool take(Db *db, Str id, Str worker, Arena *arena, ReplayProgress *ret_progress,
                 bool *ret_submit, bool *ret_resubmit, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_uuid(&params, id);
    db_text(&params, worker);
    TRY(db_run(db, &replay_take, &params, &result, err));
    bool ours = db_rows(result) == 1;
    if (ours) {
        read_progress(result, ret_progress);
        *ret_submit = str_is(db_get_text(result, 0, 7), "submit");
        *ret_resubmit = db_get_bool(result, 0, 8);
    }
    db_result_free(result);
    return ours ? true : ERR(err, ERR_RETRY, "replay-taken", "another worker is at it, or unknown");
}

bool replay_step(Db *db, BusProducer *producer, Str id, Str worker, size_t most, Arena *arena,
                 ReplayProgress *ret_progress, Err *err)
{
    DbParams params;
    DbResult *rows = NULL;
    Counts counts = {0};
    bool submit = false, resubmit = false;
    TRY(take(db, id, worker, arena, ret_progress, &submit, &resubmit, err));
    if (strcmp(ret_progress->state, "running") != 0)
        return true;
    db_params_init(&params, arena);
    db_uuid(&params, id);
    db_bigint(&params, (int64_t)most);
    TRY(db_run(db, &replay_page, &params, &rows, err));
    bool done = publish_page(producer, rows, id, submit, resubmit, arena, &counts, err) &&
                move(db, id, worker, rows, &counts, arena, ret_progress, err);
    db_result_free(rows);
    return done;
}

/* --- the rest --------------------------------------------------------------------------------- */

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

bool replay_orphan(Db *db, Str asked_by, Arena *arena, Str *ret_id, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_text(&params, asked_by);
    TRY(db_run(db, &replay_find, &params, &result, err));
    *ret_id = db_rows(result) ? arena_copy(arena, db_get_text(result, 0, 0)) : STR_NONE;
    db_result_free(result);
    return true;
}
