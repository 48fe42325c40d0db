#include "common/ruling/rewrite.h"

#include "common/ruling/outcome_text.h"

static bool no_room(Err *err)
{
    return ERR(err, ERR_INPUT, "memory-limit", "no room to rewrite the diagnostics");
}

/* Errors, warnings, information: fatal counts as error. */
static uint32_t *count_of(Outcome *outcome, Str severity)
{
    int rank = rules_severity(severity);
    if (rank >= 2)
        return &outcome->errors;
    return rank == 1 ? &outcome->warnings : &outcome->information;
}

static bool touched(const IssueRules *rules)
{
    return rules->suppress.rule || rules->severity.rule || rules->text.rule;
}

/* False: it is suppressed. */
static bool rewrite_issue(const IssueRules *rules, uint32_t number, OutcomeIssue *issue,
                          Changes *changes)
{
    const RuleHit *hit = &rules->suppress;
    if (hit->rule) {
        changes_note(changes, hit->set, hit->rule, "suppress", number, issue->text, STR_NONE);
        return false;
    }
    hit = &rules->text; /* first: its {severity} is the engine's */
    if (hit->rule) {
        Str text = match_text(hit->rule->diagnostic.text, issue, changes->arena);
        changes->failed |= !text.ptr;
        changes_note(changes, hit->set, hit->rule, "text", number, issue->text, text);
        issue->text = text;
    }
    hit = &rules->severity;
    if (hit->rule) {
        Str severity = str_from(rules_severity_name(hit->rule->diagnostic.severity));
        changes_note(changes, hit->set, hit->rule, "severity", number, issue->severity, severity);
        issue->severity = severity;
    }
    return true;
}

/* Where the rule says, else where the issue is that it holds for. */
static OutcomeIssue added_issue(const RuleHit *hit, Changes *changes)
{
    const DiagnosticDo *what = &hit->rule->diagnostic;
    OutcomeIssue issue = {.severity = str_from(rules_severity_name(what->add_severity)),
                          .code = what->add_code,
                          .message_id = what->add_message_id,
                          .text = match_text(what->add_text, hit->issue, changes->arena)};
    changes->failed |= !issue.text.ptr;
    if (what->add_path.len) {
        issue.location = issue.expression = what->add_path;
    } else if (hit->issue) {
        issue.location = hit->issue->location;
        issue.expression = hit->issue->expression;
        issue.line = hit->issue->line;
        issue.column = hit->issue->column;
    } else {
        issue.location = issue.expression = STR("Bundle");
    }
    return issue;
}

static uint32_t keep_issues(const Outcome *from, const IssueRules *rules, OutcomeIssue *to,
                            Outcome *counted, Changes *changes)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < from->issue_count; i++) {
        OutcomeIssue issue = from->issues[i];
        bool stays = !touched(&rules[i]) || rewrite_issue(&rules[i], i + 1, &issue, changes);
        --*count_of(counted, from->issues[i].severity);
        if (!stays)
            continue;
        ++*count_of(counted, issue.severity);
        to[kept++] = issue;
    }
    return kept;
}

static bool anything_to_do(const Outcome *outcome, const IssueRules *rules, const RuleHits *adds)
{
    bool any = adds->count > 0;
    for (uint32_t i = 0; i < outcome->issue_count && !any; i++)
        any = touched(&rules[i]);
    return any;
}

bool rewrite_outcome(Matcher *matcher, const Outcome *outcome, Arena *arena, Outcome *ret_outcome,
                     bool *ret_changed, Changes *changes, Err *err)
{
    const IssueRules *rules;
    RuleHits adds;
    Outcome out = *outcome;
    TRY(matcher_issue_rules(matcher, &rules, err));
    TRY(matcher_hits(matcher, RULES_DIAGNOSTICS, &adds, err));
    *ret_changed = anything_to_do(outcome, rules, &adds);
    *ret_outcome = out;
    if (!*ret_changed)
        return true;
    OutcomeIssue *issues = ARENA_ARRAY(arena, OutcomeIssue, out.issue_count + adds.count + 1);
    if (!issues)
        return no_room(err);
    uint32_t kept = keep_issues(outcome, rules, issues, &out, changes);
    for (size_t i = 0; i < adds.count; i++) {
        OutcomeIssue *issue = &issues[kept + i];
        *issue = added_issue(&adds.list[i], changes);
        changes_note(changes, adds.list[i].set, adds.list[i].rule, "add", 0, STR_NONE, issue->text);
        ++*count_of(&out, issue->severity);
    }
    out.issues = issues;
    out.issue_count = kept + (uint32_t)adds.count;
    out.valid = out.errors == 0 && !out.precheck_code.len;
    if (out.precheck_code.len)
        out.precheck_message = kept ? issues[0].text : STR_NONE;
    if (changes->failed)
        return no_room(err);
    TRY(outcome_write(&out, out.precheck_code.len ? 0 : kept, arena, &out.operation_outcome, err));
    *ret_outcome = out;
    return true;
}
