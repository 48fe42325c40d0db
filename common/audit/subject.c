#include <gnutls/crypto.h>
#include <string.h>

#include "common/audit/audit.h"
#include "common/base/check.h"

void audit_subject(Str secret, Str patient, unsigned char ret_subject[AUDIT_SUBJECT_BYTES])
{
    static const char purpose[] = "fhirbus audit subject";
    unsigned char hmac[32];
    gnutls_hmac_hd_t state;
    CHECK(gnutls_hmac_init(&state, GNUTLS_MAC_SHA256, secret.len ? secret.ptr : "", secret.len) ==
          0);
    gnutls_hmac(state, purpose, sizeof purpose); /* its NUL parts it from what follows */
    gnutls_hmac(state, patient.ptr, patient.len);
    gnutls_hmac_deinit(state, hmac);
    memcpy(ret_subject, hmac, AUDIT_SUBJECT_BYTES);
}
