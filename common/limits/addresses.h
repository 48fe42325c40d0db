/* addresses - a token bucket for each network address, in memory that does not grow.
 *
 * Rule:    an IPv6 address counts by its /64, which one sender has whole; one that holds an IPv4
 *          address counts as that. What is no address counts as one together.
 * Limits:  ADDRESSES_MAX buckets, a few places for each; when all of these are taken the fullest
 *          goes: whoever has used up his own keeps it.
 * Threads: any. */
#pragma once
#include "common/base/str.h"
#include "common/limits/bucket.h"

enum { ADDRESSES_MAX = 65536 };

typedef struct Addresses Addresses;

Addresses *addresses_new(uint64_t per_s, uint64_t burst); /* per_s 0: no limit */
void addresses_free(Addresses *addresses);                /* NULL is fine */
bool addresses_take(Addresses *addresses, Str address, int64_t now_ms, int64_t *ret_wait_ms);
