/* migrations - the numbered SQL files: built in, or from a folder.
 *
 * Rule:    NNNN_name.sql, numbers from 1 without gaps. A file is known by its number and its
 *          sha256: once applied it never changes.
 * Owner:   texts live in `arena` or in the program.
 * Errors:  ERR_FATAL "migrations-folder", "migrations-names". */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"

typedef struct Migration {
    unsigned number;
    const char *name; /* file name */
    const char *sql;  /* NUL-terminated */
    char sha256[65];  /* hex */
} Migration;

/* folder NULL: those built in. */
bool migrations_load(const char *folder, Arena *arena, Migration **ret_list, size_t *ret_count,
                     Err *err) MUST_USE;
