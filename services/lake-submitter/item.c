#include "services/lake-submitter/item.h"

#include <stdlib.h>

Item *items_add(Items *items, BusMessage *message, size_t arena_bytes)
{
    Item *item = calloc(1, sizeof *item);
    if (!item)
        return NULL;
    item->arena = arena_new(arena_bytes);
    if (!item->arena) {
        free(item);
        return NULL;
    }
    item->message = message;
    item->before = items->last;
    if (items->last)
        items->last->next = item;
    else
        items->first = item;
    items->last = item;
    items->count++;
    return item;
}

void items_line_up(Items *items, Item *item)
{
    (void)items;
    for (Item *other = item->before; other; other = other->before)
        if (!other->leaving && !other->behind && item->message->key.len &&
            str_eq(other->message->key, item->message->key)) {
            other->behind = item;
            item->blocked = true;
            return;
        }
}

void items_remove(Items *items, Item *item)
{
    for (Item *other = item->before; item->blocked && other; other = other->before)
        if (other->behind == item) {
            other->behind = item->behind; /* left the line before its turn */
            break;
        }
    if (item->behind)
        item->behind->blocked = item->blocked;
    if (item->before)
        item->before->next = item->next;
    else
        items->first = item->next;
    if (item->next)
        item->next->before = item->before;
    else
        items->last = item->before;
    items->count--;
    arena_free(item->arena);
    free(item);
}

Item *items_next(const Items *items, int64_t now_ms)
{
    Item *best = NULL;
    for (Item *item = items->first; item; item = item->next)
        if (item->state == ITEM_WAITS && !item->blocked && !item->leaving &&
            item->due_ms <= now_ms && (!best || item->attempt < best->attempt))
            best = item;
    return best;
}
