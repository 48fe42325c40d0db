/* certificate - a client's certificate: is it to be believed, and whose is it?
 *
 * Spec:    RFC 5280: the chain leads to one of our authorities, every certificate of it is valid
 * now, none is revoked by a CRL that we have, and the first is meant for TLS clients. A CRL that is
 * past its nextUpdate makes its authority's certificates fail: revocation is not a matter of luck.
 * Owner:   facts live in `arena`. Threads: a trust is immutable; trust_free once nobody uses it.
 * Errors:  trust_read: ERR_FATAL "client-ca"; trust_check: ERR_INPUT "certificate-..." (untrusted,
 *          expired, not-yet, revoked, revocation-unknown, purpose, malformed).
 * Limits:  CERTIFICATE_CHAIN_MAX certificates. */
#pragma once
#include "common/auth/callers.h"

enum { CERTIFICATE_CHAIN_MAX = 10, CERTIFICATE_SANS_MAX = 200, TRUST_FILE_MAX = 16 << 20 };

typedef struct CertificateTrust CertificateTrust;

/* PEM; crl_file may be NULL. */
bool trust_read(const char *ca_file, const char *crl_file, CertificateTrust **ret_trust,
                Err *err) MUST_USE;
void trust_free(CertificateTrust *trust); /* NULL is fine */

/* `chain`: DER, the client's own first. */
bool trust_check(const CertificateTrust *trust, const Str *chain, size_t count, Arena *arena,
                 CertificateFacts *ret_facts, Err *err) MUST_USE;
/* From when to when a chain that was found right may be believed, in seconds: by its own dates, and
 * by those of its authorities' revocation lists. */
bool trust_window(const CertificateTrust *trust, const Str *chain, size_t count,
                  int64_t *ret_from_s, int64_t *ret_until_s, Err *err) MUST_USE;
/* What one certificate says of itself. */
bool certificate_facts(Str der, Arena *arena, CertificateFacts *ret_facts, Err *err) MUST_USE;
