#include "common/rules/match.h"

#include <stdlib.h>

#include "common/base/buf.h"
#include "common/rules/index.h"
#include "common/rules/path.h"
#include "services/validator/engine/fhirpath/fhirpath.h"

enum { DEPTH_MAX = 10001, STEPS_MAX = 1000000, COMPLAINTS_MAX = 100, TEXT_BYTES_MAX = 65536 };

typedef enum Truth { UNASKED, HOLDS, FAILS } Truth;

struct Matcher {
    const RuleBook *book;
    const RuleQuestion *question;
    Arena *arena;
    uint8_t **payloads; /* [set][rule number]: Truth of its expression */
    PathPlace *places;  /* [issue]; steps NULL: not cut yet */
    FhirpathEval *eval; /* NULL: bundle not read yet, or unreadable */
    bool tried_to_read;
    FhirpathItem root;
    RuleComplaint complaints[COMPLAINTS_MAX];
    size_t complaint_count;
};

Matcher *matcher_new(const RuleBook *book, const RuleQuestion *question, Arena *arena)
{
    Matcher *matcher = ARENA_NEW(arena, Matcher);
    if (!matcher)
        return NULL;
    matcher->book = book;
    matcher->question = question;
    matcher->arena = arena;
    matcher->payloads = ARENA_ARRAY(arena, uint8_t *, book->count + 1);
    matcher->places = ARENA_ARRAY(arena, PathPlace, question->issue_count + 1);
    if (!matcher->payloads || !matcher->places)
        return NULL;
    for (size_t i = 0; i < book->count; i++)
        if (!(matcher->payloads[i] = arena_zero(arena, book->sets[i]->total + 1)))
            return NULL;
    return matcher;
}

/* --- expressions ------------------------------------------------------------------------------
 */
static void read_bundle(Matcher *matcher)
{
    const FhirModel *model = fhir_model_r4();
    const JsonLimits limits = {.depth = DEPTH_MAX};
    JsonDoc *doc = ARENA_NEW(matcher->arena, JsonDoc);
    FhirpathEnvironment *environment = ARENA_NEW(matcher->arena, FhirpathEnvironment);
    Err ignored = {0};
    matcher->tried_to_read = true;
    if (!doc || !environment ||
        !json_read(matcher->question->bundle, &model->names, &limits, matcher->arena, doc, NULL,
                   &ignored))
        return;
    *environment = (FhirpathEnvironment){.model = model, .limits = {.steps = STEPS_MAX}};
    matcher->root = fhirpath_resource_item(model, doc, json_root(doc));
    matcher->eval = fhirpath_eval_new(environment, matcher->arena);
    if (matcher->eval)
        fhirpath_eval_resource(matcher->eval, &matcher->root, &matcher->root);
}

static void complain(Matcher *matcher, const RuleSet *set, const Rule *rule, const Err *why)
{
    Str text = arena_copy(matcher->arena, str_from(why->text));
    if (matcher->complaint_count < COMPLAINTS_MAX && text.ptr)
        matcher->complaints[matcher->complaint_count++] = (RuleComplaint){set, rule, text};
}

/* As where() takes a criterion: {} and false do not hold, anything else does. */
static Truth evaluate(Matcher *matcher, const RuleSet *set, const Rule *rule)
{
    Err why = {0};
    if (!matcher->tried_to_read)
        read_bundle(matcher);
    if (!matcher->eval)
        return FAILS;
    switch (fhirpath_check(matcher->eval, rule->when.payload_code, &matcher->root, &why)) {
    case FHIRPATH_TRUE:
        return HOLDS;
    case FHIRPATH_FALSE:
        return FAILS;
    case FHIRPATH_THREW:
    case FHIRPATH_LIMIT:
        break;
    }
    complain(matcher, set, rule, &why);
    return FAILS;
}

static bool payload_holds(Matcher *matcher, size_t set_at, const Rule *rule)
{
    if (!rule->when.payload_code.len)
        return true;
    uint8_t *truth = &matcher->payloads[set_at][rule->number];
    if (*truth == UNASKED)
        *truth = (uint8_t)evaluate(matcher, matcher->book->sets[set_at], rule);
    return *truth == HOLDS;
}

