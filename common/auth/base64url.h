/* base64url - RFC 4648 §5 without padding, as JOSE writes it (RFC 7515 §2).
 *
 * Strict: no padding, no white space, unused bits are zero: one text for one value.
 * Owner: results live in `arena`. Threads: pure. */
#pragma once
#include "common/base/arena.h"
#include "common/base/buf.h"

bool base64url_decode(Str text, Arena *arena, Str *ret_bytes);
void base64url_write(Buf *out, Str bytes);
/* base64 proper, padded (RFC 4648 §4), as in "Authorization: Basic". */
bool base64_decode(Str text, Arena *arena, Str *ret_bytes);
