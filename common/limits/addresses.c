#include "common/limits/addresses.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/base/check.h"

enum { WAYS = 8, SETS = ADDRESSES_MAX / WAYS, LOCKS = 64, TEXT_MAX = 64 };

typedef struct Place {
    uint64_t network; /* 0: free */
    Bucket bucket;
} Place;

struct Addresses {
    BucketRate rate;
    uint64_t seed; /* so that nobody can choose whose places are shared */
    pthread_mutex_t locks[LOCKS];
    Place places[SETS][WAYS];
};

Addresses *addresses_new(uint64_t per_s, uint64_t burst)
{
    Addresses *addresses = calloc(1, sizeof *addresses);
    CHECK(addresses);
    addresses->rate = (BucketRate){per_s, burst ? burst : 1};
    CHECK(getrandom(&addresses->seed, sizeof addresses->seed, 0) == sizeof addresses->seed);
    for (size_t i = 0; i < LOCKS; i++)
        CHECK(pthread_mutex_init(&addresses->locks[i], NULL) == 0);
    return addresses;
}

void addresses_free(Addresses *addresses)
{
    if (!addresses)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&addresses->locks[i]);
    free(addresses);
}

/* Never 0. The upper half of an IPv6 address; an IPv4 address below 2^33, where no unicast /64 is.
 */
static uint64_t network_of(Str address)
{
    char text[TEXT_MAX];
    struct in_addr v4;
    struct in6_addr v6;
    if (address.len == 0 || address.len >= sizeof text)
        return 1;
    memcpy(text, address.ptr, address.len);
    text[address.len] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1)
        return (UINT64_C(1) << 32) | ntohl(v4.s_addr);
    if (inet_pton(AF_INET6, text, &v6) != 1)
        return 1;
    uint64_t network = 0;
    size_t from = IN6_IS_ADDR_V4MAPPED(&v6) ? 12 : 0, to = IN6_IS_ADDR_V4MAPPED(&v6) ? 16 : 8;
    for (size_t i = from; i < to; i++)
        network = network << 8 | v6.s6_addr[i];
    return IN6_IS_ADDR_V4MAPPED(&v6) ? (UINT64_C(1) << 32) | network : network + (network == 0);
}

static size_t set_of(const Addresses *addresses, uint64_t network)
{
    uint64_t mixed[2] = {network, addresses->seed};
    return (size_t)str_hash((Str){(const char *)mixed, sizeof mixed}) % SETS;
}

/* With the set's lock held: its own place, or one that is given up for it. */
static Place *place_of(const Addresses *addresses, Place *set, uint64_t network, int64_t now_ms)
{
    Place *found = &set[0];
    uint64_t fullest = 0;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].network == network)
            return &set[i];
        uint64_t level =
            set[i].network ? bucket_level(&set[i].bucket, addresses->rate, now_ms) : UINT64_MAX;
        if (level > fullest) {
            fullest = level;
            found = &set[i];
        }
    }
    *found = (Place){.network = network};
    return found;
}

bool addresses_take(Addresses *addresses, Str address, int64_t now_ms, int64_t *ret_wait_ms)
{
    if (addresses->rate.per_s == 0)
        return true;
    uint64_t network = network_of(address);
    size_t set = set_of(addresses, network);
    pthread_mutex_t *lock = &addresses->locks[set % LOCKS];
    pthread_mutex_lock(lock);
    Place *place = place_of(addresses, addresses->places[set], network, now_ms);
    bool taken = bucket_take(&place->bucket, addresses->rate, now_ms, ret_wait_ms);
    pthread_mutex_unlock(lock);
    return taken;
}
