/* inner - what the files of this folder share. */
#pragma once
#include "common/envelope/envelope.h"
#include "common/replay/replay.h"

extern const DbStatement replay_insert, replay_count, replay_forget, replay_take, replay_page,
    replay_move, replay_move_topic, replay_open_gap, replay_check, replay_payload, replay_read,
    replay_stop, replay_find, replay_judged_count, replay_report_page, replay_report_issues;

/* --- ranges.c: "PARTITION:FROM-END,...", END excluded ----------------------------------------- */
/* As an operator writes them (END included, parts may be left out), within what the topic holds. */
bool ranges_choose(Str offsets, const BusRange *extent, size_t extents, BusRange *ret_list,
                   size_t *ret_count, Err *err) MUST_USE;
Str ranges_write(const BusRange *list, size_t count, Arena *arena);
bool ranges_read(Str text, BusRange *ret_list, size_t *ret_count, Err *err) MUST_USE;
int64_t ranges_size(const BusRange *list, size_t count);

/* --- one replay, as its worker took it -------------------------------------------------------- */
typedef struct ReplayRow {
    Str id;
    bool of_store, of_dlq;
    bool gap; /* records past retention are still to be taken from the store */
    Str topic, ranges;
    Str tenant, of_state, go_to;
    const Str *ids;
    size_t id_count;
    int64_t from_us, to_us;
    bool include_superseded, resubmit;
    bool dry; /* nothing is published */
    Vault *vault;
} ReplayRow;

typedef struct Counts {
    int64_t published, superseded, accepted, purged, skipped, unreadable, redriven;
} Counts;

/* --- documents.c: what is published of it ----------------------------------------------------- */
/* A row of replay_page; its columns are D_... */
bool document_of_row(const DbResult *rows, size_t i, const ReplayRow *replay, Arena *arena,
                     Envelope *ret_envelope, Err *err) MUST_USE;
/* What was received, of a record of intake, or of the record that a dead letter is; `payload` may
 * be missing. False: not readable. */
bool document_of_record(Str topic, Str value, Arena *arena, Envelope *ret_envelope);
/* What was received -> what is published: who asked, how far it goes. */
void document_again(Envelope *envelope, const ReplayRow *replay, Arena *arena);
/* What is stored of a document's payload. */
bool document_unpack(Vault *vault, Str interaction_id, Str packed, Arena *arena, Str *ret_bytes,
                     Err *err) MUST_USE;

/* --- pages.c: published, and all reports awaited ---------------------------------------------- */
typedef struct Page Page;
Page *page_begin(BusProducer *producer);
bool page_publish(Page *page, const Envelope *envelope, Str from, Arena *arena, Err *err) MUST_USE;
/* A dead letter that is no document, back where it came from. */
bool page_redrive(Page *page, const BusMessage *letter, Str replay_id, Err *err) MUST_USE;
/* True: everything is with the brokers; frees the page. `sent`: what the caller's part came to. */
bool page_end(Page *page, bool sent, Err *err) MUST_USE;

/* --- topic.c ---------------------------------------------------------------------------------- */
typedef struct TopicReader TopicReader;
TopicReader *topic_reader_new(const BusConfig *bus);
void topic_reader_free(TopicReader *reader);
/* Forgets where it stands: the next page begins with the row's ranges. */
void topic_reader_reset(TopicReader *reader);
/* The ranges of `replay` of which the topic no longer holds all; from there on it does. */
bool topic_gaps(TopicReader *reader, const ReplayRow *replay, BusRange *ret_gaps, size_t *ret_count,
                Str *ret_ranges, Arena *arena, Err *err) MUST_USE;
/* Publishes (unless dry) at most `most` documents; *ret_ranges: what is left. */
bool topic_page(TopicReader *reader, Db *db, BusProducer *producer, const ReplayRow *replay,
                size_t most, Arena *arena, Counts *counts, Str *ret_ranges, Err *err) MUST_USE;
