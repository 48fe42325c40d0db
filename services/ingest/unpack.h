/* unpack - what the persister stored compressed, and perhaps encrypted. Threads: any. */
#pragma once
#include "common/vault/vault.h"

typedef struct Ingest Ingest;

/* Whose value it is, and of which columns (VAULT_ONE). */
typedef struct Stored {
    const Ingest *ingest;
    Str interaction_id;
    unsigned columns;
} Stored;

/* False: no zstd frame, or larger than max_bytes, or the arena is too small; or it cannot be
 * decrypted, which is logged (`payload.unreadable`). */
bool unpack_stored(const Stored *stored, Str packed, size_t max_bytes, Arena *arena,
                   Str *ret_bytes);
