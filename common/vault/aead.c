#include "common/vault/aead.h"

#include <gnutls/crypto.h>

#include "common/base/check.h"

static gnutls_aead_cipher_hd_t begin(const unsigned char *key)
{
    unsigned char copy[DATA_KEY_BYTES]; /* gnutls's type lacks the const */
    gnutls_aead_cipher_hd_t cipher;
    memcpy(copy, key, sizeof copy);
    const gnutls_datum_t datum = {copy, sizeof copy};
    CHECK(gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_256_GCM, &datum) == 0);
    explicit_bzero(copy, sizeof copy);
    return cipher;
}

bool aead_seal(const unsigned char key[DATA_KEY_BYTES], Str associated, Str plain, char *to)
{
    size_t len = plain.len + AEAD_TAG;
    if (gnutls_rnd(GNUTLS_RND_NONCE, to, AEAD_NONCE) != 0)
        return false;
    gnutls_aead_cipher_hd_t cipher = begin(key);
    int failed = gnutls_aead_cipher_encrypt(cipher, to, AEAD_NONCE, associated.ptr, associated.len,
                                            AEAD_TAG, plain.ptr, plain.len, to + AEAD_NONCE, &len);
    gnutls_aead_cipher_deinit(cipher);
    return failed == 0 && len == plain.len + AEAD_TAG;
}

bool aead_open(const unsigned char key[DATA_KEY_BYTES], Str associated, Str sealed, char *to)
{
    if (sealed.len < AEAD_MORE)
        return false;
    size_t len = sealed.len - AEAD_MORE;
    gnutls_aead_cipher_hd_t cipher = begin(key);
    int failed = gnutls_aead_cipher_decrypt(cipher, sealed.ptr, AEAD_NONCE, associated.ptr,
                                            associated.len, AEAD_TAG, sealed.ptr + AEAD_NONCE,
                                            sealed.len - AEAD_NONCE, to, &len);
    gnutls_aead_cipher_deinit(cipher);
    return failed == 0 && len == sealed.len - AEAD_MORE;
}
