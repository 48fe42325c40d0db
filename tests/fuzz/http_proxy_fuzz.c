/* What a load balancer says of a connection: whatever comes, its length is bounded, and the same
 * bytes in two parts mean the same. */
#include "common/base/check.h"
#include "common/http/proxy.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str bytes = {(const char *)data, size};
    ProxyHeader whole, part;
    ProxyResult result = proxy_parse(bytes, &whole);
    for (size_t i = 0; i < size && i < PROXY_BYTES_MAX; i++) {
        ProxyResult early = proxy_parse(str_cut(bytes, 0, i), &part);
        if (result == PROXY_BAD)
            continue;
        CHECK(early == PROXY_MORE || (result == PROXY_FINE && i >= whole.needed));
        CHECK(part.needed <= whole.needed);
    }
    if (result == PROXY_BAD)
        return 0;
    CHECK(whole.needed >= PROXY_HEAD_BYTES && whole.needed <= PROXY_BYTES_MAX);
    CHECK((result == PROXY_FINE) == (size >= whole.needed));
    CHECK(!whole.named || whole.address.any.sa_family == AF_INET ||
          whole.address.any.sa_family == AF_INET6);
    return 0;
}
