#include "common/base/check.h"
#include "common/envelope/ordering_key.h"
#include "tests/fuzz/target.h"

/* Whatever the bytes: what is found lies inside them, and finding it again finds the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str document = {(const char *)data, size};
    DocumentIdentity found = ordering_identity(document);
    if (found.source != ORDERING_BY_INTERACTION) {
        CHECK(found.value.len > 0 && found.value.ptr > document.ptr);
        CHECK(found.value.ptr + found.value.len < document.ptr + size);
    }
    OrderingKey a = ordering_key(STR("s"), STR("t"), STR("i"), document, NULL);
    OrderingKey b = ordering_key(STR("s"), STR("t"), STR("i"), document, NULL);
    CHECK(memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0);
    return 0;
}
