#include "common/bus/supervisor.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/check.h"

enum {
    HANG_LIMIT_MS = 120000,
    POLL_MARGIN_MS = 60000,
    DRAIN_LIMIT_MS = 25000,
    START_LIMIT_MS = 10000,
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 30000,
    FAILED_STARTS_MAX = 6, /* 3 s: a port of the process before is free again by then */
    WATCH_MS = 200,
    SUPERVISOR_MEMBER_BYTES = 17,
};

typedef struct Place {
    char topic[SUPERVISOR_TOPIC_BYTES];
    int32_t partition;
    int64_t offset;
} Place;

/* Written by one thread of the child; read by the parent, also while the child lives. `since_ms` is
 * written last and cleared first, so a place is whole whenever it is not 0. */
struct Hand {
    Place place;
    _Atomic int thread;       /* whose it is */
    _Atomic int64_t since_ms; /* monotonic; 0: nothing in hand */
};

/* Written by the parent while no child lives. */
typedef struct Deaths {
    Place place;
    uint32_t count;
} Deaths;

struct Supervisor {
    Hand hands[SUPERVISOR_HANDS];
    atomic_uint hand_count;
    atomic_bool started;     /* some child, once */
    _Atomic int64_t beat_ms; /* 0: this child does not beat */
    _Atomic int beat_thread;
    Deaths deaths[SUPERVISOR_CONDEMNED_MAX];
    uint32_t death_count; /* ever; the table is a ring */
    uint32_t restarts, hang_limit_ms;
    char member[SUPERVISOR_MEMBER_BYTES];
};

/* A thread that is at the same thing for long, as the parent saw it last. */
typedef struct Watched {
    int64_t since_ms, seen_ms, ran_ms;
    int64_t held_ms; /* what of it counts */
} Watched;

typedef struct Parent {
    const SupervisorOptions *options;
    Supervisor *shared;
    Watched watched[SUPERVISOR_HANDS + 1]; /* by hand; the last one: the beat */
    bool hung[SUPERVISOR_HANDS];
    uint32_t hang_limit_ms, drain_limit_ms, start_limit_ms;
    uint32_t backoff_ms, failed_starts;
    bool stopping;
    int64_t kill_at_ms; /* draining ends; 0: not draining */
} Parent;

/* Set by a handler on whichever thread the signal reaches, read by all threads. */
static atomic_int stop_flag, reload_flag;
static_assert(ATOMIC_INT_LOCK_FREE == 2, "a signal handler may write them");

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- the child's side --------------------------------------------------------------------------
 */
bool supervisor_stopping(void)
{
    return stop_flag != 0;
}

bool supervisor_reload_asked(void)
{
    bool asked = reload_flag != 0;
    reload_flag = 0;
    return asked;
}

static int this_thread(void)
{
    static _Thread_local int thread;
    if (!thread)
        thread = gettid();
    return thread;
}

static Place place_of(const char *topic, int32_t partition, int64_t offset)
{
    Place place = {.partition = partition, .offset = offset};
    snprintf(place.topic, sizeof place.topic, "%s", topic);
    return place;
}

static bool same_place(const Place *a, const Place *b)
{
    return a->offset == b->offset && a->partition == b->partition &&
           strcmp(a->topic, b->topic) == 0;
}

Hand *hand_new(Supervisor *supervisor)
{
    unsigned index = atomic_fetch_add(&supervisor->hand_count, 1);
    CHECK(index < SUPERVISOR_HANDS);
    return &supervisor->hands[index];
}

void hand_take(Hand *hand, const char *topic, int32_t partition, int64_t offset)
{
    hand->since_ms = 0;
    hand->place = place_of(topic, partition, offset);
    hand->thread = this_thread();
    hand->since_ms = now_ms();
}

void hand_return(Hand *hand)
{
    hand->since_ms = 0;
}

uint32_t hand_deaths(const Supervisor *supervisor, const char *topic, int32_t partition,
                     int64_t offset)
{
    Place place = place_of(topic, partition, offset);
    for (size_t i = 0; i < SUPERVISOR_CONDEMNED_MAX; i++)
        if (supervisor->deaths[i].count && same_place(&supervisor->deaths[i].place, &place))
            return supervisor->deaths[i].count;
    return 0;
}

void supervisor_beat(Supervisor *supervisor)
{
    supervisor->beat_thread = this_thread();
    supervisor->beat_ms = now_ms();
}

void supervisor_started(Supervisor *supervisor)
{
    supervisor->started = true;
}

static uint32_t or_default(uint32_t value, uint32_t initial)
{
    return value ? value : initial;
}

const char *supervisor_member(const Supervisor *supervisor)
{
    return supervisor->member;
}

uint32_t supervisor_poll_interval_ms(const Supervisor *supervisor)
{
    return 2 * or_default(supervisor->hang_limit_ms, HANG_LIMIT_MS) + POLL_MARGIN_MS;
}

uint32_t supervisor_restarts(const Supervisor *supervisor)
{
    return supervisor->restarts;
}

