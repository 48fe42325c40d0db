/* Header values of every kind: results lie inside the value, loops end. */
#include "common/base/check.h"
#include "common/http/fields.h"
#include "tests/fuzz/target.h"

static void check_inside(Str whole, Str part)
{
    if (part.len)
        CHECK(part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str value = {(const char *)data, size};
    Str rest = value, part;
    unsigned quality = 0;
    size_t count = 0;
    check_inside(value, http_media_type(value));
    check_inside(value, http_media_parameter(value, STR("charset")));
    check_inside(value, http_prefer_get(value, STR("wait")));
    CHECK(http_accept_quality(value, STR("application/json")) <= 1000);
    (void)http_accepts_gzip(value);
    (void)http_is_uuid(value);
    while (rest.ptr && http_accept_next(&rest, &part, &quality)) {
        CHECK(quality <= 1000 && part.len > 0);
        check_inside(value, part);
        CHECK(++count <= size);
    }
    return 0;
}
