#include "services/ingest/diagnostics/grid.h"

#include "services/ingest/diagnostics/scope.h"
#include "services/ingest/read/columns.h"

enum { LIST_MAX = 50, LOOKED_MAX = 10000 };

/* $1 tenant, $2-$5 lists, $6 valid; the facets that are meant. */
#define FACETS                                                                                     \
    "fhirbus.facets_of($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean)"
#define WORDS "fhirbus.words_wanted(fhirbus.with_words($7::text), $8::text[])"

/* $9 whole tenant, $10 nothing is filtered, $11 $12 period, $13 interaction, $14 bundle, $15
 * patient, $16 sort, $17 ascending, $18-$21 cursor, $22 rows. */
const DbStatement grid_rows = {
    "grid-rows",
    INTERACTION_COLUMNS_OF(
        "f.state") ", p.key, p.sender, round(nullif(p.verdict_ms, -1)::numeric, 3)::text,"
                   " round(nullif(p.complete_ms, -1)::numeric, 3)::text, p.changed::text"
                   " FROM fhirbus.grid_page(" FACETS ", $9::text, $10::boolean, $11::timestamptz,"
                   "      $12::timestamptz, " WORDS
                   ", $13::uuid, $14::text, $15::text, $16::text, $17::boolean,"
                   "      $18::text, $19::timestamptz, $20::uuid, $21::text, $22::integer)"
                   "      WITH ORDINALITY AS p (interaction_id, tenant, received_at, facet_id, "
                   "key, changed,"
                   "                            sender, verdict_ms, complete_ms, ordinal)"
                   " JOIN fhirbus.facet f ON f.facet_id = p.facet_id"
                   " CROSS JOIN LATERAL (SELECT j.* FROM fhirbus.interaction j"
                   "      WHERE j.interaction_id = p.interaction_id AND j.tenant_id = p.tenant"
                   "        AND j.received_at = p.received_at) i"
                   " ORDER BY p.ordinal"};

const DbStatement grid_total = {"grid-total", "SELECT fhirbus.grid_estimate(" FACETS
                                              ", $7::timestamptz, $8::timestamptz)"};

#define OF_ROW(table)                                                                              \
    "EXISTS (SELECT FROM fhirbus." table " x WHERE x.interaction_id = c.interaction_id"            \
    " AND x.tenant = c.tenant AND x.received_at = c.received_at AND "
#define IS_PATIENT "$15::text IN (x.patient_id, x.patient_mrn, x.medicaid_cin))"

/* $9 after, $10 rows, $11 $12 period, $13 interaction, $14 bundle, $15 patient, $16 LIKE pattern
 * for issues, $17 the last that is looked at. What is the same for all rows is a SELECT of its own:
 * it is worked out once. Along the changes, whatever else there is an index for (OFFSET 0). */
const DbStatement grid_changed = {
    "grid-changed",
    INTERACTION_COLUMNS_OF(
        "f.state") ", NULL::text, g.sender,"
                   " round(nullif(g.verdict_ms, -1)::numeric, 3)::text,"
                   " round(nullif(g.complete_ms, -1)::numeric, 3)::text, g.changed::text, g.changed"
                   " FROM (SELECT * FROM (SELECT * FROM fhirbus.grid e WHERE e.changed > $9::bigint"
                   "        AND e.changed <= $17::bigint ORDER BY e.changed OFFSET 0) c"
                   "      WHERE c.received_at >= $11::timestamptz"
                   "      AND c.received_at < $12::timestamptz"
                   "      AND c.facet_id = ANY ((SELECT " FACETS ")::integer[])"
                   "      AND ((SELECT " WORDS ") IS NULL"
                   "           OR " OF_ROW(
                       "grid_words") "x.words @@ (SELECT " WORDS ")))"
                                     "      AND ($13::uuid IS NULL OR c.interaction_id = $13::uuid)"
                                     "      AND ($14::text IS NULL OR " OF_ROW(
                                         "message") "x.bundle_id = $14::text)"
                                                    "           OR " OF_ROW(
                                                        "verdict") "x.bundle_id = $14::text))"
                                                                   "      AND ($15::text IS NULL "
                                                                   "OR " OF_ROW("message")
                                                                       IS_PATIENT
    "           OR " OF_ROW("verdict") IS_PATIENT
    ")"
    "      AND ($16::text IS NULL OR " OF_ROW(
        "diagnostic") "(x.diagnostics ILIKE"
                      "           $16::text OR x.message_id ILIKE $16::text"
                      "           OR x.location ILIKE $16::text)))"
                      "      ORDER BY c.changed LIMIT $10::integer) g"
                      " JOIN fhirbus.facet f ON f.facet_id = g.facet_id"
                      " CROSS JOIN LATERAL (SELECT j.* FROM fhirbus.interaction j"
                      "      WHERE j.interaction_id = g.interaction_id AND j.tenant_id = g.tenant"
                      "        AND j.received_at = g.received_at) i"
                      " ORDER BY g.changed"};
const DbStatement grid_newest = {"grid-newest", "SELECT fhirbus.grid_newest()"};
/* $1 after, $2 so many */
const DbStatement grid_reach = {"grid-reach", "SELECT fhirbus.grid_reach($1::bigint, $2::integer)"};

static void bind_list(DbParams *params, Str values)
{
    Str list[LIST_MAX], value;
    size_t count = 0;
    if (!values.ptr) {
        db_null(params);
        return;
    }
    while (count < LIST_MAX && str_split(&values, ',', &value))
        list[count++] = value;
    db_text_array(params, list, count);
}

