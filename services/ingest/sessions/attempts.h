/* attempts - how often somebody may try a password.
 *
 * Failures are counted in a sliding window, each under three keys: account and address together,
 * the address alone, the account alone. Past a limit further tries are refused unlooked-at, with
 * the right password too; nothing is locked for longer than the window. Per process.
 * Threads: any. Limits: ATTEMPTS_SLOTS keys; the oldest gives way. */
#pragma once
#include "common/base/str.h"

enum {
    ATTEMPTS_SLOTS = 4096,
    ATTEMPTS_WINDOW_S = 900,
    ATTEMPTS_PAIR_MAX = 5,
    ATTEMPTS_ADDRESS_MAX = 30,
    ATTEMPTS_ACCOUNT_MAX = 50,
};

typedef struct Attempts Attempts;

Attempts *attempts_new(void);
void attempts_free(Attempts *attempts); /* NULL is fine */
/* Seconds until another try makes sense; 0: now. */
uint64_t attempts_wait_s(Attempts *attempts, Str account, Str address, int64_t now_s);
void attempts_failed(Attempts *attempts, Str account, Str address, int64_t now_s);
/* A right password forgives what this pair did. */
void attempts_forgive(Attempts *attempts, Str account, Str address);
