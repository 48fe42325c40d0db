/* vault - what is stored of documents, sealed: AES-256-GCM under a data key, which is kept wrapped.
 *
 *   sealed = "FBS1" | column (1) | data key's id (16) | nonce (12) | ciphertext | tag (16)
 *
 * The associated data are these first 21 bytes and the interaction's id: what is sealed opens in
 * its own column of its own interaction alone. A data key serves `objects` values or an hour,
 * whatever comes first; fhirbus.data_key holds it, wrapped by a key of the Kms, and changing that
 * key is wrapping these rows again (fhirbus-payload-keys rotate): the values stay as they are.
 *
 * Owner:   the caller closes it; the config outlives it.
 * Threads: any. One of its own makes data keys ahead, and looks every half minute whether the keys
 *          open what is stored.
 * Errors:  ERR_RETRY "db-away" and so on, "payload-key-away" (no data key yet); ERR_FATAL
 *          "payload-key-missing", "payload-key-wrong", "payload-sealed" (damaged, or somebody
 *          else's). Texts never hold anything of a key or a value. */
#pragma once
#include "common/base/buf.h"
#include "common/db/db.h"
#include "common/vault/kms.h"

typedef struct Vault Vault;

typedef enum VaultColumn {
    VAULT_PAYLOAD = 1,
    VAULT_OUTCOME = 2,
    VAULT_BUNDLE = 3,
    VAULT_ENGINE_OUTCOME = 4,
    VAULT_RESPONSE = 5,
    VAULT_BODY = 6,
} VaultColumn;
#define VAULT_ONE(column) (1U << (column))

typedef struct VaultConfig {
    const char *keys;    /* folder; NULL and no command: nothing is sealed, nothing sealed opens */
    const char *command; /* instead of the folder */
    uint64_t command_timeout_ms;
    bool seal; /* else only what is sealed already is opened */
    uint64_t objects;
} VaultConfig;

/* NAME prefix PAYLOAD_; see docs/security.md. */
/* NOLINTBEGIN(bugprone-macro-parentheses): the path to a member cannot stand in parentheses. */
#define VAULT_OPTIONS(Struct, field)                                                               \
    CONFIG_OPTION(Struct, "PAYLOAD_KEYS", CONFIG_TEXT, field.keys, NULL,                           \
                  "folder of the keys that wrap data keys: NAME.key, active; without it stored "   \
                  "documents are not encrypted"),                                                  \
        CONFIG_OPTION(Struct, "PAYLOAD_KMS_COMMAND", CONFIG_TEXT, field.command, NULL,             \
                      "instead of the folder: a program that wraps and unwraps data keys"),        \
        CONFIG_OPTION(Struct, "PAYLOAD_KMS_TIMEOUT_MS", CONFIG_UINT, field.command_timeout_ms,     \
                      "15000", "a call of it that takes longer is given up", .min = 100,           \
                      .max = 300000),                                                              \
        CONFIG_OPTION(Struct, "PAYLOAD_ENCRYPT", CONFIG_BOOL, field.seal, "1",                     \
                      "with keys: encrypt what is stored from now on; 0: only read"),              \
        CONFIG_OPTION(Struct, "PAYLOAD_KEY_OBJECTS", CONFIG_UINT, field.objects, "10000",          \
                      "values under one data key", .min = 1, .max = 1000000)
/* NOLINTEND(bugprone-macro-parentheses) */

/* *ret_vault NULL: the config names no keys. `writes`: it will seal; makes data keys ahead. */
bool vault_open(const VaultConfig *config, const DbConfig *db, bool writes, const Log *log,
                Vault **ret_vault, Err *err) MUST_USE;
void vault_close(Vault *vault); /* NULL is fine */
/* False: why not. Keys do not open what is stored, or (writes) there is no data key yet. NULL:
 * true. */
bool vault_ready(Vault *vault, Buf *why);
/* True, and why: the keys do not open what is stored. For those who serve without the database. */
bool vault_wrong(Vault *vault, Buf *why);

/* vault NULL, or one that does not write: the bytes themselves. */
bool vault_seal(Vault *vault, VaultColumn column, Str interaction_id, Str bytes, Arena *arena,
                Str *ret_sealed, Err *err) MUST_USE;
/* What was never sealed is yielded as it is. `columns`: VAULT_ONE of each that it may be of. */
bool vault_unseal(Vault *vault, unsigned columns, Str interaction_id, Str sealed, Arena *arena,
                  Str *ret_bytes, Err *err) MUST_USE;
bool vault_is_sealed(Str bytes);
