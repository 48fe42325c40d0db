#include "services/lake-submitter/chosen.h"

#include <stdlib.h>

#include "common/base/clock.h"

enum { LOOK_MS = 2000, LOOK_AGAIN_MS = 1000 };

struct Chosen {
    DbConfig config;
    Db *db;
    const Log *log;
    int64_t patience_ms;
    int64_t away_since_ms; /* 0: it is not */
    int64_t look_after_ms; /* not asked before */
};

/* name, whether it has ended; $4: under which replay. The document's own first message is as well
 * answered by what replays of it decided since. What was tried was chosen, whether or not that is
 * on record by itself. */
#define OF_DOCUMENT                                                                                \
    " WHERE tenant = $1 AND interaction_id = $2 AND sha256 = $3 AND"                               \
    " ($4 = '00000000-0000-0000-0000-000000000000'::uuid OR replay_id = $4)"
static const DbStatement find_chosen = {
    "chosen-find",
    "SELECT destination, bool_or(ended) FROM ("
    " SELECT destination, false AS ended FROM fhirbus.event" OF_DOCUMENT " AND step = 'routed'"
    " UNION ALL SELECT destination, final FROM fhirbus.delivery" OF_DOCUMENT
    ") x GROUP BY destination"};
static const DbStatement *const statements[] = {&find_chosen, NULL};

Chosen *chosen_new(const DbConfig *db, uint64_t patience_ms, const Log *log)
{
    Chosen *chosen = calloc(1, sizeof *chosen);
    if (!chosen || !db)
        return chosen;
    chosen->log = log;
    chosen->patience_ms = (int64_t)patience_ms;
    chosen->config = *db;
    if (chosen->config.timeout_ms > LOOK_MS)
        chosen->config.timeout_ms = LOOK_MS;
    chosen->db = db_new(&chosen->config, statements, "fhirbus-lake-submitter", log);
    return chosen;
}

void chosen_free(Chosen *chosen)
{
    if (!chosen)
        return;
    db_free(chosen->db);
    free(chosen);
}

static const Str no_replay = STR("00000000-0000-0000-0000-000000000000");

static bool ask(Chosen *chosen, const Envelope *envelope, Arena *arena, ChosenBefore *ret_before,
                Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_text(&params, envelope->tenant.ptr ? envelope->tenant : STR(""));
    db_uuid(&params, envelope->interaction_id);
    db_bytes(&params, envelope->payload_sha256);
    db_uuid(&params, envelope->replay_id.len ? envelope->replay_id : no_replay);
    TRY(db_run(chosen->db, &find_chosen, &params, &result, err));
    ChosenBefore before = {.was_decided = db_rows(result) > 0};
    for (size_t i = 0; i < db_rows(result) && before.count < DIRECTORY_MAX; i++)
        if (!db_get_bool(result, i, 1))
            before.names[before.count++] = arena_copy(arena, db_get_text(result, i, 0));
    db_result_free(result);
    *ret_before = before;
    return true;
}

bool chosen_look(Chosen *chosen, const Envelope *envelope, Arena *arena, ChosenBefore *ret_before,
                 Err *err)
{
    int64_t now = clock_mono_ms();
    *ret_before = (ChosenBefore){0};
    if (!chosen->db)
        return true;
    if (now >= chosen->look_after_ms) {
        if (ask(chosen, envelope, arena, ret_before, err)) {
            chosen->away_since_ms = 0;
            return true;
        }
        now = clock_mono_ms();
        log_warn(chosen->log, "route.records_away", LOG_ERR(err));
        chosen->look_after_ms = now + LOOK_AGAIN_MS;
        if (!chosen->away_since_ms)
            chosen->away_since_ms = now;
    }
    return now - chosen->away_since_ms >= chosen->patience_ms ||
           ERR(err, ERR_RETRY, "records-away", "where it went before is not known now");
}

size_t chosen_keep(const ChosenBefore *before, const Destination **list, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool keep = !before->was_decided;
        for (size_t n = 0; n < before->count && !keep; n++)
            keep = str_is(before->names[n], list[i]->name);
        if (keep)
            list[kept++] = list[i];
    }
    return kept;
}
