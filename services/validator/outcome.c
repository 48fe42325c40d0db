#include "services/validator/outcome.h"

#include "common/config/config.h"
#include "common/ruling/outcome_text.h"

static Str severity_text(IssueSeverity severity)
{
    static const char *const names[] = {"information", "warning", "error", "fatal"};
    return str_from(names[severity]);
}

Str outcome_plain(Str text, Arena *arena)
{
    if (!text.len || !memchr(text.ptr, '\0', text.len))
        return text;
    char *copy = arena_alloc(arena, text.len);
    if (!copy)
        return STR("");
    for (size_t i = 0; i < text.len; i++)
        copy[i] = text.ptr[i] ? text.ptr[i] : '?';
    return (Str){copy, text.len};
}

static bool issues_of(const Verdict *verdict, Arena *arena, Outcome *outcome, Err *err)
{
    OutcomeIssue *issues = ARENA_ARRAY(arena, OutcomeIssue, verdict->issue_count + 1);
    uint32_t count = 0;
    if (!issues)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for %u issues", verdict->issue_count);
    for (const Issue *issue = verdict->issues; issue && count < verdict->issue_count;
         issue = issue->next)
        issues[count++] = (OutcomeIssue){.severity = severity_text(issue->severity),
                                         .code = issue->code,
                                         .message_id = outcome_plain(issue->message_id, arena),
                                         .location = outcome_plain(issue->location, arena),
                                         .expression = outcome_plain(issue->expression, arena),
                                         .text = outcome_plain(issue->text, arena),
                                         .line = issue->line,
                                         .column = issue->column};
    outcome->issues = issues;
    outcome->issue_count = count;
    return true;
}

bool outcome_of_verdict(const Verdict *verdict, const OutcomeTimes *times, Arena *arena,
                        Outcome *ret_outcome, Err *err)
{
    Outcome outcome = {
        .valid = verdict->valid,
        .operation_outcome = fhir_verdict_outcome(verdict, arena),
        .ig_name = verdict->ig_name,
        .ig_version = verdict->ig_version,
        .profile_url = outcome_plain(verdict->profile, arena),
        .engine_name = STR("fhirbus"),
        .engine_version = STR(FHIRBUS_VERSION),
        .started_at_us = times->started_us,
        .finished_at_us = times->finished_us,
        .engine_started_at_us = times->engine_us,
        .errors = verdict->errors,
        .warnings = verdict->warnings,
        .information = verdict->information,
        .issues_left_out = verdict->issues_left_out,
    };
    if (!outcome.operation_outcome.ptr)
        return ERR(err, ERR_INPUT, "memory-limit", "no room for the OperationOutcome");
    TRY(issues_of(verdict, arena, &outcome, err));
    *ret_outcome = outcome;
    return true;
}

bool outcome_of_precheck(const Precheck *precheck, const OutcomeTimes *times, Arena *arena,
                         Outcome *ret_outcome, Err *err)
{
    bool unreadable = str_is(precheck->code, "TECHBD-1000");
    const Issue issue = {
        .severity = SEVERITY_FATAL,
        .code = unreadable ? STR("structure") : STR("required"),
        .message_id = precheck->code,
        .message_system = STR(OWN_MESSAGES),
        .location = unreadable ? STR("") : STR("Bundle.meta"),
        .expression = unreadable ? STR("") : STR("Bundle.meta"),
        .text = precheck->message,
        .line = precheck->line,
        .column = precheck->column,
    };
    const Verdict verdict = {
        .readable = !unreadable, .issues = &issue, .issue_count = 1, .errors = 1};
    Outcome outcome;
    TRY(outcome_of_verdict(&verdict, times, arena, &outcome, err));
    outcome.precheck_code = precheck->code;
    outcome.precheck_message = precheck->message;
    *ret_outcome = outcome;
    return true;
}
