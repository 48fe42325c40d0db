/* known - client certificates whose chains were found right a moment ago, with what they say: read
 * and followed again only after VERIFIED_MS, or when a date of theirs or of a revocation list has
 * passed. The key (verified.h) names the chain and what it was checked by.
 *
 * Threads: any. Limits: KNOWN_SLOTS; a newer one takes an older one's place. */
#pragma once
#include "common/auth/callers.h"
#include "common/auth/verified.h"

enum { KNOWN_SLOTS = 512 };

typedef struct KnownCertificates KnownCertificates;

KnownCertificates *known_new(void);
void known_free(KnownCertificates *known); /* NULL is fine */
/* The facts, copied into `arena`; false: it is not known, or not at this time. */
bool known_find(KnownCertificates *known, const VerifiedKey *key, int64_t now_s, Arena *arena,
                CertificateFacts *ret_facts);
/* It may be believed from from_s on, up to until_s. */
void known_add(KnownCertificates *known, const VerifiedKey *key, const CertificateFacts *facts,
               int64_t from_s, int64_t until_s);
