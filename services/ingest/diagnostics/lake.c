#include "services/ingest/diagnostics/lake.h"

#include "common/catalog/catalog.h"
#include "common/ruling/outcome_text.h"
#include "common/transform/transform.h"
#include "services/ingest/unpack.h"

enum { UNPACKED_MAX = 64 * 1024 * 1024 };
enum {
    C_DESTINATION,
    C_SHA256,
    C_LEVEL,
    C_ACTION,
    C_ACTIONS,
    C_PROFILE,
    C_AT,
    C_OUTCOME,
    C_BUNDLE,
    C_PAYLOAD
};

const DbStatement lake_rows = {
    "lake-rows",
    "SELECT d.destination, d.request_sha256, m.headers->>'severity_level', v.action, v.disposition,"
    "   v.profile_url, v.validation_completed_at, v.outcome, v.bundle, m.payload"
    " FROM (SELECT * FROM fhirbus.delivery a WHERE a.interaction_id = $1::uuid"
    "         AND a.tenant = $2::text AND a.received_at = $3::timestamptz"
    "         AND a.request_sha256 IS NOT NULL AND ($4::text IS NULL OR a.destination = $4::text)"
    "       ORDER BY a.replay_id DESC, a.destination, a.attempt DESC, a.success DESC LIMIT 1) d"
    " LEFT JOIN LATERAL (SELECT * FROM fhirbus.verdict w WHERE w.interaction_id = d.interaction_id"
    "         AND w.tenant = d.tenant AND w.received_at = d.received_at AND w.sha256 = d.sha256"
    "       ORDER BY (w.replay_id = d.replay_id) DESC, w.replay_id DESC, w.attempt DESC LIMIT 1) v"
    "   ON true"
    " LEFT JOIN LATERAL (SELECT n.payload, n.headers::json AS headers FROM fhirbus.message n"
    "         WHERE n.interaction_id = d.interaction_id AND n.tenant = d.tenant"
    "         AND n.received_at = d.received_at AND n.sha256 = d.sha256 LIMIT 1) m ON true"};

/* What it was made of. */
typedef struct Source {
    Outcome outcome;
    Disposition disposition;
    Str bundle, level, sha256;
    int64_t at_us;
} Source;

static bool unpack(const Ingest *ingest, Str id, unsigned column, Str packed, Arena *arena,
                   Str *ret_bytes)
{
    const Stored stored = {ingest, id, column};
    return packed.len && unpack_stored(&stored, packed, UNPACKED_MAX, arena, ret_bytes);
}

static DispositionAction action_of(Str name)
{
    return str_is(name, "discard")  ? ACTION_DISCARD
           : str_is(name, "reject") ? ACTION_REJECT
                                    : ACTION_ACCEPT;
}

static bool read_source(const Ingest *ingest, Str id, const DbResult *row, Arena *arena,
                        Source *ret)
{
    bool converted = !db_is_null(row, 0, C_BUNDLE);
    Source source = {.level = db_get_text(row, 0, C_LEVEL),
                     .sha256 = db_get_text(row, 0, C_SHA256),
                     .at_us = db_get_time_us(row, 0, C_AT)};
    Str outcome;
    Err err = {0};
    if (!unpack(ingest, id, VAULT_ONE(VAULT_OUTCOME), db_get_text(row, 0, C_OUTCOME), arena,
                &outcome) ||
        !unpack(ingest, id, converted ? VAULT_ONE(VAULT_BUNDLE) : VAULT_ONE(VAULT_PAYLOAD),
                db_get_text(row, 0, converted ? C_BUNDLE : C_PAYLOAD), arena, &source.bundle) ||
        !outcome_read(outcome, arena, &source.outcome, &err))
        return false;
    source.outcome.profile_url = db_get_text(row, 0, C_PROFILE);
    source.disposition = (Disposition){.action = action_of(db_get_text(row, 0, C_ACTION)),
                                       .actions_json = db_get_text(row, 0, C_ACTIONS)};
    *ret = source;
    return true;
}

static bool is_same(Str body, Str sha256)
{
    unsigned char hash[ENVELOPE_SHA256_BYTES];
    envelope_sha256(body, hash);
    return str_eq(sha256, (Str){(const char *)hash, sizeof hash});
}

/* Which severities go along is the sender's choice, or a setting of the submitter's that is not
 * known here: the one by which the hash comes out; else the default. */
static bool make(const Source *source, TransformInput *input, Arena *arena, LakeDocument *document,
                 Err *err)
{
    static const char *const levels[] = {"error", "warning", "information", "fatal"};
    bool chosen = transform_severity(source->level) >= 0;
    Str first = STR_NONE;
    for (size_t i = 0; i < (chosen ? 1 : 4) && !document->verified; i++) {
        Transformed made;
        input->severity_level = chosen ? source->level : str_from(levels[i]);
        TRY(transform_apply(input, arena, &made, err));
        document->verified = is_same(made.body, source->sha256);
        document->body = made.body;
        first = i ? first : made.body;
    }
    if (!document->verified)
        document->body = first;
    return true;
}

static bool make_by_rules(const Ingest *ingest, const Source *source, Str tenant, Arena *arena,
                          LakeDocument *document, Err *err)
{
    const CatalogView *view = catalog_acquire(ingest->catalog);
    RuleBook book;
    TransformInput input = {.book = &book,
                            .bundle = source->bundle,
                            .outcome = &source->outcome,
                            .disposition = &source->disposition,
                            .tenant = tenant,
                            .destination = document->destination,
                            .now_us = source->at_us};
    bool made = rule_book(view, ingest->rules_default, tenant, arena, &book, err) &&
                make(source, &input, arena, document, err);
    catalog_release(ingest->catalog, view);
    return made;
}

bool lake_make(const Ingest *ingest, Str interaction_id, Str tenant, const DbResult *row,
               Arena *arena, LakeDocument *ret_document, Err *err)
{
    LakeDocument document = {0};
    Source source;
    Err why = {0};
    *ret_document = document;
    if (db_rows(row) == 0)
        return true;
    if (!catalog_ready(ingest->catalog, 0))
        return ERR(err, ERR_RETRY, "rules-not-read", "the rules are not read yet");
    document.sent = true;
    document.destination = arena_copy(arena, db_get_text(row, 0, C_DESTINATION));
    if (!read_source(ingest, interaction_id, row, arena, &source))
        document.purged = true;
    else if (!make_by_rules(ingest, &source, tenant, arena, &document, &why)) {
        if (strcmp(why.code, "memory-limit") == 0)
            return ERR(err, ERR_INPUT, why.code, "%s", why.text);
        document.body = source.bundle; /* by rules of today it could not be made */
    }
    *ret_document = document;
    return true;
}
