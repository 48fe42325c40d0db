/* What a gateway says: an address is numeric or empty, the rest lies within what was given. */
#include "common/base/check.h"
#include "common/http/forwarded.h"
#include "tests/fuzz/target.h"

static void check_inside(Str part, Str whole)
{
    CHECK(!part.ptr || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str value = {(const char *)data, size};
    Forwarded made, again;
    if (forwarded_parse(value, &made)) {
        check_inside(made.host, value);
        check_inside(made.proto, value);
        CHECK(!made.address[0] || forwarded_for(str_from(made.address), &again));
    }
    if (forwarded_for(value, &made))
        CHECK(forwarded_for(str_from(made.address), &again) &&
              strcmp(made.address, again.address) == 0);
    return 0;
}
