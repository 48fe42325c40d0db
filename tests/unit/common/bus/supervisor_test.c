/* Real children that really die. What they saw travels back through shared memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/bus/supervisor.h"

typedef struct Scene {
    atomic_int children;
    atomic_int dead_lettered;
    atomic_int neighbours; /* messages that were worked on */
    atomic_int open_descriptors;
    atomic_int reloads;
    atomic_int child_pid;
    char member[17]; /* of the first child */
    int same_member; /* 0: that of the second too */
} Scene;

static Scene *scene;

static int scene_up(void **state)
{
    (void)state;
    scene = mmap(NULL, sizeof *scene, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return scene == MAP_FAILED ? -1 : 0;
}

static int scene_down(void **state)
{
    (void)state;
    return munmap(scene, sizeof *scene);
}

/* Messages 0, 1, 2 on one partition; 1 is the poison. Each child starts again at the first that is
 * not settled, as a consumer would. */
static int works_until_poisoned(void *poison, Supervisor *supervisor)
{
    void (*kill_me)(void) = *(void (**)(void))poison;
    Hand *hand = hand_new(supervisor);
    scene->children++;
    supervisor_started(supervisor);
    for (int64_t offset = scene->neighbours > 0 ? 1 : 0; offset < 3; offset++) {
        if (hand_condemned(supervisor, "intake", 0, offset)) {
            scene->dead_lettered++;
            continue;
        }
        hand_take(hand, "intake", 0, offset);
        if (offset == 1)
            kill_me();
        scene->neighbours++;
        hand_return(hand);
    }
    return 0;
}

static int keeps_its_name(void *ignored, Supervisor *supervisor)
{
    (void)ignored;
    if (scene->children++ == 0) {
        memcpy(scene->member, supervisor_member(supervisor), sizeof scene->member);
        _exit(7);
    }
    scene->same_member = memcmp(scene->member, supervisor_member(supervisor), sizeof scene->member);
    return 0;
}

static void abort_now(void)
{
    signal(SIGABRT, SIG_DFL); /* cmocka's handler came along with the fork */
    abort();
}

static void hang_now(void)
{
    for (;;)
        pause();
}

static void spin_now(void)
{
    while (scene->children)
        continue;
}

static void exit_badly(void)
{
    _exit(7);
}

static void run_poison(void (*poison)(void))
{
    const SupervisorOptions options = {
        .hang_limit_ms = 300, .child = works_until_poisoned, .opaque = &poison};
    assert_int_equal(supervisor_run(&options), 0);
    assert_int_equal(scene->children, 3);
    assert_int_equal(scene->dead_lettered, 1);
    assert_int_equal(scene->neighbours, 2);
}

static void a_message_that_aborts_is_condemned_after_two_deaths(void **state)
{
    (void)state;
    run_poison(abort_now);
}

static void a_message_that_hangs_is_condemned_after_two_kills(void **state)
{
    (void)state;
    run_poison(hang_now);
}

static void a_message_that_never_comes_to_an_end_is_condemned_after_two_kills(void **state)
{
    (void)state;
    run_poison(spin_now);
}

static void a_message_that_ends_the_process_counts_too(void **state)
{
    (void)state;
    run_poison(exit_badly);
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Works only when nobody else wants its processor, and for two seconds somebody does. */
static int starves(void *opaque, Supervisor *supervisor)
{
    const struct sched_param none = {0};
    cpu_set_t one;
    Hand *hand = hand_new(supervisor);
    (void)opaque;
    scene->children++;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
    hand_take(hand, "intake", 0, 0);
    if (fork() == 0) {
        for (int64_t until = monotonic_ms() + 2000; monotonic_ms() < until;)
            continue;
        scene->neighbours = 1;
        _exit(0);
    }
    sched_setscheduler(0, SCHED_IDLE, &none);
    while (!scene->neighbours)
        continue;
    hand_return(hand);
    return 0;
}

static void a_worker_that_the_machine_lets_wait_does_not_hang(void **state)
{
    const SupervisorOptions options = {.hang_limit_ms = 500, .child = starves};
    (void)state;
    if (access("/proc/self/schedstat", R_OK) != 0)
        skip();
    assert_int_equal(supervisor_run(&options), 0);
    assert_int_equal(scene->children, 1);
}

static int refuses(void *opaque, Supervisor *supervisor)
{
    (void)opaque;
    (void)supervisor;
    scene->children++;
    return SUPERVISOR_REFUSED;
}

static void a_refused_configuration_is_not_tried_again(void **state)
{
    (void)state;
    const SupervisorOptions options = {.child = refuses};
    assert_int_equal(supervisor_run(&options), SUPERVISOR_REFUSED);
    assert_int_equal(scene->children, 1);
}

static int cannot_start(void *opaque, Supervisor *supervisor)
{
    (void)opaque;
    (void)supervisor;
    scene->children++;
    usleep(5000); /* longer than start_limit_ms: no back-off to wait for */
    return 1;
}

static void what_never_starts_ends_the_supervisor(void **state)
{
    (void)state;
    const SupervisorOptions options = {.child = cannot_start, .start_limit_ms = 1};
    assert_int_equal(supervisor_run(&options), 1);
    assert_in_range(scene->children, 2, 10);
}

/* The dependency that it needs to start is away for long, then it is back. */
static int starts_once(void *opaque, Supervisor *supervisor)
{
    (void)opaque;
    int number = scene->children++;
    if (number == 0)
        supervisor_started(supervisor);
    usleep(5000);
    return number < 7;
}

static void what_had_started_is_tried_again_and_again(void **state)
{
    (void)state;
    const SupervisorOptions options = {.child = starts_once, .start_limit_ms = 1};
    assert_int_equal(supervisor_run(&options), 0);
    assert_int_equal(scene->children, 8);
}

static int waits_for_stop(void *opaque, Supervisor *supervisor)
{
    (void)opaque;
    (void)supervisor;
    for (int fd = 3; fd < 256; fd++)
        scene->open_descriptors += fcntl(fd, F_GETFD) >= 0;
    scene->child_pid = getpid();
    while (!supervisor_stopping()) {
        if (supervisor_reload_asked())
            scene->reloads++;
        usleep(5000);
    }
    return 0;
}

static pid_t start_supervisor(int (*child)(void *, Supervisor *), uint32_t drain_limit_ms)
{
    pid_t pid = fork();
    if (pid == 0) {
        const SupervisorOptions options = {.child = child, .drain_limit_ms = drain_limit_ms};
        int fd = dup(2); /* something to inherit */
        _exit(fd < 0 ? 99 : supervisor_run(&options));
    }
    while (scene->child_pid == 0)
        usleep(5000);
    return pid;
}

static int end_of(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void signals_are_passed_on_and_descriptors_are_not(void **state)
{
    (void)state;
    pid_t pid = start_supervisor(waits_for_stop, 0);
    kill(pid, SIGHUP);
    while (scene->reloads == 0)
        usleep(5000);
    kill(pid, SIGTERM);
    assert_int_equal(end_of(pid), 0);
    assert_int_equal(scene->open_descriptors, 0);
}

static int never_stops(void *opaque, Supervisor *supervisor)
{
    (void)opaque;
    (void)supervisor;
    scene->child_pid = getpid();
    for (;;)
        pause();
    return 0;
}

static void a_child_that_does_not_drain_is_killed(void **state)
{
    (void)state;
    pid_t pid = start_supervisor(never_stops, 300);
    kill(pid, SIGTERM);
    assert_int_equal(end_of(pid), 128 + SIGKILL);
}

static void the_child_dies_with_its_parent(void **state)
{
    (void)state;
    pid_t pid = start_supervisor(never_stops, 0);
    kill(pid, SIGKILL);
    assert_int_equal(end_of(pid), 128 + SIGKILL);
    for (int i = 0; i < 400 && kill(scene->child_pid, 0) == 0; i++)
        usleep(5000);
    /* Nobody reaps an orphan here until init does: dead is dead, as a zombie too. */
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", scene->child_pid);
    FILE *file = fopen(path, "r");
    if (file) {
        size_t got = fread(text, 1, sizeof text - 1, file);
        assert_true(got > 0);
        fclose(file);
        assert_non_null(strstr(text, ") Z"));
    }
}

static void children_follow_each_other_under_one_name(void **state)
{
    (void)state;
    const SupervisorOptions options = {.child = keeps_its_name};
    scene->same_member = -1;
    assert_int_equal(supervisor_run(&options), 0);
    assert_int_equal(scene->children, 2);
    assert_int_equal(strlen(scene->member), 16);
    assert_int_equal(scene->same_member, 0);
    Supervisor *other = supervisor_alone();
    assert_string_not_equal(supervisor_member(other), scene->member);
    assert_true(supervisor_poll_interval_ms(other) > 120000);
    supervisor_alone_free(other);
}

static void alone_it_condemns_nothing(void **state)
{
    (void)state;
    Supervisor *alone = supervisor_alone();
    Hand *hand = hand_new(alone);
    hand_take(hand, "intake", 1, 2);
    assert_false(hand_condemned(alone, "intake", 1, 2));
    hand_return(hand);
    supervisor_alone_free(alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_that_aborts_is_condemned_after_two_deaths,
                                        scene_up, scene_down),
        cmocka_unit_test_setup_teardown(a_message_that_hangs_is_condemned_after_two_kills, scene_up,
                                        scene_down),
        cmocka_unit_test_setup_teardown(
            a_message_that_never_comes_to_an_end_is_condemned_after_two_kills, scene_up,
            scene_down),
        cmocka_unit_test_setup_teardown(a_worker_that_the_machine_lets_wait_does_not_hang, scene_up,
                                        scene_down),
        cmocka_unit_test_setup_teardown(a_message_that_ends_the_process_counts_too, scene_up,
                                        scene_down),
        cmocka_unit_test_setup_teardown(a_refused_configuration_is_not_tried_again, scene_up,
                                        scene_down),
        cmocka_unit_test_setup_teardown(what_never_starts_ends_the_supervisor, scene_up,
                                        scene_down),
        cmocka_unit_test_setup_teardown(what_had_started_is_tried_again_and_again, scene_up,
                                        scene_down),
        cmocka_unit_test_setup_teardown(signals_are_passed_on_and_descriptors_are_not, scene_up,
                                        scene_down),
        cmocka_unit_test_setup_teardown(a_child_that_does_not_drain_is_killed, scene_up,
                                        scene_down),
        cmocka_unit_test_setup_teardown(the_child_dies_with_its_parent, scene_up, scene_down),
        cmocka_unit_test_setup_teardown(children_follow_each_other_under_one_name, scene_up,
                                        scene_down),
        cmocka_unit_test(alone_it_condemns_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
