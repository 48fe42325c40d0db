#include "common/transform/transform.h"

#include <stdio.h>

#include "common/json/write.h"
#include "common/transform/steps.h"

enum {
    TRANSFORM_DEPTH = 10001, /* the validator has limited it already */
    STEPS_BYTES_MAX = 1 << 20,
    HEX_BYTES = 2 * ENVELOPE_SHA256_BYTES + 1,
};

int transform_severity(Str name)
{
    for (int i = 0; i < 4; i++)
        if (str_eq_ignore_case(name, str_from(rules_severity_name(i))))
            return i;
    return -1;
}

#define SCRATCH_BYTES_MAX ((size_t)1 << 30)

/* Pieces of the new entry, copied once into a buffer of the right size. */
typedef struct Pieces {
    char *to;
    size_t len, room;
} Pieces;

static void put(Pieces *pieces, Str piece)
{
    if (pieces->to && pieces->len + piece.len <= pieces->room && piece.len && piece.ptr)
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

/* --- all that the rules say --------------------------------------------------------------------
 */
typedef struct Run {
    const TransformInput *input;
    Arena *arena, *scratch; /* what lasts, and what a step needs */
    Str text;
    char hash[HEX_BYTES]; /* of text */
    Buf steps;
} Run;

static void hex_of(const unsigned char *hash, char ret_hex[HEX_BYTES])
{
    for (size_t i = 0; i < ENVELOPE_SHA256_BYTES; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", hash[i]);
}

static void hash_text(Str text, char ret_hex[HEX_BYTES])
{
    unsigned char hash[ENVELOPE_SHA256_BYTES];
    envelope_sha256(text, hash);
    hex_of(hash, ret_hex);
}

/* The new text lies in run->arena; with places 0 it is the old one. */
static bool do_step(Run *run, const RuleStep *step, Str *ret_text, uint32_t *ret_places, Err *err)
{
    const TransformInput *in = run->input;
    Draft draft;
    Str level =
        step->severity < 0 ? in->severity_level : str_from(rules_severity_name(step->severity));
    if (step->kind == STEP_APPEND_OUTCOME) {
        *ret_places = 1;
        return transform_bundle(run->text, in->outcome, in->disposition, level, run->arena,
                                ret_text, err);
    }
    TRY(draft_open(run->text, run->scratch, &draft, err));
    TRY(draft_step(&draft, step, err));
    *ret_places = draft.places;
    *ret_text = run->text;
    return draft.places == 0 || edits_apply(&draft.edits, run->text, run->arena, ret_text, err);
}

static bool apply_step(Run *run, const RuleHit *hit, size_t at, Err *err)
{
    const RuleStep *step = &hit->rule->transform.steps[at];
    Err why = {0};
    uint32_t places = 0;
    char after[HEX_BYTES];
    Str text = run->text, label = rules_label(hit->set, hit->rule, run->arena);
    bool done = do_step(run, step, &text, &places, &why);
    arena_reset(run->scratch);
    if (!done)
        return ERR(err, why.kind, why.code, "%.*s, step %zu (%s): %.120s", STR_ARG(label), at + 1,
                   rules_step_name(step->kind), why.text);
    if (places)
        hash_text(text, after);
    else
        memcpy(after, run->hash, sizeof after);
    buf_add(&run->steps, run->steps.len ? STR(",{\"rule\":") : STR("[{\"rule\":"));
    json_write_string(&run->steps, label);
    buf_add_format(&run->steps,
                   ",\"step\":%zu,\"op\":\"%s\",\"places\":%u,\"before\":\"%s\",\"after\":\"%s\"}",
                   at + 1, rules_step_name(step->kind), places, run->hash, after);
    memcpy(run->hash, after, sizeof after);
    run->text = text;
    return true;
}

static bool concerns(const Rule *rule, Str destination)
{
    StrList list = rule->transform.destinations;
    return list.count == 0 || rules_listed(list, destination);
}

/* What a rule was to keep from being sent must not go because nobody can tell whether it holds. */
static bool check_complaints(const Run *run, const Matcher *matcher, Err *err)
{
    size_t count;
    const RuleComplaint *list = matcher_complaints(matcher, &count);
    for (size_t i = 0; i < count; i++)
        if (concerns(list[i].rule, run->input->destination))
            return ERR(err, ERR_INPUT, "transform-condition", "%.*s/%.*s: %.*s",
                       STR_ARG(list[i].set->name), STR_ARG(list[i].rule->id),
                       (int)(list[i].text.len < 120 ? list[i].text.len : 120), list[i].text.ptr);
    return true;
}

static bool apply_hits(Run *run, const RuleHits *hits, Err *err)
{
    for (size_t i = 0; i < hits->count; i++) {
        const RuleHit *hit = &hits->list[i];
        if (!concerns(hit->rule, run->input->destination))
            continue;
        for (size_t at = 0; at < hit->rule->transform.step_count; at++)
            TRY(apply_step(run, hit, at, err));
    }
    return true;
}

static bool match(const Run *run, RuleHits *ret_hits, Err *err)
{
    const TransformInput *in = run->input;
    const RuleQuestion question = {.issues = in->outcome->issues,
                                   .issue_count = in->outcome->issue_count,
                                   .bundle = in->bundle,
                                   .tenant = in->tenant,
                                   .profile = in->outcome->profile_url,
                                   .now_us = in->now_us,
                                   .action = in->disposition->action};
    Matcher *matcher = matcher_new(in->book, &question, run->arena);
    if (!matcher)
        return ERR(err, ERR_INPUT, "memory-limit", "no room to match the rules");
    TRY(matcher_hits(matcher, RULES_TRANSFORMS, ret_hits, err));
    return check_complaints(run, matcher, err);
}

static bool finish(Run *run, Transformed *ret_transformed, Err *err)
{
    if (run->steps.len)
        buf_add_char(&run->steps, ']');
    Str steps = arena_copy(run->arena, buf_str(&run->steps));
    if (run->steps.overflowed || !steps.ptr)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for the record of the transforms");
    *ret_transformed = (Transformed){run->text, steps};
    return true;
}

bool transform_apply(const TransformInput *input, Arena *arena, Transformed *ret_transformed,
                     Err *err)
{
    ARENA_AUTO scratch = arena_new(SCRATCH_BYTES_MAX);
    Run run = {.input = input, .arena = arena, .scratch = scratch, .text = input->bundle};
    RuleHits hits;
    if (!scratch)
        return ERR(err, ERR_RETRY, "transform-memory", "no memory");
    TRY(match(&run, &hits, err));
    if (input->bundle_sha256.len == ENVELOPE_SHA256_BYTES) {
        unsigned char hash[ENVELOPE_SHA256_BYTES];
        memcpy(hash, input->bundle_sha256.ptr, sizeof hash);
        hex_of(hash, run.hash);
    } else {
        hash_text(input->bundle, run.hash);
    }
    buf_init(&run.steps, STEPS_BYTES_MAX);
    bool done = apply_hits(&run, &hits, err) && finish(&run, ret_transformed, err);
    buf_clear(&run.steps);
    return done;
}
