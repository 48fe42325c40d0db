/* GET /interactions: which interactions there are, newest first; a page of JSON, or all of them as
 * CSV or NDJSON.
 *
 * Pages are keysets: each begins behind the last row of the one before, so that what comes in
 * meanwhile moves nothing, and an export is a chain of pages: it holds one page in memory and
 * neither a transaction nor a connection between them. */
#include "services/ingest/read/search.h"

#include "common/base/check.h"
#include "common/http/fields.h"
#include "common/json/write.h"
#include "services/ingest/audited.h"
#include "services/ingest/authenticate.h"
#include "services/ingest/diagnostics/grid.h"
#include "services/ingest/diagnostics/reveal.h"
#include "services/ingest/diagnostics/scope.h"
#include "services/ingest/exchange.h"
#include "services/ingest/lookups.h"
#include "services/ingest/read/columns.h"
#include "services/ingest/read/query.h"
#include "services/ingest/read/rows.h"
#include "services/ingest/refuse.h"

enum { EXPORT_PAGE_ROWS = 500, PAGE_BYTES_MAX = 32 * 1024 * 1024 };

#define COLUMNS INTERACTION_COLUMNS_OF("i.state") " FROM fhirbus.interaction i"

/* $1 tenant, $2 from, $3 to, $4-$6 the cursor, $7 rows, $8 state, $9 source type, $10 disposition,
 * $11 LIKE pattern for issues, $12 bundle id, $13 patient identifier. */
#define FILTERS                                                                                    \
    " AND i.received_at >= $2 AND i.received_at < $3"                                              \
    " AND ($4::timestamptz IS NULL"                                                                \
    "      OR (i.received_at <= $4 AND (i.received_at, i.interaction_id, i.tenant_id)"             \
    "                                  < ($4, $5::uuid, $6::text)))"                               \
    " AND ($8::text IS NULL OR i.state = $8)"                                                      \
    " AND ($9::text IS NULL OR i.source_type = $9)"                                                \
    " AND ($10::text IS NULL OR i.disposition = $10)"                                              \
    " AND ($11::text IS NULL OR EXISTS (SELECT FROM fhirbus.diagnostic d"                          \
    "      WHERE d.interaction_id = i.interaction_id AND d.tenant = i.tenant_id"                   \
    "        AND d.received_at = i.received_at"                                                    \
    "        AND (d.diagnostics ILIKE $11 OR d.message_id ILIKE $11 OR d.location ILIKE $11)))"    \
    " AND ($12::text IS NULL OR i.bundle_id = $12)"                                                \
    " AND ($13::text IS NULL OR $13 IN (i.patient_id, i.patient_mrn, i.medicaid_cin))"
#define NEWEST_FIRST                                                                               \
    " ORDER BY i.received_at DESC, i.interaction_id DESC, i.tenant_id DESC LIMIT $7"
#define MAY_SEE " ($1::text IS NULL OR i.tenant_id = $1)"
#define OF_MESSAGES "SELECT c.interaction_id, c.tenant FROM fhirbus.message c WHERE c."
#define OF_VERDICTS "SELECT c.interaction_id, c.tenant FROM fhirbus.verdict c WHERE c."

const DbStatement search_all = {"interactions-all", COLUMNS " WHERE" MAY_SEE FILTERS NEWEST_FIRST};
const DbStatement search_tenant = {"interactions-of-tenant",
                                   COLUMNS " WHERE i.tenant_id = $1::text" FILTERS NEWEST_FIRST};
const DbStatement search_bundle = {
    "interactions-of-bundle",
    COLUMNS " WHERE (i.interaction_id, i.tenant_id) IN (" OF_MESSAGES "bundle_id = $12"
            " UNION " OF_VERDICTS "bundle_id = $12) AND" MAY_SEE FILTERS NEWEST_FIRST};
const DbStatement search_patient = {
    "interactions-of-patient",
    COLUMNS " WHERE (i.interaction_id, i.tenant_id) IN (" OF_MESSAGES "patient_id = $13"
            " UNION " OF_MESSAGES "patient_mrn = $13 UNION " OF_MESSAGES "medicaid_cin = $13"
            " UNION " OF_VERDICTS "patient_id = $13 UNION " OF_VERDICTS "patient_mrn = $13"
            " UNION " OF_VERDICTS "medicaid_cin = $13) AND" MAY_SEE FILTERS NEWEST_FIRST};