/* --- conditions -------------------------------------------------------------------------------
 */
static bool starred(StrList patterns, Str text)
{
    if (patterns.count == 0)
        return true;
    for (size_t i = 0; i < patterns.count; i++) {
        Str pattern = patterns.list[i];
        bool open = str_ends(pattern, STR("*"));
        if (open ? str_starts(text, str_cut(pattern, 0, pattern.len - 1)) : str_eq(pattern, text))
            return true;
    }
    return false;
}

/* Whether the rule is in force now, for this tenant, profile and disposition. */
static bool in_force(const Matcher *matcher, const Rule *rule)
{
    const RuleQuestion *question = matcher->question;
    return question->now_us >= rule->from_us && question->now_us < rule->to_us &&
           (rule->tenants.count == 0 || rules_listed(rule->tenants, question->tenant)) &&
           starred(rule->when.profiles, question->profile) &&
           (!rule->when.actions || (rule->when.actions & (1 << question->action)));
}

static bool any_path_fits(Matcher *matcher, const RuleWhen *when, uint32_t issue_at)
{
    const OutcomeIssue *issue = &matcher->question->issues[issue_at];
    PathPlace *place = &matcher->places[issue_at];
    Str location = issue->location.len ? issue->location : issue->expression;
    if (when->path_count == 0)
        return true;
    if (!place->steps && !path_place(location, matcher->arena, place))
        return false;
    for (size_t i = 0; i < when->path_count; i++)
        if (path_fits(when->paths[i], place))
            return true;
    return false;
}

/* Everything but the expression; message id or invariant as well, since an index entry may be one
 * of two conditions. Cheap questions first. */
static bool issue_fits(Matcher *matcher, const Rule *rule, uint32_t issue_at)
{
    const RuleWhen *when = &rule->when;
    const OutcomeIssue *issue = &matcher->question->issues[issue_at];
    if (when->severities != SEVERITY_ANY) {
        int severity = rules_severity(issue->severity);
        if (severity < 0 || !(when->severities & (1 << severity)))
            return false;
    }
    return (when->codes.count == 0 || rules_listed(when->codes, issue->code)) &&
           starred(when->message_ids, issue->message_id) &&
           (when->invariants.count == 0 ||
            rules_listed(when->invariants, index_invariant_key(issue->message_id))) &&
           any_path_fits(matcher, when, issue_at);
}

/* --- all pairs of rule and issue that may concern each other ----------------------------------
 */
typedef struct Pairing {
    Matcher *matcher;
    size_t set_at;
    const RuleSet *set;
    RuleSection section;
    void (*found)(struct Pairing *pairing, const Rule *rule, uint32_t issue_at);
    bool (*wanted)(const struct Pairing *pairing, const Rule *rule, uint32_t issue_at);
    void *answer;
    const bool *active; /* [rule of the section] */
} Pairing;

static void pair_list(Pairing *pairing, RuleList list, uint32_t issue_at)
{
    const Rule *rules = pairing->set->rules[pairing->section];
    for (size_t i = 0; i < list.count; i++) {
        const Rule *rule = &rules[list.list[i]];
        if (pairing->active[rule->order] && pairing->wanted(pairing, rule, issue_at) &&
            issue_fits(pairing->matcher, rule, issue_at) &&
            payload_holds(pairing->matcher, pairing->set_at, rule))
            pairing->found(pairing, rule, issue_at);
    }
}

static void pair_issues(Pairing *pairing)
{
    const RuleIndex *index = pairing->set->indexes[pairing->section];
    const RuleQuestion *question = pairing->matcher->question;
    if (pairing->set->counts[pairing->section] == 0)
        return;
    for (uint32_t i = 0; i < question->issue_count; i++) {
        Str id = question->issues[i].message_id, key = index_invariant_key(id);
        if (id.len)
            pair_list(pairing, index_by_id(index, id), i);
        if (key.len)
            pair_list(pairing, index_by_invariant(index, key), i);
        pair_list(pairing, index_open(index), i);
    }
}

