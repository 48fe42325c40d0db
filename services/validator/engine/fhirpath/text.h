/* text - strings as FHIRPath counts them: in Unicode code points, well-formed UTF-8.
 *
 * Owner:   results lie in the arena, or are parts of the input.
 * Errors:  STR_NONE when the arena is exhausted. */
#pragma once
#include "common/base/arena.h"

/* The code point at *at (bytes), which moves behind it; a stray byte is a code point of its own. */
uint32_t fp_text_next(Str text, size_t *at);
size_t fp_text_length(Str text);
/* Byte offset of the n-th code point; text.len when there are fewer. */
size_t fp_text_offset(Str text, size_t n);
Str fp_text_upper(Str text, Arena *arena);
Str fp_text_lower(Str text, Arena *arena);
/* ~ of strings: without case, runs of white space count as one space, none at the ends. */
bool fp_text_equivalent(Str a, Str b);
Str fp_text_trim(Str text); /* Unicode white space */
Str fp_text_encode(Str text, Str form, Arena *arena, bool *ret_known);
/* *ret_known: is there such a form; STR_NONE with it: text is not of that form, or no memory. */
Str fp_text_decode(Str text, Str form, Arena *arena, bool *ret_known);
Str fp_text_escape(Str text, Str form, Arena *arena, bool *ret_known);
Str fp_text_unescape(Str text, Str form, Arena *arena, bool *ret_known);
