/* verified - signatures that were found to be right a moment ago: checked again only after a while.
 *
 * An entry is the SHA-256 of the signed bytes together with what they were checked by, so that a
 * new key set or revocation list makes it unknown. Nothing else is taken from here: times, audience
 * and who it is are looked at each time.
 *
 * Threads: any. Limits: VERIFIED_SLOTS entries; a newer one takes an older one's place. */
#pragma once
#include "common/base/str.h"

enum { VERIFIED_SLOTS = 8192, VERIFIED_MS = 30000 };

typedef struct Verified Verified;
typedef struct VerifiedKey {
    uint8_t digest[32];
} VerifiedKey;

Verified *verified_new(void);
void verified_free(Verified *verified); /* NULL is fine */
VerifiedKey verified_key(uint64_t checked_by, const Str *parts, size_t count);
bool verified_known(Verified *verified, const VerifiedKey *key);
void verified_add(Verified *verified, const VerifiedKey *key);