static void on_signal(int number)
{
    if (number == SIGHUP)
        reload_flag = 1;
    else
        stop_flag = 1;
}

static void install_handlers(void)
{
    struct sigaction action = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

static void name_member(Supervisor *supervisor)
{
    snprintf(supervisor->member, sizeof supervisor->member, "%08x%08x", arc4random(), arc4random());
}

Supervisor *supervisor_alone(void)
{
    Supervisor *supervisor = calloc(1, sizeof *supervisor);
    install_handlers();
    if (supervisor)
        name_member(supervisor);
    return supervisor;
}

void supervisor_alone_free(Supervisor *supervisor)
{
    free(supervisor);
}

/* --- the parent's side -------------------------------------------------------------------------
 */
static void watched_signals(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGINT);
    sigaddset(ret_set, SIGHUP);
    sigaddset(ret_set, SIGCHLD);
}

_Noreturn static void child_run(const Parent *parent, pid_t parent_pid)
{
    const struct rlimit no_core = {0, 0};
    sigset_t set;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent_pid)
        _exit(1);                     /* the parent died before the line above */
    setrlimit(RLIMIT_CORE, &no_core); /* a core would hold patient data */
    close_range(3, ~0U, 0);
    install_handlers();
    watched_signals(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    exit(parent->options->child(parent->options->opaque, parent->shared));
}

static void count_death(Parent *parent, const Place *place)
{
    Supervisor *shared = parent->shared;
    Deaths *deaths = NULL;
    for (size_t i = 0; i < SUPERVISOR_CONDEMNED_MAX; i++)
        if (shared->deaths[i].count && same_place(&shared->deaths[i].place, place))
            deaths = &shared->deaths[i];
    if (!deaths) {
        deaths = &shared->deaths[shared->death_count++ % SUPERVISOR_CONDEMNED_MAX];
        *deaths = (Deaths){.place = *place};
    }
    deaths->count++;
    log_error(parent->options->log, "supervisor.died_with_message", LOG_TEXT("topic", place->topic),
              LOG_I64("partition", place->partition), LOG_I64("offset", place->offset),
              LOG_U64("deaths", deaths->count));
}

/* The text of a file of the child's thread; false where there is none. */
static bool thread_file(pid_t child, int thread, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", child, thread, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = file < 0 ? -1 : read(file, text, size - 1);
    if (file >= 0)
        close(file);
    text[len > 0 ? len : 0] = '\0';
    return len > 0;
}

/* Whether a thread is ready to run, and how long it ran. False where the kernel does not tell.
 * spec: man 5 proc, /proc/<pid>/stat: the state follows the name in parentheses.
 * spec: docs.kernel.org/scheduler/sched-stats.html, /proc/<pid>/schedstat: first the time in ns. */
static bool thread_look(pid_t child, int thread, bool *ret_ready, int64_t *ret_ran_ms)
{
    char stat[128], ran[96];
    if (!thread_file(child, thread, "stat", stat, sizeof stat) ||
        !thread_file(child, thread, "schedstat", ran, sizeof ran))
        return false;
    const char *state = strrchr(stat, ')');
    *ret_ready = state && strncmp(state, ") R", 3) == 0;
    *ret_ran_ms = strtoll(ran, NULL, 10) / 1000000;
    return true;
}

/* For how long a thread is at the same thing, less the time in which it was ready to run and the
 * machine gave it no processor: on one that is overloaded everything takes long, and killing makes
 * it longer. The kernel is asked only about what takes long. */
static int64_t held_ms(Parent *parent, pid_t child, size_t index, int thread, int64_t since,
                       int64_t now)
{
    Watched *watched = &parent->watched[index];
    bool ready;
    int64_t ran;
    if (now - since <= parent->hang_limit_ms / 8)
        return now - since;
    if (!thread_look(child, thread, &ready, &ran))
        return now - since;
    if (watched->since_ms != since)
        *watched = (Watched){.since_ms = since, .held_ms = now - since};
    else
        watched->held_ms += ready ? ran - watched->ran_ms : now - watched->seen_ms;
    watched->seen_ms = now;
    watched->ran_ms = ran;
    return watched->held_ms;
}

/* Which messages the child had in hand; of a hung one only those that hang. */
static void count_deaths(Parent *parent, bool hung)
{
    for (size_t i = 0; i < SUPERVISOR_HANDS; i++)
        if (parent->shared->hands[i].since_ms != 0 && (parent->hung[i] || !hung))
            count_death(parent, &parent->shared->hands[i].place);
}

static bool hangs(Parent *parent, pid_t child, int64_t now)
{
    bool in_hand = false, hangs = false;
    for (size_t i = 0; i < SUPERVISOR_HANDS; i++) {
        const Hand *hand = &parent->shared->hands[i];
        int64_t since = hand->since_ms;
        in_hand |= since != 0;
        parent->hung[i] = since != 0 && held_ms(parent, child, i, hand->thread, since, now) >
                                            parent->hang_limit_ms;
        hangs |= parent->hung[i];
    }
    int64_t beat = parent->shared->beat_ms;
    return hangs || (!in_hand && beat != 0 &&
                     held_ms(parent, child, SUPERVISOR_HANDS, parent->shared->beat_thread, beat,
                             now) > parent->hang_limit_ms);
}

