/* Key sets: whatever is read verifies nothing that nobody signed. */
#include "common/auth/jwk.h"
#include "common/base/check.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char noise[256]; /* as a number too large for any of the algorithms */
    Jwks *jwks = NULL;
    memset(noise, 'x', sizeof noise);
    Err err = {0};
    if (!jwks_read((Str){(const char *)data, size}, &jwks, &err)) {
        CHECK(err.kind == ERR_INPUT);
        return 0;
    }
    CHECK(jwks_count(jwks) <= JWKS_KEYS_MAX);
    for (JwsAlgorithm a = JWS_NONE; a <= JWS_EDDSA; a++)
        for (size_t len = 64; len <= 256; len *= 4)
            CHECK(!jwks_verify(jwks, a, STR_NONE, STR("input"), (Str){noise, len}));
    jwks_free(jwks);
    return 0;
}
