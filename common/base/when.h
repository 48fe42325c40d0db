/* when - a point in time as callers write it -> microseconds since 1970.
 *
 * Forms:   2026-11-23T01:02:03[.123][Z|+05:30], 2026-11-23 01:02:03.123 -0500 (offset optional,
 *          UTC without one), 2026-11-23 (a whole day, UTC). Digits past the microsecond are cut.
 *          An offset's "+" that a query made a space is understood.
 * Intervals are half-open: a day is [its first instant, the next day's first).
 * Threads: pure.
 * Limits:  years 1971 to 9998. */
#pragma once
#include "common/base/str.h"

typedef enum WhenEdge {
    WHEN_FROM, /* a day stands for its first instant */
    WHEN_TO,   /* a day stands for the end of it, which is the next one's first instant */
} WhenEdge;

#define WHEN_MIN_US 1LL
#define WHEN_MAX_US 253370764800000000LL /* 9999-01-01 */

/* For those who wrote it otherwise. */
#define WHEN_FORMS                                                                                 \
    "Write 2026-11-23, 2026-11-23 01:02:03 (UTC), 2026-11-23 01:02:03.456 -0500 or "               \
    "2026-11-23T01:02:03.456-05:00"

bool when_parse(Str text, WhenEdge edge, int64_t *ret_us);
