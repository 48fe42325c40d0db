#include "common/watch/watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/str.h"

struct Watch {
    const char *name;
    uint32_t every_ms;
    WatchLook look;
    void *opaque;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t sooner;
    bool hasten; /* under the lock */
    atomic_bool stop;
};

static void wait_for_the_next(Watch *watch)
{
    const struct timespec until = clock_after_ms(CLOCK_MONOTONIC, watch->every_ms);
    pthread_mutex_lock(&watch->lock);
    while (!watch->hasten && !watch->stop &&
           pthread_cond_timedwait(&watch->sooner, &watch->lock, &until) == 0)
        ;
    watch->hasten = false;
    pthread_mutex_unlock(&watch->lock);
}

static void *watch_main(void *opaque)
{
    Watch *watch = opaque;
    pthread_setname_np(pthread_self(), watch->name);
    while (!watch->stop) {
        watch->look(watch, watch->opaque);
        wait_for_the_next(watch);
    }
    return NULL;
}

static void let_go(Watch *watch)
{
    pthread_cond_destroy(&watch->sooner);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

Watch *watch_start(const char *name, uint32_t every_ms, WatchLook look, void *opaque)
{
    Watch *watch = calloc(1, sizeof *watch);
    pthread_condattr_t clock;
    CHECK(watch);
    watch->name = name;
    watch->every_ms = every_ms;
    watch->look = look;
    watch->opaque = opaque;
    CHECK(pthread_mutex_init(&watch->lock, NULL) == 0);
    CHECK(pthread_condattr_init(&clock) == 0);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    CHECK(pthread_cond_init(&watch->sooner, &clock) == 0);
    pthread_condattr_destroy(&clock);
    if (pthread_create(&watch->thread, NULL, watch_main, watch) == 0)
        return watch;
    let_go(watch);
    return NULL;
}

void watch_hasten(Watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->hasten = true;
    pthread_cond_signal(&watch->sooner);
    pthread_mutex_unlock(&watch->lock);
}

bool watch_stopping(const Watch *watch)
{
    return watch->stop;
}

void watch_stop(Watch *watch)
{
    if (!watch)
        return;
    pthread_mutex_lock(&watch->lock);
    watch->stop = true;
    pthread_cond_signal(&watch->sooner);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    let_go(watch);
}

uint64_t watch_file_stamp(const char *path)
{
    struct stat facts;
    char line[200];
    if (!path || stat(path, &facts) != 0)
        return 0;
    int len = snprintf(line, sizeof line, "%lld.%ld %lld %lld", (long long)facts.st_mtim.tv_sec,
                       facts.st_mtim.tv_nsec, (long long)facts.st_size, (long long)facts.st_ino);
    return str_hash((Str){line, (size_t)len});
}
