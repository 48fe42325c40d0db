/* An object that was there, a NUL, and what somebody puts in its place who was not shown its
 * secrets; the first byte is the kind. What is missing comes from the same credential alone: no
 * secret of one id, client or account becomes that of another. */
#include "common/auth/objects.h"
#include "common/base/check.h"
#include "tests/fuzz/target.h"

/* As it was said, or, where nothing was, that of the same id. */
static void check_secret(const StoredSecret *now, const StoredSecret *written,
                         const StoredSecret *before, size_t count)
{
    static const StoredSecret nothing;
    CHECK(str_eq(now->id, written->id));
    if (memcmp(written->hmac, nothing.hmac, sizeof nothing.hmac) != 0) {
        CHECK(memcmp(now->hmac, written->hmac, sizeof now->hmac) == 0);
        return;
    }
    bool found = false;
    for (size_t i = 0; i < count; i++)
        found = found || (str_eq(before[i].id, now->id) &&
                          memcmp(before[i].hmac, now->hmac, sizeof now->hmac) == 0);
    CHECK(found);
}

static void check_client(const OAuthClient *now, const OAuthClient *written, const Caller *before)
{
    for (size_t k = 0; k < now->secret_count; k++) {
        const OAuthClient *old = &(OAuthClient){0};
        for (size_t c = 0; c < before->client_count; c++)
            if (str_eq(before->clients[c].id, now->id))
                old = &before->clients[c];
        check_secret(&now->secrets[k], &written->secrets[k], old->secrets, old->secret_count);
    }
}

static void check_caller(const Caller *now, const Caller *written, const Caller *before)
{
    CHECK(now->api_key_count == written->api_key_count);
    for (size_t i = 0; i < now->api_key_count; i++)
        check_secret(&now->api_keys[i], &written->api_keys[i], before->api_keys,
                     before->api_key_count);
    CHECK(now->client_count == written->client_count);
    for (size_t i = 0; i < now->client_count; i++)
        check_client(&now->clients[i], &written->clients[i], before);
}

static void check_account(const Account *now, const Account *written, const Account *before)
{
    CHECK(str_eq(now->argon2id, written->argon2id.len ? written->argon2id : before->argon2id));
}

static void check_kept(AuthKind kind, Str text, const void *now, const void *before)
{
    void *written = NULL;
    Err err = {0};
    CHECK(auth_read_as_written(kind, STR("name"), text, &written, &err));
    if (kind == AUTH_CALLERS)
        check_caller(now, written, before);
    if (kind == AUTH_ACCOUNTS)
        check_account(now, written, before);
    auth_free(written);
}

/* What was read is whole: written out it reads the same without what was there before. */
static void check_whole(AuthKind kind, const void *object)
{
    void *again = NULL;
    Err err = {0};
    BUF_AUTO first, second;
    buf_init(&first, 64 << 20);
    buf_init(&second, 64 << 20);
    auth_write(kind, object, &first);
    CHECK(auth_read(kind, STR("name"), buf_str(&first), &again, &err));
    auth_write(kind, again, &second);
    CHECK(str_eq(buf_str(&first), buf_str(&second)));
    auth_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str all = {(const char *)data + 1, size ? size - 1 : 0};
    size_t at = str_find_char(all, '\0');
    void *before = NULL, *now = NULL;
    Err err = {0};
    if (size == 0 || at == all.len)
        return 0;
    AuthKind kind = (AuthKind)(data[0] % AUTH_KIND_COUNT);
    Str text = str_skip(all, at + 1);
    if (!auth_read(kind, STR("name"), str_cut(all, 0, at), &before, &err))
        return 0;
    if (auth_read_over(kind, STR("name"), text, before, &now, &err)) {
        check_kept(kind, text, now, before);
        check_whole(kind, now);
        auth_free(now);
    } else {
        CHECK(err.kind == ERR_INPUT && err.text[0]);
    }
    auth_free(before);
    return 0;
}
