/* A topic's ranges, one page at a time: the heads of all partitions are merged by the time at which
 * they were received, so that the order is that of the senders, not that of the partitions. */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/envelope/uuid.h"
#include "common/replay/inner.h"

enum {
    HEAD_WAIT_MS = 15000,
    EXTENT_MS = 15000,
    SEEN_SLOTS = 1 << 18, /* the latest documents of this run; a repeat is nearly always near */
};

typedef enum HeadKind { HEAD_DOCUMENT, HEAD_NO_DOCUMENT, HEAD_UNREADABLE } HeadKind;

/* The next record of a range, read. */
typedef struct Head {
    bool here, ended;
    HeadKind kind;
    Envelope envelope;
    const BusMessage *message;
} Head;

struct TopicReader {
    const BusConfig *bus;
    BusRanges *ranges;
    BusRange list[REPLAY_RANGES_MAX];
    size_t count;
    char id[40];
    uint64_t *seen;
};

/* What a page took: a document, or a letter that goes back. */
typedef struct Taken {
    Envelope envelope;
    Str from; /* "intake:3:120", where it was received */
} Taken;

typedef struct Work {
    TopicReader *reader;
    Db *db;
    BusProducer *producer;
    Page *page; /* NULL: a dry run */
    const ReplayRow *replay;
    Arena *arena;
    Counts *counts;
    Head *heads;
    Taken *taken;
    size_t count;
} Work;

TopicReader *topic_reader_new(const BusConfig *bus)
{
    TopicReader *reader = calloc(1, sizeof *reader);
    if (reader)
        reader->bus = bus;
    return reader;
}

void topic_reader_reset(TopicReader *reader)
{
    bus_ranges_free(reader->ranges);
    reader->ranges = NULL;
}

void topic_reader_free(TopicReader *reader)
{
    if (!reader)
        return;
    topic_reader_reset(reader);
    free(reader->seen);
    free(reader);
}

bool topic_gaps(TopicReader *reader, const ReplayRow *replay, BusRange *ret_gaps, size_t *ret_count,
                Str *ret_ranges, Arena *arena, Err *err)
{
    BusRange extent[REPLAY_RANGES_MAX], list[REPLAY_RANGES_MAX];
    size_t extents = 0, count = 0;
    TRY(bus_extent(reader->bus, replay->topic.ptr, EXTENT_MS, extent, REPLAY_RANGES_MAX, &extents,
                   err));
    TRY(ranges_read(replay->ranges, list, &count, err));
    *ret_count = 0;
    for (size_t i = 0; i < count; i++) {
        size_t partition = (size_t)list[i].partition;
        int64_t low = partition < extents ? extent[partition].from : list[i].end;
        low = low < list[i].end ? low : list[i].end;
        if (list[i].from >= low)
            continue;
        ret_gaps[(*ret_count)++] = (BusRange){list[i].partition, list[i].from, low};
        list[i].from = low;
    }
    *ret_ranges = ranges_write(list, count, arena);
    return true;
}

static bool open_ranges(TopicReader *reader, const ReplayRow *replay, Err *err)
{
    if (reader->ranges && str_is(replay->id, reader->id))
        return true;
    topic_reader_reset(reader);
    TRY(ranges_read(replay->ranges, reader->list, &reader->count, err));
    snprintf(reader->id, sizeof reader->id, "%.*s", STR_ARG(replay->id));
    free(reader->seen);
    reader->seen = calloc(SEEN_SLOTS, sizeof *reader->seen);
    CHECK(reader->seen);
    return bus_ranges_new(reader->bus, replay->topic.ptr, reader->list, reader->count,
                          &reader->ranges, err);
}

/* --- heads ------------------------------------------------------------------------------------ */

/* Where it was received: a dead letter says so itself. */
static Str origin_topic(const ReplayRow *replay, const BusMessage *message)
{
    return replay->of_dlq ? bus_message_header(message, "dlq-topic") : str_from(message->topic);
}

