/* Keys that a program asks a key service for. What is secret goes by its standard input and output.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/vault/aead.h"

enum { TEXT_MAX = 3 * WRAPPED_MAX / 2 };

typedef struct Command {
    uint64_t timeout_ms;
    char line[];
} Command;

extern char **environ;

/* --- base64 (RFC 4648 §4) --------------------------------------------------------------------- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t to_base64(Str bytes, char *to)
{
    size_t len = 0;
    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t v = 0;
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (k < n ? (unsigned char)bytes.ptr[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            to[len++] = k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
    }
    return len;
}

static bool from_base64(Str text, char *to, size_t room, size_t *ret_len)
{
    uint32_t v = 0;
    size_t bits = 0, len = 0;
    text = str_trim(text);
    while (text.len && text.ptr[text.len - 1] == '=')
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        const char *at = text.ptr[i] ? strchr(digits, text.ptr[i]) : NULL;
        if (!at)
            return false;
        v = v << 6 | (uint32_t)(at - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            if (len == room)
                return false;
            to[len++] = (char)(v >> bits);
        }
    }
    *ret_len = len;
    return true;
}

/* --- the program ------------------------------------------------------------------------------ */

typedef struct Program {
    pid_t pid; /* and its group: whatever it starts ends with it */
    int in, out;
} Program;

static void default_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, pipe;
    sigemptyset(&none);
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE); /* services ignore it, and what is ignored is inherited */
    posix_spawnattr_init(attributes);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &pipe);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                             POSIX_SPAWN_SETPGROUP);
}

static bool spawn(char *line, const int in[2], const int out[2], pid_t *ret_pid)
{
    char shell[] = "/bin/sh", flag[] = "-c", *words[] = {shell, flag, line, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    default_signals(&attributes);
    bool fine = posix_spawn(ret_pid, shell, &actions, &attributes, words, environ) == 0;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return fine;
}

static bool start(char *line, Program *ret_program)
{
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0)
        return false;
    bool piped = pipe2(out, O_CLOEXEC) == 0;
    bool fine = piped && spawn(line, in, out, &ret_program->pid);
    close(in[0]);
    if (piped)
        close(out[1]);
    if (!fine) {
        close(in[1]);
        if (piped)
            close(out[0]);
        return false;
    }
    ret_program->in = in[1];
    ret_program->out = out[0];
    return true;
}

/* Less than a pipe holds: it does not wait. A program that does not read must not end a tool by
 * SIGPIPE. */