static void pass_on(Parent *parent, pid_t child, int number)
{
    if (number == SIGHUP) {
        kill(child, SIGHUP);
    } else if (number == SIGTERM || number == SIGINT) {
        parent->stopping = true;
        if (parent->kill_at_ms == 0)
            parent->kill_at_ms = now_ms() + parent->drain_limit_ms;
        kill(child, SIGTERM);
    }
}

/* Until the child has ended: its wait status. */
static int watch(Parent *parent, pid_t child, bool *ret_hung)
{
    const struct timespec tick = {.tv_nsec = WATCH_MS * 1000000L};
    sigset_t set;
    int status;
    bool drain_over = false;
    watched_signals(&set);
    for (;;) {
        int number = sigtimedwait(&set, NULL, &tick);
        if (waitpid(child, &status, WNOHANG) == child)
            return status;
        if (number > 0)
            pass_on(parent, child, number);
        int64_t now = now_ms();
        if (!*ret_hung && hangs(parent, child, now)) {
            *ret_hung = true;
            log_error(parent->options->log, "supervisor.child_hangs");
            kill(child, SIGKILL);
        } else if (parent->kill_at_ms && now > parent->kill_at_ms && !drain_over) {
            drain_over = true;
            log_error(parent->options->log, "supervisor.drain_limit");
            kill(child, SIGKILL);
        }
    }
}

static void back_off(Parent *parent, bool lived)
{
    sigset_t set;
    watched_signals(&set);
    if (lived)
        parent->backoff_ms = BACKOFF_MIN_MS;
    int64_t until = now_ms() + parent->backoff_ms;
    for (int64_t left; !parent->stopping && (left = until - now_ms()) > 0;) {
        const struct timespec wait = {left / 1000, left % 1000 * 1000000};
        int number = sigtimedwait(&set, NULL, &wait);
        if (number == SIGTERM || number == SIGINT)
            parent->stopping = true;
    }
    parent->backoff_ms *= 2;
    if (parent->backoff_ms > BACKOFF_MAX_MS)
        parent->backoff_ms = BACKOFF_MAX_MS;
}

static void clear_hands(Supervisor *shared)
{
    for (size_t i = 0; i < SUPERVISOR_HANDS; i++)
        shared->hands[i].since_ms = 0;
    shared->hand_count = 0;
    shared->beat_ms = 0;
}

/* One child from birth to death. True when another one is to follow. */
static bool one_child(Parent *parent, int *ret_code)
{
    int64_t born = now_ms();
    bool hung = false;
    pid_t self = getpid();
    clear_hands(parent->shared);
    memset(parent->watched, 0, sizeof parent->watched);
    pid_t child = fork();
    if (child < 0) {
        log_error(parent->options->log, "supervisor.fork_failed");
        *ret_code = 1;
        return false;
    }
    if (child == 0)
        child_run(parent, self);
    int status = watch(parent, child, &hung);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (WIFEXITED(status) && (code == 0 || code == SUPERVISOR_REFUSED)) {
        *ret_code = code;
        return false;
    }
    log_error(parent->options->log, "supervisor.child_died", LOG_I64("code", code),
              LOG_I64("lived_ms", now_ms() - born));
    if (parent->stopping) {
        *ret_code = code;
        return false;
    }
    if (!parent->shared->started && ++parent->failed_starts >= FAILED_STARTS_MAX) {
        log_error(parent->options->log, "supervisor.never_started", LOG_I64("code", code),
                  LOG_U64("tries", parent->failed_starts));
        *ret_code = code;
        return false;
    }
    count_deaths(parent, hung);
    parent->shared->restarts++;
    back_off(parent, now_ms() - born > parent->start_limit_ms);
    *ret_code = 0;
    return !parent->stopping;
}

int supervisor_run(const SupervisorOptions *options)
{
    sigset_t set;
    int code = 1;
    void *memory =
        mmap(NULL, sizeof(Supervisor), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        log_error(options->log, "supervisor.no_memory");
        return 1;
    }
    Parent parent = {
        .options = options,
        .shared = memory,
        .hang_limit_ms = or_default(options->hang_limit_ms, HANG_LIMIT_MS),
        .drain_limit_ms = or_default(options->drain_limit_ms, DRAIN_LIMIT_MS),
        .start_limit_ms = or_default(options->start_limit_ms, START_LIMIT_MS),
        .backoff_ms = BACKOFF_MIN_MS,
    };
    name_member(parent.shared);
    parent.shared->hang_limit_ms = parent.hang_limit_ms;
    watched_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    while (one_child(&parent, &code))
        continue;
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    munmap(memory, sizeof(Supervisor));
    return code;
}
