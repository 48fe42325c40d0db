/* letters - the dead letters, newest first, a page at a time; straight from the topic `dlq`.
 *
 * Each partition is read backwards in small pieces, as its turn comes: the newest of all heads is
 * next. A cursor is where each partition's next piece ends, "0:120,1:55".
 * Owner:   letters lie in `arena`.
 * Threads: one that may wait for the brokers.
 * Errors:  ERR_INPUT "letters-cursor"; those of bus_extent, bus_ranges_new.
 * Limits:  LETTERS_LOOKED_MAX records and LETTERS_BYTES_MAX bytes a page; then it may be shorter
 *          than was asked, or empty, and goes on by its cursor. */
#pragma once
#include "common/base/arena.h"
#include "common/bus/bus.h"

enum { LETTERS_MAX = 200, LETTERS_LOOKED_MAX = 2000, LETTERS_BYTES_MAX = 256 << 20 };

typedef struct Letter {
    int32_t partition;
    int64_t offset, at_us;
    Str reason, service, text;              /* why, who gave up, in its words */
    Str topic, from_partition, from_offset; /* where it was */
    Str deaths, attempts;                   /* of a worker by it; to deliver it: numbers */
    Str tenant, interaction, replay;
    uint64_t bytes;
} Letter;

/* What decides whether one is told of; it lies in the message. */
typedef struct LetterHead {
    Str tenant, reason, topic;
    int64_t at_us;
} LetterHead;

typedef struct LettersAsk {
    Str cursor; /* ptr NULL: from the newest on */
    size_t limit;
    bool (*fits)(const void *opaque, const LetterHead *head);
    bool masked; /* texts do not say what documents do: letter_text.h */
    const void *opaque;
    int64_t from_us; /* older ones are not looked for */
} LettersAsk;

typedef struct LettersPage {
    const Letter *list[LETTERS_MAX];
    size_t count;
    Str cursor;    /* ptr NULL: there are no more */
    int64_t total; /* records of the topic, whoever's */
} LettersPage;

bool letters_read(const BusConfig *bus, const LettersAsk *ask, Arena *arena, LettersPage *ret_page,
                  Err *err) MUST_USE;
