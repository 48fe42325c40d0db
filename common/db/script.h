/* script - a waiting connection that runs whole SQL files: for fhirbus-migrate, not for services.
 *
 * Errors:  as db.h, but the server's message is part of the text where it speaks of our SQL; of
 *          what is stored (class 22, 23) its code and the constraint alone.
 * Threads: one. */
#pragma once
#include "common/db/db.h"

typedef struct DbScript DbScript;

/* No statement timeout; a lock is waited for lock_timeout_ms. */
bool db_script_open(const DbConfig *config, uint64_t lock_timeout_ms, DbScript **ret_script,
                    Err *err) MUST_USE;
void db_script_close(DbScript *script); /* NULL is fine */
/* Several statements in `sql` when params is NULL (then without result), else one. */
bool db_script_run(DbScript *script, const char *sql, const DbParams *params, DbResult **ret_result,
                   Err *err) MUST_USE;
/* Gives `role` this password; only its SCRAM verifier travels, so no server log shows it. */
bool db_script_set_password(DbScript *script, const char *role, const char *password,
                            Err *err) MUST_USE;
