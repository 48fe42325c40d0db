#include "services/ingest/diagnostics/rules_text.h"

#include "common/json/write.h"

enum { BODY_DEPTH = 64, BODY_NODES = 2000000 };

const char *rules_body_read(Exchange *exchange, RulesBody *ret_body)
{
    const JsonLimits limits = {.depth = BODY_DEPTH, .nodes = BODY_NODES};
    RulesBody body = {0};
    Err err = {0};
    if (!json_read(http_request_body(exchange->request), NULL, &limits, exchange->arena, &body.doc,
                   NULL, &err) ||
        json_root(&body.doc)->kind != JSON_KIND_OBJECT)
        return "The body is a JSON object";
    const JsonNode *root = json_root(&body.doc);
    const JsonNode *object = json_get(&body.doc, root, "object");
    const JsonNode *version = json_get(&body.doc, root, "base_version");
    body.file = json_get_text(&body.doc, root, "text");
    body.comment = json_get_text(&body.doc, root, "comment");
    if (!body.file.ptr && object && object->kind == JSON_KIND_OBJECT)
        body.file = str_cut(body.doc.source, object->at, object->end);
    if (!body.file.ptr)
        return "object is a rule set, or text is one as it was written";
    if (body.file.len > RULES_FILE_BYTES_MAX)
        return "The rule set is too large";
    body.has_version = version && version->kind == JSON_KIND_NUMBER &&
                       str_to_u64(json_text(version), &body.base_version);
    *ret_body = body;
    return NULL;
}

void rules_problem_write(const RulesProblem *problem, Buf *out)
{
    buf_add_format(out, "{\"line\":%u,\"column\":%u,\"where\":", problem->at.line,
                   problem->at.column);
    json_write_string(out, str_from(problem->where));
    buf_add(out, STR(",\"text\":"));
    json_write_string(out, str_from(problem->text));
    buf_add_char(out, '}');
}
