#include "common/auth/verified.h"

#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/clock.h"

typedef struct Slot {
    VerifiedKey key;
    int64_t until_ms;
} Slot;

struct Verified {
    pthread_mutex_t lock;
    Slot slots[VERIFIED_SLOTS];
};

Verified *verified_new(void)
{
    Verified *verified = calloc(1, sizeof *verified);
    CHECK(verified);
    CHECK(pthread_mutex_init(&verified->lock, NULL) == 0);
    return verified;
}

void verified_free(Verified *verified)
{
    if (verified)
        pthread_mutex_destroy(&verified->lock);
    free(verified);
}

/* Lengths are part of it, so that no other cut of the same bytes gives the same digest. */
VerifiedKey verified_key(uint64_t checked_by, const Str *parts, size_t count)
{
    VerifiedKey key;
    gnutls_hash_hd_t hash;
    CHECK(gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) == 0);
    CHECK(gnutls_hash(hash, &checked_by, sizeof checked_by) == 0);
    for (size_t i = 0; i < count; i++) {
        CHECK(gnutls_hash(hash, &parts[i].len, sizeof parts[i].len) == 0);
        CHECK(!parts[i].len || gnutls_hash(hash, parts[i].ptr, parts[i].len) == 0);
    }
    gnutls_hash_deinit(hash, key.digest);
    return key;
}

static Slot *slot_of(Verified *verified, const VerifiedKey *key)
{
    uint32_t number;
    memcpy(&number, key->digest, sizeof number);
    return &verified->slots[number % VERIFIED_SLOTS];
}

bool verified_known(Verified *verified, const VerifiedKey *key)
{
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&verified->lock);
    const Slot *slot = slot_of(verified, key);
    bool known = now_ms < slot->until_ms && memcmp(&slot->key, key, sizeof *key) == 0;
    pthread_mutex_unlock(&verified->lock);
    return known;
}

void verified_add(Verified *verified, const VerifiedKey *key)
{
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&verified->lock);
    *slot_of(verified, key) = (Slot){*key, now_ms + VERIFIED_MS};
    pthread_mutex_unlock(&verified->lock);
}
