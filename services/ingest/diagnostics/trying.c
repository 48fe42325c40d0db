/* POST /admin/api/diagnostics/rules/try: what a rule set that is being edited would make of real
 * interactions: of what the engine had said of them, beside what the sets in force make of it now.
 * Nothing is stored or sent. */
#include "services/ingest/diagnostics/trying.h"

#include "common/base/clock.h"
#include "common/http/fields.h"
#include "common/json/write.h"
#include "common/ruling/outcome_text.h"
#include "common/ruling/ruling.h"
#include "services/ingest/audited.h"
#include "services/ingest/diagnostics/flows.h"
#include "services/ingest/diagnostics/reveal.h"
#include "services/ingest/diagnostics/rules_text.h"
#include "services/ingest/diagnostics/scope.h"
#include "services/ingest/diagnostics/tell.h"
#include "services/ingest/diagnostics/veil.h"
#include "services/ingest/refuse.h"
#include "services/ingest/unpack.h"

enum { TRIED_MAX = 50, TRIED_DEFAULT = 20, UNPACKED_MAX = 128 * 1024 * 1024 };

/* $1 these, or NULL: the newest; $2 how many. Of each its latest verdict. */
const DbStatement trying_rows = {
    "trying-rows",
    "SELECT c.interaction_id::text, c.tenant, v.precheck_code, v.precheck_message, v.profile_url,"
    "   v.outcome, v.engine_outcome, v.bundle, m.payload"
    " FROM (SELECT * FROM (SELECT g.interaction_id, g.tenant, g.received_at FROM fhirbus.grid g"
    "         WHERE g.interaction_id = ANY ($1::uuid[])"
    "       UNION ALL"
    "       SELECT g.* FROM (SELECT DISTINCT tenant FROM fhirbus.facet WHERE $1::uuid[] IS NULL) t"
    "         CROSS JOIN LATERAL (SELECT n.interaction_id, n.tenant, n.received_at"
    "           FROM fhirbus.grid n WHERE n.tenant = t.tenant AND n.verdict_of IS NOT NULL"
    "           ORDER BY n.received_at DESC, n.interaction_id DESC LIMIT $2::integer) g) a"
    "       ORDER BY a.received_at DESC, a.interaction_id DESC LIMIT $2::integer) c"
    " CROSS JOIN LATERAL (SELECT * FROM fhirbus.verdict w"
    "   WHERE w.interaction_id = c.interaction_id AND w.tenant = c.tenant"
    "     AND w.received_at = c.received_at"
    "   ORDER BY w.replay_id DESC, w.attempt DESC, w.sha256 LIMIT 1) v"
    " LEFT JOIN LATERAL (SELECT n.payload FROM fhirbus.message n"
    "   WHERE n.interaction_id = c.interaction_id AND n.tenant = c.tenant"
    "     AND n.received_at = c.received_at AND n.sha256 = v.sha256 LIMIT 1) m ON true"
    " ORDER BY c.received_at DESC, c.interaction_id DESC"};
enum { C_ID, C_TENANT, C_CODE, C_MESSAGE, C_PROFILE, C_OUTCOME, C_ENGINE, C_BUNDLE, C_PAYLOAD };

typedef struct Trying {
    TellQuestion tell;
    RulesBody body;
    Str ids[TRIED_MAX];
    size_t id_count;
    uint64_t last;
    RulesProblem problem;
    size_t tried, left_out;
    bool revealed;
} Trying;

/* The sets in force, and the same with the one that is tried. */
typedef struct Books {
    Catalog *catalog;
    const CatalogView *now, *then;
    Str name;
    int64_t at_us;
} Books;

/* --- the sets --------------------------------------------------------------------------------- */

static bool put_set(Catalog *catalog, Str name, uint64_t version, Str data, Arena *arena, Err *err)
{
    BUF_AUTO object;
    Str id = ARENA_JOIN(arena, STR("rules/"), name);
    const ObjectDraft draft = {
        .id = id, .version = version, .published_us = clock_wall_us(), .data = data};
    buf_init(&object, OBJECT_BYTES_MAX + 1);
    return object_write(&draft, &object, err) && catalog_apply(catalog, id, buf_str(&object), err);
}

static bool open_books(Books *books, const Trying *trying, const RuleSet *set, Arena *arena,
                       Err *err)
{
    const CatalogOptions options = {.kinds = &rules_catalog_kind, .kind_count = 1};
    CatalogRun run = catalog_kind(books->now, "rules");
    TRY(catalog_open_detached(&options, &books->catalog, err));
    for (size_t i = 0; i < run.count; i++) {
        const CatalogObject *object = run.entries[i].object;
        if (!str_eq(object->name, set->name))
            TRY(put_set(books->catalog, object->name, object->version, object->data, arena, err));
    }
    TRY(put_set(books->catalog, set->name, trying->body.base_version + 1, trying->body.file, arena,
                err));
    books->name = set->name;
    books->at_us = clock_wall_us();
    books->then = catalog_acquire(books->catalog);
    return true;
}

static void close_books(Books *books, Catalog *published)
{
    if (books->then)
        catalog_release(books->catalog, books->then);
    catalog_close(books->catalog);
    catalog_release(published, books->now);
}

