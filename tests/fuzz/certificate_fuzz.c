/* Certificates in DER: names that can be read, and a matcher that is asked of them. */
#include "common/auth/certificate.h"
#include "common/base/check.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new(64 << 20);
    CertificateFacts facts;
    Err err = {0};
    if (!certificate_facts((Str){(const char *)data, size}, arena, &facts, &err)) {
        CHECK(err.kind == ERR_INPUT);
        return 0;
    }
    CHECK(facts.subject.ptr && facts.issuer.ptr && facts.san_count <= CERTIFICATE_SANS_MAX);
    for (size_t i = 0; i < facts.san_count; i++)
        CHECK(str_find_char(facts.sans[i], ':') < facts.sans[i].len);
    return 0;
}
