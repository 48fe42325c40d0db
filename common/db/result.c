/* Results in PostgreSQL's binary format. */
#include <endian.h>
#include <libpq-fe.h>

#include "common/base/check.h"
#include "common/db/db.h"

#define EPOCH_SHIFT_US (INT64_C(946684800) * 1000000)

static const PGresult *pg(const DbResult *result)
{
    return (const PGresult *)result;
}

size_t db_rows(const DbResult *result)
{
    return (size_t)PQntuples(pg(result));
}

uint64_t db_affected(const DbResult *result)
{
    /* The signature of PQcmdTuples takes it non-const; it only reads. */
    uint64_t rows = 0;
    bool known = str_to_u64(str_from(PQcmdTuples((PGresult *)(uintptr_t)result)), &rows);
    return known ? rows : 0;
}

bool db_is_null(const DbResult *result, size_t row, int column)
{
    return PQgetisnull(pg(result), (int)row, column);
}

Str db_get_text(const DbResult *result, size_t row, int column)
{
    CHECK(row < db_rows(result) && column < PQnfields(pg(result)));
    if (db_is_null(result, row, column))
        return STR_NONE;
    return (Str){PQgetvalue(pg(result), (int)row, column),
                 (size_t)PQgetlength(pg(result), (int)row, column)};
}

int64_t db_get_int(const DbResult *result, size_t row, int column)
{
    Str wire = db_get_text(result, row, column);
    uint64_t value = 0;
    for (size_t i = 0; i < wire.len && i < 8; i++)
        value = value << 8 | (unsigned char)wire.ptr[i];
    if (wire.len == 2)
        return (int16_t)value;
    return wire.len == 4 ? (int32_t)value : (int64_t)value;
}

bool db_get_bool(const DbResult *result, size_t row, int column)
{
    return db_get_int(result, row, column) != 0;
}

int64_t db_get_time_us(const DbResult *result, size_t row, int column)
{
    int64_t unix_us = 0;
    if (db_is_null(result, row, column) ||
        __builtin_add_overflow(db_get_int(result, row, column), EPOCH_SHIFT_US, &unix_us))
        return 0;
    return unix_us;
}

bool db_get_uuid(const DbResult *result, size_t row, int column, char ret_text[37])
{
    static const char digits[] = "0123456789abcdef";
    Str wire = db_get_text(result, row, column);
    if (wire.len != 16)
        return false;
    char *at = ret_text;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[(unsigned char)wire.ptr[i] >> 4];
        *at++ = digits[wire.ptr[i] & 15];
    }
    *at = '\0';
    return true;
}

static bool take_u32(Str *rest, uint32_t *ret_value)
{
    if (rest->len < 4)
        return false;
    memcpy(ret_value, rest->ptr, 4);
    *ret_value = be32toh(*ret_value);
    *rest = str_skip(*rest, 4);
    return true;
}

bool db_get_text_array(const DbResult *result, size_t row, int column, Arena *arena,
                       const Str **ret_list, size_t *ret_count)
{
    Str rest = db_get_text(result, row, column);
    uint32_t dimensions = 0, flags, type, count, lower, len;
    if (rest.len == 0 || (take_u32(&rest, &dimensions) && dimensions == 0)) {
        *ret_list = NULL;
        *ret_count = 0;
        return true;
    }
    if (dimensions != 1 || !take_u32(&rest, &flags) || !take_u32(&rest, &type) ||
        !take_u32(&rest, &count) || !take_u32(&rest, &lower) || count > rest.len / 4)
        return false;
    Str *list = ARENA_ARRAY(arena, Str, count);
    for (uint32_t i = 0; list && i < count; i++) {
        if (!take_u32(&rest, &len) || (len != UINT32_MAX && len > rest.len))
            return false;
        list[i] = len == UINT32_MAX ? STR_NONE : str_cut(rest, 0, len);
        rest = str_skip(rest, list[i].len);
    }
    *ret_list = list;
    *ret_count = count;
    return list != NULL;
}

void db_result_free(DbResult *result)
{
    PQclear((PGresult *)result);
}
