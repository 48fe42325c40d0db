#include "services/lake-submitter/answer.h"

#include "common/json/json.h"

enum { RETRY_AFTER_MAX_S = 300 };

static bool says_success(Str body, Arena *arena)
{
    JsonDoc doc;
    Err ignored = {0};
    return json_read(body, NULL, NULL, arena, &doc, NULL, &ignored) &&
           str_eq_ignore_case(json_get_text(&doc, json_root(&doc), "status"), STR("Success"));
}

/* Statuses of the 4xx that are about us or the moment, not about the document. */
static bool later_status(unsigned status)
{
    return status == 401 || status == 403 || status == 404 || status == 407 || status == 408 ||
           status == 425 || status == 429;
}

/* spec: RFC 9110 section 10.2.3; seconds only, a date is ignored */
static uint32_t retry_after_ms(const HttpResult *result)
{
    uint64_t seconds;
    if (!str_to_u64(str_trim(http_result_header(result, STR("Retry-After"))), &seconds))
        return 0;
    return (uint32_t)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
}

static Answer of_status(const HttpResult *result, Arena *arena)
{
    unsigned status = result->status;
    if (status >= 200 && status < 300) {
        bool success = says_success(result->body, arena);
        return (Answer){
            .success = success, .says_up = true, .error_class = success ? "" : "answer"};
    }
    if (status >= 500)
        return (Answer){
            .retriable = true, .error_class = "http-5xx", .wait_ms = retry_after_ms(result)};
    if (status == 429)
        return (Answer){
            .retriable = true, .error_class = "http-429", .wait_ms = retry_after_ms(result)};
    if (status >= 400)
        return (Answer){.retriable = later_status(status),
                        .says_up = !later_status(status),
                        .error_class = "http-4xx"};
    return (Answer){.retriable = true, .error_class = "http-3xx"};
}

Answer answer_judge(const HttpResult *result, Arena *arena)
{
    switch (result->failure) {
    case HTTP_FAILURE_NONE:
        return of_status(result, arena);
    case HTTP_FAILURE_TOO_LARGE:
        return (Answer){.says_up = true, .error_class = "answer-too-large"};
    default:
        return (Answer){.retriable = true, .error_class = http_failure_name(result->failure)};
    }
}
