/* password - people's passwords: kept as Argon2id, checked at a price.
 *
 * Spec:    RFC 9106. The kept form is the usual text, "$argon2id$v=19$m=65536,t=3,p=1$...", which
 *          says its own costs; others than those of PASSWORD_* limits are refused unread.
 * Cost:    64 MiB and some 100 ms of a core each time: never on a thread that others wait for.
 * Rule:    who is not known is checked against password_nobody() all the same, so that the time
 *          does not tell.
 * Threads: pure. Errors: password_keep: ERR_INPUT "password-short", "password-long"; ERR_FATAL
 *          "password-memory". */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"

enum {
    PASSWORD_MIN = 12,
    PASSWORD_MAX = 200,
    PASSWORD_KEPT_MAX = 200,
    PASSWORD_MEMORY_KIB = 65536,
    PASSWORD_MEMORY_KIB_MAX = 262144,
    PASSWORD_PASSES = 3,
    PASSWORD_PASSES_MAX = 10,
};

bool password_keep(Str password, Arena *arena, Str *ret_kept, Err *err) MUST_USE;
/* Is it a text of ours, within the limits? */
bool password_kept_fits(Str kept);
bool password_right(Str password, Str kept);
Str password_nobody(void);
