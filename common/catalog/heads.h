/* heads - of each id, which record of the log is in force: how two that change the same object in
 * the same moment come to one end, the same for every reader.
 *
 * Rule:    a record says over which version it was written (header "over"). If that is not the
 *          version in force where the log has it, it lost: readers pass it over, its publisher
 *          hears of it. A record without the header is taken as it comes.
 *          Compaction keeps the last record of a key, which may be one that lost; so whoever may
 *          publish puts what is in force behind it once more, and says whom that settles (header
 *          "settles": from which to which offset). Who began to read there then takes that instead.
 *          Several may do so: what is in force already changes nothing. What is settled so is not
 *          compacted before (the topic's min.compaction.lag.ms).
 * Owner:   copies. Threads: one.
 * Limits:  HEADS_MAX ids; of more, removed ones are forgotten. */
#pragma once
#include "common/base/buf.h"
#include "common/base/str.h"

enum { HEADS_MAX = 20000 };
#define HEADS_OVER "over"
#define HEADS_SETTLES "settles"

typedef struct Heads Heads;

typedef enum HeadFate {
    HEAD_TAKEN,
    HEAD_SAME, /* it is in force already */
    HEAD_LOST,
} HeadFate;

typedef struct HeadRecord {
    Str id, value; /* value.ptr NULL: a tombstone */
    int64_t offset;
    Str over, settles; /* its headers; empty: none */
} HeadRecord;

/* `keeps`: values too, for heads_unsettled. */
Heads *heads_new(bool keeps);
void heads_free(Heads *heads); /* NULL is fine */
HeadFate heads_take(Heads *heads, const HeadRecord *record);
/* As the log has it, whatever its kind thinks of it; 0: there is none, or it says none. */
uint64_t heads_version(const Heads *heads, Str id);
/* Any one id of which a record lost that is not settled: what is to be published. False: there is
 * none. Texts are valid until the next heads_take. */
typedef struct HeadSettlement {
    Str id, value;
    char settles[48];
} HeadSettlement;
bool heads_unsettled(const Heads *heads, HeadSettlement *ret_settlement);
