#include "services/lake-submitter/transform.h"

#include "common/json/json.h"

enum { TRANSFORM_DEPTH = 10001 }; /* the validator has limited it already */

int transform_severity(Str name)
{
    static const char *const names[] = {"information", "warning", "error", "fatal"};
    for (int i = 0; i < 4; i++)
        if (str_is(name, names[i]))
            return i;
    return -1;
}

/* Pieces of the new entry, copied once into a buffer of the right size. */
typedef struct Pieces {
    char *to;
    size_t len, room;
} Pieces;

static void put(Pieces *pieces, Str piece)
{
    if (pieces->to && pieces->len + piece.len <= pieces->room && piece.len)
        memcpy(pieces->to + pieces->len, piece.ptr, piece.len);
    pieces->len += piece.len;
}

static void put_issues(Pieces *pieces, const JsonDoc *outcome, Str level)
{
    const JsonNode *issues = outcome ? json_get(outcome, json_root(outcome), "issue") : NULL;
    int least = transform_severity(level);
    bool any = false;
    if (issues && issues->kind == JSON_KIND_ARRAY) {
        JSON_EACH(outcome, issue, issues)
        {
            if (transform_severity(json_get_text(outcome, issue, "severity")) < least)
                continue;
            put(pieces, any ? STR(",") : STR(""));
            put(pieces, str_cut(outcome->source, issue->at, issue->end));
            any = true;
        }
    }
    if (any)
        return;
    put(pieces, STR("{\"severity\":\"information\",\"diagnostics\":\"Validation successful. No "
                    "issues found at or above severity level: "));
    put(pieces, level);
    put(pieces, STR("\",\"code\":\"informational\"}"));
}

static void put_entry(Pieces *pieces, const JsonDoc *outcome, const Disposition *disposition,
                      Str level)
{
    put(pieces, STR("{\"resource\":{\"resourceType\":\"OperationOutcome\",\"issue\":["));
    put_issues(pieces, outcome, level);
    put(pieces, STR("],\"techByDesignDisposition\":"));
    put(pieces, disposition->actions_json.len ? disposition->actions_json : STR("[]"));
    put(pieces, STR("}}"));
}

/* Where the entry goes, and what must stand around it. */
typedef struct Splice {
    size_t at;
    Str before, after;
} Splice;

static bool find_splice(const JsonDoc *bundle, Splice *ret_splice, Err *err)
{
    const JsonNode *root = json_root(bundle);
    if (root->kind != JSON_KIND_OBJECT)
        return ERR(err, ERR_INPUT, "transform-json", "the bundle is no JSON object");
    const JsonNode *entry = json_get(bundle, root, "entry");
    if (!entry)
        *ret_splice = (Splice){root->end - 1,
                               root->count ? STR(",\"entry\":[") : STR("\"entry\":["), STR("]")};
    else if (entry->kind == JSON_KIND_ARRAY)
        *ret_splice = (Splice){entry->end - 1, entry->count ? STR(",") : STR(""), STR("")};
    else
        return ERR(err, ERR_INPUT, "transform-entry", "Bundle.entry is no array");
    return true;
}

bool transform_bundle(Str bundle, const Outcome *outcome, const Disposition *disposition,
                      Str severity_level, Arena *arena, Str *ret_body, Err *err)
{
    const JsonLimits limits = {.depth = TRANSFORM_DEPTH};
    JsonDoc doc, issues;
    Splice splice = {0};
    Err ignored = {0};
    if (!json_read(bundle, NULL, &limits, arena, &doc, NULL, err))
        return false;
    TRY(find_splice(&doc, &splice, err));
    bool readable =
        outcome->operation_outcome.len &&
        json_read(outcome->operation_outcome, NULL, &limits, arena, &issues, NULL, &ignored);
    if (arena_exhausted(arena))
        return ERR(err, ERR_INPUT, "memory-limit", "no room to read the outcome");
    Pieces measured = {0};
    put_entry(&measured, readable ? &issues : NULL, disposition, severity_level);
    size_t room = bundle.len + splice.before.len + measured.len + splice.after.len;
    Pieces body = {.to = arena_alloc(arena, room), .room = room};
    if (!body.to)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %zu bytes of body", room);
    put(&body, str_cut(bundle, 0, splice.at));
    put(&body, splice.before);
    put_entry(&body, readable ? &issues : NULL, disposition, severity_level);
    put(&body, splice.after);
    put(&body, str_skip(bundle, splice.at));
    *ret_body = (Str){body.to, body.len};
    return true;
}
