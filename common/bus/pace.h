/* pace - how much of a worker bulk may have while somebody waits for the other lane.
 *
 * Rule:    while interactive messages come, bulk has `share_percent` of the worker's time: after a
 *          bulk message that took t, the next one waits t * (100 / share - 1). The rest is not only
 *          the worker's: brokers, database and lake have to carry what bulk sets in motion. When no
 *          interactive message has come for PACE_QUIET_MS, the share doubles every second until it
 *          is all. A worker that starts takes it that somebody waits.
 * Threads: one. Pure: the caller brings the time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { PACE_QUIET_MS = 3000 };

typedef struct Pace {
    uint32_t share_percent; /* 1 to 100 */
    int64_t last_us;        /* when the last interactive message was taken */
    int64_t debt_us;        /* what bulk has had beyond its share */
} Pace;

Pace pace_new(uint32_t share_percent, int64_t now_us);
/* An interactive message was taken in hand. */
void pace_interactive(Pace *pace, int64_t now_us);
/* A bulk message is done: for how many milliseconds the next one has to wait. */
uint32_t pace_bulk(Pace *pace, int64_t now_us, int64_t took_us);
