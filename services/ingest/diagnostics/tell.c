#include "services/ingest/diagnostics/tell.h"

#include <time.h>

#include "common/base/when.h"
#include "common/http/target.h"
#include "services/ingest/diagnostics/scope.h"
#include "services/ingest/refuse.h"

void tell_begin(TellQuestion *question, const Exchange *exchange)
{
    question->scope = scope_of(exchange);
    buf_init(&question->text, TELL_BYTES_MAX);
}

void tell_clear(Question *question)
{
    buf_clear(&((TellQuestion *)question)->text);
}

StepNext tell_json(Exchange *exchange, Question *base)
{
    const TellQuestion *question = (const TellQuestion *)base;
    if (!question->found)
        return refuse(exchange, 404, "not-found", "There is no such thing");
    http_reply_status(exchange->request, 200);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    Buf *body = http_reply_body(exchange->request);
    buf_add(body, buf_str(&question->text));
    buf_add_char(body, '\n');
    return STEP_REPLY;
}

bool tell_run(TellQuestion *question, Db *db, const DbStatement *statement, const DbParams *params,
              Err *err)
{
    DbResult *result = NULL;
    TRY(scope_run(db, question->scope, statement, params, &result, err));
    question->found = db_rows(result) > 0 && !db_is_null(result, 0, 0);
    if (question->found)
        buf_add(&question->text, db_get_text(result, 0, 0));
    db_result_free(result);
    return !question->text.overflowed ||
           ERR(err, ERR_INPUT, "page-too-large", "more than %d bytes", TELL_BYTES_MAX);
}

Str tell_parameter(Exchange *exchange, const char *name)
{
    return http_query_get(http_request_query(exchange->request), str_from(name), exchange->arena);
}

bool tell_time(Exchange *exchange, const char *name, bool is_end, int64_t *ret_us)
{
    Str text = tell_parameter(exchange, name);
    return !text.ptr || when_parse(text, is_end ? WHEN_TO : WHEN_FROM, ret_us);
}

Str tell_time_text(int64_t us, Arena *arena)
{
    struct tm parts;
    time_t at = (time_t)(us / 1000000);
    if (us <= 0 || !gmtime_r(&at, &parts))
        return STR_NONE;
    return arena_format(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                        parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                        (int)(us / 1000 % 1000));
}

StepNext tell_malformed(Exchange *exchange, const char *text)
{
    return refuse(exchange, 400, "diagnostics-query", text);
}
