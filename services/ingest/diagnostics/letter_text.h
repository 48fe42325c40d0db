/* letter_text - why a dead letter is one, in the words of who gave up, for somebody who may not
 * see what the letter says: masked (veil.h) by the document that the letter itself holds.
 *
 * A letter without one, as of `response` or `events`, or that cannot be read: as where not all was
 * learnt.
 * Owner: the text lies in `arena`. Threads: pure. Errors: no room: an empty text. */
#pragma once
#include "common/base/arena.h"
#include "common/bus/bus.h"

Str letter_text(const BusMessage *letter, Arena *arena);
