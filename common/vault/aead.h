/* aead - AES-256-GCM: nonce (12, random) | ciphertext | tag (16). Inside this folder only. */
#pragma once
#include "common/vault/kms.h"

enum { AEAD_NONCE = 12, AEAD_TAG = 16, AEAD_MORE = AEAD_NONCE + AEAD_TAG };

/* `to` has room for plain.len + AEAD_MORE. */
bool aead_seal(const unsigned char key[DATA_KEY_BYTES], Str associated, Str plain, char *to);
/* `to` has room for sealed.len - AEAD_MORE. False: wrong key, or not what was sealed. */
bool aead_open(const unsigned char key[DATA_KEY_BYTES], Str associated, Str sealed, char *to);
