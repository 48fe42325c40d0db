#include "services/lake-submitter/answer.h"

#include <stdio.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/json/json.h"

static bool says_success(Str body, Arena *arena)
{
    JsonDoc doc;
    Err ignored = {0};
    return json_read(body, NULL, NULL, arena, &doc, NULL, &ignored) &&
           str_eq_ignore_case(json_get_text(&doc, json_root(&doc), "status"), STR("Success"));
}

/* spec: RFC 9110 section 15.5.9, RFC 8470 section 5.2, RFC 6585 section 4: the same request may
 * succeed later. */
static bool later_status(unsigned status)
{
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

uint32_t answer_retry_after_ms(Str value, int64_t now_s)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y"};
    uint64_t seconds;
    char text[64];
    value = str_trim(value);
    if (str_to_u64(value, &seconds))
        return (uint32_t)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
    if (value.len == 0 || value.len >= sizeof text)
        return 0;
    snprintf(text, sizeof text, "%.*s", STR_ARG(value));
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm when = {0};
        const char *end = strptime(text, forms[i], &when);
        if (!end || *end)
            continue;
        int64_t left = (int64_t)timegm(&when) - now_s;
        return left <= 0 ? 0
                         : (uint32_t)(left < RETRY_AFTER_MAX_S ? left : RETRY_AFTER_MAX_S) * 1000;
    }
    return 0;
}

static uint32_t retry_after_ms(const HttpResult *result)
{
    return answer_retry_after_ms(http_result_header(result, STR("Retry-After")),
                                 clock_wall_us() / 1000000);
}

static const char *class_of(unsigned status)
{
    return status >= 500   ? "http-5xx"
           : status == 429 ? "http-429"
           : status >= 400 ? "http-4xx"
                           : "http-3xx";
}

static Answer of_status(const HttpResult *result, DestinationFormat format, Arena *arena)
{
    unsigned status = result->status;
    if (status >= 200 && status < 300) {
        bool success = format == DESTINATION_DATALEDGER || says_success(result->body, arena);
        return (Answer){
            .success = success, .says_up = true, .error_class = success ? "" : "answer"};
    }
    if (later_status(status)) {
        uint32_t wait_ms = retry_after_ms(result);
        return (Answer){.retriable = true,
                        .for_all = status == 429 || wait_ms > 0,
                        .error_class = class_of(status),
                        .wait_ms = wait_ms};
    }
    return (Answer){.says_up = true, .error_class = class_of(status)};
}

Answer answer_judge(const HttpResult *result, DestinationFormat format, Arena *arena)
{
    switch (result->failure) {
    case HTTP_FAILURE_NONE:
        return of_status(result, format, arena);
    case HTTP_FAILURE_TOO_LARGE:
        return (Answer){.says_up = true, .error_class = "answer-too-large"};
    default:
        /* Sent without an answer: it may be this document that it cannot cope with. */
        return (Answer){.retriable = true,
                        .for_all = !result->sent,
                        .error_class = http_failure_name(result->failure)};
    }
}
