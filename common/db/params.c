/* Parameters in PostgreSQL's binary format: no quoting, no escaping, nothing to inject. */
#include <endian.h>

#include "common/base/check.h"
#include "common/base/utf8.h"
#include "common/db/db.h"

/* From 1970 to 2000, where PostgreSQL's time begins. */
#define EPOCH_SHIFT_US (INT64_C(946684800) * 1000000)

enum {
    OID_BYTEA = 17,
    OID_INT4 = 23,
    OID_INT8 = 20,
    OID_TEXT = 25,
    OID_TIMESTAMPTZ = 1184,
    OID_UUID = 2950
};

void db_params_init(DbParams *params, Arena *arena)
{
    params->arena = arena;
    params->count = 0;
    params->failed = false;
}

static void add(DbParams *params, const char *value, size_t len)
{
    CHECK(params->count < DB_PARAMS_MAX);
    if (len > INT32_MAX)
        params->failed = true;
    params->values[params->count] = value;
    params->lengths[params->count++] = value ? (int)len : 0;
}

static void add_copy(DbParams *params, const void *bytes, size_t len)
{
    char *copy = arena_alloc(params->arena, len);
    if (copy)
        memcpy(copy, bytes, len);
    else
        params->failed = true;
    add(params, copy, len);
}

void db_null(DbParams *params)
{
    add(params, NULL, 0);
}

/* What PostgreSQL would refuse (NUL, not UTF-8) becomes U+FFFD; a clean text is not copied. */
static Str clean_text(DbParams *params, Str text)
{
    bool dirty = false;
    for (size_t i = 0; i < text.len && !dirty;) {
        size_t step = utf8_step(str_skip(text, i));
        dirty = step == 0 || text.ptr[i] == '\0';
        i += step;
    }
    if (!dirty)
        return text;
    char *copy = arena_alloc(params->arena, text.len * 3);
    size_t len = 0;
    if (!copy) {
        params->failed = true;
        return STR("");
    }
    for (size_t i = 0; i < text.len;) {
        size_t step = utf8_step(str_skip(text, i));
        bool bad = step == 0 || text.ptr[i] == '\0';
        memcpy(copy + len, bad ? "\xef\xbf\xbd" : text.ptr + i, bad ? 3 : step);
        len += bad ? 3 : step;
        i += bad ? 1 : step;
    }
    return (Str){copy, len};
}

void db_text(DbParams *params, Str text)
{
    text = clean_text(params, text);
    add(params, text.ptr, text.len);
}

void db_text_or_null(DbParams *params, Str text)
{
    db_text(params, text.len ? text : STR_NONE);
}

void db_bytes(DbParams *params, Str bytes)
{
    add(params, bytes.ptr, bytes.len);
}

static bool uuid_bytes(Str text, unsigned char out[16])
{
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '-')
            continue;
        int value = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (value < 0 || digits == 32)
            return false;
        unsigned char *byte = &out[digits / 2];
        *byte = (unsigned char)(digits++ % 2 ? *byte | value : value << 4);
    }
    return digits == 32;
}

void db_uuid(DbParams *params, Str text)
{
    unsigned char bytes[16] = {0};
    if (text.len == 0) {
        db_null(params);
        return;
    }
    if (!uuid_bytes(text, bytes))
        params->failed = true;
    add_copy(params, bytes, sizeof bytes);
}

void db_int(DbParams *params, int32_t value)
{
    uint32_t wire = htobe32((uint32_t)value);
    add_copy(params, &wire, sizeof wire);
}

void db_bigint(DbParams *params, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    add_copy(params, &wire, sizeof wire);
}

void db_bool(DbParams *params, bool value)
{
    add(params, value ? "\1" : "\0", 1);
}

static int64_t pg_time(int64_t unix_us)
{
    int64_t value;
    return __builtin_sub_overflow(unix_us, EPOCH_SHIFT_US, &value) ? INT64_MIN + 2 : value;
}

void db_time_us(DbParams *params, int64_t unix_us)
{
    if (unix_us)
        db_bigint(params, pg_time(unix_us));
    else
        db_null(params);
}

/* --- arrays ----------------------------------------------------------------------------------- */

static char *put_u32(char *at, uint32_t value)
{
    uint32_t wire = htobe32(value);
    memcpy(at, &wire, 4);
    return at + 4;
}

