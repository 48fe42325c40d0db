/* veil - what is said of a document, for somebody who may not see what the document says: texts of
 * issues, rules and answers quote values, and these are masked as the document is (mask.h).
 *
 *   Veil *veil = veil_new(arena);
 *   veil_learn(veil, payload, true); veil_learn(veil, bundle, true);
 *   veil_ready(veil, true); veil_add_json(veil, &out, story);
 *
 * Masked is each value that the masked document hides, of VEIL_LEN_MIN characters and more,
 * wherever it stands as a whole word or several; also where it was cut short behind a quote; and
 * what stands within quotes and is a part of such a value, if it has more than letters. A path is
 * no place for values but in its marks, where an id stands (Patient/ID): these are masked. Blind:
 * where not all was learnt (retention takes documents), all that stands within quotes is masked but
 * addresses (http, urn; up to a # or ?), from a quote that none closes all to the line's end, of
 * answers each value that is no sentence and no path, and of what destinations answered each value.
 * Owner: all in the arena. Threads: pure. Limits: VEIL_STEPS_MAX comparisons; beyond that, and past
 * the arena's limit, all letters and digits are masked. */
#pragma once
#include "common/base/arena.h"
#include "common/base/buf.h"

enum { VEIL_LEN_MIN = 3, VEIL_STEPS_MAX = 100000000, VEIL_PARTS_MAX = 200000000 };

typedef struct Veil Veil;

Veil *veil_new(Arena *arena); /* NULL past the arena's limit */
void veil_learn(Veil *veil, Str document, bool is_json);
/* Before the first veil_add; `whole`: everything that is spoken of was learnt. */
void veil_ready(Veil *veil, bool whole);

void veil_add(Veil *veil, Buf *out, Str text);
/* JSON of ours: its members that hold texts, as diagnostics, body, before; the others stay. */
void veil_add_json(Veil *veil, Buf *out, Str json);
