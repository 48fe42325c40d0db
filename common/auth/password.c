#include "common/auth/password.h"

#include <argon2.h>
#include <gnutls/crypto.h>
#include <string.h>

#include "common/base/check.h"

enum { SALT_BYTES = 16, HASH_BYTES = 32, LANES = 1 };

bool password_keep(Str password, Arena *arena, Str *ret_kept, Err *err)
{
    uint8_t salt[SALT_BYTES];
    char kept[PASSWORD_KEPT_MAX];
    if (password.len < PASSWORD_MIN)
        return ERR(err, ERR_INPUT, "password-short", "at least %d bytes", PASSWORD_MIN);
    if (password.len > PASSWORD_MAX)
        return ERR(err, ERR_INPUT, "password-long", "at most %d bytes", PASSWORD_MAX);
    CHECK(gnutls_rnd(GNUTLS_RND_KEY, salt, sizeof salt) == 0);
    if (argon2id_hash_encoded(PASSWORD_PASSES, PASSWORD_MEMORY_KIB, LANES, password.ptr,
                              password.len, salt, sizeof salt, HASH_BYTES, kept,
                              sizeof kept) != ARGON2_OK)
        return ERR(err, ERR_FATAL, "password-memory", "no memory to hash it");
    *ret_kept = arena_copy(arena, str_from(kept));
    return true;
}

/* The number behind `name`, or UINT64_MAX. */
static uint64_t cost(Str kept, Str name)
{
    size_t at = str_find(kept, name), end;
    uint64_t value;
    if (at == SIZE_MAX)
        return UINT64_MAX;
    for (end = at + name.len; end < kept.len && kept.ptr[end] >= '0' && kept.ptr[end] <= '9';)
        end++;
    return str_to_u64(str_cut(kept, at + name.len, end), &value) ? value : UINT64_MAX;
}

bool password_kept_fits(Str kept)
{
    return kept.len < PASSWORD_KEPT_MAX && str_starts(kept, STR("$argon2id$v=19$m=")) &&
           cost(kept, STR("$m=")) <= PASSWORD_MEMORY_KIB_MAX &&
           cost(kept, STR(",t=")) <= PASSWORD_PASSES_MAX && cost(kept, STR(",p=")) == LANES;
}

bool password_right(Str password, Str kept)
{
    char text[PASSWORD_KEPT_MAX];
    if (!password_kept_fits(kept) || password.len > PASSWORD_MAX)
        return false;
    memcpy(text, kept.ptr, kept.len);
    text[kept.len] = '\0';
    return argon2id_verify(text, password.ptr ? password.ptr : "", password.len) == ARGON2_OK;
}

/* No password is known that leads to this. */
Str password_nobody(void)
{
    return STR("$argon2id$v=19$m=65536,t=3,p=1$ZmhpcmJ1cy1ub2JvZHk$"
               "q83vEjRWeJASNFZ4kBI0VniQEjRWeJASNFZ4kBI0Vng");
}
