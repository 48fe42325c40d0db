#include "common/base/seen.h"

#include <stdlib.h>

static bool seen_grow(Seen *seen)
{
    size_t room = seen->room ? seen->room * 2 : 1 << 16;
    uint64_t *slots = calloc(room, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < seen->room; i++) {
        size_t at = seen->slots[i] & (room - 1);
        while (seen->slots[i] && slots[at])
            at = (at + 1) & (room - 1);
        if (seen->slots[i])
            slots[at] = seen->slots[i];
    }
    free(seen->slots);
    seen->slots = slots;
    seen->room = room;
    return true;
}

bool seen_add(Seen *seen, uint64_t hash, bool *ret_new, Err *err)
{
    hash = hash ? hash : 1;
    if (seen->count * 2 >= seen->room && !seen_grow(seen))
        return ERR(err, ERR_FATAL, "memory-limit", "%zu hashes", seen->count);
    size_t at = hash & (seen->room - 1);
    while (seen->slots[at] && seen->slots[at] != hash)
        at = (at + 1) & (seen->room - 1);
    *ret_new = seen->slots[at] == 0;
    seen->count += *ret_new;
    seen->slots[at] = hash;
    return true;
}

void seen_clear(Seen *seen)
{
    free(seen->slots);
    *seen = (Seen){0};
}
