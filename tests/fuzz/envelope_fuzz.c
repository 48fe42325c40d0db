#include "common/base/check.h"
#include "common/envelope/envelope.h"
#include "tests/fuzz/target.h"

/* What can be read can be written, and reads the same. The first byte chooses the message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    ARENA_AUTO arena = arena_new(16 * 1024 * 1024);
    Str bytes = {(const char *)data + 1, size - 1}, again;
    Envelope envelope, second;
    Validated validated;
    Response response;
    Submission submission;
    Event event;
    Err err = {0};
    switch (data[0] % 5) {
    case 0:
        if (envelope_decode(bytes, arena, &envelope, &err)) {
            CHECK(envelope_encode(&envelope, arena, &again, &err));
            CHECK(envelope_decode(again, arena, &second, &err));
            CHECK(str_eq(envelope.payload, second.payload));
            CHECK(envelope.unknown.count == second.unknown.count);
        }
        break;
    case 1:
        if (validated_decode(bytes, arena, &validated, &err))
            CHECK(validated_encode(&validated, arena, &again, &err));
        break;
    case 2:
        if (response_decode(bytes, arena, &response, &err))
            CHECK(response_encode(&response, arena, &again, &err));
        break;
    case 3:
        if (submission_decode(bytes, arena, &submission, &err))
            CHECK(submission_encode(&submission, arena, &again, &err));
        break;
    default:
        if (event_decode(bytes, arena, &event, &err))
            CHECK(event_encode(&event, arena, &again, &err));
    }
    return 0;
}
