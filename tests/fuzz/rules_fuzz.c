/* Rule files: whatever is accepted can be asked of issues and of a bundle. */
#include "common/base/check.h"
#include "common/rules/match.h"
#include "tests/fuzz/target.h"

static const char bundle[] = "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{"
                             "\"resourceType\":\"Patient\",\"birthDate\":\"2001\"}}]}";

static void ask(const RuleSet *set)
{
    ARENA_AUTO arena = arena_new(64 << 20);
    const OutcomeIssue issue = {.severity = STR("error"),
                                .code = STR("invariant"),
                                .message_id = STR("http://x#dom-6"),
                                .location = STR("Bundle.entry[0].resource/*Patient/1*/.name")};
    const RuleQuestion question = {
        .issues = &issue, .issue_count = 1, .bundle = {bundle, sizeof bundle - 1}
    };
    const RuleBook book = {&set, 1, STR_NONE};
    Err err = {0};
    RuleHits hits;
    const IssueRules *rules;
    Matcher *matcher = matcher_new(&book, &question, arena);
    CHECK(matcher);
    for (int section = 0; section < RULES_SECTIONS; section++) {
        if (!matcher_hits(matcher, (RuleSection)section, &hits, &err))
            return;
        for (size_t i = 1; i < hits.count; i++)
            CHECK(hits.list[i - 1].rule->priority >= hits.list[i].rule->priority);
    }
    if (!matcher_issue_rules(matcher, &rules, &err))
        return;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    RuleSet *set = NULL;
    RulesProblem problem = {0};
    Err err = {0};
    if (!rules_read((Str){(const char *)data, size}, &set, &problem, &err)) {
        CHECK(err.kind == ERR_INPUT && problem.text[0]);
        return 0;
    }
    ask(set);
    rules_free(set);
    return 0;
}
