#include "common/limits/bucket.h"

enum { ONE = 1000 };

static int64_t bounded(uint64_t count)
{
    return (int64_t)(count < BUCKET_MAX ? count : BUCKET_MAX);
}

/* Tokens a second are thousandths a millisecond. */
static void fill(Bucket *bucket, BucketRate rate, int64_t now_ms)
{
    int64_t full = bounded(rate.burst) * ONE, per_ms = bounded(rate.per_s);
    int64_t passed = now_ms - bucket->at_ms;
    bool overflows = per_ms && passed > full / per_ms;
    if (bucket->at_ms == 0 || (overflows && passed > 0))
        bucket->milli = full;
    else if (passed > 0)
        bucket->milli += passed * per_ms;
    if (bucket->milli > full)
        bucket->milli = full;
    if (bucket->at_ms == 0 || passed > 0)
        bucket->at_ms = now_ms;
}

uint64_t bucket_level(Bucket *bucket, BucketRate rate, int64_t now_ms)
{
    fill(bucket, rate, now_ms);
    return (uint64_t)(bucket->milli / ONE);
}

bool bucket_take(Bucket *bucket, BucketRate rate, int64_t now_ms, int64_t *ret_wait_ms)
{
    fill(bucket, rate, now_ms);
    if (bucket->milli >= ONE) {
        bucket->milli -= ONE;
        return true;
    }
    int64_t per_ms = bounded(rate.per_s);
    bool ever = per_ms > 0 && rate.burst > 0;
    *ret_wait_ms = ever ? (ONE - bucket->milli + per_ms - 1) / per_ms : INT64_MAX;
    return false;
}
