#include "common/auth/seal.h"

#include <gnutls/crypto.h>
#include <string.h>

#include "common/auth/base64url.h"
#include "common/base/check.h"

enum { KEY_BYTES = 32, NONCE_BYTES = 12, TAG_BYTES = 16 };

static void derive(Str secret, const char *purpose, uint8_t ret_key[KEY_BYTES])
{
    CHECK(secret.len >= SEAL_SECRET_MIN);
    CHECK(gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret.ptr, secret.len, purpose, strlen(purpose),
                           ret_key) == 0);
}

static gnutls_aead_cipher_hd_t open_cipher(Str secret, const char *purpose)
{
    uint8_t key[KEY_BYTES];
    gnutls_aead_cipher_hd_t cipher;
    derive(secret, purpose, key);
    gnutls_datum_t datum = {key, sizeof key};
    CHECK(gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_256_GCM, &datum) == 0);
    explicit_bzero(key, sizeof key);
    return cipher;
}

static Str encoded(const void *bytes, size_t len, Arena *arena)
{
    BUF_AUTO out;
    buf_init(&out, 4 * SEAL_BYTES_MAX);
    base64url_write(&out, (Str){bytes, len});
    return arena_copy(arena, buf_str(&out));
}

Str seal_close(Str secret, const char *purpose, Str text, Arena *arena)
{
    uint8_t sealed[NONCE_BYTES + SEAL_BYTES_MAX + TAG_BYTES];
    size_t len = sizeof sealed - NONCE_BYTES;
    CHECK(text.len <= SEAL_BYTES_MAX);
    CHECK(gnutls_rnd(GNUTLS_RND_NONCE, sealed, NONCE_BYTES) == 0);
    gnutls_aead_cipher_hd_t cipher = open_cipher(secret, purpose);
    CHECK(gnutls_aead_cipher_encrypt(cipher, sealed, NONCE_BYTES, NULL, 0, TAG_BYTES, text.ptr,
                                     text.len, sealed + NONCE_BYTES, &len) == 0);
    gnutls_aead_cipher_deinit(cipher);
    return encoded(sealed, NONCE_BYTES + len, arena);
}

bool seal_open(Str secret, const char *purpose, Str sealed, Arena *arena, Str *ret_text)
{
    Str bytes;
    if (sealed.len > 2 * SEAL_BYTES_MAX || !base64url_decode(sealed, arena, &bytes) ||
        bytes.len < NONCE_BYTES + TAG_BYTES)
        return false;
    size_t len = bytes.len - NONCE_BYTES - TAG_BYTES;
    char *text = arena_alloc(arena, len + 1);
    if (!text)
        return false;
    gnutls_aead_cipher_hd_t cipher = open_cipher(secret, purpose);
    bool fine = gnutls_aead_cipher_decrypt(cipher, bytes.ptr, NONCE_BYTES, NULL, 0, TAG_BYTES,
                                           bytes.ptr + NONCE_BYTES, bytes.len - NONCE_BYTES, text,
                                           &len) == 0;
    gnutls_aead_cipher_deinit(cipher);
    if (fine)
        *ret_text = (Str){text, len};
    return fine;
}

Str seal_token(Arena *arena)
{
    uint8_t bytes[SEAL_TOKEN_BYTES];
    CHECK(gnutls_rnd(GNUTLS_RND_KEY, bytes, sizeof bytes) == 0);
    return encoded(bytes, sizeof bytes, arena);
}

Str seal_digest(Str text, Arena *arena)
{
    uint8_t digest[32];
    CHECK(gnutls_hash_fast(GNUTLS_DIG_SHA256, text.ptr, text.len, digest) == 0);
    return encoded(digest, sizeof digest, arena);
}

bool seal_same(Str a, Str b)
{
    return a.len == b.len && (a.len == 0 || gnutls_memcmp(a.ptr, b.ptr, a.len) == 0);
}
