/* breaker - is the destination worth a try? Pure: the time is given.
 *
 * closed: everybody may try; after `failures` in a row it opens.
 * open:   nobody may, for open_min_ms, doubling up to open_max_ms.
 * probe:  the time is over: one may try. Success closes, failure opens again.
 * Failures while not closed do not consume anybody's retry budget.
 *
 * A failure that may be one document's own (a 5xx, silence after the request was sent) opens only
 * once two different documents have met such since the last success: one that always fails uses up
 * its budget and ends, instead of keeping the breaker open for ever. What would have happened to
 * any document (no connection, 429, Retry-After) needs no second witness. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef enum BreakerState { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBE } BreakerState;

typedef struct Breaker {
    uint32_t failures_max;
    uint32_t open_min_ms, open_max_ms;
    BreakerState state;
    uint32_t failures; /* in a row */
    uint64_t document; /* that met them; 0: none yet */
    bool several;      /* another one did too */
    uint32_t open_ms;  /* the current interval */
    int64_t open_until_ms;
    bool probing; /* the one is under way */
} Breaker;

void breaker_init(Breaker *breaker, uint32_t failures_max, uint32_t open_min_ms,
                  uint32_t open_max_ms);
/* May a request start now? True counts as started. */
bool breaker_allow(Breaker *breaker, int64_t now_ms);
BreakerState breaker_state(Breaker *breaker, int64_t now_ms);
void breaker_success(Breaker *breaker);
typedef struct BreakerFailure {
    uint64_t document; /* whose: a hash, not 0 */
    bool for_all;      /* any other document would have met the same */
} BreakerFailure;
/* True when this failure counts against the document: others may be getting through. */
bool breaker_failure(Breaker *breaker, BreakerFailure failure, int64_t now_ms);
/* A request ended without telling anything about the destination (cancelled). */
void breaker_forget(Breaker *breaker);