/* --- one interaction -------------------------------------------------------------------------- */

static bool unpack(const Trying *trying, Str id, unsigned column, Str packed, Arena *arena,
                   Str *ret_bytes)
{
    const Stored stored = {trying->tell.base.exchange->ingest, id, column};
    return packed.len && unpack_stored(&stored, packed, UNPACKED_MAX, arena, ret_bytes);
}

/* What the engine had said, and the bundle. False: retention has taken them. */
static bool read_judged(const Trying *trying, const DbResult *rows, size_t i, Arena *arena,
                        Validated *ret)
{
    Str id = db_get_text(rows, i, C_ID), outcome;
    bool changed = !db_is_null(rows, i, C_ENGINE), converted = !db_is_null(rows, i, C_BUNDLE);
    Validated judged = {.envelope = {.tenant = db_get_text(rows, i, C_TENANT)}};
    Err err = {0};
    if (!unpack(trying, id, changed ? VAULT_ONE(VAULT_ENGINE_OUTCOME) : VAULT_ONE(VAULT_OUTCOME),
                db_get_text(rows, i, changed ? C_ENGINE : C_OUTCOME), arena, &outcome) ||
        !unpack(trying, id, converted ? VAULT_ONE(VAULT_BUNDLE) : VAULT_ONE(VAULT_PAYLOAD),
                db_get_text(rows, i, converted ? C_BUNDLE : C_PAYLOAD), arena, &judged.bundle) ||
        !outcome_read(outcome, arena, &judged.outcome, &err))
        return false;
    judged.outcome.precheck_code = db_get_text(rows, i, C_CODE);
    judged.outcome.precheck_message = db_get_text(rows, i, C_MESSAGE);
    judged.outcome.profile_url = db_get_text(rows, i, C_PROFILE);
    *ret = judged;
    return true;
}

static bool rule(const Trying *trying, const Books *books, const CatalogView *view,
                 const Validated *judged, Arena *arena, Validated *ret, Err *err)
{
    const RuleSet *builtin = trying->tell.base.exchange->ingest->rules_default;
    RuleBook book;
    *ret = *judged;
    return rule_book(view, builtin, judged->envelope.tenant, arena, &book, err) &&
           ruling_apply(&book, books->at_us, arena, ret, err);
}

static void add_text(Buf *out, const char *name, Str value)
{
    buf_add_format(out, ",\"%s\":", name);
    if (value.ptr)
        json_write_string(out, value);
    else
        buf_add(out, STR("null"));
}

/* Of the set that is tried alone. True: there are some. */
static bool add_changes(Buf *out, const Validated *after, Str set)
{
    bool first = true;
    for (uint32_t i = 0; i < after->rule_change_count; i++) {
        const RuleChange *change = &after->rule_changes[i];
        if (!str_starts(change->rule, set) || change->rule.len <= set.len ||
            change->rule.ptr[set.len] != '/')
            continue;
        buf_add(out, first ? STR("{\"rule\":") : STR(",{\"rule\":"));
        json_write_string(out, change->rule);
        add_text(out, "what", change->what);
        if (change->issue)
            buf_add_format(out, ",\"issue\":%u", change->issue - 1);
        else
            buf_add(out, STR(",\"issue\":null"));
        add_text(out, "before", change->before);
        add_text(out, "after", change->after);
        buf_add_char(out, '}');
        first = false;
    }
    return !first;
}

/* Texts of issues, before and after, as far as whoever asks may read the document. */
static bool add_veiled(Trying *trying, Str bundle, Str tried, Arena *arena, Err *err)
{
    Veil *veil = veil_new(arena);
    if (!veil)
        return ERR(err, ERR_INPUT, "memory-limit", "no room to mask it");
    veil_learn(veil, bundle, true);
    veil_ready(veil, true);
    veil_add_json(veil, &trying->tell.text, tried);
    return true;
}

/* True: it has changes, whose texts are of the document. */
static bool add_tried(Buf *out, Str id, const Validated *before, const Validated *after, Str set)
{
    const Outcome *old = &before->outcome, *new = &after->outcome;
    buf_add(out, STR("\n{\"tenant\":"));
    json_write_string(out, before->envelope.tenant);
    buf_add_format(out,
                   ",\"interaction_id\":\"%.*s\",\"valid_before\":%s,\"valid_after\":%s,"
                   "\"action_before\":\"%s\",\"action_after\":\"%s\",\"errors_before\":%u,"
                   "\"errors_after\":%u,\"warnings_before\":%u,\"warnings_after\":%u,\"changes\":[",
                   STR_ARG(id), old->valid ? "true" : "false", new->valid ? "true" : "false",
                   action_name(before->disposition.action), action_name(after->disposition.action),
                   old->errors, new->errors, old->warnings, new->warnings);
    bool changes = add_changes(out, after, set);
    buf_add(out, STR("]}"));
    return changes;
}

