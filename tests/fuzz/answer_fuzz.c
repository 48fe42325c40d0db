/* What a destination answers: STATUS (two bytes) and the body; and Retry-After, which never asks
 * for longer than an hour. Only a 2xx is ever success, and nothing is success and tried again. */
#include "common/base/check.h"
#include "services/lake-submitter/answer.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new((size_t)16 << 20);
    if (size < 2)
        return 0;
    unsigned status = (unsigned)(data[0] << 8 | data[1]) % 700;
    Str body = {(const char *)data + 2, size - 2};
    HttpResult result = {
        .failure = HTTP_FAILURE_NONE, .status = status, .sent = true, .body = body};
    for (DestinationFormat format = DESTINATION_LAKE; format <= DESTINATION_DATALEDGER; format++) {
        Answer answer = answer_judge(&result, format, arena);
        CHECK(!answer.success || (status >= 200 && status < 300 && !answer.retriable));
        CHECK(answer.success == !answer.error_class[0]);
        CHECK(answer.wait_ms <= RETRY_AFTER_MAX_S * 1000);
    }
    CHECK(answer_retry_after_ms(body, 1800000000) <= RETRY_AFTER_MAX_S * 1000);
    return 0;
}
