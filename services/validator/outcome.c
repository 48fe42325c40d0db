#include "services/validator/outcome.h"

#include "common/config/config.h"

/* The system of message ids that are not the Java core's. */
#define OWN_MESSAGES "urn:fhirbus:message-id"

static Str severity_text(IssueSeverity severity)
{
    static const char *const names[] = {"information", "warning", "error", "fatal"};
    return str_from(names[severity]);
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
                                         .message_id = issue->message_id,
                                         .location = issue->location,
                                         .expression = issue->expression,
                                         .text = issue->text,
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
        .profile_url = verdict->profile,
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

static IssueSeverity severity_of(Str name)
{
    for (int i = SEVERITY_INFORMATION; i < SEVERITY_FATAL; i++)
        if (str_eq(name, severity_text((IssueSeverity)i)))
            return (IssueSeverity)i;
    return SEVERITY_FATAL;
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
