/* query - the parameters of GET /interactions -> filters, strictly.
 *
 *   tenant from to state source_type disposition bundle_id patient text limit cursor format
 *   sort ig_version profile_url valid interaction_id q message_id sender reveal
 *
 * Any of the second line but reveal, or several states and the like by comma: it is looked up in
 * the grid, which is a second or two behind (`grid`).
 *
 * What is not known, given twice or malformed is refused: a misspelt filter would show more than
 * was asked for.
 * Owner:   texts live in the arena. Threads: pure. */
#pragma once
#include "services/ingest/read/cursor.h"

enum { QUERY_LIMIT_DEFAULT = 50, QUERY_LIMIT_MAX = 500, QUERY_TEXT_MAX = 500 };

typedef struct InteractionQuery {
    Str tenant; /* STR_NONE: all that the caller may see; likewise below */
    Str state, source_type, disposition, bundle_id, patient, text;
    Str sort, ig_version, profile_url, valid, interaction_id, words, message_id, sender, reveal;
    bool grid;
    int64_t from_us, to_us; /* [from, to) */
    uint64_t limit;         /* 0: not said */
    Str format;             /* json, csv, ndjson; STR_NONE: by Accept */
    bool has_cursor;
    Cursor cursor;
    uint64_t filters; /* hash of what the cursor goes with */
} InteractionQuery;

/* `tenant`: the authenticated one, or STR_NONE; a parameter may not name another one.
 * false: *ret_why says what is wrong with it, without repeating any of it. */
bool query_read(Str query, Str tenant, Arena *arena, InteractionQuery *ret_query,
                const char **ret_why);
/* The same question for the next page, as a query string. */
Str query_write_next(const InteractionQuery *query, const Cursor *cursor, Arena *arena);
/* Any text -> a pattern that finds it, with LIKE's own signs taken literally. */
Str query_like(Str text, Arena *arena);
