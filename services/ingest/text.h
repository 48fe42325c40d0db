/* text - header values as the UTF-8 that everything behind ingest expects.
 *
 * Spec:    RFC 9110 §5.5: fields were ISO-8859-1 once, and some senders still write it. Valid UTF-8
 *          stays; anything else is read as ISO-8859-1.
 * Owner:   the result is `value` itself, or lives in the arena. */
#pragma once
#include "common/base/arena.h"

Str text_utf8(Arena *arena, Str value);
