/* Tokens: whatever is read has an algorithm of ours, and no key of ours has signed it. */
#include "common/auth/jwt.h"
#include "common/auth/scope.h"
#include "common/base/check.h"
#include "tests/fuzz/target.h"

static const char keys[] =
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

/* The answers of RFC 7515 and RFC 8037 are signed by these keys; they are no tokens for anybody. */
static bool is_published_example(const Jwt *jwt)
{
    return str_is(jwt->iss, "joe");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new(16 << 20);
    Jwks *jwks = NULL;
    Jwt jwt;
    Err err = {0};
    const Str audience = STR("a");
    const ScopeNeed need = {.type = "Bundle", .letter = 'c'};
    if (!jwt_read((Str){(const char *)data, size}, arena, &jwt, &err)) {
        CHECK(err.kind == ERR_INPUT && err.code && err.text[0]);
        return 0;
    }
    CHECK(jwt.algorithm != JWS_NONE && jwt.signature.len > 0);
    CHECK(jwks_read(STR(keys), &jwks, &err));
    CHECK(!jwt_verify(&jwt, jwks, ~0u, &err) || is_published_example(&jwt));
    jwks_free(jwks);
    const JwtExpected expected = {.iss = STR("i"),
                                  .audiences = &audience,
                                  .audience_count = 1,
                                  .now_s = 1800000000,
                                  .life_max_s = 300};
    if (jwt_check(&jwt, &expected, &err))
        CHECK(jwt.exp_s > expected.now_s && jwt.exp_s <= expected.now_s + 2 * 300);
    (void)scope_covers(jwt.scope, &need);
    (void)jwt_claim(&jwt, STR("sub"));
    return 0;
}
