/* spec: SARIF 2.1.0 (OASIS); what code hosts and editors read. */
#include "services/validator/cli/fhir_validate/show.h"

static void add_member(const char *name, Str value, Buf *out)
{
    buf_add_format(out, "\"%s\":", name);
    show_json_string(value, out);
}

/* spec: SARIF 3.4.3, RFC 3986 2.1: a path as a relative or file: URI. */
static void add_uri(const char *path, Buf *out)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    buf_add(out, STR("\"uri\":\""));
    if (path[0] == '/')
        buf_add(out, STR("file://"));
    for (const char *c = path; *c; c++) {
        if (strchr(plain, *c))
            buf_add_char(out, *c);
        else
            buf_add_format(out, "%%%02X", (unsigned)(unsigned char)*c);
    }
    buf_add_char(out, '"');
}

static const char *level_of(IssueSeverity severity)
{
    static const char *const levels[] = {"note", "warning", "error", "error"};
    return levels[severity];
}

static void add_location(const Result *result, const Issue *issue, Buf *out)
{
    buf_add(out, STR("\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{"));
    add_uri(strcmp(result->path, "-") == 0 ? "stdin" : result->path, out);
    buf_add_char(out, '}');
    if (issue->line)
        buf_add_format(out, ",\"region\":{\"startLine\":%u,\"startColumn\":%u}", issue->line,
                       issue->column);
    buf_add_char(out, '}');
    if (issue->expression.len) {
        buf_add(out, STR(",\"logicalLocations\":[{"));
        add_member("fullyQualifiedName", issue->expression, out);
        buf_add(out, STR(",\"kind\":\"member\"}]"));
    }
    buf_add(out, STR("}]"));
}

static void add_issue(const Result *result, const Issue *issue, bool is_first, Buf *out)
{
    buf_add(out, is_first ? STR("\n{") : STR(",\n{"));
    add_member("ruleId", issue->message_id.len ? issue->message_id : issue->code, out);
    buf_add_char(out, ',');
    add_member("level", str_from(level_of(issue->severity)), out);
    buf_add(out, STR(",\"message\":{"));
    add_member("text", issue->text, out);
    buf_add(out, STR("},"));
    add_location(result, issue, out);
    buf_add_char(out, '}');
}

void show_sarif_opening(Buf *out)
{
    buf_add(out, STR("{\"version\":\"2.1.0\",\"$schema\":\"https://json.schemastore.org/"
                     "sarif-2.1.0.json\",\"runs\":[{"
                     "\"tool\":{\"driver\":{\"name\":\"fhir-validate\"}},"
                     "\"columnKind\":\"unicodeCodePoints\",\"results\":["));
}

void show_as_sarif(const Look *look, const Result *result, bool is_first, Buf *out)
{
    (void)look;
    if (!result->verdict) { /* no verdict: one result, so that readers of results alone see it */
        Issue issue = {.severity = SEVERITY_FATAL,
                       .code = STR("exception"),
                       .text = str_from(result->problem)};
        add_issue(result, &issue, is_first, out);
        return;
    }
    for (const Issue *issue = result->verdict->issues; issue; issue = issue->next, is_first = false)
        add_issue(result, issue, is_first, out);
}

void show_sarif_closing(bool complete, Buf *out)
{
    buf_add_format(out, "\n],\"invocations\":[{\"executionSuccessful\":%s}]}]}\n",
                   complete ? "true" : "false");
}
