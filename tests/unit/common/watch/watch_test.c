/* A watch looks at once, again and again, sooner when told to, and no more once it is stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/watch/watch.h"

static void count(const Watch *watch, void *opaque)
{
    (void)watch;
    atomic_fetch_add((atomic_int *)opaque, 1);
}

static bool comes_to(atomic_int *looks, int wanted)
{
    for (int i = 0; i < 2000 && atomic_load(looks) < wanted; i++)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    return atomic_load(looks) >= wanted;
}

static void looks_at_once_and_again_until_it_is_stopped(void **state)
{
    (void)state;
    atomic_int looks = 0;
    Watch *watch = watch_start("test", 1, count, &looks);
    assert_non_null(watch);
    assert_true(comes_to(&looks, 5));
    watch_stop(watch);
    int after = atomic_load(&looks);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_int_equal(atomic_load(&looks), after);
}

static void looks_sooner_when_told_to_and_stops_without_waiting(void **state)
{
    (void)state;
    atomic_int looks = 0;
    Watch *watch = watch_start("test", 3600000, count, &looks);
    assert_true(comes_to(&looks, 1));
    watch_hasten(watch);
    assert_true(comes_to(&looks, 2));
    watch_stop(watch);
    assert_int_equal(atomic_load(&looks), 2);
}

static void look_long(const Watch *watch, void *opaque)
{
    count(watch, opaque);
    while (!watch_stopping(watch))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void a_long_look_can_ask_whether_to_stop(void **state)
{
    (void)state;
    atomic_int looks = 0;
    Watch *watch = watch_start("test", 1, look_long, &looks);
    assert_true(comes_to(&looks, 1));
    watch_stop(watch);
    assert_int_equal(atomic_load(&looks), 1);
}

static void a_file_that_changes_has_another_stamp(void **state)
{
    (void)state;
    char path[] = "/tmp/watch-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    uint64_t empty = watch_file_stamp(path);
    assert_true(empty != 0 && empty == watch_file_stamp(path));
    assert_int_equal(write(fd, "x", 1), 1);
    assert_true(watch_file_stamp(path) != empty);
    close(fd);
    unlink(path);
    assert_true(watch_file_stamp(path) == 0 && watch_file_stamp(NULL) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_at_once_and_again_until_it_is_stopped),
        cmocka_unit_test(looks_sooner_when_told_to_and_stops_without_waiting),
        cmocka_unit_test(a_long_look_can_ask_whether_to_stop),
        cmocka_unit_test(a_file_that_changes_has_another_stamp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
