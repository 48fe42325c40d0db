/* offsets - one partition's contiguous low-water mark. Inside this folder only.
 *
 * Rule:    an offset may be stored when every message below it that was handed out is settled.
 *          Messages come in ascending order, with gaps; after a seek back they come again: those
 *          in hand or settled are skipped, those waiting for their retry are handed out.
 * Owner:   offsets_init/offsets_clear pair.
 * Limits:  what is handed out and unsettled is bounded by the consumer; the window from the lowest
 *          of them to the highest seen is not, but costs 16 bytes a message. */
#pragma once
#include "common/base/str.h"

typedef struct OffsetEntry OffsetEntry;

typedef struct Offsets {
    OffsetEntry *entries; /* ring, ascending; the first is never settled */
    size_t room, first, count;
    int64_t next; /* above everything seen; -1: nothing seen */
} Offsets;

typedef enum OffsetTake {
    OFFSET_NEW,
    OFFSET_AGAIN, /* its retry */
    OFFSET_SKIP,  /* in hand, or settled */
} OffsetTake;

void offsets_init(Offsets *offsets);
void offsets_clear(Offsets *offsets);
/* False without memory. */
bool offsets_take(Offsets *offsets, int64_t offset, OffsetTake *ret_take, uint32_t *ret_retries);
void offsets_settle(Offsets *offsets, int64_t offset);
void offsets_retry(Offsets *offsets, int64_t offset);
/* What may be stored: everything below is settled. -1: nothing seen yet. */
int64_t offsets_low(const Offsets *offsets);
/* Where to seek back to: the lowest that waits for its retry, or -1. */
int64_t offsets_first_retry(const Offsets *offsets);
