#include "services/ingest/diagnostics/letters_since.h"

#include "common/http/fields.h"

/* $1 ids, $2 their tenants; in their order. */
const DbStatement letters_since_rows = {
    "letters-since",
    "SELECT f.state, g.state_at"
    " FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS a (interaction_id, tenant, nth)"
    " LEFT JOIN fhirbus.grid g ON g.interaction_id = a.interaction_id AND g.tenant = a.tenant"
    " LEFT JOIN fhirbus.facet f ON f.facet_id = g.facet_id"
    " ORDER BY a.nth"};

static void fill(const DbResult *result, const size_t *places, size_t count, Arena *arena,
                 LetterSince *since)
{
    for (size_t row = 0; row < count && row < db_rows(result); row++) {
        if (db_is_null(result, row, 0))
            continue;
        since[places[row]].state = arena_copy(arena, db_get_text(result, row, 0));
        since[places[row]].state_us = db_get_time_us(result, row, 1);
    }
}

bool letters_since(Db *db, Str scope, const LettersPage *page, Arena *arena, LetterSince *ret_since,
                   Err *err)
{
    Str ids[LETTERS_MAX], tenants[LETTERS_MAX];
    size_t places[LETTERS_MAX], count = 0;
    DbParams params;
    DbResult *result = NULL;
    for (size_t i = 0; i < page->count; i++) {
        const Letter *letter = page->list[i];
        ret_since[i] = (LetterSince){0};
        if (!letter->tenant.len || !http_is_uuid(letter->interaction))
            continue;
        ids[count] = letter->interaction;
        tenants[count] = letter->tenant;
        places[count++] = i;
    }
    if (count == 0)
        return true;
    db_params_init(&params, arena);
    db_uuid_array(&params, ids, count);
    db_text_array(&params, tenants, count);
    TRY(scope_run(db, scope, &letters_since_rows, &params, &result, err));
    fill(result, places, count, arena, ret_since);
    db_result_free(result);
    return true;
}