static const bool *active_rules(const Matcher *matcher, const RuleSet *set, RuleSection section)
{
    bool *active = ARENA_ARRAY(matcher->arena, bool, set->counts[section] + 1);
    for (size_t i = 0; active && i < set->counts[section]; i++)
        active[i] = in_force(matcher, &set->rules[section][i]);
    return active;
}

static bool no_room(Err *err)
{
    return ERR(err, ERR_INPUT, "memory-limit", "no room to match the rules");
}

/* --- hits -------------------------------------------------------------------------------------
 */
typedef struct SortedHit {
    RuleHit hit;
    size_t set_at;
} SortedHit;

typedef struct HitList {
    RuleHit *by_rule; /* [rule of the section]; rule NULL: not hit */
} HitList;

static bool hit_wanted(const Pairing *pairing, const Rule *rule, uint32_t issue_at)
{
    const HitList *hits = pairing->answer;
    (void)issue_at;
    return !hits->by_rule[rule->order].rule;
}

static void hit_found(Pairing *pairing, const Rule *rule, uint32_t issue_at)
{
    HitList *hits = pairing->answer;
    hits->by_rule[rule->order] =
        (RuleHit){pairing->set, rule, &pairing->matcher->question->issues[issue_at]};
}

static bool is_add(const Rule *rule)
{
    return rule->section != RULES_DIAGNOSTICS || rule->diagnostic.add;
}

static int by_priority(const void *a, const void *b)
{
    const SortedHit *x = a, *y = b;
    if (x->hit.rule->priority != y->hit.rule->priority)
        return x->hit.rule->priority > y->hit.rule->priority ? -1 : 1;
    if (x->set_at != y->set_at)
        return x->set_at < y->set_at ? -1 : 1;
    return x->hit.rule->order < y->hit.rule->order ? -1 : 1;
}

static bool hits_of_set(Matcher *matcher, size_t set_at, RuleSection section, SortedHit *hits,
                        size_t *count)
{
    const RuleSet *set = matcher->book->sets[set_at];
    HitList list = {ARENA_ARRAY(matcher->arena, RuleHit, set->counts[section] + 1)};
    Pairing pairing = {.matcher = matcher,
                       .set_at = set_at,
                       .set = set,
                       .section = section,
                       .found = hit_found,
                       .wanted = hit_wanted,
                       .answer = &list,
                       .active = active_rules(matcher, set, section)};
    if (!list.by_rule || !pairing.active)
        return false;
    pair_issues(&pairing);
    for (size_t i = 0; i < set->counts[section]; i++) {
        const Rule *rule = &set->rules[section][i];
        RuleHit hit = list.by_rule[i];
        if (!rule->when.about_issues && pairing.active[i] && payload_holds(matcher, set_at, rule))
            hit = (RuleHit){set, rule, NULL};
        if (hit.rule && is_add(rule))
            hits[(*count)++] = (SortedHit){hit, set_at};
    }
    return true;
}

bool matcher_hits(Matcher *matcher, RuleSection section, RuleHits *ret_hits, Err *err)
{
    size_t room = 1, count = 0;
    for (size_t i = 0; i < matcher->book->count; i++)
        room += matcher->book->sets[i]->counts[section];
    SortedHit *sorted = ARENA_ARRAY(matcher->arena, SortedHit, room);
    RuleHit *hits = ARENA_ARRAY(matcher->arena, RuleHit, room);
    if (!sorted || !hits)
        return no_room(err);
    for (size_t i = 0; i < matcher->book->count; i++)
        if (!hits_of_set(matcher, i, section, sorted, &count))
            return no_room(err);
    qsort(sorted, count, sizeof *sorted, by_priority);
    for (size_t i = 0; i < count; i++)
        hits[i] = sorted[i].hit;
    *ret_hits = (RuleHits){hits, count};
    return arena_exhausted(matcher->arena) ? no_room(err) : true;
}

