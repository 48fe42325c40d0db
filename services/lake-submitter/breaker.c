#include "services/lake-submitter/breaker.h"

void breaker_init(Breaker *breaker, uint32_t failures_max, uint32_t open_min_ms,
                  uint32_t open_max_ms)
{
    *breaker = (Breaker){.failures_max = failures_max,
                         .open_min_ms = open_min_ms,
                         .open_max_ms = open_max_ms,
                         .open_ms = open_min_ms};
}

BreakerState breaker_state(Breaker *breaker, int64_t now_ms)
{
    if (breaker->state == BREAKER_OPEN && now_ms >= breaker->open_until_ms) {
        breaker->state = BREAKER_PROBE;
        breaker->probing = false;
    }
    return breaker->state;
}

bool breaker_allow(Breaker *breaker, int64_t now_ms)
{
    BreakerState state = breaker_state(breaker, now_ms);
    if (state == BREAKER_OPEN || (state == BREAKER_PROBE && breaker->probing))
        return false;
    breaker->probing = state == BREAKER_PROBE;
    return true;
}

static void close_again(Breaker *breaker)
{
    breaker->state = BREAKER_CLOSED;
    breaker->probing = false;
    breaker->open_ms = breaker->open_min_ms;
}

void breaker_success(Breaker *breaker)
{
    close_again(breaker);
    breaker->failures = 0;
    breaker->document = 0;
    breaker->several = false;
}

static void open_for(Breaker *breaker, uint32_t ms, int64_t now_ms)
{
    breaker->state = BREAKER_OPEN;
    breaker->probing = false;
    breaker->open_ms = ms < breaker->open_max_ms ? ms : breaker->open_max_ms;
    breaker->open_until_ms = now_ms + breaker->open_ms;
}

static bool blames_destination(Breaker *breaker, BreakerFailure failure)
{
    if (failure.for_all)
        return true;
    if (!breaker->document)
        breaker->document = failure.document;
    breaker->several |= breaker->document != failure.document;
    return breaker->several;
}

bool breaker_failure(Breaker *breaker, BreakerFailure failure, int64_t now_ms)
{
    BreakerState state = breaker_state(breaker, now_ms);
    bool blamed = blames_destination(breaker, failure);
    if (breaker->failures < breaker->failures_max)
        breaker->failures++;
    if (state == BREAKER_PROBE && blamed)
        open_for(breaker, breaker->open_ms * 2, now_ms);
    else if (state == BREAKER_PROBE) /* it answers again; that document may be the reason */
        close_again(breaker);
    else if (state == BREAKER_CLOSED && blamed && breaker->failures >= breaker->failures_max)
        open_for(breaker, breaker->open_min_ms, now_ms);
    return state != BREAKER_OPEN && breaker->state == BREAKER_CLOSED;
}

void breaker_forget(Breaker *breaker)
{
    breaker->probing = false;
}
