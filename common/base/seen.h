/* seen - was this met before? A set of 64-bit hashes.
 *
 * Rule:    open addressing, at most half full: 16 bytes a hash. Two things of one hash count as
 * one: among a million that happens in one run of ten million. Owner:   the caller; starts zeroed,
 * ends with seen_clear. Errors:  ERR_FATAL "memory-limit". */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

typedef struct Seen {
    uint64_t *slots; /* 0: free */
    size_t room, count;
} Seen;

bool seen_add(Seen *seen, uint64_t hash, bool *ret_new, Err *err) MUST_USE;
void seen_clear(Seen *seen);
