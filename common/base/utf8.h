/* utf8 - is this a character, and how long is it?
 *
 * Spec:    www.unicode.org/versions/Unicode15.0.0/ch03.pdf, table 3-7 (well-formed sequences)
 * Threads: pure. */
#pragma once
#include "common/base/str.h"

/* Bytes of the first character of s; 0 when s is empty or begins with an ill-formed sequence. */
size_t utf8_step(Str s);
bool utf8_valid(Str s);
