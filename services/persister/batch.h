/* batch - messages that will be, or are being, one transaction. */
#pragma once
#include "common/bus/bus.h"
#include "services/persister/record.h"

typedef struct Batch {
    size_t room;
    size_t count;
    size_t bytes;          /* of the messages */
    BusMessage **messages; /* [room] */
    Record *records;       /* [room]; live in `arena` */
    Arena *arena;
    size_t from, to; /* what the transaction under way covers; the whole unless `alone` */
    bool alone;      /* the database refused the whole: one by one */
} Batch;

bool batch_init(Batch *batch, size_t room, size_t memory_bytes);
void batch_clear(Batch *batch); /* messages must be settled or dropped */
void batch_reset(Batch *batch);
