/* secret - the contents of the file that a destination names: a key, a password.
 *
 * Rule:    a name is looked up in one folder (a mounted secret); a path of settings (it begins with
 *          '/') is used as it is. White space around the contents does not count.
 * Errors:  ERR_RETRY "secret-file": absent, unreadable, empty or too long. Never shows contents. */
#pragma once
#include "common/destinations/destination.h"

enum { SECRET_PATH_MAX = 1024 };

bool secret_path(const char *folder, Str name, char ret_path[SECRET_PATH_MAX], Err *err) MUST_USE;
/* NUL-terminated, in `arena`. */
bool secret_read(const char *folder, Str name, Arena *arena, Str *ret_secret, Err *err) MUST_USE;
/* In a time that depends on the lengths alone. */
bool secret_equal(Str a, Str b);
/* Is `hex` the HMAC-SHA256 of the parts, one behind the other, under the secret? */
bool secret_signed(Str secret, const Str *parts, size_t count, Str hex);
