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
#include "services/ingest/exchange.h"
#include "services/ingest/lookups.h"
#include "services/ingest/read/csv.h"
#include "services/ingest/read/query.h"
#include "services/ingest/refuse.h"

enum { EXPORT_PAGE_ROWS = 500, PAGE_BYTES_MAX = 32 * 1024 * 1024 };

typedef struct Column {
    const char *name;
    bool bare; /* in JSON: without quotes */
} Column;

/* In the order of COLUMNS below. */
static const Column columns[] = {
    {"interaction_id",        false},
    {"tenant_id",             false},
    {"received_at",           false},
    {"state",                 false},
    {"state_at",              false},
    {"source_type",           false},
    {"uri",                   false},
    {"lane",                  false},
    {"disposition",           false},
    {"is_bundle_valid",       true },
    {"errors",                true },
    {"warnings",              true },
    {"information",           true },
    {"precheck_code",         false},
    {"profile_url",           false},
    {"ig_version",            false},
    {"bundle_id",             false},
    {"bundle_type",           false},
    {"patient_id",            false},
    {"patient_mrn",           false},
    {"medicaid_cin",          false},
    {"organization_id",       false},
    {"organization_name",     false},
    {"correlation_id",        false},
    {"group_interaction_id",  false},
    {"master_interaction_id", false},
    {"payload_bytes",         true },
    {"payload_sha256",        false},
    {"replay_id",             false},
};
enum { COLUMN_COUNT = sizeof columns / sizeof columns[0], KEY_COLUMN = COLUMN_COUNT };

/* Everything as text, and received_at once more for the cursor. */
#define AS_TEXT " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
#define COLUMNS                                                                                    \
    "SELECT i.interaction_id::text, i.tenant_id, to_char(i.received_at" AS_TEXT ", i.state,"       \
    " to_char(i.state_at" AS_TEXT ", i.source_type, i.uri, i.lane, i.disposition,"                 \
    " i.is_bundle_valid::text, i.errors::text, i.warnings::text, i.information::text,"             \
    " i.precheck_code, i.profile_url, i.ig_version, i.bundle_id, i.bundle_type, i.patient_id,"     \
    " i.patient_mrn, i.medicaid_cin, i.organization_id, i.organization_name, i.correlation_id,"    \
    " i.group_interaction_id, i.master_interaction_id, i.payload_bytes::text, i.payload_sha256,"   \
    " i.replay_id::text, i.received_at FROM fhirbus.interaction i"

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
    uint64_t wanted;       /* rows of this page; one more is asked for */
    uint64_t total, given; /* of an export: at most, and in the pages before; total 0: all */
    bool more;             /* there are rows behind the page */
    char tenant[CURSOR_TENANT_MAX + 1];
    Cursor last; /* its tenant is the field above */
    Buf text;
} SearchQuestion;

static void clear_search(Question *base)
{
    buf_clear(&((SearchQuestion *)base)->text);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void add_json_row(Buf *out, const DbResult *result, size_t row)
{
    buf_add_char(out, '{');
    for (int i = 0; i < COLUMN_COUNT; i++) {
        buf_add_format(out, "%s\"%s\":", i ? "," : "", columns[i].name);
        if (db_is_null(result, row, i))
            buf_add(out, STR("null"));
        else if (columns[i].bare)
            buf_add(out, db_get_text(result, row, i));
        else
            json_write_string(out, db_get_text(result, row, i));
    }
    buf_add_char(out, '}');
}

static void add_csv_row(Buf *out, const DbResult *result, size_t row)
{
    for (int i = 0; i < COLUMN_COUNT; i++) {
        if (i)
            buf_add_char(out, ',');
        csv_add_cell(out, db_get_text(result, row, i));
    }
    buf_add(out, STR("\r\n"));
}

static void add_csv_header(Buf *out)
{
    for (int i = 0; i < COLUMN_COUNT; i++)
        buf_add_format(out, "%s%s", i ? "," : "", columns[i].name);
    buf_add(out, STR("\r\n"));
}

static void add_row(SearchQuestion *question, const DbResult *result, size_t row)
{
    Buf *out = &question->text;
    if (question->form == FORM_CSV) {
        add_csv_row(out, result, row);
        return;
    }
    if (question->form == FORM_JSON && row)
        buf_add(out, STR(",\n"));
    add_json_row(out, result, row);
    if (question->form == FORM_NDJSON)
        buf_add_char(out, '\n');
}

static void keep_cursor(SearchQuestion *question, const DbResult *result, size_t row)
{
    Str id = db_get_text(result, row, 0), tenant = db_get_text(result, row, 1);
    Cursor *last = &question->last;
    size_t len = tenant.len < CURSOR_TENANT_MAX ? tenant.len : CURSOR_TENANT_MAX;
    last->received_us = db_get_time_us(result, row, KEY_COLUMN);
    CHECK(id.len == 36);
    memcpy(last->interaction_id, id.ptr, 36);
    last->interaction_id[36] = '\0';
    memcpy(question->tenant, tenant.ptr, len);
    last->tenant = (Str){question->tenant, len};
}

/* --- the question ----------------------------------------------------------------------------- */

/* Any text -> a pattern that finds it, with LIKE's own signs taken literally. */
static Str like_pattern(Str text, Arena *arena)
{
    char *to = arena_alloc(arena, text.len * 2 + 3);
    size_t len = 0;
    if (!to)
        return STR_NONE;
    to[len++] = '%';
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '%' || text.ptr[i] == '_' || text.ptr[i] == '\\')
            to[len++] = '\\';
        to[len++] = text.ptr[i];
    }
    to[len++] = '%';
    return (Str){to, len};
}

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
    db_text(params, query->text.ptr ? like_pattern(query->text, arena) : STR_NONE);
    db_text(params, query->bundle_id);
    db_text(params, query->patient);
}

static bool run_search(Question *base, Db *db, Arena *arena, Err *err)
{
    SearchQuestion *question = (SearchQuestion *)base;
    DbParams params;
    DbResult *result = NULL;
    bind(question, arena, &params);
    TRY(db_run(db, statement_for(&question->query), &params, &result, err));
    size_t rows = db_rows(result);
    question->more = rows > question->wanted;
    rows = question->more ? (size_t)question->wanted : rows;
    if (question->form == FORM_CSV && !question->given && !question->query.has_cursor)
        add_csv_header(&question->text);
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
    memcpy(next->tenant, before->tenant, sizeof next->tenant);
    next->query.has_cursor = true;
    next->query.cursor = before->last;
    next->query.cursor.tenant = (Str){next->tenant, before->last.tenant.len};
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
    Str accept = http_request_header(exchange->request, STR("accept"));
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

static StepNext read_search(Exchange *exchange, Question *base)
{
    SearchQuestion *question = (SearchQuestion *)base;
    const char *why = NULL;
    buf_init(&question->text, PAGE_BYTES_MAX);
    if (!query_read(http_request_query(exchange->request), exchange->tenant, exchange->arena,
                    &question->query, &why))
        return refuse(exchange, 400, "interactions-query", why);
    if (!choose_form(exchange, question->query.format, &question->form))
        return refuse(exchange, 406, "not-acceptable",
                      "application/json, text/csv or application/x-ndjson");
    question->wanted = page_rows(question);
    return STEP_NEXT;
}

StepNext step_search(Exchange *exchange)
{
    static const LookupStep step = {sizeof(SearchQuestion), run_search, clear_search, read_search,
                                    tell_search};
    return lookups_step(exchange->ingest->reads, exchange, &step);
}
