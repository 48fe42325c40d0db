#include "services/lake-submitter/recorded.h"

#include <stdlib.h>

#include "services/lake-submitter/ledger.h"

enum { REMEMBERED = 1 << 16, PROBES = 8, NAME_BYTES = 16, LOOK_MS = 2000 };

/* 128 bits of a hash over (destination, tenant, id, sha256): two documents never share it. */
typedef struct Name {
    unsigned char bytes[NAME_BYTES];
} Name;

/* A table of short runs: a new name takes the place of the oldest in its run. */
struct Recorded {
    DbConfig config;
    Db *db;
    Name names[REMEMBERED];
    uint32_t age[REMEMBERED]; /* 0: free */
    uint32_t clock;
};

/* accepted, failed, attempts, budget_used, accepted_again, error_class, status, buried, on_record;
 * $5: under which replay. */
static const DbStatement find_delivery = {
    "delivery-find",
    "SELECT coalesce(bool_or(success), false), "
    "coalesce(bool_or(failed) FILTER (WHERE replay_id = $5), false), "
    "coalesce(max(attempt) FILTER (WHERE replay_id = $5), 0), "
    "coalesce((array_agg(budget_used ORDER BY attempt DESC, finished_at DESC) "
    "FILTER (WHERE replay_id = $5))[1], 0), "
    "coalesce(bool_or(success) FILTER (WHERE replay_id = $5), false), "
    "coalesce((array_agg(error_class ORDER BY attempt DESC, finished_at DESC) "
    "FILTER (WHERE replay_id = $5))[1], ''), "
    "coalesce((array_agg(http_status ORDER BY attempt DESC, finished_at DESC) "
    "FILTER (WHERE replay_id = $5))[1], 0), "
    "EXISTS (SELECT FROM fhirbus.event e WHERE e.interaction_id = $2 AND e.tenant = $1 AND "
    "e.sha256 = $3 AND e.step = 'buried' AND e.destination = $4 AND e.replay_id = $5), "
    "EXISTS (SELECT FROM fhirbus.delivery a WHERE a.interaction_id = $2 AND a.tenant = $1 AND "
    "a.sha256 = $3 AND a.destination = $4 AND a.success) "
    "FROM fhirbus.delivered WHERE tenant = $1 AND interaction_id = $2 AND sha256 = $3 AND "
    "destination = $4"};
/* The same; $3: which news. */
static const DbStatement find_news = {
    "news-find",
    "SELECT coalesce(bool_or(success), false), coalesce(bool_or(final AND NOT success), false), "
    "coalesce(max(attempt), 0), "
    "coalesce((array_agg(budget_used ORDER BY attempt DESC, happened_at DESC))[1], 0), "
    "coalesce(bool_or(success), false), "
    "coalesce((array_agg(error_class ORDER BY attempt DESC, happened_at DESC))[1], ''), "
    "coalesce((array_agg(http_status ORDER BY attempt DESC, happened_at DESC))[1], 0), "
    "coalesce(bool_or(buried), false), coalesce(bool_or(success), false) "
    "FROM fhirbus.ledger_told WHERE tenant = $1 AND interaction_id = $2 AND news = $3 AND "
    "destination = $4"};
static const DbStatement *const statements[] = {&find_delivery, &find_news, NULL};

Recorded *recorded_new(const DbConfig *db, const Log *log)
{
    Recorded *recorded = calloc(1, sizeof *recorded);
    if (!recorded)
        return NULL;
    if (!db)
        return recorded;
    recorded->config = *db;
    /* The other documents wait meanwhile. Connecting may take longer than one look: the next look
     * goes on with it, else a database that is slow to answer would never be asked. */
    if (recorded->config.timeout_ms > LOOK_MS)
        recorded->config.timeout_ms = LOOK_MS;
    recorded->db = db_new(&recorded->config, statements, "fhirbus-lake-submitter", log);
    return recorded;
}

void recorded_free(Recorded *recorded)
{
    if (!recorded)
        return;
    db_free(recorded->db);
    free(recorded);
}

