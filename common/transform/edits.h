/* edits - pieces of a text that are to be replaced, and the text that comes of it.
 *
 * Rule:    whatever is not named stays byte for byte. An edit inside a larger one goes with it.
 * Owner:   the list lives in its arena, the result in the one given; texts are borrowed.
 * Errors:  past the arena's limit `failed` stays set; edits_apply says so. */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"

typedef struct Edit {
    size_t at, end; /* what is replaced; empty: inserted at */
    Str text;
    uint32_t order;
} Edit;

typedef struct Edits {
    Arena *arena;
    Edit *list;
    uint32_t count, room;
    bool failed;
} Edits;

void edits_add(Edits *edits, size_t at, size_t end, Str text);
bool edits_apply(Edits *edits, Str source, Arena *arena, Str *ret_text, Err *err) MUST_USE;
