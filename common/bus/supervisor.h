/* supervisor - a parent that watches its worker, so that no message can kill the fleet.
 *
 * Rule:    the child notes in shared memory which message it has in hand (hand_take/hand_return).
 *          It dies by a signal, an exit code other than 0, or by the watchdog when it holds one
 *          message longer than hang_limit_ms, less the time in which its thread was ready to run
 *          and got no processor: the parent counts one death for each message then in hand (of a
 *          hung child: each that hangs). At SUPERVISOR_DEATHS_MAX deaths a message is condemned:
 *          hand_condemned() tells the next child to dead-letter it unparsed and to answer its
 *          sender.
 * Ends:    when a child ends well or refuses its configuration, and after six tries of which none
 *          came as far as supervisor_started(), with the last one's code: what runs the process is
 *          to see that it cannot start. Once one has started, each that dies has a follower.
 * Threads: parent: one. Child: a Hand belongs to one thread; up to SUPERVISOR_HANDS of them.
 * Signals: SIGTERM and SIGINT are passed on, the child drains; SIGHUP is passed on (reload). After
 *          drain_limit_ms the child is killed. The child dies with its parent (PR_SET_PDEATHSIG),
 *          and closes the descriptors that it inherited, standard ones aside.
 * Errors:  ERR_FATAL "supervisor-fork". Crash loops back off from 0.1 s to 30 s. */
#pragma once
#include "common/base/err.h"
#include "common/obs/log.h"

enum {
    SUPERVISOR_HANDS = 64,
    SUPERVISOR_DEATHS_MAX = 2,
    SUPERVISOR_CONDEMNED_MAX = 64,
    SUPERVISOR_TOPIC_BYTES = 250,
};

typedef struct Supervisor Supervisor; /* the shared part: the child's view of its parent */
typedef struct Hand Hand;

typedef struct SupervisorOptions {
    uint32_t hang_limit_ms;  /* one message in hand for longer: killed; 0: 120 000 */
    uint32_t drain_limit_ms; /* from SIGTERM to SIGKILL; 0: 25 000 */
    uint32_t
        start_limit_ms; /* a child that lived longer than this resets the back-off; 0: 10 000 */
    const Log *log;
    /* The child's main; its result is the exit code: 0 ends the supervisor too, anything else is a
     * death. SUPERVISOR_REFUSED ends the supervisor with that code (a configuration error). */
    int (*child)(void *opaque, Supervisor *supervisor);
    void *opaque;
} SupervisorOptions;
enum { SUPERVISOR_REFUSED = 2 };

/* Returns the process's exit code. */
int supervisor_run(const SupervisorOptions *options);

/* For tests and for NO_SUPERVISOR=1: a shared part without a parent. NULL without memory. */
Supervisor *supervisor_alone(void);
void supervisor_alone_free(Supervisor *supervisor);

/* --- in the child ---------------------------------------------------------------------------- */
/* Set by SIGTERM or SIGINT; handlers are installed before child() runs. */
bool supervisor_stopping(void);
/* Its settings are good and what it needs is open: from now on its end is an accident. */
void supervisor_started(Supervisor *supervisor);
/* True once after each SIGHUP. */
bool supervisor_reload_asked(void);

Hand *hand_new(Supervisor *supervisor); /* CHECK: no more than SUPERVISOR_HANDS */
void hand_take(Hand *hand, const char *topic, int32_t partition, int64_t offset);
void hand_return(Hand *hand);
/* Deaths so far at this message; SUPERVISOR_DEATHS_MAX or more: do not touch it, dead-letter it. */
uint32_t hand_deaths(const Supervisor *supervisor, const char *topic, int32_t partition,
                     int64_t offset);
static inline bool hand_condemned(const Supervisor *supervisor, const char *topic,
                                  int32_t partition, int64_t offset)
{
    return hand_deaths(supervisor, topic, partition, offset) >= SUPERVISOR_DEATHS_MAX;
}
/* A thread that has nothing in hand but must not stall either (the poll loop) beats here. */
void supervisor_beat(Supervisor *supervisor);
/* A name that this supervisor's children have one after the other and nobody else has: 16 hex
 * digits. For BusConsumerOptions.member: the next child takes over where the last one died. */
const char *supervisor_member(const Supervisor *supervisor);
/* For BusConsumerOptions.max_poll_interval_ms: it is the parent who ends what hangs. A group that
 * gave up sooner would hand the message on before it counts as a death, again and again. */
uint32_t supervisor_poll_interval_ms(const Supervisor *supervisor);
/* How often the child was restarted, for metrics. */
uint32_t supervisor_restarts(const Supervisor *supervisor);