static HeadKind kind_of(const ReplayRow *replay, const BusMessage *message, Arena *arena,
                        Envelope *ret_envelope)
{
    Str topic = origin_topic(replay, message);
    *ret_envelope = (Envelope){0};
    if (str_is(topic, "response") || str_is(topic, "events"))
        return HEAD_NO_DOCUMENT;
    if (!document_of_record(topic, message->value, arena, ret_envelope) ||
        !uuid_valid(ret_envelope->interaction_id) ||
        ret_envelope->payload_sha256.len != ENVELOPE_SHA256_BYTES)
        return HEAD_UNREADABLE;
    if (!ret_envelope->ordering_key.len)
        ret_envelope->ordering_key = arena_copy(arena, message->key);
    return HEAD_DOCUMENT;
}

static bool look_at_head(Work *work, size_t i, Err *err)
{
    Head *head = &work->heads[i];
    if (head->here || head->ended)
        return true;
    head->message = bus_ranges_head(work->reader->ranges, i, HEAD_WAIT_MS, &head->ended);
    if (!head->message)
        return head->ended || ERR(err, ERR_RETRY, "bus-timeout", "a partition is silent");
    head->here = true;
    head->kind = kind_of(work->replay, head->message, work->arena, &head->envelope);
    if (head->kind != HEAD_DOCUMENT)
        head->envelope.received_at_us = head->message->timestamp_us;
    return true;
}

/* The range whose head was received first; SIZE_MAX: all are at their ends. */
static bool earliest(Work *work, size_t *ret_range, Err *err)
{
    *ret_range = SIZE_MAX;
    for (size_t i = 0; i < work->reader->count; i++) {
        TRY(look_at_head(work, i, err));
        if (work->heads[i].here &&
            (*ret_range == SIZE_MAX || work->heads[i].envelope.received_at_us <
                                           work->heads[*ret_range].envelope.received_at_us))
            *ret_range = i;
    }
    return true;
}

/* --- choosing --------------------------------------------------------------------------------- */

static bool is_repeat(TopicReader *reader, const Envelope *e)
{
    uint64_t hash = str_hash(e->interaction_id) ^ (str_hash(e->tenant) * 3) ^
                    (str_hash(e->payload_sha256) * 0x9e3779b97f4a7c15ULL);
    uint64_t *slot = &reader->seen[hash & (SEEN_SLOTS - 1)];
    bool same = *slot == hash;
    *slot = hash;
    return same;
}

static bool is_selected(const ReplayRow *replay, const Envelope *e)
{
    bool named = replay->id_count == 0;
    for (size_t i = 0; i < replay->id_count && !named; i++)
        named = str_eq_ignore_case(replay->ids[i], e->interaction_id);
    return named && !e->headers.health_check && (replay->of_dlq || !e->replay_id.len) &&
           (!replay->tenant.len || str_eq(replay->tenant, e->tenant)) &&
           e->received_at_us >= replay->from_us && e->received_at_us < replay->to_us;
}

/* A letter that is no document goes back to its topic when more than judging was asked for. */
static bool is_for_redriving(const ReplayRow *replay, const BusMessage *letter)
{
    Str tenant = bus_message_header(letter, "tenant");
    return !str_is(replay->go_to, "validate") && !replay->id_count && !replay->of_state.len &&
           (!replay->tenant.len || str_eq(replay->tenant, tenant)) &&
           letter->timestamp_us >= replay->from_us && letter->timestamp_us < replay->to_us;
}

static Str where_from(Work *work, const BusMessage *message)
{
    if (!work->replay->of_dlq)
        return arena_format(work->arena, "%s:%d:%lld", message->topic, (int)message->partition,
                            (long long)message->offset);
    return arena_format(work->arena, "%.*s:%.*s:%.*s",
                        STR_ARG(bus_message_header(message, "dlq-topic")),
                        STR_ARG(bus_message_header(message, "dlq-partition")),
                        STR_ARG(bus_message_header(message, "dlq-offset")));
}

