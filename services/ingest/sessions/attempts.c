#include "services/ingest/sessions/attempts.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/check.h"

enum { WAYS = 8, KEYS = 3 };

typedef struct Slot {
    uint64_t key; /* 0: free */
    int64_t begun_s;
    unsigned failures;
} Slot;

struct Attempts {
    pthread_mutex_t lock;
    Slot slots[ATTEMPTS_SLOTS];
};

static const unsigned limits[KEYS] = {ATTEMPTS_PAIR_MAX, ATTEMPTS_ADDRESS_MAX,
                                      ATTEMPTS_ACCOUNT_MAX};

/* A collision makes one wait for another's failures: seldom, and harmless. */
static void keys_of(Str account, Str address, uint64_t ret_keys[KEYS])
{
    uint64_t who = str_hash(account), where = str_hash(address);
    ret_keys[0] = (who * 0x9e3779b97f4a7c15 ^ where) | 1;
    ret_keys[1] = (where * 0xbf58476d1ce4e5b9) | 1;
    ret_keys[2] = (who * 0x94d049bb133111eb) | 1;
}

Attempts *attempts_new(void)
{
    Attempts *attempts = calloc(1, sizeof *attempts);
    CHECK(attempts);
    CHECK(pthread_mutex_init(&attempts->lock, NULL) == 0);
    return attempts;
}

void attempts_free(Attempts *attempts)
{
    if (!attempts)
        return;
    pthread_mutex_destroy(&attempts->lock);
    free(attempts);
}

/* With the lock. The key's own slot, or the one that may be taken for it. */
static Slot *slot_of(Attempts *attempts, uint64_t key, int64_t now_s)
{
    Slot *set = &attempts->slots[key % (ATTEMPTS_SLOTS / WAYS) * WAYS], *oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key && now_s - set[i].begun_s >= ATTEMPTS_WINDOW_S)
            set[i] = (Slot){0};
        if (set[i].key == key)
            return &set[i];
        if (set[i].begun_s < oldest->begun_s)
            oldest = &set[i];
    }
    return oldest;
}

uint64_t attempts_wait_s(Attempts *attempts, Str account, Str address, int64_t now_s)
{
    uint64_t keys[KEYS], wait_s = 0;
    keys_of(account, address, keys);
    pthread_mutex_lock(&attempts->lock);
    for (size_t i = 0; i < KEYS; i++) {
        const Slot *slot = slot_of(attempts, keys[i], now_s);
        if (slot->key != keys[i] || slot->failures < limits[i])
            continue;
        uint64_t left_s = (uint64_t)(slot->begun_s + ATTEMPTS_WINDOW_S - now_s);
        wait_s = left_s > wait_s ? left_s : wait_s;
    }
    pthread_mutex_unlock(&attempts->lock);
    return wait_s;
}

void attempts_failed(Attempts *attempts, Str account, Str address, int64_t now_s)
{
    uint64_t keys[KEYS];
    keys_of(account, address, keys);
    pthread_mutex_lock(&attempts->lock);
    for (size_t i = 0; i < KEYS; i++) {
        Slot *slot = slot_of(attempts, keys[i], now_s);
        if (slot->key != keys[i])
            *slot = (Slot){.key = keys[i], .begun_s = now_s};
        slot->failures++;
    }
    pthread_mutex_unlock(&attempts->lock);
}

void attempts_forgive(Attempts *attempts, Str account, Str address)
{
    uint64_t keys[KEYS];
    keys_of(account, address, keys);
    pthread_mutex_lock(&attempts->lock);
    for (size_t i = 0; i < ATTEMPTS_SLOTS; i++)
        if (attempts->slots[i].key == keys[0])
            attempts->slots[i] = (Slot){0};
    pthread_mutex_unlock(&attempts->lock);
}