static bool hand_over(int to, Str input)
{
    sigset_t pipe, before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    bool fine = !input.len || write(to, input.ptr, input.len) == (ssize_t)input.len;
    if (!fine)
        sigtimedwait(&pipe, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(to);
    return fine;
}

static size_t read_all(int from, char *to, size_t room, int64_t until_ms)
{
    size_t len = 0;
    while (len < room) {
        struct pollfd wait = {.fd = from, .events = POLLIN};
        int64_t left = until_ms - clock_mono_ms();
        if (left <= 0 || poll(&wait, 1, (int)left) <= 0)
            return SIZE_MAX;
        ssize_t got = read(from, to + len, room - len);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    return len;
}

/* Its exit status, -1: it did not end in time, or by a signal. What it started ends with it: before
 * it is reaped, as long as the group's number is nobody else's. */
static int reap(pid_t pid, int64_t until_ms)
{
    int status = -1;
    siginfo_t ended = {0};
    while (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && !ended.si_pid &&
           clock_mono_ms() < until_ms)
        poll(NULL, 0, 5);
    kill(-pid, SIGKILL);
    waitpid(pid, &status, 0);
    return ended.si_pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool ask(const Command *command, const char *verb, const char *name, Str input,
                char ret_text[TEXT_MAX], size_t *ret_len, Err *err)
{
    char line[4096];
    Program program;
    int64_t until_ms = clock_mono_ms() + (int64_t)command->timeout_ms;
    if (snprintf(line, sizeof line, "%s %s %s", command->line, verb, name) >= (int)sizeof line ||
        !start(line, &program))
        return ERR(err, ERR_RETRY, "kms-away", "PAYLOAD_KMS_COMMAND cannot be started");
    bool written = hand_over(program.in, input);
    *ret_len = read_all(program.out, ret_text, TEXT_MAX, until_ms);
    close(program.out);
    int status = reap(program.pid, until_ms);
    if (written && *ret_len != SIZE_MAX && status == 0)
        return true;
    explicit_bzero(ret_text, TEXT_MAX);
    if (clock_mono_ms() >= until_ms)
        return ERR(err, ERR_RETRY, "kms-away", "PAYLOAD_KMS_COMMAND %s %s took more than %llu ms",
                   verb, name, (unsigned long long)command->timeout_ms);
    return ERR(err, ERR_RETRY, "kms-away", "PAYLOAD_KMS_COMMAND %s %s failed (exit %d)", verb, name,
               status);
}

static bool active(void *self, char ret_name[KMS_NAME_MAX + 1], Err *err)
{
    char text[TEXT_MAX];
    size_t len;
    TRY(ask(self, "active", "", STR(""), text, &len, err));
    Str name = str_trim((Str){text, len});
    if (!kms_name_valid(name))
        return ERR(err, ERR_RETRY, "kms-away", "PAYLOAD_KMS_COMMAND active names no key");
    memcpy(ret_name, name.ptr, name.len);
    ret_name[name.len] = '\0';
    return true;
}

static bool wrap(void *self, const char *name, const unsigned char key[DATA_KEY_BYTES],
                 Arena *arena, Str *ret_wrapped, Err *err)
{
    char text[TEXT_MAX], *to = arena_alloc(arena, WRAPPED_MAX);
    char plain[2 * DATA_KEY_BYTES];
    size_t len, wrapped_len = 0;
    size_t plain_len = to_base64((Str){(const char *)key, DATA_KEY_BYTES}, plain);
    bool asked = to && ask(self, "wrap", name, (Str){plain, plain_len}, text, &len, err);
    explicit_bzero(plain, sizeof plain);
    if (!asked)
        return to ? false : ERR(err, ERR_RETRY, "kms-away", "no memory");
    if (!from_base64((Str){text, len}, to, WRAPPED_MAX, &wrapped_len) || !wrapped_len)
        return ERR(err, ERR_RETRY, "kms-away", "PAYLOAD_KMS_COMMAND wrap printed no base64");
    *ret_wrapped = (Str){to, wrapped_len};
    return true;
}

static bool unwrap(void *self, const char *name, Str wrapped, unsigned char ret_key[DATA_KEY_BYTES],
                   Err *err)
{
    char text[TEXT_MAX], input[TEXT_MAX];
    size_t len, got = 0;
    /* The name comes from the database, and becomes a word of a shell's line. */
    if (!kms_name_valid(str_from(name)))
        return ERR(err, ERR_FATAL, "payload-key-wrong", "a data key names no wrapping key");
    if (wrapped.len > WRAPPED_MAX)
        return ERR(err, ERR_FATAL, "payload-key-wrong", "a wrapped data key is too long");
    TRY(ask(self, "unwrap", name, (Str){input, to_base64(wrapped, input)}, text, &len, err));
    bool fine = from_base64((Str){text, len}, (char *)ret_key, DATA_KEY_BYTES, &got) &&
                got == DATA_KEY_BYTES;
    explicit_bzero(text, sizeof text);
    return fine || ERR(err, ERR_FATAL, "payload-key-wrong",
                       "PAYLOAD_KMS_COMMAND unwrap %s printed no data key", name);
}

bool kms_of_command(const char *command, uint64_t timeout_ms, Kms *ret_kms, Err *err)
{
    size_t len = strlen(command) + 1;
    Command *self = malloc(sizeof *self + len);
    if (!self)
        return ERR(err, ERR_FATAL, "payload-keys", "no memory");
    self->timeout_ms = timeout_ms;
    memcpy(self->line, command, len);
    *ret_kms = (Kms){self, active, wrap, unwrap, free};
    return true;
}
