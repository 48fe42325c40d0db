/* clock - what time it is, in the units that the callers' names promise.
 *
 * Threads: pure; vDSO, no system call. Wall time is for records, monotonic time for intervals. */
#pragma once
#include <stdint.h>
#include <time.h>

static inline int64_t clock_read_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
static inline int64_t clock_wall_ms(void)
{
    return clock_read_ns(CLOCK_REALTIME) / 1000000;
}
static inline int64_t clock_wall_us(void)
{
    return clock_read_ns(CLOCK_REALTIME) / 1000;
}
static inline int64_t clock_mono_ms(void)
{
    return clock_read_ns(CLOCK_MONOTONIC) / 1000000;
}
static inline int64_t clock_mono_us(void)
{
    return clock_read_ns(CLOCK_MONOTONIC) / 1000;
}
static inline int64_t clock_mono_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}
/* For pthread_cond_timedwait: that clock's time, so many milliseconds from now. */
static inline struct timespec clock_after_ms(clockid_t id, int64_t ms)
{
    int64_t at_ns = clock_read_ns(id) + ms * 1000000;
    return (struct timespec){.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
}
