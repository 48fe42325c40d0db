#include "common/auth/credential.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "common/base/check.h"

enum { PREFIX_LEN = 4, ID_CHARS = 12, SECRET_BYTES = 32, SECRET_CHARS = 52, CHECK_CHARS = 6 };
static_assert(CREDENTIAL_ID_LEN == PREFIX_LEN + ID_CHARS, "the id includes the prefix");
static_assert(CREDENTIAL_LEN == CREDENTIAL_ID_LEN + 1 + SECRET_CHARS + CHECK_CHARS, "all parts");

static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char *const prefixes[] = {"fbk_", "fbs_"};
static const char *const purposes[] = {"api-key", "client-secret"};

/* spec: RFC 4648 §6, lower case, without padding: five bits a letter, the first bits first */
static void write_letters(const uint8_t *bytes, size_t len, char *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned value = 0;
        for (size_t bit = i * 5; bit < i * 5 + 5; bit++) {
            unsigned set = bit / 8 < len ? (unsigned)bytes[bit / 8] >> (7 - bit % 8) & 1u : 0;
            value = value << 1 | set;
        }
        to[i] = letters[value];
    }
}

static void write_check(const char *text, size_t len, char to[CHECK_CHARS])
{
    uint8_t digest[32];
    CHECK(gnutls_hash_fast(GNUTLS_DIG_SHA256, text, len, digest) == 0);
    write_letters(digest, sizeof digest, to, CHECK_CHARS);
}

void credential_new(CredentialKind kind, Credential *ret_credential)
{
    uint8_t id[8], secret[SECRET_BYTES];
    char *text = ret_credential->text;
    /* Without randomness nothing may be handed out. */
    CHECK(gnutls_rnd(GNUTLS_RND_RANDOM, id, sizeof id) == 0);
    CHECK(gnutls_rnd(GNUTLS_RND_KEY, secret, sizeof secret) == 0);
    memcpy(text, prefixes[kind], PREFIX_LEN);
    write_letters(id, sizeof id, text + PREFIX_LEN, ID_CHARS);
    text[CREDENTIAL_ID_LEN] = '_';
    write_letters(secret, sizeof secret, text + CREDENTIAL_ID_LEN + 1, SECRET_CHARS);
    write_check(text, CREDENTIAL_LEN - CHECK_CHARS, text + CREDENTIAL_LEN - CHECK_CHARS);
    text[CREDENTIAL_LEN] = '\0';
    explicit_bzero(secret, sizeof secret);
}

static bool all_letters(Str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(text.ptr[i] >= 'a' && text.ptr[i] <= 'z') &&
            !(text.ptr[i] >= '2' && text.ptr[i] <= '7'))
            return false;
    return true;
}

bool credential_id(CredentialKind kind, Str text, Str *ret_id)
{
    char check[CHECK_CHARS];
    if (text.len != CREDENTIAL_LEN || !str_starts(text, str_from(prefixes[kind])) ||
        text.ptr[CREDENTIAL_ID_LEN] != '_' ||
        !all_letters(str_cut(text, PREFIX_LEN, CREDENTIAL_ID_LEN)) ||
        !all_letters(str_skip(text, CREDENTIAL_ID_LEN + 1)))
        return false;
    write_check(text.ptr, CREDENTIAL_LEN - CHECK_CHARS, check);
    if (gnutls_memcmp(check, text.ptr + CREDENTIAL_LEN - CHECK_CHARS, CHECK_CHARS) != 0)
        return false;
    *ret_id = str_cut(text, 0, CREDENTIAL_ID_LEN);
    return true;
}

void credential_hmac(Str key, CredentialKind kind, Str owner, Str text,
                     uint8_t ret_hmac[CREDENTIAL_HMAC_BYTES])
{
    gnutls_hmac_hd_t hmac;
    CHECK(key.len > 0);
    CHECK(gnutls_hmac_init(&hmac, GNUTLS_MAC_SHA256, key.ptr, key.len) == 0);
    const Str parts[] = {str_from(purposes[kind]), owner, text};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        CHECK(!parts[i].len || gnutls_hmac(hmac, parts[i].ptr, parts[i].len) == 0);
        CHECK(gnutls_hmac(hmac, "", 1) == 0);
    }
    gnutls_hmac_deinit(hmac, ret_hmac);
}

bool credential_equal(const uint8_t a[CREDENTIAL_HMAC_BYTES],
                      const uint8_t b[CREDENTIAL_HMAC_BYTES])
{
    return gnutls_memcmp(a, b, CREDENTIAL_HMAC_BYTES) == 0;
}
