#include "services/lake-submitter/pace.h"

static double depth(const Pace *pace)
{
    return pace->per_ms * 1000 > 1 ? pace->per_ms * 1000 : 1;
}

static void fill(Pace *pace, int64_t now_ms)
{
    if (now_ms > pace->at_ms)
        pace->tokens += (double)(now_ms - pace->at_ms) * pace->per_ms;
    if (pace->tokens > depth(pace))
        pace->tokens = depth(pace);
    pace->at_ms = now_ms;
}

void pace_set(Pace *pace, double per_minute, int64_t now_ms)
{
    bool fresh = pace->per_ms <= 0;
    fill(pace, now_ms);
    pace->per_ms = per_minute / 60000;
    if (fresh)
        pace->tokens = 1;
}

int64_t pace_take(Pace *pace, int64_t now_ms)
{
    if (pace->per_ms <= 0)
        return 0;
    fill(pace, now_ms);
    if (pace->tokens >= 1) {
        pace->tokens -= 1;
        return 0;
    }
    return (int64_t)((1 - pace->tokens) / pace->per_ms) + 1;
}
