/* shed - is there so much under way that one more would only make everybody late?
 *
 * Said early, before anything is read or asked: a sender that hears 503 at once comes back, one
 * that waits in a queue that grows gets nothing.
 *
 * Threads: pure. */
#pragma once
#include <stdint.h>

typedef struct ShedLimits { /* 0: no such limit */
    uint64_t requests;      /* between header and answer */
    uint64_t queue;         /* records that the brokers have not acknowledged */
    uint64_t delay_ms;      /* from a wake-up until the server's thread is there */
} ShedLimits;

typedef struct ShedLoad {
    uint64_t requests, queue, delay_ms;
} ShedLoad;

typedef enum ShedReason {
    SHED_NOT,
    SHED_REQUESTS,
    SHED_QUEUE,
    SHED_DELAY,
    SHED_REASONS,
} ShedReason;

/* A delay counts while others are under way alone: it is a memory, and the one who comes when all
 * have gone must not be refused for it. */
enum { SHED_DELAY_REQUESTS_MIN = 8 };

ShedReason shed_decide(const ShedLimits *limits, const ShedLoad *load);
const char *shed_reason_name(ShedReason reason); /* "requests" */
