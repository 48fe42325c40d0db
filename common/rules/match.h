/* match - which rules of a book hold for one bundle and its issues.
 *
 * Rule:    rules are asked in order of priority, highest first; at equal priority in the order of
 *          their sets, then of the file. They look at the issues given here, never at each other's
 *          changes, so that the order of a file decides nothing but ties.
 * Owner:   a Matcher and its answers live in `arena`; book, issues and bundle are borrowed.
 * Threads: one thread a Matcher.
 * Errors:  an expression that cannot be evaluated does not hold; matcher_complaints says so.
 *          "memory-limit" when the arena is exhausted.
 * Cost:    an issue meets the rules that name its message id or invariant, and those that name
 *          neither; a FHIRPath expression is evaluated once a bundle, last of the conditions, and
 *          the bundle is read only for it. */
#pragma once
#include "common/rules/book.h"

typedef struct RuleQuestion {
    const OutcomeIssue *issues;
    uint32_t issue_count;
    Str bundle; /* JSON; may be unreadable: then no expression holds */
    Str tenant;
    Str profile; /* judged by */
    int64_t now_us;
    DispositionAction action; /* transforms */
} RuleQuestion;

typedef struct Matcher Matcher;

/* A rule of a set that holds, and the first issue that it holds for. */
typedef struct RuleHit {
    const RuleSet *set;
    const Rule *rule;
    const OutcomeIssue *issue; /* NULL: it asks nothing of issues */
} RuleHit;

typedef struct RuleHits {
    const RuleHit *list; /* in order of priority */
    size_t count;
} RuleHits;

/* What the diagnostics rules say of one issue: for each the strongest rule, or rule NULL. */
typedef struct IssueRules {
    RuleHit suppress, severity, text;
} IssueRules;

typedef struct RuleComplaint {
    const RuleSet *set;
    const Rule *rule;
    Str text;
} RuleComplaint;

Matcher *matcher_new(const RuleBook *book, const RuleQuestion *question, Arena *arena);
/* Each rule of the section that holds, once. For diagnostics: those with `add`. */
bool matcher_hits(Matcher *matcher, RuleSection section, RuleHits *ret_hits, Err *err) MUST_USE;
/* [issue_count] */
bool matcher_issue_rules(Matcher *matcher, const IssueRules **ret_rules, Err *err) MUST_USE;
const RuleComplaint *matcher_complaints(const Matcher *matcher, size_t *ret_count);

/* {text}, {path}, {messageId}, {severity}, {code} filled in; `issue` may be NULL. */
Str match_text(Str template, const OutcomeIssue *issue, Arena *arena);
