/* chosen - where a document was sent the first time: read again, it goes nowhere else.
 *
 * Rule:    which destinations get a document is decided once; only a replay decides anew. So a
 * group set back to its beginning tells no destination that came later about old documents, and
 *          changed rules do not make a failure of what was accepted.
 * Owner:   the caller; one per thread.
 * Errors:  ERR_RETRY: the database does not answer; come again. After RECORDED_PATIENCE_MS of that
 *          nothing is known, which is no error: better twice than never. */
#pragma once
#include "common/db/db.h"
#include "common/envelope/envelope.h"
#include "services/lake-submitter/directory.h"

typedef struct Chosen Chosen;

/* `db` NULL: nothing is ever known. NULL without memory. */
Chosen *chosen_new(const DbConfig *db, uint64_t patience_ms, const Log *log);
void chosen_free(Chosen *chosen);

typedef struct ChosenBefore {
    Str names[DIRECTORY_MAX]; /* of destinations that were chosen and owe a final answer */
    size_t count;             /* of them */
    bool was_decided;         /* there were destinations, of these or others that have ended */
} ChosenBefore;
bool chosen_look(Chosen *chosen, const Envelope *envelope, Arena *arena, ChosenBefore *ret_before,
                 Err *err) MUST_USE;
/* Leaves those of `list` that may get it now; their number. */
size_t chosen_keep(const ChosenBefore *before, const Destination **list, size_t count);
