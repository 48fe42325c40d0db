#include "common/bus/offsets.h"

#include <stdlib.h>

#include "common/base/check.h"

typedef enum EntryState {
    ENTRY_IN_HAND,
    ENTRY_WAITS, /* for its retry */
    ENTRY_SETTLED,
} EntryState;

struct OffsetEntry {
    int64_t offset;
    uint32_t state;
    uint32_t retries;
};

enum { OFFSETS_ROOM_MIN = 64 };

void offsets_init(Offsets *offsets)
{
    *offsets = (Offsets){.next = -1};
}

void offsets_clear(Offsets *offsets)
{
    free(offsets->entries);
    offsets_init(offsets);
}

static OffsetEntry *entry_at(const Offsets *offsets, size_t index)
{
    return &offsets->entries[(offsets->first + index) % offsets->room];
}

static OffsetEntry *entry_find(const Offsets *offsets, int64_t offset)
{
    size_t low = 0, high = offsets->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entry_at(offsets, middle)->offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    OffsetEntry *entry = low < offsets->count ? entry_at(offsets, low) : NULL;
    return entry && entry->offset == offset ? entry : NULL;
}

static bool grow(Offsets *offsets)
{
    size_t room = offsets->room ? offsets->room * 2 : OFFSETS_ROOM_MIN;
    OffsetEntry *entries = malloc(room * sizeof *entries);
    if (!entries)
        return false;
    for (size_t i = 0; i < offsets->count; i++)
        entries[i] = *entry_at(offsets, i);
    free(offsets->entries);
    offsets->entries = entries;
    offsets->room = room;
    offsets->first = 0;
    return true;
}

bool offsets_take(Offsets *offsets, int64_t offset, OffsetTake *ret_take, uint32_t *ret_retries)
{
    if (offset < offsets->next) {
        OffsetEntry *entry = entry_find(offsets, offset);
        bool again = entry && entry->state == ENTRY_WAITS;
        if (again)
            entry->state = ENTRY_IN_HAND;
        *ret_take = again ? OFFSET_AGAIN : OFFSET_SKIP;
        *ret_retries = again ? entry->retries : 0;
        return true;
    }
    if (offsets->count == offsets->room && !grow(offsets))
        return false;
    offsets->count++;
    *entry_at(offsets, offsets->count - 1) = (OffsetEntry){.offset = offset};
    offsets->next = offset + 1;
    *ret_take = OFFSET_NEW;
    *ret_retries = 0;
    return true;
}

void offsets_settle(Offsets *offsets, int64_t offset)
{
    OffsetEntry *entry = entry_find(offsets, offset);
    CHECK(entry && entry->state == ENTRY_IN_HAND);
    entry->state = ENTRY_SETTLED;
    while (offsets->count > 0 && entry_at(offsets, 0)->state == ENTRY_SETTLED) {
        offsets->first = (offsets->first + 1) % offsets->room;
        offsets->count--;
    }
}

void offsets_retry(Offsets *offsets, int64_t offset)
{
    OffsetEntry *entry = entry_find(offsets, offset);
    CHECK(entry && entry->state == ENTRY_IN_HAND);
    entry->state = ENTRY_WAITS;
    entry->retries++;
}

int64_t offsets_low(const Offsets *offsets)
{
    return offsets->count > 0 ? entry_at(offsets, 0)->offset : offsets->next;
}

int64_t offsets_first_retry(const Offsets *offsets)
{
    for (size_t i = 0; i < offsets->count; i++)
        if (entry_at(offsets, i)->state == ENTRY_WAITS)
            return entry_at(offsets, i)->offset;
    return -1;
}
