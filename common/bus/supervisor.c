#include "common/bus/supervisor.h"

#include <assert.h>
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
    DRAIN_LIMIT_MS = 25000,
    START_LIMIT_MS = 10000,
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 30000,
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
    _Atomic int64_t beat_ms; /* 0: this child does not beat */
    Deaths deaths[SUPERVISOR_CONDEMNED_MAX];
    uint32_t death_count; /* ever; the table is a ring */
    uint32_t restarts;
    char member[SUPERVISOR_MEMBER_BYTES];
};

typedef struct Parent {
    const SupervisorOptions *options;
    Supervisor *shared;
    uint32_t hang_limit_ms, drain_limit_ms, start_limit_ms;
    uint32_t backoff_ms;
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
    supervisor->beat_ms = now_ms();
}

const char *supervisor_member(const Supervisor *supervisor)
{
    return supervisor->member;
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

/* Which messages the child had in hand; of a hung one only those that hang (least_ms). */
static void count_deaths(Parent *parent, int64_t now, int64_t least_ms)
{
    for (size_t i = 0; i < SUPERVISOR_HANDS; i++) {
        Hand *hand = &parent->shared->hands[i];
        int64_t since = hand->since_ms;
        if (since != 0 && now - since >= least_ms)
            count_death(parent, &hand->place);
    }
}

static bool hangs(const Parent *parent, int64_t now)
{
    bool in_hand = false;
    for (size_t i = 0; i < SUPERVISOR_HANDS; i++) {
        int64_t since = parent->shared->hands[i].since_ms;
        in_hand |= since != 0;
        if (since != 0 && now - since > parent->hang_limit_ms)
            return true;
    }
    int64_t beat = parent->shared->beat_ms;
    return !in_hand && beat != 0 && now - beat > parent->hang_limit_ms;
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
static int watch(Parent *parent, pid_t child, int64_t *ret_hung_at_ms)
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
        if (*ret_hung_at_ms == 0 && hangs(parent, now)) {
            *ret_hung_at_ms = now;
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
    int64_t born = now_ms(), hung_at_ms = 0;
    pid_t self = getpid();
    clear_hands(parent->shared);
    pid_t child = fork();
    if (child < 0) {
        log_error(parent->options->log, "supervisor.fork_failed");
        *ret_code = 1;
        return false;
    }
    if (child == 0)
        child_run(parent, self);
    int status = watch(parent, child, &hung_at_ms);
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
    if (hung_at_ms)
        count_deaths(parent, hung_at_ms, parent->hang_limit_ms);
    else
        count_deaths(parent, now_ms(), 0);
    parent->shared->restarts++;
    back_off(parent, now_ms() - born > parent->start_limit_ms);
    *ret_code = 0;
    return !parent->stopping;
}

static uint32_t or_default(uint32_t value, uint32_t initial)
{
    return value ? value : initial;
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
    watched_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    while (one_child(&parent, &code))
        continue;
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    munmap(memory, sizeof(Supervisor));
    return code;
}
