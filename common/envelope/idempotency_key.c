#include "common/envelope/idempotency_key.h"

#include <assert.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/envelope/uuid.h"

enum { NAMED_BYTES_MAX = 4096 };
static_assert(IDEMPOTENCY_KEY_DIGITS <= 2 * ENVELOPE_SHA256_BYTES, "a hash has as many digits");

/* NUL is in no tenant: where the hash begins is certain. */
Str idempotency_key(const Envelope *envelope, Arena *arena)
{
    unsigned char hash[ENVELOPE_SHA256_BYTES];
    char digits[IDEMPOTENCY_KEY_DIGITS + 1];
    BUF_AUTO named;
    buf_init(&named, NAMED_BYTES_MAX);
    buf_add(&named, envelope->tenant);
    buf_add_char(&named, '\0');
    buf_add(&named, envelope->payload_sha256);
    if (named.overflowed)
        return STR_NONE;
    envelope_sha256(buf_str(&named), hash);
    for (size_t i = 0; i < IDEMPOTENCY_KEY_DIGITS / 2; i++)
        snprintf(digits + 2 * i, 3, "%02x", hash[i]);
    return arena_format(arena, "%.*s.%s", STR_ARG(envelope->interaction_id), digits);
}

static bool is_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

Str idempotency_key_interaction(Str key)
{
    Str id = str_cut(key, 0, key.len < UUID_TEXT_BYTES ? key.len : UUID_TEXT_BYTES);
    Str rest = str_skip(key, id.len);
    if (!uuid_valid(id) ||
        (rest.len && (rest.len != IDEMPOTENCY_KEY_DIGITS + 1 || rest.ptr[0] != '.')))
        return STR_NONE;
    for (size_t i = 1; i < rest.len; i++)
        if (!is_digit(rest.ptr[i]))
            return STR_NONE;
    return id;
}
