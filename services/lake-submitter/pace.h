/* pace - so many requests a minute, evenly. Pure: the time is given.
 *
 * A bucket holds what one second allows (at least one) and fills at the rate. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct Pace {
    double per_ms, tokens;
    int64_t at_ms;
} Pace;

/* per_minute 0: no limit. Keeps what is in the bucket. */
void pace_set(Pace *pace, double per_minute, int64_t now_ms);
/* 0: go, one is taken; else ms to wait. */
int64_t pace_take(Pace *pace, int64_t now_ms);
