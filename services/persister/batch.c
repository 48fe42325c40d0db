#include "services/persister/batch.h"

bool batch_init(Batch *batch, size_t room, size_t memory_bytes)
{
    *batch = (Batch){.room = room};
    batch->messages = calloc(room, sizeof(BusMessage *));
    batch->records = calloc(room, sizeof *batch->records);
    batch->arena = arena_new(memory_bytes);
    return batch->messages && batch->records && batch->arena;
}

void batch_clear(Batch *batch)
{
    free(batch->messages);
    free(batch->records);
    arena_free(batch->arena);
    *batch = (Batch){0};
}

void batch_reset(Batch *batch)
{
    batch->count = batch->bytes = batch->from = batch->to = 0;
    batch->alone = false;
    arena_reset(batch->arena);
}
