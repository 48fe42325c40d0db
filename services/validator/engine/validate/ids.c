#include "services/validator/engine/validate/ids.h"

#include "services/validator/engine/validate/walk.h"

enum { ROOM_START = 16 };

void ids_add(Walk *walk, IdTable *table, Str id, uint32_t what)
{
    if (table->count == table->room) {
        uint32_t room = table->room ? table->room * 2 : ROOM_START;
        IdEntry *grown = arena_grow(walk->arena, table->entries, table->count * sizeof *grown,
                                    room * sizeof *grown);
        if (!grown) {
            walk->stopped = true;
            return;
        }
        table->entries = grown;
        table->room = room;
    }
    table->entries[table->count++] = (IdEntry){id, what};
}

static int by_id(const void *a, const void *b)
{
    const IdEntry *x = a, *y = b;
    int order = str_compare(x->id, y->id);
    return order ? order : (x->what > y->what) - (x->what < y->what);
}

void ids_sort(IdTable *table)
{
    if (table->count)
        qsort(table->entries, table->count, sizeof *table->entries, by_id);
}

/* The place of the first entry that is not before `id`; or, with `behind`, that is after it. */
static uint32_t bound(const IdTable *table, Str id, bool behind)
{
    uint32_t low = 0, high = table->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (str_compare(table->entries[middle].id, id) < (behind ? 1 : 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const IdEntry *ids_find(const IdTable *table, Str id, uint32_t *ret_count)
{
    uint32_t first = bound(table, id, false);
    *ret_count = bound(table, id, true) - first;
    return *ret_count ? &table->entries[first] : NULL;
}