static void bind_facets(DbParams *params, const InteractionQuery *q)
{
    if (q->tenant.ptr)
        db_text_array(params, &q->tenant, 1);
    else
        db_null(params);
    bind_list(params, q->state);
    bind_list(params, q->source_type);
    bind_list(params, q->disposition);
    bind_list(params, q->ig_version);
    if (q->valid.ptr)
        db_bool(params, str_is(q->valid, "true"));
    else
        db_null(params);
}

static void bind_words(DbParams *params, const InteractionQuery *q)
{
    Arena *arena = params->arena;
    Str whole[3];
    size_t count = 0;
    if (q->message_id.ptr)
        whole[count++] = ARENA_JOIN(arena, STR("m:"), q->message_id);
    if (q->sender.ptr)
        whole[count++] = ARENA_JOIN(arena, STR("s:"), q->sender);
    if (q->profile_url.ptr)
        whole[count++] = ARENA_JOIN(arena, STR("p:"), q->profile_url);
    db_text(params, q->words);
    db_text_array(params, whole, count);
}

static bool is_unfiltered(const InteractionQuery *q)
{
    return !q->state.ptr && !q->source_type.ptr && !q->disposition.ptr && !q->ig_version.ptr &&
           !q->valid.ptr;
}

static void bind_rows(DbParams *params, const GridAsk *ask)
{
    const InteractionQuery *q = ask->query;
    Str sort = q->sort.ptr ? str_cut(q->sort, 0, str_find_char(q->sort, ':')) : STR("received_at");
    bind_facets(params, q);
    bind_words(params, q);
    db_text(params, q->tenant);
    /* Without a tenant the plain way through time is for those who see all of them. */
    db_bool(params, is_unfiltered(q) && (q->tenant.ptr || scope_is_all(ask->scope)));
    db_time_us(params, q->from_us);
    db_time_us(params, q->to_us);
    db_uuid(params, q->interaction_id.ptr ? q->interaction_id : STR(""));
    db_text(params, q->bundle_id);
    db_text(params, q->patient);
    db_text(params, sort);
    db_bool(params, str_ends(q->sort, STR(":asc")));
    db_text(params, q->has_cursor ? q->cursor.key : STR_NONE);
    db_time_us(params, q->has_cursor ? q->cursor.received_us : 0);
    db_uuid(params, q->has_cursor ? str_from(q->cursor.interaction_id) : STR(""));
    db_text(params, q->has_cursor ? q->cursor.tenant : STR_NONE);
    db_int(params, (int32_t)ask->rows);
}

bool grid_ask(Db *db, const GridAsk *ask, Arena *arena, DbResult **ret_result, Err *err)
{
    DbParams params;
    db_params_init(&params, arena);
    bind_rows(&params, ask);
    return scope_run(db, ask->scope, &grid_rows, &params, ret_result, err);
}

bool grid_count(Db *db, const GridAsk *ask, Arena *arena, int64_t *ret_count, Err *err)
{
    const InteractionQuery *q = ask->query;
    DbParams params;
    DbResult *result = NULL;
    *ret_count = -1;
    if (q->words.ptr || q->message_id.ptr || q->sender.ptr || q->profile_url.ptr ||
        q->patient.ptr || q->bundle_id.ptr || q->interaction_id.ptr)
        return true;
    db_params_init(&params, arena);
    bind_facets(&params, q);
    db_time_us(&params, q->from_us);
    db_time_us(&params, q->to_us);
    TRY(scope_run(db, ask->scope, &grid_total, &params, &result, err));
    *ret_count = db_rows(result) ? db_get_int(result, 0, 0) : -1;
    db_result_free(result);
    return true;
}

bool grid_changes(Db *db, const GridAsk *ask, const GridSpan *span, Arena *arena,
                  DbResult **ret_result, Err *err)
{
    const InteractionQuery *q = ask->query;
    DbParams params;
    db_params_init(&params, arena);
    bind_facets(&params, q);
    bind_words(&params, q);
    db_bigint(&params, span->after);
    db_int(&params, (int32_t)ask->rows);
    db_time_us(&params, q->from_us);
    db_time_us(&params, q->to_us);
    db_uuid(&params, q->interaction_id.ptr ? q->interaction_id : STR(""));
    db_text(&params, q->bundle_id);
    db_text(&params, q->patient);
    db_text(&params, q->text.ptr ? query_like(q->text, arena) : STR_NONE);
    db_bigint(&params, span->reach);
    return scope_run(db, ask->scope, &grid_changed, &params, ret_result, err);
}

static bool ask_change(Db *db, Str scope, const DbStatement *statement, const DbParams *params,
                       int64_t *ret_change, Err *err)
{
    DbResult *result = NULL;
    TRY(scope_run(db, scope, statement, params, &result, err));
    *ret_change = db_get_int(result, 0, 0);
    db_result_free(result);
    return true;
}

bool grid_last_change(Db *db, Str scope, Arena *arena, int64_t *ret_change, Err *err)
{
    DbParams params;
    db_params_init(&params, arena);
    return ask_change(db, scope, &grid_newest, &params, ret_change, err);
}

bool grid_span(Db *db, Str scope, GridSpan *span, Arena *arena, Err *err)
{
    DbParams params;
    db_params_init(&params, arena);
    db_bigint(&params, span->after);
    db_int(&params, LOOKED_MAX);
    return ask_change(db, scope, &grid_reach, &params, &span->reach, err);
}
