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

enum { COMMAND_TIMEOUT_MS = 15000, TEXT_MAX = 3 * WRAPPED_MAX / 2 };

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

typedef struct Pipes {
    int in[2], out[2];
} Pipes;

static bool start(const char *command, Pipes *pipes, pid_t *ret_pid)
{
    char shell[] = "/bin/sh", flag[] = "-c";
    char *copy = strdup(command), *words[] = {shell, flag, copy, NULL};
    posix_spawn_file_actions_t actions;
    if (!copy || pipe2(pipes->in, O_CLOEXEC) != 0)
        return free(copy), false;
    if (pipe2(pipes->out, O_CLOEXEC) != 0) {
        close(pipes->in[0]);
        close(pipes->in[1]);
        free(copy);
        return false;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes->in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, pipes->out[1], 1);
    bool fine = posix_spawn(ret_pid, shell, &actions, NULL, words, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(pipes->in[0]);
    close(pipes->out[1]);
    if (!fine) {
        close(pipes->in[1]);
        close(pipes->out[0]);
    }
    free(copy);
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

static bool ask(const char *command, const char *verb, const char *name, Str input,
                char ret_text[TEXT_MAX], size_t *ret_len, Err *err)
{
    char line[4096];
    Pipes pipes;
    pid_t pid;
    int status = -1;
    snprintf(line, sizeof line, "%s %s %s", command, verb, name);
    if (!start(line, &pipes, &pid))
        return ERR(err, ERR_RETRY, "kms-away", "PAYLOAD_KMS_COMMAND cannot be started");
    bool written = write(pipes.in[1], input.ptr, input.len) == (ssize_t)input.len;
    close(pipes.in[1]);
    *ret_len = read_all(pipes.out[0], ret_text, TEXT_MAX, clock_mono_ms() + COMMAND_TIMEOUT_MS);
    close(pipes.out[0]);
    if (*ret_len == SIZE_MAX)
        kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (!written || *ret_len == SIZE_MAX || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return ERR(err, ERR_RETRY, "kms-away", "PAYLOAD_KMS_COMMAND %s %s failed", verb, name);
    return true;
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
    if (wrapped.len > WRAPPED_MAX)
        return ERR(err, ERR_FATAL, "payload-key-wrong", "a wrapped data key is too long");
    TRY(ask(self, "unwrap", name, (Str){input, to_base64(wrapped, input)}, text, &len, err));
    bool fine = from_base64((Str){text, len}, (char *)ret_key, DATA_KEY_BYTES, &got) &&
                got == DATA_KEY_BYTES;
    explicit_bzero(text, sizeof text);
    return fine || ERR(err, ERR_FATAL, "payload-key-wrong",
                       "PAYLOAD_KMS_COMMAND unwrap %s printed no data key", name);
}

bool kms_of_command(const char *command, Kms *ret_kms, Err *err)
{
    char *copy = strdup(command);
    if (!copy)
        return ERR(err, ERR_FATAL, "payload-keys", "no memory");
    *ret_kms = (Kms){copy, active, wrap, unwrap, free};
    return true;
}
