#include "common/db/pool.h"

#include <errno.h>
#include <pthread.h>

#include "common/base/check.h"
#include "common/base/clock.h"

struct DbPool {
    pthread_mutex_t lock;
    pthread_cond_t given;
    size_t size;
    size_t free_count;
    Db **free_list; /* the most recently used on top: few connections stay warm */
};

DbPool *db_pool_new(const DbConfig *config, const DbStatement *const *statements,
                    const char *application, const Log *log, size_t size)
{
    DbPool *pool = calloc(1, sizeof *pool);
    pthread_condattr_t monotonic;
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->given, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pool->free_list = calloc(size, sizeof(Db *));
    for (; pool->free_list && pool->size < size; pool->size++) {
        Db *db = db_new(config, statements, application, log);
        if (!db)
            break;
        pool->free_list[pool->free_count++] = db;
    }
    if (pool->size == size)
        return pool;
    db_pool_free(pool);
    return NULL;
}

void db_pool_free(DbPool *pool)
{
    if (!pool)
        return;
    CHECK(pool->free_count == pool->size);
    while (pool->free_list && pool->free_count)
        db_free(pool->free_list[--pool->free_count]);
    free(pool->free_list);
    pthread_cond_destroy(&pool->given);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

Db *db_pool_take(DbPool *pool, uint32_t timeout_ms, Err *err)
{
    const struct timespec until = clock_after_ms(CLOCK_MONOTONIC, timeout_ms);
    Db *db = NULL;
    int waited = 0;
    pthread_mutex_lock(&pool->lock);
    while (pool->free_count == 0 && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&pool->given, &pool->lock, &until);
    if (pool->free_count)
        db = pool->free_list[--pool->free_count];
    pthread_mutex_unlock(&pool->lock);
    if (!db)
        ERR(err, ERR_RETRY, "db-pool", "none of %zu connections became free in %u ms", pool->size,
            timeout_ms);
    return db;
}

void db_pool_give(DbPool *pool, Db *db)
{
    pthread_mutex_lock(&pool->lock);
    CHECK(pool->free_count < pool->size);
    pool->free_list[pool->free_count++] = db;
    pthread_cond_signal(&pool->given);
    pthread_mutex_unlock(&pool->lock);
}

size_t db_pool_taken(DbPool *pool)
{
    pthread_mutex_lock(&pool->lock);
    size_t taken = pool->size - pool->free_count;
    pthread_mutex_unlock(&pool->lock);
    return taken;
}
