#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/lake-submitter/answer.h"

static Answer judge(HttpFailure failure, unsigned status, const char *body)
{
    ARENA_AUTO arena = arena_new(1 << 20);
    const HttpResult result = {.failure = failure, .status = status, .body = str_from(body)};
    return answer_judge(&result, DESTINATION_LAKE, arena);
}

static void only_2xx_with_status_success_is_success(void **state)
{
    (void)state;
    assert_true(judge(HTTP_FAILURE_NONE, 200, "{\"status\":\"Success\"}").success);
    assert_true(judge(HTTP_FAILURE_NONE, 202, " {\"a\":1,\"status\":\"sUCCESS\"} ").success);
    static const char *const others[] = {"{\"status\":\"Error\"}",
                                         "",
                                         "Success",
                                         "{\"status\":true}",
                                         "{\"x\":{\"status\":\"Success\"}}",
                                         "{\"status\":\"Success\""};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        Answer answer = judge(HTTP_FAILURE_NONE, 200, others[i]);
        assert_false(answer.success);
        assert_false(answer.retriable);
        assert_true(answer.says_up);
        assert_string_equal(answer.error_class, "answer");
    }
    assert_false(judge(HTTP_FAILURE_NONE, 500, "{\"status\":\"Success\"}").success);
}

static void what_can_succeed_later_is_tried_again(void **state)
{
    (void)state;
    static const unsigned later[] = {408, 425, 429, 500, 502, 503, 504, 599};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        Answer answer = judge(HTTP_FAILURE_NONE, later[i], "");
        assert_true(answer.retriable && !answer.success && !answer.says_up);
    }
    static const HttpFailure failures[] = {HTTP_FAILURE_RESOLVE, HTTP_FAILURE_CONNECT,
                                           HTTP_FAILURE_TLS, HTTP_FAILURE_TIMEOUT,
                                           HTTP_FAILURE_BROKEN};
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        Answer answer = judge(failures[i], 0, "");
        assert_true(answer.retriable && !answer.success);
        assert_string_equal(answer.error_class, http_failure_name(failures[i]));
    }
}

static void what_cannot_is_final(void **state)
{
    (void)state;
    static const unsigned final[] = {300, 301, 302, 304, 307, 400, 401, 403, 404,
                                     405, 407, 409, 410, 413, 415, 422, 499};
    for (size_t i = 0; i < sizeof final / sizeof final[0]; i++) {
        Answer answer = judge(HTTP_FAILURE_NONE, final[i], "");
        assert_true(!answer.retriable && !answer.success && answer.says_up);
        assert_string_equal(answer.error_class, final[i] < 400 ? "http-3xx" : "http-4xx");
    }
    assert_false(judge(HTTP_FAILURE_TOO_LARGE, 200, "").retriable);
}

static void what_any_document_would_have_met_is_told_from_what_may_be_its_own(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    assert_true(judge(HTTP_FAILURE_CONNECT, 0, "").for_all);
    assert_true(judge(HTTP_FAILURE_TIMEOUT, 0, "").for_all); /* while connecting */
    assert_true(judge(HTTP_FAILURE_NONE, 429, "").for_all);
    assert_false(judge(HTTP_FAILURE_NONE, 500, "").for_all);
    assert_false(judge(HTTP_FAILURE_NONE, 503, "").for_all);
    static const HttpFailure silent[] = {HTTP_FAILURE_TIMEOUT, HTTP_FAILURE_BROKEN};
    for (size_t i = 0; i < 2; i++) {
        const HttpResult result = {.failure = silent[i], .sent = true};
        assert_false(answer_judge(&result, DESTINATION_LAKE, arena).for_all);
    }
}

static void a_ledger_needs_no_body(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    HttpResult result = {.failure = HTTP_FAILURE_NONE, .status = 204};
    assert_true(answer_judge(&result, DESTINATION_DATALEDGER, arena).success);
    result.status = 400;
    assert_false(answer_judge(&result, DESTINATION_DATALEDGER, arena).success);
}

static void retry_after_is_seconds_or_a_date_in_any_form(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        uint32_t ms;
    } cases[] = {
        {"0",                              0                       },
        {" 7 ",                            7000                    },
        {"999999",                         RETRY_AFTER_MAX_S * 1000},
        {"Sun, 06 Nov 1994 08:49:37 GMT",  37000                   },
        {"Sunday, 06-Nov-94 08:49:37 GMT", 37000                   },
        {"Sun Nov  6 08:49:37 1994",       37000                   },
        {"Sun, 06 Nov 1994 08:48:00 GMT",  0                       },
        {"Mon, 07 Nov 1994 08:49:37 GMT",  RETRY_AFTER_MAX_S * 1000},
        {"soon",                           0                       },
        {"",                               0                       },
        {"-5",                             0                       },
        {"Sun, 06 Nov 1994 08:49:37 GMTx", 0                       },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (answer_retry_after_ms(str_from(cases[i].value), 784111740) != cases[i].ms)
            fail_msg("%s: %u", cases[i].value,
                     answer_retry_after_ms(str_from(cases[i].value), 784111740));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_2xx_with_status_success_is_success),
        cmocka_unit_test(what_can_succeed_later_is_tried_again),
        cmocka_unit_test(what_cannot_is_final),
        cmocka_unit_test(what_any_document_would_have_met_is_told_from_what_may_be_its_own),
        cmocka_unit_test(a_ledger_needs_no_body),
        cmocka_unit_test(retry_after_is_seconds_or_a_date_in_any_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
