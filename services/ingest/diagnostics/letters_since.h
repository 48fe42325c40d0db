/* letters_since - what became of the documents of dead letters since: their state now, on record.
 *
 * Owner:   texts lie in `arena`. Threads: a lookup thread.
 * Errors:  those of the database. */
#pragma once
#include "services/ingest/diagnostics/letters.h"
#include "services/ingest/diagnostics/scope.h"

typedef struct LetterSince {
    Str state; /* ptr NULL: nothing of it is on record, or not for the scope's owner */
    int64_t state_us;
} LetterSince;

extern const DbStatement letters_since_rows;

/* `ret_since`: one for each of the page's letters. */
bool letters_since(Db *db, Str scope, const LettersPage *page, Arena *arena, LetterSince *ret_since,
                   Err *err) MUST_USE;
