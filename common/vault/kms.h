/* kms - whoever holds the keys that wrap data keys.
 *
 *   file:    a folder with NAME.key (32 bytes, or 64 hexadecimal digits) for each key, and a file
 *            `active` with the name of the one that wraps from now on
 *   command: a program that speaks to a key service: "COMMAND active" prints a name, "COMMAND wrap
 *            NAME" and "COMMAND unwrap NAME" read base64 on standard input and print base64; any
 *            exit status but 0 is "kms-away"
 *
 * Threads: one call at a time. Errors: ERR_RETRY "kms-away", ERR_INPUT "payload-key-missing",
 *          "payload-key-wrong"; texts name the key, never its bytes. */
#pragma once
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

enum { KMS_NAME_MAX = 64, DATA_KEY_BYTES = 32, WRAPPED_MAX = 4096 };

typedef struct Kms {
    void *self;
    bool (*active)(void *self, char ret_name[KMS_NAME_MAX + 1], Err *err);
    bool (*wrap)(void *self, const char *name, const unsigned char key[DATA_KEY_BYTES],
                 Arena *arena, Str *ret_wrapped, Err *err);
    bool (*unwrap)(void *self, const char *name, Str wrapped, unsigned char ret_key[DATA_KEY_BYTES],
                   Err *err);
    void (*close)(void *self);
} Kms;

bool kms_of_folder(const char *folder, Kms *ret_kms, Err *err) MUST_USE;
/* timeout_ms: of one call; then the program is ended, and whatever it has started. */
bool kms_of_command(const char *command, uint64_t timeout_ms, Kms *ret_kms, Err *err) MUST_USE;
/* "2026-11": letters, digits, '.', '_', '-'. */
bool kms_name_valid(Str name);
