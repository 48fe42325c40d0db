#include "common/bus/pace.h"

enum { HOLD_MAX_MS = 5000 }; /* of one message, however long it took */

Pace pace_new(uint32_t share_percent, int64_t now_us)
{
    uint32_t share = share_percent < 1 ? 1 : share_percent > 100 ? 100 : share_percent;
    return (Pace){.share_percent = share, .last_us = now_us};
}

void pace_interactive(Pace *pace, int64_t now_us)
{
    pace->last_us = now_us;
}

static int64_t share_now(const Pace *pace, int64_t now_us)
{
    int64_t share = pace->share_percent;
    int64_t quiet_us = now_us - pace->last_us - (int64_t)PACE_QUIET_MS * 1000;
    for (; quiet_us > 0 && share < 100; quiet_us -= 1000000)
        share *= 2;
    return share < 100 ? share : 100;
}

uint32_t pace_bulk(Pace *pace, int64_t now_us, int64_t took_us)
{
    int64_t share = share_now(pace, now_us);
    pace->debt_us += took_us * (100 - share) / share;
    if (pace->debt_us > (int64_t)HOLD_MAX_MS * 1000)
        pace->debt_us = (int64_t)HOLD_MAX_MS * 1000;
    int64_t hold_ms = pace->debt_us / 1000;
    pace->debt_us -= hold_ms * 1000;
    return (uint32_t)hold_ms;
}
