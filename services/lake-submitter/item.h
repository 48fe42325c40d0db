/* item - one submission in hand, and the line it stands in: one at a time per ordering key.
 *
 * Rule:    items of one key are sent in the order in which they came; the next moves up when the
 *          one before it is finished.
 * Owner:   items_add makes it, items_remove frees it with its arena.
 * Threads: the role's own. */
#pragma once
#include "common/bus/bus.h"
#include "common/envelope/envelope.h"
#include "common/obs/trace.h"

typedef enum ItemState {
    ITEM_WAITS,      /* for its turn, or until due_ms */
    ITEM_SENDING,    /* a request is under way */
    ITEM_RECORDING,  /* a part of its end is on its way */
    ITEM_UNRECORDED, /* ... and did not get there: once more at due_ms */
} ItemState;

/* What is written of an end, in this order, each once the one before it is acknowledged. So whoever
 * meets a final failure on record again knows whether its dead letter may be missing. */
typedef enum ItemPart {
    PART_RECORD, /* the result, on `response` or `events` */
    PART_LETTER, /* given up: the dead letter, on dlq */
    PART_NOTE,   /* that it is there, where the result is */
} ItemPart;

typedef struct Item {
    struct Deliverer *owner;
    BusMessage *message;
    Arena *arena;
    ArenaMark mark; /* behind what every attempt needs */
    bool marked;
    Submission submission;
    Trace trace;
    ItemState state;
    struct Item *behind; /* the next of the same key */
    bool blocked;        /* somebody of the same key is before it */
    bool leaving;        /* its partition has left */
    bool final;          /* after recording: finished */
    bool give_up;        /* final without success: dead-letter too */
    bool suspect;        /* may have been sent before: look first */
    bool unsure;       /* ... and that could not be looked up: look again before another attempt */
    uint32_t attempt;  /* requests made so far, those on record included */
    uint32_t failures; /* of them, those that count */
    uint32_t streak;   /* of those, since the destination was last known to be up */
    const char *ended; /* the error class of the last */
    unsigned status;   /* and its HTTP status, 0: none */
    Str record;        /* the result, encoded */
    Err reason;        /* why it was given up; without code: not yet */
    ItemPart part;     /* to be written, or being written */
    uint64_t edition;  /* of the credentials that it was sent with */
    bool renewed;      /* they were renewed for it once */
    const char *topic; /* where the record goes */
    int64_t due_ms;    /* not before */
    int64_t suspect_since_ms;
    int64_t started_us;
    Str url; /* NUL-terminated, as requested */
    char traceparent[TRACEPARENT_SIZE];
    struct Item *next, *before; /* all items, in order of arrival */
} Item;

typedef struct Items {
    Item *first, *last;
    size_t count;
} Items;

/* NULL without memory. The message is not read. */
Item *items_add(Items *items, BusMessage *message, size_t arena_bytes);
/* To be called once the item's key (message->key) is known: joins the end of its line. */
void items_line_up(Items *items, Item *item);
/* The one behind it moves up. */
void items_remove(Items *items, Item *item);
/* The item to send now, if any: its turn, due, and tried least often so far, so that a document
 * that always fails does not keep the breaker open. */
Item *items_next(const Items *items, int64_t now_ms);
