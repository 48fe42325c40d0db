/* credential - API keys and client secrets: made once, shown once, kept as an HMAC.
 *
 * Form:    fbk_IIIIIIIIIIII_SSSS...SSSSCCCCCC  an API key; fbs_... a client's secret. I: 12 letters
 *          that identify it, S: 52 letters, 256 random bits, C: 6 letters, checksum over all that
 *          stands before. Letters are a-z and 2-7: scanners of repositories and logs find
 *          fb[ks]_[a-z2-7]{12}_[a-z2-7]{58}, and a typing error is no look-up.
 * Kept:    HMAC-SHA-256 under the services' credential key of purpose, owner and secret, each ended
 *          by a NUL: what is stored for one client is of no use for another. 256 random bits need
 *          no slow hash.
 * Threads: pure. Comparisons take the same time whatever they find. */
#pragma once
#include "common/base/str.h"

enum { CREDENTIAL_ID_LEN = 16, CREDENTIAL_LEN = 75, CREDENTIAL_HMAC_BYTES = 32 };

typedef enum CredentialKind { CREDENTIAL_API_KEY, CREDENTIAL_CLIENT_SECRET } CredentialKind;

typedef struct Credential {
    char text[CREDENTIAL_LEN + 1]; /* wipe it with explicit_bzero */
} Credential;

void credential_new(CredentialKind kind, Credential *ret_credential);
/* "fbk_abcdefghijkl"; false when form or checksum are wrong. */
bool credential_id(CredentialKind kind, Str text, Str *ret_id);
/* owner: the client's id; an API key has none. */
void credential_hmac(Str key, CredentialKind kind, Str owner, Str text,
                     uint8_t ret_hmac[CREDENTIAL_HMAC_BYTES]);
bool credential_equal(const uint8_t a[CREDENTIAL_HMAC_BYTES],
                      const uint8_t b[CREDENTIAL_HMAC_BYTES]);
