/* What a replay's verdicts say beside those before: read in pages, summed here. */
#include "common/base/buf.h"
#include "common/replay/inner.h"

enum { REPORT_PAGE = 2000, TEXT_SHOWN = 200, LINES_BYTES_MAX = 1 << 20 };
enum {
    R_ID,
    R_TENANT,
    R_SHA256,
    R_FAILURE,
    R_WAS,
    R_IS,
    R_ACTION_WAS,
    R_ACTION_IS,
    R_ADDED,
    R_GONE
};

typedef struct Place {
    bool set;
    char id[37];
    Str tenant, sha256;
} Place;

typedef struct Report {
    Db *db;
    Str id;
    Arena *arena;
    Place place;
    size_t most_told, told;
    ReplayTell tell;
    void *context;
    ReplayReport sums;
} Report;

static bool had_none(const DbResult *rows, size_t i)
{
    return db_is_null(rows, i, R_ACTION_WAS);
}

/* Counts one document; true: it differs, or could not be judged. */
static bool count(ReplayReport *sums, const DbResult *rows, size_t i)
{
    bool failed = !db_is_null(rows, i, R_FAILURE), known = !failed && !had_none(rows, i);
    bool was = db_get_bool(rows, i, R_WAS), is = db_get_bool(rows, i, R_IS);
    int64_t added = db_get_int(rows, i, R_ADDED), gone = db_get_int(rows, i, R_GONE);
    bool other =
        known && !str_eq(db_get_text(rows, i, R_ACTION_WAS), db_get_text(rows, i, R_ACTION_IS));
    bool differs = failed || !known || was != is || other || added || gone;
    sums->judged += !failed;
    sums->failed += failed;
    if (!known)
        return differs;
    sums->changed += differs;
    sums->now_invalid += was && !is;
    sums->now_valid += !was && is;
    sums->other_action += other;
    sums->added += added;
    sums->gone += gone;
    return differs;
}

static void add_clipped(Buf *out, Str text)
{
    for (size_t i = 0; i < text.len && i < TEXT_SHOWN; i++)
        buf_add_char(out, (unsigned char)text.ptr[i] < ' ' ? ' ' : text.ptr[i]);
}

static bool add_issues(Report *report, const DbResult *rows, size_t i, Buf *out, Err *err)
{
    DbParams params;
    DbResult *issues = NULL;
    char id[37] = "";
    (void)!db_get_uuid(rows, i, R_ID, id);
    db_params_init(&params, report->arena);
    db_uuid(&params, report->id);
    db_uuid(&params, str_from(id));
    db_text(&params, db_get_text(rows, i, R_TENANT));
    db_bytes(&params, db_get_text(rows, i, R_SHA256));
    TRY(db_run(report->db, &replay_report_issues, &params, &issues, err));
    for (size_t n = 0; n < db_rows(issues); n++) {
        buf_add_format(out, "\n  %.*s %.*s %.*s %.*s: ", STR_ARG(db_get_text(issues, n, 0)),
                       STR_ARG(db_get_text(issues, n, 1)), STR_ARG(db_get_text(issues, n, 2)),
                       STR_ARG(db_get_text(issues, n, 3)));
        add_clipped(out, db_get_text(issues, n, 4));
        int64_t times = db_get_int(issues, n, 5);
        if (times > 1)
            buf_add_format(out, " (%lld times)", (long long)times);
    }
    db_result_free(issues);
    return true;
}

static bool tell(Report *report, const DbResult *rows, size_t i, Err *err)
{
    char id[37] = "";
    BUF_AUTO out;
    buf_init(&out, LINES_BYTES_MAX);
    (void)!db_get_uuid(rows, i, R_ID, id);
    buf_add_format(&out, "%s %.*s: ", id, STR_ARG(db_get_text(rows, i, R_TENANT)));
    if (!db_is_null(rows, i, R_FAILURE)) {
        buf_add(&out, STR("could not be judged: "));
        add_clipped(&out, db_get_text(rows, i, R_FAILURE));
    } else {
        buf_add_format(
            &out, "%s -> %s, %.*s -> %.*s, issues +%lld -%lld",
            had_none(rows, i)             ? "no verdict"
            : db_get_bool(rows, i, R_WAS) ? "valid"
                                          : "invalid",
            db_get_bool(rows, i, R_IS) ? "valid" : "invalid",
            STR_ARG(had_none(rows, i) ? STR("none") : db_get_text(rows, i, R_ACTION_WAS)),
            STR_ARG(db_get_text(rows, i, R_ACTION_IS)), (long long)db_get_int(rows, i, R_ADDED),
            (long long)db_get_int(rows, i, R_GONE));
        TRY(add_issues(report, rows, i, &out, err));
    }
    report->tell(report->context, buf_str(&out));
    return true;
}

static bool ask(Report *report, DbResult **ret_rows, Err *err)
{
    DbParams params;
    db_params_init(&params, report->arena);
    db_uuid(&params, report->id);
    if (report->place.set) {
        db_uuid(&params, str_from(report->place.id));
        db_text(&params, report->place.tenant);
        db_bytes(&params, report->place.sha256);
    } else {
        for (int i = 0; i < 3; i++)
            db_null(&params);
    }
    db_bigint(&params, REPORT_PAGE);
    return db_run(report->db, &replay_report_page, &params, ret_rows, err);
}

/* One page; *ret_rows: of how many. */
static bool read_page(Report *report, size_t *ret_rows, Err *err)
{
    DbResult *rows = NULL;
    bool fine = true;
    TRY(ask(report, &rows, err));
    size_t n = *ret_rows = db_rows(rows);
    for (size_t i = 0; fine && i < n; i++)
        if (count(&report->sums, rows, i) && report->told < report->most_told) {
            report->told++;
            fine = tell(report, rows, i, err);
        }
    if (fine && n) {
        (void)!db_get_uuid(rows, n - 1, R_ID, report->place.id);
        report->place.tenant = arena_copy(report->arena, db_get_text(rows, n - 1, R_TENANT));
        report->place.sha256 = arena_copy(report->arena, db_get_text(rows, n - 1, R_SHA256));
        report->place.set = true;
    }
    db_result_free(rows);
    return fine;
}

bool replay_report(Db *db, Str id, size_t most_told, ReplayTell told, void *context, Arena *arena,
                   ReplayReport *ret_report, Err *err)
{
    Report report = {.db = db,
                     .id = id,
                     .arena = arena,
                     .most_told = most_told,
                     .tell = told,
                     .context = context};
    size_t rows = REPORT_PAGE;
    while (rows == REPORT_PAGE)
        TRY(read_page(&report, &rows, err));
    *ret_report = report.sums;
    return true;
}
