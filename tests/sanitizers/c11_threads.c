/* c11_threads - C11's thread functions by way of POSIX's, for SAN=thread builds only.
 *
 * ThreadSanitizer sees threads and locks by standing in for the pthread functions. Debian's
 * librdkafka calls those of C11, and glibc's go past it: a thread that it does not know crashes in
 * the first function that it stands in for. The definitions of a program come before those of libc,
 * for its libraries too, so these lead every C11 call where it is seen; with that also the locks of
 * librdkafka order what our threads hand to each other through it.
 *
 * Owner: glibc's C11 types have room for, and the layout of, the POSIX ones (asserted below). */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "a mtx_t is a pthread_mutex_t");
static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "a cnd_t is a pthread_cond_t");
static_assert(sizeof(thrd_t) == sizeof(pthread_t), "a thrd_t is a pthread_t");
static_assert(sizeof(tss_t) == sizeof(pthread_key_t), "a tss_t is a pthread_key_t");
static_assert(sizeof(once_flag) == sizeof(pthread_once_t), "a once_flag is a pthread_once_t");

static int result(int error)
{
    switch (error) {
    case 0:
        return thrd_success;
    case ENOMEM:
        return thrd_nomem;
    case EBUSY:
        return thrd_busy;
    case ETIMEDOUT:
        return thrd_timedout;
    default:
        return thrd_error;
    }
}

static pthread_mutex_t *mutex(mtx_t *mtx)
{
    return (pthread_mutex_t *)mtx;
}

static pthread_cond_t *condition(cnd_t *cnd)
{
    return (pthread_cond_t *)cnd;
}

/* --- threads -------------------------------------------------------------------------------- */

typedef struct Start {
    thrd_start_t run;
    void *argument;
} Start;

static void *run(void *context)
{
    Start start = *(Start *)context;
    free(context);
    return (void *)(intptr_t)start.run(start.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    Start *start = malloc(sizeof *start);
    if (!start)
        return thrd_nomem;
    *start = (Start){function, argument};
    int error = pthread_create(thread, NULL, run, start);
    if (error)
        free(start);
    return result(error);
}

int thrd_join(thrd_t thread, int *code)
{
    void *returned = NULL;
    int error = pthread_join(thread, &returned);
    if (!error && code)
        *code = (int)(intptr_t)returned;
    return result(error);
}

int thrd_detach(thrd_t thread)
{
    return result(pthread_detach(thread));
}

void thrd_exit(int code)
{
    pthread_exit((void *)(intptr_t)code);
}

/* --- locks ---------------------------------------------------------------------------------- */

int mtx_init(mtx_t *mtx, int type)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE
                                                                : PTHREAD_MUTEX_NORMAL);
    int error = pthread_mutex_init(mutex(mtx), &attributes);
    pthread_mutexattr_destroy(&attributes);
    return result(error);
}

int mtx_lock(mtx_t *mtx)
{
    return result(pthread_mutex_lock(mutex(mtx)));
}

int mtx_trylock(mtx_t *mtx)
{
    return result(pthread_mutex_trylock(mutex(mtx)));
}

int mtx_timedlock(mtx_t *restrict mtx, const struct timespec *restrict until)
{
    return result(pthread_mutex_timedlock(mutex(mtx), until));
}

int mtx_unlock(mtx_t *mtx)
{
    return result(pthread_mutex_unlock(mutex(mtx)));
}

void mtx_destroy(mtx_t *mtx)
{
    pthread_mutex_destroy(mutex(mtx));
}

void call_once(once_flag *flag, void (*function)(void))
{
    pthread_once((pthread_once_t *)flag, function);
}

/* --- conditions ----------------------------------------------------------------------------- */

int cnd_init(cnd_t *cnd)
{
    return result(pthread_cond_init(condition(cnd), NULL));
}

int cnd_signal(cnd_t *cnd)
{
    return result(pthread_cond_signal(condition(cnd)));
}

int cnd_broadcast(cnd_t *cnd)
{
    return result(pthread_cond_broadcast(condition(cnd)));
}

int cnd_wait(cnd_t *cnd, mtx_t *mtx)
{
    return result(pthread_cond_wait(condition(cnd), mutex(mtx)));
}

int cnd_timedwait(cnd_t *restrict cnd, mtx_t *restrict mtx, const struct timespec *restrict until)
{
    return result(pthread_cond_timedwait(condition(cnd), mutex(mtx), until));
}

void cnd_destroy(cnd_t *cnd)
{
    pthread_cond_destroy(condition(cnd));
}

/* --- storage of a thread -------------------------------------------------------------------- */

int tss_create(tss_t *key, tss_dtor_t destructor)
{
    return result(pthread_key_create(key, destructor));
}

void *tss_get(tss_t key)
{
    return pthread_getspecific(key);
}

int tss_set(tss_t key, void *value)
{
    return result(pthread_setspecific(key, value));
}

void tss_delete(tss_t key)
{
    pthread_key_delete(key);
}