/* --- what is to become of each issue ----------------------------------------------------------
 */
/* Sets are asked in order; within one the index may give a later rule first. */
static bool stronger(const Pairing *pairing, const Rule *rule, const RuleHit *than)
{
    if (!than->rule || rule->priority != than->rule->priority)
        return !than->rule || rule->priority > than->rule->priority;
    return than->set == pairing->set && rule->order < than->rule->order;
}

static bool issue_wanted(const Pairing *pairing, const Rule *rule, uint32_t issue_at)
{
    const IssueRules *so_far = (const IssueRules *)pairing->answer + issue_at;
    const DiagnosticDo *what = &rule->diagnostic;
    return !what->add && ((what->suppress && stronger(pairing, rule, &so_far->suppress)) ||
                          (what->severity >= 0 && stronger(pairing, rule, &so_far->severity)) ||
                          (what->text.len && stronger(pairing, rule, &so_far->text)));
}

static void issue_found(Pairing *pairing, const Rule *rule, uint32_t issue_at)
{
    IssueRules *so_far = (IssueRules *)pairing->answer + issue_at;
    const DiagnosticDo *what = &rule->diagnostic;
    const RuleHit hit = {pairing->set, rule, &pairing->matcher->question->issues[issue_at]};
    if (what->suppress && stronger(pairing, rule, &so_far->suppress))
        so_far->suppress = hit;
    if (what->severity >= 0 && stronger(pairing, rule, &so_far->severity))
        so_far->severity = hit;
    if (what->text.len && stronger(pairing, rule, &so_far->text))
        so_far->text = hit;
}

bool matcher_issue_rules(Matcher *matcher, const IssueRules **ret_rules, Err *err)
{
    IssueRules *rules = ARENA_ARRAY(matcher->arena, IssueRules, matcher->question->issue_count + 1);
    if (!rules)
        return no_room(err);
    for (size_t i = 0; i < matcher->book->count; i++) {
        const RuleSet *set = matcher->book->sets[i];
        Pairing pairing = {.matcher = matcher,
                           .set_at = i,
                           .set = set,
                           .section = RULES_DIAGNOSTICS,
                           .found = issue_found,
                           .wanted = issue_wanted,
                           .answer = rules,
                           .active = active_rules(matcher, set, RULES_DIAGNOSTICS)};
        if (!pairing.active)
            return no_room(err);
        pair_issues(&pairing);
    }
    *ret_rules = rules;
    return arena_exhausted(matcher->arena) ? no_room(err) : true;
}

const RuleComplaint *matcher_complaints(const Matcher *matcher, size_t *ret_count)
{
    *ret_count = matcher->complaint_count;
    return matcher->complaints;
}

/* --- texts ------------------------------------------------------------------------------------
 */
static bool named(Str name, const OutcomeIssue *issue, Str *ret_value)
{
    static const OutcomeIssue none = {0};
    const OutcomeIssue *from = issue ? issue : &none;
    const struct {
        const char *name;
        Str value;
    } known[] = {
        {"text",      from->text      },
        {"path",      from->location  },
        {"messageId", from->message_id},
        {"severity",  from->severity  },
        {"code",      from->code      },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (str_is(name, known[i].name)) {
            *ret_value = known[i].value;
            return true;
        }
    return false;
}

Str match_text(Str template, const OutcomeIssue *issue, Arena *arena)
{
    BUF_AUTO out;
    buf_init(&out, TEXT_BYTES_MAX);
    for (size_t at = 0; at < template.len; at++) {
        Str rest = str_skip(template, at), value;
        size_t close = str_find_char(rest, '}');
        bool opens = template.ptr[at] == '{' && close < rest.len;
        if (opens && named(str_cut(rest, 1, close), issue, &value)) {
            buf_add(&out, value);
            at += close;
        } else {
            buf_add_char(&out, template.ptr[at]);
        }
    }
    return arena_copy(arena, buf_str(&out));
}