/* Header: dimensions, has-null flag, element type, length, lower bound. Element: length, bytes. */
static void add_array(DbParams *params, uint32_t type, const Str *elements, size_t count)
{
    size_t bytes = 20;
    for (size_t i = 0; i < count; i++)
        bytes += 4 + elements[i].len;
    char *value = arena_alloc(params->arena, bytes), *at = value;
    if (!value) {
        params->failed = true;
        add(params, NULL, 0);
        return;
    }
    at = put_u32(at, count ? 1 : 0);
    at = put_u32(at, 1);
    at = put_u32(at, type);
    if (count) {
        at = put_u32(at, (uint32_t)count);
        at = put_u32(at, 1);
    }
    for (size_t i = 0; i < count; i++) {
        at = put_u32(at, elements[i].ptr ? (uint32_t)elements[i].len : UINT32_MAX);
        if (elements[i].ptr)
            memcpy(at, elements[i].ptr, elements[i].len);
        at += elements[i].len;
    }
    add(params, value, (size_t)(at - value));
}

static Str *elements_new(DbParams *params, size_t count)
{
    Str *list = ARENA_ARRAY(params->arena, Str, count ? count : 1);
    if (!list)
        params->failed = true;
    return list;
}

static void add_texts(DbParams *params, const Str *texts, size_t count, bool empty_is_null)
{
    Str *list = elements_new(params, count);
    for (size_t i = 0; list && i < count; i++)
        list[i] = texts[i].len || !empty_is_null ? clean_text(params, texts[i]) : STR_NONE;
    add_array(params, OID_TEXT, list, list ? count : 0);
}

void db_text_array(DbParams *params, const Str *texts, size_t count)
{
    add_texts(params, texts, count, false);
}

void db_text_or_null_array(DbParams *params, const Str *texts, size_t count)
{
    add_texts(params, texts, count, true);
}

void db_bytes_array(DbParams *params, const Str *list, size_t count)
{
    add_array(params, OID_BYTEA, list, count);
}

/* Elements of one size each, laid out behind one another. */
static Str *fixed_elements(DbParams *params, size_t count, size_t size, char **ret_room)
{
    Str *list = elements_new(params, count);
    char *room = arena_zero(params->arena, count * size + 1);
    if (!room)
        params->failed = true;
    for (size_t i = 0; list && room && i < count; i++)
        list[i] = (Str){room + i * size, size};
    *ret_room = room;
    return room ? list : NULL;
}

void db_uuid_array(DbParams *params, const Str *texts, size_t count)
{
    char *room;
    Str *list = fixed_elements(params, count, 16, &room);
    for (size_t i = 0; list && i < count; i++) {
        unsigned char bytes[16] = {0};
        if (texts[i].len == 0)
            list[i] = STR_NONE;
        else if (!uuid_bytes(texts[i], bytes))
            params->failed = true;
        memcpy(room + i * 16, bytes, 16);
    }
    add_array(params, OID_UUID, list, list ? count : 0);
}

void db_int_array(DbParams *params, const int32_t *values, size_t count)
{
    char *room;
    Str *list = fixed_elements(params, count, 4, &room);
    for (size_t i = 0; list && i < count; i++)
        put_u32(room + i * 4, (uint32_t)values[i]);
    add_array(params, OID_INT4, list, list ? count : 0);
}

void db_bigint_array(DbParams *params, const int64_t *values, size_t count)
{
    char *room;
    Str *list = fixed_elements(params, count, 8, &room);
    for (size_t i = 0; list && i < count; i++) {
        uint64_t wire = htobe64((uint64_t)values[i]);
        memcpy(room + i * 8, &wire, 8);
    }
    add_array(params, OID_INT8, list, list ? count : 0);
}

void db_time_us_array(DbParams *params, const int64_t *unix_us, size_t count)
{
    char *room;
    Str *list = fixed_elements(params, count, 8, &room);
    for (size_t i = 0; list && i < count; i++) {
        uint64_t wire = htobe64((uint64_t)pg_time(unix_us[i]));
        memcpy(room + i * 8, &wire, 8);
        if (unix_us[i] == 0)
            list[i] = STR_NONE;
    }
    add_array(params, OID_TIMESTAMPTZ, list, list ? count : 0);
}
