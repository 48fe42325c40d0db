/* unpack - what the persister stored compressed. Threads: pure. */
#pragma once
#include "common/base/arena.h"

/* False: no zstd frame, or larger than max_bytes, or the arena is too small. */
bool unpack_zstd(Str packed, size_t max_bytes, Arena *arena, Str *ret_bytes);