static bool tell_tried(Trying *trying, Str id, const Validated *before, const Validated *after,
                       Str set, Arena *arena, Err *err)
{
    Buf *out = &trying->tell.text;
    BUF_AUTO one;
    buf_init(&one, TELL_BYTES_MAX);
    bool changes = add_tried(&one, id, before, after, set);
    if (one.overflowed)
        return ERR(err, ERR_INPUT, "page-too-large", "too many changes");
    buf_add(out, trying->tried++ ? STR(",") : STR(""));
    if (changes && !trying->revealed)
        return add_veiled(trying, before->bundle, buf_str(&one), arena, err);
    buf_add(out, buf_str(&one));
    return true;
}

static bool try_rows(Trying *trying, const Books *books, const DbResult *rows, Arena *arena,
                     Err *err)
{
    for (size_t i = 0; i < db_rows(rows); i++) {
        Validated judged, before, after;
        ArenaMark mark = arena_mark(arena);
        bool there = read_judged(trying, rows, i, arena, &judged);
        bool fine = !there || (rule(trying, books, books->now, &judged, arena, &before, err) &&
                               rule(trying, books, books->then, &judged, arena, &after, err));
        if (there && fine)
            fine = tell_tried(trying, db_get_text(rows, i, C_ID), &before, &after, books->name,
                              arena, err);
        trying->left_out += !there;
        arena_release(arena, mark);
        if (!fine)
            return false;
    }
    return true;
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool ask_rows(Trying *trying, Db *db, Arena *arena, DbResult **ret_rows, Err *err)
{
    DbParams params;
    db_params_init(&params, arena);
    if (trying->id_count)
        db_uuid_array(&params, trying->ids, trying->id_count);
    else
        db_null(&params);
    db_int(&params, (int32_t)trying->last);
    return scope_run(db, trying->tell.scope, &trying_rows, &params, ret_rows, err);
}

static bool try_set(Trying *trying, const RuleSet *set, Db *db, Arena *arena, Err *err)
{
    Catalog *published = trying->tell.base.exchange->ingest->catalog;
    Books books = {.now = catalog_acquire(published)};
    DbResult *rows = NULL;
    bool fine = open_books(&books, trying, set, arena, err) &&
                ask_rows(trying, db, arena, &rows, err) &&
                try_rows(trying, &books, rows, arena, err);
    db_result_free(rows);
    close_books(&books, published);
    return fine;
}

static bool run_trying(Question *base, Db *db, Arena *arena, Err *err)
{
    Trying *trying = (Trying *)base;
    Buf *out = &trying->tell.text;
    RuleSet *set = NULL;
    Err refused = {0};
    trying->tell.found = true;
    buf_add(out, STR("{\"tried\":["));
    if (!rules_read(trying->body.file, &set, &trying->problem, &refused)) {
        buf_add(out, STR("],\"left_out\":0,\"problems\":["));
        rules_problem_write(&trying->problem, out);
        buf_add(out, STR("]}"));
        return true;
    }
    bool fine = try_set(trying, set, db, arena, err);
    rules_free(set);
    buf_add_format(out, "],\"left_out\":%zu,\"problems\":[]}", trying->left_out);
    return fine && (!out->overflowed || ERR(err, ERR_INPUT, "page-too-large", "too many changes"));
}

/* --- the request ------------------------------------------------------------------------------ */

static bool read_ids(Trying *trying, const JsonNode *list)
{
    if (!list || list->kind == JSON_KIND_NULL)
        return true;
    if (list->kind != JSON_KIND_ARRAY || !list->count || list->count > TRIED_MAX)
        return false;
    JSON_EACH(&trying->body.doc, id, list)
    {
        if (id->kind != JSON_KIND_STRING || !http_is_uuid(json_text(id)))
            return false;
        trying->ids[trying->id_count++] = json_text(id);
    }
    trying->last = TRIED_MAX;
    return true;
}

static StepNext read_trying(Exchange *exchange, Question *base)
{
    Trying *trying = (Trying *)base;
    const char *wrong = rules_body_read(exchange, &trying->body);
    if (wrong)
        return refuse(exchange, 400, "rules-body", wrong);
    if (!catalog_ready(exchange->ingest->catalog, 0))
        return refuse_unavailable(exchange, "rules-not-read", "The rules are not read yet");
    const JsonDoc *doc = &trying->body.doc;
    const JsonNode *last = json_get(doc, json_root(doc), "last");
    trying->last = TRIED_DEFAULT;
    if (last && last->kind == JSON_KIND_NUMBER &&
        (!str_to_u64(json_text(last), &trying->last) || !trying->last || trying->last > TRIED_MAX))
        return refuse(exchange, 400, "rules-body", "last is a number from 1 to 50");
    if (!read_ids(trying, json_get(doc, json_root(doc), "ids")))
        return refuse(exchange, 400, "rules-body", "ids are up to 50 ids of interactions");
    tell_begin(&trying->tell, exchange);
    audited_resource(exchange, STR("rules"));
    return reveal_asked(exchange, "rules", &trying->revealed);
}

StepNext step_trying(Exchange *exchange)
{
    static const LookupStep step = {sizeof(Trying), run_trying, tell_clear, read_trying, tell_json};
    return lookups_step(exchange->ingest->reads, exchange, &step);
}
