/* bucket - one token bucket: so many a second, so many at once.
 *
 * Owner:   the caller; zeros are a full one. Threads: the caller's lock. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct Bucket {
    int64_t milli; /* thousandths of a token */
    int64_t at_ms; /* as of then; 0: full */
} Bucket;

typedef struct BucketRate {
    uint64_t per_s, burst; /* at most BUCKET_MAX each */
} BucketRate;
enum { BUCKET_MAX = 1000000000 };

/* Whole tokens that are in it now. */
uint64_t bucket_level(Bucket *bucket, BucketRate rate, int64_t now_ms);
/* One token; false: there is none, for so long (INT64_MAX: for ever). */
bool bucket_take(Bucket *bucket, BucketRate rate, int64_t now_ms, int64_t *ret_wait_ms);