static bool take(Work *work, const Head *head, Err *err)
{
    Counts *counts = work->counts;
    if (head->kind == HEAD_UNREADABLE) {
        counts->unreadable++;
    } else if (head->kind == HEAD_NO_DOCUMENT) {
        bool back = is_for_redriving(work->replay, head->message);
        counts->redriven += back;
        counts->published += back;
        counts->skipped += !back;
        return !back || !work->page ||
               page_redrive(work->page, head->message, work->replay->id, err);
    } else if (!is_selected(work->replay, &head->envelope) ||
               is_repeat(work->reader, &head->envelope)) {
        counts->skipped++;
    } else {
        work->taken[work->count++] = (Taken){head->envelope, where_from(work, head->message)};
    }
    return true;
}

/* --- what the store knows --------------------------------------------------------------------- */

static bool ask_store(Work *work, DbResult **ret_rows, Err *err)
{
    size_t n = work->count;
    const ReplayRow *replay = work->replay;
    bool states = replay->of_state.len || (str_is(replay->go_to, "submit") && !replay->resubmit);
    Str *lists[5]; /* tenants, ids, keys, routes, sources */
    int64_t *times = ARENA_ARRAY(work->arena, int64_t, n);
    DbParams params;
    for (size_t i = 0; i < 5; i++)
        if (!(lists[i] = ARENA_ARRAY(work->arena, Str, n)) || !times)
            return ERR(err, ERR_RETRY, "memory-limit", "a page of %zu", n);
    for (size_t i = 0; i < n; i++) {
        const Envelope *e = &work->taken[i].envelope;
        lists[0][i] = e->tenant.ptr ? e->tenant : STR("");
        lists[1][i] = e->interaction_id;
        lists[2][i] = e->ordering_key.len ? e->ordering_key : STR_NONE;
        lists[3][i] = e->route == ROUTE_BUNDLE_VALIDATE ? STR("/Bundle/$validate") : STR("/Bundle");
        lists[4][i] = e->source_type.len ? e->source_type : STR("FHIR");
        times[i] = e->received_at_us;
    }
    db_params_init(&params, work->arena);
    db_text_array(&params, lists[0], n);
    db_uuid_array(&params, lists[1], n);
    db_time_us_array(&params, times, n);
    db_bytes_array(&params, lists[2], n);
    db_text_array(&params, lists[3], n);
    db_text_array(&params, lists[4], n);
    db_bool(&params, states);
    TRY(db_run(work->db, &replay_check, &params, ret_rows, err));
    if (db_rows(*ret_rows) == n)
        return true;
    db_result_free(*ret_rows);
    return ERR(err, ERR_FATAL, "replay-check", "the store did not answer for all of a page");
}

/* A dead letter of a later topic does not carry what was received. */
static bool fetch_payload(Work *work, Envelope *e, Err *err)
{
    DbParams params;
    DbResult *rows = NULL;
    bool done = true;
    if (e->payload.len)
        return true;
    db_params_init(&params, work->arena);
    db_text(&params, e->tenant.ptr ? e->tenant : STR(""));
    db_uuid(&params, e->interaction_id);
    db_bytes(&params, e->payload_sha256);
    TRY(db_run(work->db, &replay_payload, &params, &rows, err));
    if (db_rows(rows)) {
        Str packed = db_get_text(rows, 0, 0);
        done = document_unpack(work->replay->vault, e->interaction_id, packed, work->arena,
                               &e->payload, err);
        e->payload_bytes = e->payload.len;
    }
    db_result_free(rows);
    return done;
}

static bool publish_one(Work *work, Taken *taken, bool superseded, Str state, Err *err)
{
    const ReplayRow *replay = work->replay;
    Counts *counts = work->counts;
    ArenaMark mark = arena_mark(work->arena);
    bool submit = str_is(replay->go_to, "submit");
    if (replay->of_state.len && !str_eq(state, replay->of_state)) {
        counts->skipped++;
    } else if (superseded && !replay->include_superseded) {
        counts->superseded++;
    } else if (submit && !replay->resubmit && str_is(state, "COMPLETE")) {
        counts->accepted++;
    } else {
        TRY(fetch_payload(work, &taken->envelope, err));
        counts->purged += !taken->envelope.payload.len;
        counts->published += taken->envelope.payload.len > 0;
        document_again(&taken->envelope, replay, work->arena);
        if (work->page && taken->envelope.payload.len)
            TRY(page_publish(work->page, &taken->envelope, taken->from, work->arena, err));
    }
    arena_release(work->arena, mark);
    return true;
}

