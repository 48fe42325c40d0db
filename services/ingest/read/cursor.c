#include "services/ingest/read/cursor.h"

#include <stdio.h>

#include "common/base/utf8.h"
#include "common/http/fields.h"

enum { CURSOR_BYTES_MAX = 130 + CURSOR_TENANT_MAX + CURSOR_KEY_MAX };

/* spec: RFC 4648 §5, without padding */
static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static Str encode(Str bytes, Arena *arena)
{
    char *to = arena_alloc(arena, bytes.len * 4 / 3 + 4);
    size_t len = 0;
    uint32_t held = 0;
    unsigned bits = 0;
    if (!to)
        return STR("");
    for (size_t i = 0; i < bytes.len; i++) {
        held = (held << 8) | (unsigned char)bytes.ptr[i];
        for (bits += 8; bits >= 6; bits -= 6)
            to[len++] = digits[(held >> (bits - 6)) & 63];
    }
    if (bits)
        to[len++] = digits[(held << (6 - bits)) & 63];
    to[len] = '\0';
    return (Str){to, len};
}

static bool decode(Str text, char *to, size_t *ret_len)
{
    uint32_t held = 0;
    unsigned bits = 0;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *at = text.ptr[i] ? strchr(digits, text.ptr[i]) : NULL;
        if (!at)
            return false;
        held = (held << 6) | (uint32_t)(at - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            to[len++] = (char)((held >> bits) & 0xff);
        }
    }
    *ret_len = len;
    return bits < 6 && (held & ((1u << bits) - 1)) == 0; /* one text for each value */
}

Str cursor_write(const Cursor *cursor, uint64_t filters, Arena *arena)
{
    Str plain = cursor->key.ptr
                    ? arena_format(arena, "2|%llu|%.*s|%lld|%s|%.*s", (unsigned long long)filters,
                                   STR_ARG(cursor->key), (long long)cursor->received_us,
                                   cursor->interaction_id, STR_ARG(cursor->tenant))
                    : arena_format(arena, "1|%llu|%lld|%s|%.*s", (unsigned long long)filters,
                                   (long long)cursor->received_us, cursor->interaction_id,
                                   STR_ARG(cursor->tenant));
    return encode(
        arena_format(arena, "%llu|%.*s", (unsigned long long)str_hash(plain), STR_ARG(plain)),
        arena);
}

/* Digits and the signs of times and numbers: the database makes one of it. */
static bool key_fits(Str key)
{
    for (size_t i = 0; i < key.len; i++)
        if (!strchr("0123456789-+.: e", key.ptr[i]) || !key.ptr[i])
            return false;
    return key.len > 0 && key.len <= CURSOR_KEY_MAX;
}

bool cursor_read(Str text, uint64_t filters, Arena *arena, Cursor *ret_cursor)
{
    char plain[CURSOR_BYTES_MAX];
    size_t len = 0;
    Str check, version, hash, time, id;
    uint64_t sent_check = 0, sent_hash = 0, us = 0;
    if (text.len == 0 || text.len > (CURSOR_BYTES_MAX - 4) * 4 / 3 || !decode(text, plain, &len))
        return false;
    Str rest = {plain, len};
    Str key = STR_NONE;
    if (!str_split(&rest, '|', &check) || !str_to_u64(check, &sent_check) || !rest.ptr ||
        sent_check != str_hash(rest))
        return false;
    if (!str_split(&rest, '|', &version) || !str_split(&rest, '|', &hash) ||
        (str_is(version, "2") && (!str_split(&rest, '|', &key) || !key_fits(key))) ||
        !str_split(&rest, '|', &time) || !str_split(&rest, '|', &id) || !rest.ptr)
        return false;
    if ((!str_is(version, "1") && !key.ptr) || !str_to_u64(hash, &sent_hash) ||
        sent_hash != filters || !str_to_u64(time, &us) || us > INT64_MAX / 2 || !http_is_uuid(id) ||
        rest.len > CURSOR_TENANT_MAX || memchr(rest.ptr, '\0', rest.len) || !utf8_valid(rest))
        return false;
    ret_cursor->key = key.ptr ? arena_copy(arena, key) : STR_NONE;
    ret_cursor->received_us = (int64_t)us;
    snprintf(ret_cursor->interaction_id, sizeof ret_cursor->interaction_id, "%.*s", STR_ARG(id));
    ret_cursor->tenant = arena_copy(arena, rest);
    return true;
}
