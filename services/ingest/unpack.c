#include "services/ingest/unpack.h"

#include <zstd.h>

#include "services/ingest/ingest.h"

bool unpack_stored(const Stored *stored, Str packed, size_t max_bytes, Arena *arena, Str *ret_bytes)
{
    Err err = {0};
    if (!vault_unseal(stored->ingest->vault, stored->columns, stored->interaction_id, packed, arena,
                      &packed, &err)) {
        log_error(stored->ingest->log, "payload.unreadable",
                  LOG_STR("interaction_id", stored->interaction_id), LOG_ERR(&err));
        return false;
    }
    unsigned long long size = ZSTD_getFrameContentSize(packed.ptr, packed.len);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > max_bytes)
        return false;
    char *to = arena_alloc(arena, (size_t)size + 1);
    if (!to || ZSTD_decompress(to, (size_t)size, packed.ptr, packed.len) != size)
        return false;
    to[size] = '\0';
    *ret_bytes = (Str){to, (size_t)size};
    return true;
}