typedef enum Form { FORM_JSON, FORM_CSV, FORM_NDJSON } Form;

static const struct {
    const char *word, *accept, *content_type;
} forms[] = {
    [FORM_JSON] = {"json",   "application/json",     "application/json; charset=utf-8"        },
    [FORM_CSV] = {"csv",    "text/csv",             "text/csv; charset=utf-8; header=present"},
    [FORM_NDJSON] = {"ndjson", "application/x-ndjson", "application/x-ndjson; charset=utf-8"    },
};
enum { FORM_COUNT = sizeof forms / sizeof forms[0] };

typedef struct SearchQuestion {
    Question base;
    InteractionQuery query; /* texts live in the request's arena */
    Form form;
    Str scope;     /* of the grid */
    bool unmasked; /* patients' identifiers are shown */
    int64_t total_about;
    uint64_t wanted;       /* rows of this page; one more is asked for */
    uint64_t total, given; /* of an export: at most, and in the pages before; total 0: all */
    bool more;             /* there are rows behind the page */
    char tenant[CURSOR_TENANT_MAX + 1], key[CURSOR_KEY_MAX + 1];
    Cursor last; /* its texts are the fields above */
    Buf text;
} SearchQuestion;

static void clear_search(Question *base)
{
    buf_clear(&((SearchQuestion *)base)->text);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void add_row(SearchQuestion *question, const DbResult *result, size_t row)
{
    const RowForm form = {question->query.grid, question->unmasked};
    Buf *out = &question->text;
    if (question->form == FORM_CSV) {
        row_add_csv(&form, out, result, row);
        return;
    }
    if (question->form == FORM_JSON && row)
        buf_add(out, STR(",\n"));
    row_add_json(&form, out, result, row);
    if (question->form == FORM_NDJSON)
        buf_add_char(out, '\n');
}

static void keep_cursor(SearchQuestion *question, const DbResult *result, size_t row)
{
    Str id = db_get_text(result, row, 0), tenant = db_get_text(result, row, 1);
    Cursor *last = &question->last;
    size_t len = tenant.len < CURSOR_TENANT_MAX ? tenant.len : CURSOR_TENANT_MAX;
    last->received_us = db_get_time_us(result, row, row_key_column());
    CHECK(id.len == 36);
    memcpy(last->interaction_id, id.ptr, 36);
    last->interaction_id[36] = '\0';
    memcpy(question->tenant, tenant.ptr, len);
    last->tenant = (Str){question->tenant, len};
    last->key = STR_NONE;
    if (question->query.grid) {
        Str key = db_get_text(result, row, row_key_column() + GRID_KEY);
        CHECK(key.len <= CURSOR_KEY_MAX);
        memcpy(question->key, key.ptr, key.len);
        last->key = (Str){question->key, key.len};
    }
}

/* --- the question ----------------------------------------------------------------------------- */

static const DbStatement *statement_for(const InteractionQuery *query)
{
    if (query->patient.ptr)
        return &search_patient;
    if (query->bundle_id.ptr)
        return &search_bundle;
    return query->tenant.ptr ? &search_tenant : &search_all;
}

static void bind(const SearchQuestion *question, Arena *arena, DbParams *params)
{
    const InteractionQuery *query = &question->query;
    const Cursor *after = &query->cursor;
    db_params_init(params, arena);
    db_text(params, query->tenant);
    db_time_us(params, query->from_us);
    db_time_us(params, query->to_us);
    db_time_us(params, query->has_cursor ? after->received_us : 0);
    db_uuid(params, query->has_cursor ? str_from(after->interaction_id) : STR(""));
    db_text(params, query->has_cursor ? after->tenant : STR_NONE);
    db_bigint(params, (int64_t)question->wanted + 1);
    db_text(params, query->state);
    db_text(params, query->source_type);
    db_text(params, query->disposition);
    db_text(params, query->text.ptr ? query_like(query->text, arena) : STR_NONE);
    db_text(params, query->bundle_id);
    db_text(params, query->patient);
}

static bool ask(SearchQuestion *question, Db *db, Arena *arena, DbResult **ret_result, Err *err)
{
    const GridAsk grid = {&question->query, question->scope, question->wanted + 1};
    DbParams params;
    question->total_about = -1;
    if (!question->query.grid) {
        bind(question, arena, &params);
        return db_run(db, statement_for(&question->query), &params, ret_result, err);
    }
    if (question->form == FORM_JSON && !question->query.has_cursor)
        TRY(grid_count(db, &grid, arena, &question->total_about, err));
    return grid_ask(db, &grid, arena, ret_result, err);
}

static bool run_search(Question *base, Db *db, Arena *arena, Err *err)
{
    SearchQuestion *question = (SearchQuestion *)base;
    DbResult *result = NULL;
    TRY(ask(question, db, arena, &result, err));
    size_t rows = db_rows(result);
    question->more = rows > question->wanted;
    rows = question->more ? (size_t)question->wanted : rows;
    if (question->form == FORM_CSV && !question->given && !question->query.has_cursor)
        row_add_csv_header(&(RowForm){question->query.grid, question->unmasked}, &question->text);
    for (size_t i = 0; i < rows; i++)
        add_row(question, result, i);
    if (rows)
        keep_cursor(question, result, rows - 1);
    question->given += rows;
    db_result_free(result);
    return question->text.overflowed
               ? ERR(err, ERR_INPUT, "page-too-large", "more than %d bytes", PAGE_BYTES_MAX)
               : true;
}

static uint64_t page_rows(const SearchQuestion *question)
{
    uint64_t limit = question->query.limit;
    if (question->form == FORM_JSON) {
        limit = limit ? limit : QUERY_LIMIT_DEFAULT;
        return limit < QUERY_LIMIT_MAX ? limit : QUERY_LIMIT_MAX;
    }
    uint64_t left = limit ? limit - question->given : EXPORT_PAGE_ROWS;
    return left < EXPORT_PAGE_ROWS ? left : EXPORT_PAGE_ROWS;
}

/* --- an export: page after page --------------------------------------------------------------- */

/* Whether a page follows the one that `question` holds. */
static bool goes_on(const SearchQuestion *question)
{
    uint64_t limit = question->query.limit;
    return question->more && (limit == 0 || question->given < limit);
}

static bool ask_next(Exchange *exchange, const SearchQuestion *before)
{
    SearchQuestion *next = calloc(1, sizeof *next);
    CHECK(next);
    next->base.run = run_search;
    next->base.clear = clear_search;
    next->query = before->query;
    next->form = before->form;
    buf_init(&next->text, PAGE_BYTES_MAX);
    next->scope = before->scope;
    next->unmasked = before->unmasked;
    memcpy(next->tenant, before->tenant, sizeof next->tenant);
    memcpy(next->key, before->key, sizeof next->key);
    next->query.has_cursor = true;
    next->query.cursor = before->last;
    next->query.cursor.tenant = (Str){next->tenant, before->last.tenant.len};
    if (before->last.key.ptr)
        next->query.cursor.key = (Str){next->key, before->last.key.len};
    next->given = before->given;
    next->wanted = page_rows(next);
    return lookups_ask(exchange->ingest->reads, exchange, &next->base);
}

/* The question that the exchange holds is the page that was sent last, or the one that is due. */
static HttpMore next_page(void *context, HttpRequest *request)
{
    Exchange *exchange = context;
    SearchQuestion *question = (SearchQuestion *)lookups_answered(exchange);
    if (!question)
        return HTTP_MORE_WAIT;
    if (!question->base.ok)
        return HTTP_MORE_FAIL;
    if (question->text.len) {
        Buf *body = http_reply_body(request);
        buf_add(body, buf_str(&question->text));
        buf_reset(&question->text);
        return goes_on(question) ? HTTP_MORE : HTTP_MORE_END;
    }
    if (!goes_on(question))
        return HTTP_MORE_END;
    return ask_next(exchange, question) ? HTTP_MORE_WAIT : HTTP_MORE_FAIL;
}

/* --- the answer ------------------------------------------------------------------------------- */

static StepNext reply_page(Exchange *exchange, SearchQuestion *question)
{
    HttpRequest *request = exchange->request;
    Buf *body = http_reply_body(request);
    buf_add(body, STR("{\"interactions\":[\n"));
    buf_add(body, buf_str(&question->text));
    buf_add(body, STR("],\"next\":"));
    if (question->more) {
        Str next = query_write_next(&question->query, &question->last, exchange->arena);
        Str link =
            arena_format(exchange->arena, "</interactions?%.*s>; rel=\"next\"", STR_ARG(next));
        http_reply_header(request, "Link", link);
        json_write_string(body, arena_format(exchange->arena, "/interactions?%.*s", STR_ARG(next)));
    } else {
        buf_add(body, STR("null"));
    }
    if (question->query.grid && question->total_about >= 0)
        buf_add_format(body, ",\"estimate\":%lld,\"exact\":false",
                       (long long)question->total_about);
    else if (question->query.grid)
        buf_add(body, STR(",\"estimate\":null,\"exact\":false"));
    buf_add(body, STR("}\n"));
    return STEP_REPLY;
}

static StepNext tell_search(Exchange *exchange, Question *base)
{
    SearchQuestion *question = (SearchQuestion *)base;
    HttpRequest *request = exchange->request;
    http_reply_status(request, 200);
    http_reply_header(request, "Vary", STR("Accept"));
    http_reply_header(request, "Content-Type", str_from(forms[question->form].content_type));
    if (question->form == FORM_JSON)
        return reply_page(exchange, question);
    if (question->form == FORM_CSV)
        http_reply_header(request, "Content-Disposition",
                          STR("attachment; filename=\"interactions.csv\""));
    http_reply_stream(request, next_page, exchange);
    return STEP_REPLY;
}

/* False: the caller takes none of them. */
static bool choose_form(Exchange *exchange, Str format, Form *ret_form)
{
    Str accept = http_request_list(exchange->request, STR("accept"));
    unsigned best = 0;
    for (size_t i = 0; i < FORM_COUNT; i++) {
        if (format.ptr && str_is(format, forms[i].word)) {
            *ret_form = (Form)i;
            return true;
        }
        unsigned quality = http_accept_quality(accept, str_from(forms[i].accept));
        if (quality > best) {
            best = quality;
            *ret_form = (Form)i;
        }
    }
    return best > 0 && !format.ptr;
}

/* Callers see what was sent for them; people at the pages what they ask for, and it is recorded. */
static StepNext who_sees(Exchange *exchange, SearchQuestion *question)
{
    const Caller *caller = exchange->identity.caller;
    StepNext next = reveal_asked(exchange, "patients", &question->unmasked);
    if (next != STEP_NEXT)
        return next;
    question->scope = scope_of(exchange);
    if (question->query.patient.ptr)
        audited_patient(exchange, question->query.patient);
    if (!question->query.grid && !exchange->tenant.len && caller &&
        !caller_may_for_all(caller, PERMISSION_READ))
        return refuse(exchange, 400, "tenant-missing", "Say for which tenant, or give sort");
    return STEP_NEXT;
}

static StepNext read_search(Exchange *exchange, Question *base)
{
    SearchQuestion *question = (SearchQuestion *)base;
    const char *why = NULL;
    base->spans = true;
    buf_init(&question->text, PAGE_BYTES_MAX);
    if (!query_read(http_request_query(exchange->request), exchange->tenant, exchange->arena,
                    &question->query, &why))
        return refuse(exchange, 400, "interactions-query", why);
    if (!choose_form(exchange, question->query.format, &question->form))
        return refuse(exchange, 406, "not-acceptable",
                      "application/json, text/csv or application/x-ndjson");
    question->wanted = page_rows(question);
    return who_sees(exchange, question);
}

StepNext step_search(Exchange *exchange)
{
    static const LookupStep step = {sizeof(SearchQuestion), run_search, clear_search, read_search,
                                    tell_search};
    return lookups_step(exchange->ingest->reads, exchange, &step);
}
