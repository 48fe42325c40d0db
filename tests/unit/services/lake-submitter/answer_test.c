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
    return answer_judge(&result, arena);
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

static void what_is_about_the_destination_is_tried_again(void **state)
{
    (void)state;
    static const unsigned later[] = {301, 401, 403, 404, 408, 429, 500, 502, 503, 504};
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

static void what_is_about_the_document_is_final(void **state)
{
    (void)state;
    static const unsigned final[] = {400, 405, 409, 413, 415, 422};
    for (size_t i = 0; i < sizeof final / sizeof final[0]; i++) {
        Answer answer = judge(HTTP_FAILURE_NONE, final[i], "");
        assert_true(!answer.retriable && !answer.success && answer.says_up);
        assert_string_equal(answer.error_class, "http-4xx");
    }
    assert_false(judge(HTTP_FAILURE_TOO_LARGE, 200, "").retriable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_2xx_with_status_success_is_success),
        cmocka_unit_test(what_is_about_the_destination_is_tried_again),
        cmocka_unit_test(what_is_about_the_document_is_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
