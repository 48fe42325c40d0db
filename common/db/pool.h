/* pool - a few connections for many threads.
 *
 *   Db *db = db_pool_take(pool, 500, &err);   waits for a free one
 *   db_run(db, ...); db_pool_give(pool, db);
 *
 * Threads: any. Connections are made when first used.
 * Errors:  ERR_RETRY "db-pool" when none became free in time: answer 503. */
#pragma once
#include "common/db/db.h"

typedef struct DbPool DbPool;

DbPool *db_pool_new(const DbConfig *config, const DbStatement *const *statements,
                    const char *application, const Log *log, size_t size);
void db_pool_free(DbPool *pool); /* all must have been given back */
Db *db_pool_take(DbPool *pool, uint32_t timeout_ms, Err *err) MUST_USE;
void db_pool_give(DbPool *pool, Db *db);
size_t db_pool_taken(DbPool *pool);