static int by_time(const void *a, const void *b)
{
    const Taken *x = a, *y = b;
    int64_t left = x->envelope.received_at_us, right = y->envelope.received_at_us;
    return left < right ? -1 : left > right;
}

static bool publish_taken(Work *work, Err *err)
{
    DbResult *rows = NULL;
    bool fine = true;
    if (work->count == 0)
        return true;
    qsort(work->taken, work->count, sizeof *work->taken, by_time);
    TRY(ask_store(work, &rows, err));
    for (size_t i = 0; i < work->count && fine; i++)
        fine = publish_one(work, &work->taken[i], db_get_bool(rows, i, 0), db_get_text(rows, i, 1),
                           err);
    db_result_free(rows);
    return fine;
}

/* --- a page ----------------------------------------------------------------------------------- */

/* Offsets are missing: because retention went on (then the store is asked, when the topic is opened
 * anew), or there never was anything. */
static bool mind_hole(Work *work, size_t range, Err *err)
{
    const BusRange *left = &work->reader->list[range];
    BusRange extent[REPLAY_RANGES_MAX];
    size_t count = 0;
    if (work->heads[range].message->offset == left->from)
        return true;
    TRY(bus_extent(work->reader->bus, work->replay->topic.ptr, EXTENT_MS, extent, REPLAY_RANGES_MAX,
                   &count, err));
    for (size_t i = 0; i < count; i++)
        if (extent[i].partition == left->partition && extent[i].from > left->from)
            return ERR(err, ERR_RETRY, "replay-gap", "retention has overtaken the replay");
    return true;
}

static bool read_page(Work *work, size_t most, Err *err)
{
    TopicReader *reader = work->reader;
    size_t used = arena_used_bytes(work->arena);
    for (size_t looked = 0; looked < 10 * most && work->count < most; looked++) {
        size_t i;
        TRY(earliest(work, &i, err));
        if (i == SIZE_MAX || arena_used_bytes(work->arena) - used > REPLAY_PAGE_BYTES)
            return true;
        Head *head = &work->heads[i];
        TRY(mind_hole(work, i, err));
        TRY(take(work, head, err));
        work->counts->skipped += head->message->offset - reader->list[i].from;
        reader->list[i].from = head->message->offset + 1;
        bus_ranges_pass(reader->ranges, i);
        *head = (Head){0};
    }
    return true;
}

static bool run_page(Work *work, size_t most, Err *err)
{
    work->heads = ARENA_ARRAY(work->arena, Head, work->reader->count + 1);
    work->taken = ARENA_ARRAY(work->arena, Taken, most);
    if (!work->heads || !work->taken)
        return ERR(err, ERR_RETRY, "memory-limit", "a page of %zu", most);
    return read_page(work, most, err) && publish_taken(work, err);
}

/* Ranges that are at their ends hold nothing more, whatever was expected. */
static void close_ended(Work *work)
{
    for (size_t i = 0; i < work->reader->count; i++) {
        BusRange *range = &work->reader->list[i];
        if (work->heads[i].ended && range->from < range->end) {
            work->counts->skipped += range->end - range->from;
            range->from = range->end;
        }
    }
}

bool topic_page(TopicReader *reader, Db *db, BusProducer *producer, const ReplayRow *replay,
                size_t most, Arena *arena, Counts *counts, Str *ret_ranges, Err *err)
{
    TRY(open_ranges(reader, replay, err));
    Work work = {.reader = reader,
                 .db = db,
                 .page = replay->dry ? NULL : page_begin(producer),
                 .replay = replay,
                 .arena = arena,
                 .counts = counts};
    bool done = run_page(&work, most, err);
    if (work.page)
        done = page_end(work.page, done, err);
    if (!done) { /* its records come again */
        topic_reader_reset(reader);
        return false;
    }
    close_ended(&work);
    *ret_ranges = ranges_write(reader->list, reader->count, arena);
    return true;
}
