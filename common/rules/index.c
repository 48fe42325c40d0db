#include "common/rules/index.h"

typedef struct Slot {
    Str key;
    bool is_invariant;
    uint32_t *list;
    size_t count, room;
} Slot;

struct RuleIndex {
    Slot *slots; /* open addressing; key.ptr NULL: free */
    size_t slot_count;
    uint32_t *open;
    size_t open_count;
};

static Slot *slot_of(const RuleIndex *index, Str key, bool is_invariant)
{
    size_t mask = index->slot_count - 1;
    size_t at = (size_t)(str_hash(key) + (is_invariant ? 0x9e3779b97f4a7c15u : 0)) & mask;
    while (index->slots[at].key.ptr &&
           (index->slots[at].is_invariant != is_invariant || !str_eq(index->slots[at].key, key)))
        at = (at + 1) & mask;
    return &index->slots[at];
}

static bool add(RuleIndex *index, Str key, bool is_invariant, uint32_t rule, Arena *arena)
{
    Slot *slot = slot_of(index, key, is_invariant);
    if (!slot->key.ptr)
        *slot = (Slot){.key = key, .is_invariant = is_invariant};
    if (slot->count && slot->list[slot->count - 1] == rule)
        return true; /* named twice */
    if (slot->count == slot->room) {
        size_t room = slot->room ? slot->room * 2 : 4;
        uint32_t *list = ARENA_ARRAY(arena, uint32_t, room);
        if (!list)
            return false;
        if (slot->count)
            memcpy(list, slot->list, slot->count * sizeof *list);
        slot->list = list;
        slot->room = room;
    }
    slot->list[slot->count++] = rule;
    return true;
}

static bool has_wildcard(StrList ids)
{
    for (size_t i = 0; i < ids.count; i++)
        if (str_ends(ids.list[i], STR("*")))
            return true;
    return false;
}

static bool place(RuleIndex *index, const Rule *rule, uint32_t position, Arena *arena)
{
    StrList ids = rule->when.message_ids, keys = rule->when.invariants;
    bool invariant = ids.count == 0 || has_wildcard(ids);
    StrList chosen = invariant ? keys : ids;
    if (!rule->when.about_issues)
        return true;
    if (chosen.count == 0)
        index->open[index->open_count++] = position;
    for (size_t i = 0; i < chosen.count; i++)
        if (!add(index, chosen.list[i], invariant, position, arena))
            return false;
    return true;
}

const RuleIndex *index_new(const Rule *rules, size_t count, Arena *arena)
{
    size_t names = 0;
    RuleIndex *index = ARENA_NEW(arena, RuleIndex);
    if (!index)
        return NULL;
    for (size_t i = 0; i < count; i++)
        names += rules[i].when.message_ids.count + rules[i].when.invariants.count;
    index->slot_count = 16;
    while (index->slot_count < names * 2)
        index->slot_count *= 2;
    index->slots = ARENA_ARRAY(arena, Slot, index->slot_count);
    index->open = ARENA_ARRAY(arena, uint32_t, count + 1);
    if (!index->slots || !index->open)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (!place(index, &rules[i], (uint32_t)i, arena))
            return NULL;
    return index;
}

RuleList index_by_id(const RuleIndex *index, Str message_id)
{
    const Slot *slot = slot_of(index, message_id, false);
    return slot->key.ptr ? (RuleList){slot->list, slot->count} : (RuleList){0};
}

RuleList index_by_invariant(const RuleIndex *index, Str key)
{
    const Slot *slot = slot_of(index, key, true);
    return slot->key.ptr ? (RuleList){slot->list, slot->count} : (RuleList){0};
}

RuleList index_open(const RuleIndex *index)
{
    return (RuleList){index->open, index->open_count};
}

Str index_invariant_key(Str message_id)
{
    size_t hash = str_rfind_char(message_id, '#');
    return hash == SIZE_MAX ? STR_NONE : str_skip(message_id, hash + 1);
}
