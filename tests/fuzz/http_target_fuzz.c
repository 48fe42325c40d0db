/* A request target as sent: nothing decoded may hold NUL or controls, and decoding is bounded. */
#include "common/base/check.h"
#include "common/http/target.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new((size_t)1 << 20);
    HttpTarget target;
    Err err = {0};
    if (!http_target_parse((Str){(const char *)data, size}, arena, &target, &err))
        return 0;
    CHECK(target.path.len > 0 && target.path.ptr[0] == '/');
    CHECK(target.path.len + target.query.len <= size + 1);
    for (size_t i = 0; i < target.path.len; i++)
        CHECK((unsigned char)target.path.ptr[i] >= ' ');
    Str value = http_query_get(target.query, STR("a"), arena);
    CHECK(value.len <= target.query.len);
    return 0;
}
