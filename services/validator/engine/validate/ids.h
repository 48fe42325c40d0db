/* ids - texts that name something: found and counted in a large document without a look at each.
 *
 * Owner:   lives in the arena of the walk; ids point into the document. Starts zeroed.
 * Threads: one walk, one thread.
 * Errors:  an exhausted arena stops the walk.
 * Use:     ids_add for each, then ids_sort once, then ids_find: logarithmic. */
#pragma once
#include "services/validator/engine/validate/element.h"

typedef struct IdEntry {
    Str id;
    uint32_t what; /* an ElemId, or whatever the table is about */
} IdEntry;

typedef struct IdTable {
    IdEntry *entries; /* by id, then by `what` */
    uint32_t count;
    uint32_t room;
} IdTable;

void ids_add(struct Walk *walk, IdTable *table, Str id, uint32_t what);
void ids_sort(IdTable *table);
/* The first of those of that id, and how many there are; NULL and 0 when there is none. */
const IdEntry *ids_find(const IdTable *table, Str id, uint32_t *ret_count);
