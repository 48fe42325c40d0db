#include "services/validator/engine/fhir_validator.h"
#include "services/validator/engine/validate/text.h"

/* spec: hl7.org/fhir/R4/operationoutcome.html; line, column and message id stand where HAPI puts
 * them, so that readers of its outcomes read ours. */
#define EXTENSION "http://hl7.org/fhir/StructureDefinition/operationoutcome-"

static const char *severity_name(IssueSeverity severity)
{
    static const char *const names[] = {"information", "warning", "error", "fatal"};
    return names[severity];
}

static void add_member(Text *text, const char *name, Str value)
{
    text_add_char(text, '"');
    text_add(text, str_from(name));
    text_add(text, STR("\":\""));
    text_add_json(text, value);
    text_add_char(text, '"');
}

static void add_position(Text *text, const Issue *issue)
{
    text_add(text, STR("\"extension\":[{\"url\":\"" EXTENSION "issue-line\",\"valueInteger\":"));
    text_add_number(text, issue->line);
    text_add(text, STR("},{\"url\":\"" EXTENSION "issue-col\",\"valueInteger\":"));
    text_add_number(text, issue->column);
    if (issue->message_id.len) {
        text_add(text, STR("},{\"url\":\"" EXTENSION "message-id\","));
        add_member(text, "valueString", issue->message_id);
    }
    text_add(text, STR("}],"));
}

/* What concerns the document as a whole has no path, and FHIR knows no empty strings. */
static void add_places(Text *text, const Issue *issue)
{
    if (issue->location.len) {
        text_add(text, STR(",\"location\":[\""));
        text_add_json(text, issue->location);
        if (issue->line) {
            text_add(text, STR("\",\"Line["));
            text_add_number(text, issue->line);
            text_add(text, STR("] Col["));
            text_add_number(text, issue->column);
            text_add_char(text, ']');
        }
        text_add(text, STR("\"]"));
    }
    if (issue->expression.len) {
        text_add(text, STR(",\"expression\":[\""));
        text_add_json(text, issue->expression);
        text_add(text, STR("\"]"));
    }
}

/* What the validator says of the document as a whole stands in line 0, as in the Java core. */
static bool has_position(const Issue *issue)
{
    return issue->line || (!issue->location.len && issue->message_id.len);
}

static void add_issue(Text *text, const Issue *issue)
{
    text_add_char(text, '{');
    if (has_position(issue))
        add_position(text, issue);
    add_member(text, "severity", str_from(severity_name(issue->severity)));
    text_add_char(text, ',');
    add_member(text, "code", issue->code);
    if (issue->message_id.len) {
        text_add(text, STR(",\"details\":{\"coding\":[{"));
        add_member(text, "system",
                   issue->message_system.len ? issue->message_system
                                             : STR("http://hl7.org/fhir/java-core-messageId"));
        text_add_char(text, ',');
        add_member(text, "code", issue->message_id);
        text_add(text, STR("}]}"));
    }
    text_add_char(text, ',');
    add_member(text, "diagnostics", issue->text);
    add_places(text, issue);
    text_add_char(text, '}');
}

Str fhir_verdict_outcome(const Verdict *verdict, Arena *arena)
{
    Text text;
    text_init(&text, arena, 1024 + (size_t)verdict->issue_count * 768);
    text_add(&text, STR("{\"resourceType\":\"OperationOutcome\",\"issue\":["));
    for (const Issue *issue = verdict->issues; issue; issue = issue->next) {
        if (issue != verdict->issues)
            text_add_char(&text, ',');
        add_issue(&text, issue);
    }
    if (!verdict->issues)
        text_add(&text, STR("{\"severity\":\"information\",\"code\":\"informational\","
                            "\"diagnostics\":\"All OK\"}"));
    if (verdict->issues_left_out) {
        text_add(&text, STR(",{\"severity\":\"information\",\"code\":\"incomplete\","
                            "\"diagnostics\":\""));
        text_add_number(&text, verdict->issues_left_out);
        text_add(&text, STR(" more issues are left out\"}"));
    }
    text_add(&text, STR("]}"));
    return text_str(&text);
}
