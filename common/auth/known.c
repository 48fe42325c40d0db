#include "common/auth/known.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/clock.h"

enum { FACTS_ARENA_BYTES = 1 << 20 };

typedef struct Slot {
    VerifiedKey key;
    int64_t until_ms; /* monotonic */
    int64_t from_s, until_s;
    CertificateFacts facts; /* in `arena` */
    Arena *arena;
} Slot;

struct KnownCertificates {
    pthread_mutex_t lock;
    Slot slots[KNOWN_SLOTS];
};

KnownCertificates *known_new(void)
{
    KnownCertificates *known = calloc(1, sizeof *known);
    CHECK(known);
    CHECK(pthread_mutex_init(&known->lock, NULL) == 0);
    return known;
}

void known_free(KnownCertificates *known)
{
    if (!known)
        return;
    for (size_t i = 0; i < KNOWN_SLOTS; i++)
        arena_free(known->slots[i].arena);
    pthread_mutex_destroy(&known->lock);
    free(known);
}

static Slot *slot_of(KnownCertificates *known, const VerifiedKey *key)
{
    uint32_t number;
    memcpy(&number, key->digest, sizeof number);
    return &known->slots[number % KNOWN_SLOTS];
}

static bool copy_facts(const CertificateFacts *from, Arena *arena, CertificateFacts *ret_facts)
{
    Str *sans = ARENA_ARRAY(arena, Str, from->san_count + 1);
    CertificateFacts facts = *from;
    facts.subject = arena_copy(arena, from->subject);
    facts.issuer = arena_copy(arena, from->issuer);
    bool fine = sans && facts.subject.ptr && facts.issuer.ptr;
    for (size_t i = 0; fine && i < from->san_count; i++) {
        sans[i] = arena_copy(arena, from->sans[i]);
        fine = sans[i].ptr != NULL;
    }
    facts.sans = sans;
    *ret_facts = facts;
    return fine;
}

bool known_find(KnownCertificates *known, const VerifiedKey *key, int64_t now_s, Arena *arena,
                CertificateFacts *ret_facts)
{
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&known->lock);
    const Slot *slot = slot_of(known, key);
    bool found = now_ms < slot->until_ms && memcmp(&slot->key, key, sizeof *key) == 0 &&
                 slot->from_s <= now_s && now_s <= slot->until_s &&
                 copy_facts(&slot->facts, arena, ret_facts);
    pthread_mutex_unlock(&known->lock);
    return found;
}

void known_add(KnownCertificates *known, const VerifiedKey *key, const CertificateFacts *facts,
               int64_t from_s, int64_t until_s)
{
    Slot made = {.key = *key,
                 .until_ms = clock_mono_ms() + VERIFIED_MS,
                 .from_s = from_s,
                 .until_s = until_s,
                 .arena = arena_new(FACTS_ARENA_BYTES)};
    if (!made.arena || !copy_facts(facts, made.arena, &made.facts)) {
        arena_free(made.arena);
        return;
    }
    pthread_mutex_lock(&known->lock);
    Slot *slot = slot_of(known, key), old = *slot;
    *slot = made;
    pthread_mutex_unlock(&known->lock);
    arena_free(old.arena);
}
