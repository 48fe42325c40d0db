#include "common/limits/shed.h"

#include <stdbool.h>

static bool passes(uint64_t load, uint64_t limit)
{
    return limit && load > limit;
}

ShedReason shed_decide(const ShedLimits *limits, const ShedLoad *load)
{
    if (passes(load->requests, limits->requests))
        return SHED_REQUESTS;
    if (passes(load->queue, limits->queue))
        return SHED_QUEUE;
    if (load->requests >= SHED_DELAY_REQUESTS_MIN && passes(load->delay_ms, limits->delay_ms))
        return SHED_DELAY;
    return SHED_NOT;
}

const char *shed_reason_name(ShedReason reason)
{
    static const char *const names[SHED_REASONS] = {"none", "requests", "queue", "delay"};
    return names[reason];
}