static void add_part(char *text, size_t room, size_t *len, Str part)
{
    size_t bytes = part.len < room - *len ? part.len : room - *len;
    if (bytes)
        memcpy(text + *len, part.ptr, bytes);
    *len += bytes;
    if (*len < room)
        text[(*len)++] = '\0'; /* no text holds it: parts cannot be shifted into each other */
}

static Name name_of(const Submission *submission)
{
    char text[1024];
    unsigned char hash[ENVELOPE_SHA256_BYTES];
    size_t len = 0;
    Name name;
    const Envelope *envelope = &submission->envelope;
    add_part(text, sizeof text, &len, envelope->payload_sha256);
    add_part(text, sizeof text, &len, envelope->interaction_id);
    add_part(text, sizeof text, &len, submission->destination);
    add_part(text, sizeof text, &len, envelope->tenant);
    envelope_sha256((Str){text, len}, hash);
    memcpy(name.bytes, hash, sizeof name.bytes);
    return name;
}

static size_t slot_of(const Name *name)
{
    size_t slot;
    memcpy(&slot, name->bytes, sizeof slot);
    return slot % (REMEMBERED - PROBES);
}

void recorded_remember(Recorded *recorded, const Submission *submission)
{
    Name name = name_of(submission);
    size_t first = slot_of(&name), oldest = first;
    for (size_t slot = first; slot < first + PROBES; slot++)
        if (recorded->age[slot] < recorded->age[oldest])
            oldest = slot;
    recorded->names[oldest] = name;
    recorded->age[oldest] = ++recorded->clock;
}

bool recorded_remembers(const Recorded *recorded, const Submission *submission)
{
    Name name = name_of(submission);
    size_t first = slot_of(&name);
    for (size_t slot = first; slot < first + PROBES; slot++)
        if (recorded->age[slot] && memcmp(&recorded->names[slot], &name, sizeof name) == 0)
            return true;
    return false;
}

static const Str no_replay = STR("00000000-0000-0000-0000-000000000000");

static void add_question(DbParams *params, RecordedKind kind, const Submission *submission,
                         Arena *arena)
{
    const Envelope *envelope = &submission->envelope;
    db_params_init(params, arena);
    db_text(params, envelope->tenant.ptr ? envelope->tenant : STR(""));
    db_uuid(params, envelope->interaction_id);
    if (kind == RECORDED_NEWS)
        db_text(params, ledger_news_name(submission, arena));
    else
        db_bytes(params, envelope->payload_sha256);
    db_text(params, submission->destination);
    if (kind == RECORDED_DELIVERY)
        db_uuid(params, envelope->replay_id.len ? envelope->replay_id : no_replay);
}

bool recorded_look(Recorded *recorded, RecordedKind kind, const Submission *submission,
                   Arena *arena, RecordedPast *ret_past, Err *err)
{
    const DbStatement *question = kind == RECORDED_NEWS ? &find_news : &find_delivery;
    DbResult *result = NULL;
    DbParams params;
    if (!recorded->db) {
        *ret_past =
            (RecordedPast){.accepted = recorded_remembers(recorded, submission), .error_class = ""};
        return true;
    }
    add_question(&params, kind, submission, arena);
    TRY(db_run(recorded->db, question, &params, &result, err));
    Str ended = arena_format(arena, "%.*s", STR_ARG(db_get_text(result, 0, 5)));
    *ret_past = (RecordedPast){.accepted = db_get_bool(result, 0, 0),
                               .failed = db_get_bool(result, 0, 1),
                               .attempts = (uint32_t)db_get_int(result, 0, 2),
                               .budget_used = (uint32_t)db_get_int(result, 0, 3),
                               .accepted_again = db_get_bool(result, 0, 4),
                               .error_class = ended.ptr ? ended.ptr : "",
                               .status = (unsigned)db_get_int(result, 0, 6),
                               .buried = db_get_bool(result, 0, 7),
                               .on_record = db_get_bool(result, 0, 8)};
    db_result_free(result);
    return true;
}
