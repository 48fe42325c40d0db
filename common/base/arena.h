/* arena - all that one message gives rise to, freed in one reset.
 *
 * Owner:   the caller of arena_new; everything allocated dies at arena_reset or arena_free.
 * Threads: one arena per thread.
 * Errors:  past its limit arena_alloc returns NULL and the arena stays `exhausted` until reset: a
 *          hostile message fails alone. Callers report ERR_INPUT "memory-limit".
 * Limits:  limit_bytes at birth; memory up to keep_bytes is kept across resets, so that a warm
 * worker allocates nothing from the system. */
#pragma once
#include "common/base/str.h"

typedef struct Arena Arena;

Arena *arena_new(size_t limit_bytes);
void arena_free(Arena *arena); /* NULL is fine */
void arena_reset(Arena *arena);

/* 16-byte aligned, not cleared; NULL past the limit. */
void *arena_alloc(Arena *arena, size_t bytes) __attribute__((malloc, alloc_size(2)));
void *arena_zero(Arena *arena, size_t bytes) __attribute__((alloc_size(2))); /* cleared */
/* Grows the last allocation in place where possible, else copies. NULL past the limit. */
void *arena_grow(Arena *arena, void *old, size_t old_bytes, size_t new_bytes);
Str arena_copy(Arena *arena, Str s); /* NUL-terminated copy; ptr NULL past the limit */
Str arena_join(Arena *arena, const Str *parts, size_t count); /* one behind the other, likewise */
Str arena_format(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool arena_exhausted(const Arena *arena);
size_t arena_used_bytes(const Arena *arena);
/* Blocks taken from the system since birth: tests count that a warm path takes none. */
size_t arena_blocks_taken(const Arena *arena);

/* A point to return to: all allocated after the mark is given back. */
typedef struct ArenaMark {
    void *block;
    size_t used;
    size_t total;
} ArenaMark;
ArenaMark arena_mark(const Arena *arena);
void arena_release(Arena *arena, ArenaMark mark);

#define ARENA_JOIN(arena, ...)                                                                     \
    arena_join((arena), (const Str[]){__VA_ARGS__},                                                \
               sizeof((const Str[]){__VA_ARGS__}) / sizeof(Str))
#define ARENA_NEW(arena, Type) ((Type *)arena_zero((arena), sizeof(Type)))
#define ARENA_ARRAY(arena, Type, n) ((Type *)arena_zero((arena), sizeof(Type) * (size_t)(n)))

static inline void arena_cleanup(Arena **arena)
{
    arena_free(*arena);
}
#define ARENA_AUTO __attribute__((cleanup(arena_cleanup))) Arena *
