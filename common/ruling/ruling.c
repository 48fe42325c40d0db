#include "common/ruling/ruling.h"

#include "common/ruling/disposition.h"
#include "common/ruling/rewrite.h"

static void note_complaints(const Matcher *matcher, Changes *changes)
{
    size_t count;
    const RuleComplaint *list = matcher_complaints(matcher, &count);
    for (size_t i = 0; i < count; i++)
        changes_note(changes, list[i].set, list[i].rule, "not-evaluated", 0, STR_NONE,
                     list[i].text);
}

bool ruling_apply(const RuleBook *book, int64_t now_us, Arena *arena, Validated *validated,
                  Err *err)
{
    const Outcome engine = validated->outcome;
    const RuleQuestion question = {.issues = engine.issues,
                                   .issue_count = engine.issue_count,
                                   .bundle = validated->bundle,
                                   .tenant = validated->envelope.tenant,
                                   .profile = engine.profile_url,
                                   .now_us = now_us};
    Changes changes = {.arena = arena};
    Matcher *matcher = matcher_new(book, &question, arena);
    bool changed = false;
    if (!matcher)
        return ERR(err, ERR_INPUT, "memory-limit", "no room to match the rules");
    TRY(rewrite_outcome(matcher, &engine, arena, &validated->outcome, &changed, &changes, err));
    TRY(disposition_decide(matcher, &engine, arena, &validated->disposition, &changes, err));
    note_complaints(matcher, &changes);
    if (changes.failed)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for what the rules changed");
    if (changed) {
        validated->has_engine_outcome = true;
        validated->engine_outcome = engine;
        validated->engine_outcome.issue_count = 0; /* its OperationOutcome has them */
    }
    validated->rules_version = book->stamp;
    validated->rule_changes = changes.list;
    validated->rule_change_count = changes.count;
    return true;
}
