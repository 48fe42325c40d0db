/* cookies - one value out of a Cookie header, and what our session's cookie holds.
 *
 * Spec:    RFC 6265 §5.4: pairs by "; ". A name that stands there twice has no value ("").
 * Threads: pure. */
#pragma once
#include <stdint.h>

#include "common/base/arena.h"

typedef struct SessionText { /* what is sealed; borrowed from the text that it was read from */
    Str account;
    bool oidc; /* else by password */
    int64_t started_s, seen_s;
    Str stamp, csrf;
} SessionText;

/* Looks into one header's value; *found is STR_NONE before the first, and stays so if none has it.
 */
void cookies_find(Str header, Str wanted, Str *found);
bool session_text_read(Str text, SessionText *ret_session);
Str session_text_write(const SessionText *session, Arena *arena);
