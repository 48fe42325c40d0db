/* GET /AuditEvent: the audit trail, newest first, as a searchset.
 *
 * What is shown is read from the bytes that are chained, not from the columns beside them. Who may
 * administer one tenant sees the records of that tenant. */
#include "services/ingest/flow.h"

#include "common/audit/audit.h"
#include "common/envelope/uuid.h"
#include "common/json/write.h"
#include "services/ingest/hosts.h"
#include "services/ingest/lookups.h"
#include "services/ingest/read/audit_query.h"
#include "services/ingest/refuse.h"

enum { PAGE_BYTES_MAX = 8 << 20 };

typedef struct AuditQuestion {
    Question base;
    AuditSearch search; /* texts live in the request's arena */
    unsigned char subject[AUDIT_SUBJECT_BYTES];
    size_t rows;
    bool more;
    char cursor[80]; /* of the last row */
    Str base_url;
    Buf text; /* the entries, by comma */
} AuditQuestion;

static void clear_audit(Question *base)
{
    buf_clear(&((AuditQuestion *)base)->text);
}

static void add_entry(AuditQuestion *question, const AuditFound *found)
{
    Buf *out = &question->text;
    buf_add(out, question->rows++ ? STR(",\n{") : STR("{"));
    if (uuid_valid(found->record.id))
        buf_add_format(out, "\"fullUrl\":\"urn:uuid:%.*s\",", STR_ARG(found->record.id));
    buf_add(out, STR("\"resource\":"));
    audit_event_write(&found->record, &found->place, out);
    buf_add(out, STR(",\"search\":{\"mode\":\"match\"}}"));
}

static bool run_audit(Question *base, Db *db, Arena *arena, Err *err)
{
    AuditQuestion *question = (AuditQuestion *)base;
    AuditSearch search = question->search;
    AuditFound *found;
    size_t count;
    search.limit++; /* is there one more? */
    TRY(audit_search(db, &search, arena, &found, &count, err));
    question->more = count > question->search.limit;
    if (question->more)
        count = question->search.limit;
    for (size_t i = 0; i < count; i++)
        add_entry(question, &found[i]);
    if (count)
        snprintf(question->cursor, sizeof question->cursor, "%s",
                 audit_query_cursor(&found[count - 1], arena).ptr);
    return question->text.overflowed
               ? ERR(err, ERR_INPUT, "page-too-large", "more than %d bytes", PAGE_BYTES_MAX)
               : true;
}

static StepNext read_audit(Exchange *exchange, Question *base)
{
    AuditQuestion *question = (AuditQuestion *)base;
    AuditSearch *search = &question->search;
    const char *why = NULL;
    base->spans = true;
    if (!audit_query_read(http_request_query(exchange->request), exchange->arena, search, &why))
        return refuse(exchange, 400, "audit-query", why);
    search->tenant = exchange->tenant;
    if (search->patient.len) {
        audit_subject(exchange->ingest->ordering_secret, search->patient, question->subject);
        search->subject = (Str){(const char *)question->subject, sizeof question->subject};
    }
    question->base_url = arena_copy(exchange->arena, host_base_url(exchange));
    buf_init(&question->text, PAGE_BYTES_MAX);
    return STEP_NEXT;
}

static void add_link(Buf *out, const char *relation, Str url)
{
    buf_add_format(out, "{\"relation\":\"%s\",\"url\":", relation);
    json_write_string(out, url);
    buf_add_char(out, '}');
}

/* The query as it was sent, without the cursor of a page before. */
static Str without_cursor(Str query, Arena *arena)
{
    Str rest = query, pair, kept = STR("");
    while (rest.ptr && str_split(&rest, '&', &pair))
        if (pair.len && !str_starts(pair, STR("_cursor=")))
            kept = arena_format(arena, "%.*s%.*s&", STR_ARG(kept), STR_ARG(pair));
    return kept;
}

static StepNext tell_audit(Exchange *exchange, Question *base)
{
    AuditQuestion *question = (AuditQuestion *)base;
    HttpRequest *request = exchange->request;
    Str query = http_request_query(request), url = question->base_url;
    Buf *body = http_reply_body(request);
    http_reply_status(request, 200);
    http_reply_header(request, "Content-Type", STR("application/fhir+json; charset=utf-8"));
    buf_add(body, STR("{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"link\":["));
    add_link(body, "self",
             arena_format(exchange->arena,
                          query.len ? "%.*s/AuditEvent?%.*s" : "%.*s/AuditEvent%.*s", STR_ARG(url),
                          STR_ARG(query)));
    if (question->more) {
        buf_add_char(body, ',');
        Str kept = without_cursor(query, exchange->arena);
        add_link(body, "next",
                 arena_format(exchange->arena, "%.*s/AuditEvent?%.*s_cursor=%s", STR_ARG(url),
                              STR_ARG(kept), question->cursor));
    }
    buf_add_char(body, ']');
    if (question->rows) { /* FHIR knows no empty arrays */
        buf_add(body, STR(",\"entry\":[\n"));
        buf_add(body, buf_str(&question->text));
        buf_add_char(body, ']');
    }
    buf_add(body, STR("}\n"));
    return STEP_REPLY;
}

StepNext step_audit(Exchange *exchange)
{
    static const LookupStep step = {sizeof(AuditQuestion), run_audit, clear_audit, read_audit,
                                    tell_audit};
    return lookups_step(exchange->ingest->reads, exchange, &step);
}
