#include "services/validator/engine/validate/walk.h"

enum { MEMO_START = 256 };

typedef struct MemoSlot {
    uint32_t a, b;
    void *value;
} MemoSlot;

struct Memo {
    Arena *arena;
    MemoSlot *slots;
    uint32_t slot_count; /* a power of two */
    uint32_t used;
};

static uint32_t slot_of(uint32_t a, uint32_t b, uint32_t mask)
{
    uint64_t h = ((uint64_t)a << 32 | b) * 0x9E3779B97F4A7C15U;
    return (uint32_t)(h >> 32) & mask;
}

Memo *memo_new(Arena *arena)
{
    Memo *memo = ARENA_NEW(arena, Memo);
    if (!memo)
        return NULL;
    *memo = (Memo){.arena = arena, .slot_count = MEMO_START};
    memo->slots = ARENA_ARRAY(arena, MemoSlot, MEMO_START);
    return memo->slots ? memo : NULL;
}

void *memo_get(const Memo *memo, uint32_t a, uint32_t b)
{
    uint32_t mask = memo->slot_count - 1;
    for (uint32_t i = slot_of(a, b, mask); memo->slots[i].value; i = (i + 1) & mask)
        if (memo->slots[i].a == a && memo->slots[i].b == b)
            return memo->slots[i].value;
    return NULL;
}

static void put(MemoSlot *slots, uint32_t mask, MemoSlot slot)
{
    uint32_t i = slot_of(slot.a, slot.b, mask);
    while (slots[i].value && !(slots[i].a == slot.a && slots[i].b == slot.b))
        i = (i + 1) & mask;
    slots[i] = slot;
}

bool memo_put(Memo *memo, uint32_t a, uint32_t b, void *value)
{
    if (memo->used * 2 >= memo->slot_count) {
        uint32_t count = memo->slot_count * 2;
        MemoSlot *grown = ARENA_ARRAY(memo->arena, MemoSlot, count);
        if (!grown)
            return false;
        for (uint32_t i = 0; i < memo->slot_count; i++)
            if (memo->slots[i].value)
                put(grown, count - 1, memo->slots[i]);
        memo->slots = grown;
        memo->slot_count = count;
    }
    put(memo->slots, memo->slot_count - 1, (MemoSlot){a, b, value});
    memo->used++;
    return true;
}

void memo_use(Memo *memo, Arena *arena)
{
    memo->arena = arena;
}
