#include "common/ruling/outcome_text.h"

#include "common/json/json.h"
#include "common/rules/rules.h"
#include "services/validator/engine/fhir_validator.h"

static IssueSeverity severity_of(Str name)
{
    static const IssueSeverity known[] = {SEVERITY_INFORMATION, SEVERITY_WARNING, SEVERITY_ERROR,
                                          SEVERITY_FATAL};
    int rank = rules_severity(name);
    return rank < 0 ? SEVERITY_FATAL : known[rank];
}

bool outcome_write(const Outcome *outcome, uint32_t own_from, Arena *arena, Str *ret_json, Err *err)
{
    Issue *issues = ARENA_ARRAY(arena, Issue, outcome->issue_count + 1);
    if (!issues)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %u issues", outcome->issue_count);
    for (uint32_t i = 0; i < outcome->issue_count; i++) {
        const OutcomeIssue *from = &outcome->issues[i];
        issues[i] = (Issue){.next = i + 1 < outcome->issue_count ? &issues[i + 1] : NULL,
                            .severity = severity_of(from->severity),
                            .code = from->code,
                            .message_id = from->message_id,
                            .message_system = i < own_from ? STR("") : STR(OWN_MESSAGES),
                            .location = from->location,
                            .expression = from->expression,
                            .text = from->text,
                            .line = from->line,
                            .column = from->column};
    }
    const Verdict verdict = {.issues = outcome->issue_count ? issues : NULL,
                             .issue_count = outcome->issue_count,
                             .issues_left_out = outcome->issues_left_out};
    *ret_json = fhir_verdict_outcome(&verdict, arena);
    return ret_json->ptr || ERR(err, ERR_INPUT, "memory-limit", "no room for the OperationOutcome");
}

/* --- reading ---------------------------------------------------------------------------------- */

static Str first_text(const JsonDoc *doc, const JsonNode *issue, const char *name)
{
    const JsonNode *list = json_get(doc, issue, name);
    const JsonNode *first = list && list->kind == JSON_KIND_ARRAY ? json_first(list) : NULL;
    return first && first->kind == JSON_KIND_STRING ? json_text(first) : STR("");
}

static OutcomeIssue issue_of(const JsonDoc *doc, const JsonNode *issue)
{
    const JsonNode *details = json_get(doc, issue, "details");
    const JsonNode *codings = json_get(doc, details, "coding");
    const JsonNode *coding = codings && codings->count ? json_first(codings) : NULL;
    Str location = first_text(doc, issue, "location");
    Str expression = first_text(doc, issue, "expression");
    return (OutcomeIssue){.severity = json_get_text(doc, issue, "severity"),
                          .code = json_get_text(doc, issue, "code"),
                          .message_id = json_get_text(doc, coding, "code"),
                          .location = location.len ? location : expression,
                          .expression = expression,
                          .text = json_get_text(doc, issue, "diagnostics")};
}

static void count_issue(const OutcomeIssue *issue, Outcome *outcome)
{
    int rank = rules_severity(issue->severity);
    outcome->errors += rank >= 2;
    outcome->warnings += rank == 1;
    outcome->information += rank == 0;
    if (str_starts(issue->message_id, STR("TECHBD-"))) {
        outcome->precheck_code = issue->message_id;
        outcome->precheck_message = issue->text;
    }
}

bool outcome_read(Str text, Arena *arena, Outcome *ret_outcome, Err *err)
{
    JsonDoc *doc = ARENA_NEW(arena, JsonDoc);
    if (!doc)
        return ERR(err, ERR_INPUT, "memory-limit", "no room to read the outcome");
    TRY(json_read(text, NULL, NULL, arena, doc, NULL, err));
    const JsonNode *issues = json_get(doc, json_root(doc), "issue");
    size_t count = issues && issues->kind == JSON_KIND_ARRAY ? issues->count : 0;
    OutcomeIssue *list = ARENA_ARRAY(arena, OutcomeIssue, count + 1);
    if (!list)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %zu issues", count);
    Outcome outcome = {.operation_outcome = text, .issues = list, .issue_count = (uint32_t)count};
    if (count)
        JSON_EACH(doc, issue, issues)
    list[issue->index] = issue_of(doc, issue);
    for (size_t i = 0; i < count; i++)
        count_issue(&list[i], &outcome);
    outcome.valid = outcome.errors == 0;
    *ret_outcome = outcome;
    return true;
}
