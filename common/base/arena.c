#include "common/base/arena.h"

#include <stdarg.h>

#include "common/base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(ptr, len) ((void)(ptr), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(ptr, len) ((void)(ptr), (void)(len))
#endif

enum { FIRST_BLOCK = 64 * 1024, ALIGN = 16, KEEP_MAX = 64 * 1024 * 1024 };

/* Blocks form a list in the order of use. Blocks after `current` are empty, kept from before a
 * reset. Free room is poisoned under the address sanitizer, with a gap after each allocation. */
typedef struct Block {
    struct Block *next;
    size_t size;
    size_t used;
    _Alignas(ALIGN) char data[];
} Block;

struct Arena {
    Block *first;
    Block *current;
    size_t limit;
    size_t total; /* bytes handed out */
    size_t taken;
    bool exhausted;
};

static size_t round_up(size_t bytes)
{
    return (bytes + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
}

Arena *arena_new(size_t limit_bytes)
{
    Arena *arena = calloc(1, sizeof *arena);
    CHECK(arena);
    arena->limit = limit_bytes;
    return arena;
}

void arena_free(Arena *arena)
{
    if (!arena)
        return;
    for (Block *block = arena->first, *next; block; block = next) {
        next = block->next;
        ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
        free(block);
    }
    free(arena);
}

void arena_reset(Arena *arena)
{
    size_t kept = 0;
    Block **link = &arena->first;
    while (*link) {
        Block *block = *link;
        if (kept + block->size > KEEP_MAX) {
            *link = block->next;
            ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
            free(block);
            continue;
        }
        kept += block->size;
        block->used = 0;
        ASAN_POISON_MEMORY_REGION(block->data, block->size);
        link = &block->next;
    }
    arena->current = arena->first;
    arena->total = 0;
    arena->exhausted = false;
}

static Block *block_new(Arena *arena, size_t need)
{
    size_t size = arena->current ? arena->current->size * 2 : FIRST_BLOCK;
    if (size > 8 * 1024 * 1024)
        size = 8 * 1024 * 1024;
    if (size < need)
        size = need;
    Block *block = malloc(sizeof *block + size);
    if (!block)
        return NULL;
    arena->taken++;
    *block = (Block){.size = size};
    ASAN_POISON_MEMORY_REGION(block->data, size);
    return block;
}

/* The next block with room: a kept one if it is large enough, else a new one before it. */
static Block *next_block(Arena *arena, size_t need)
{
    Block **link = arena->current ? &arena->current->next : &arena->first;
    if (!*link || (*link)->size < need) {
        Block *block = block_new(arena, need);
        if (!block)
            return NULL;
        block->next = *link;
        *link = block;
    }
    arena->current = *link;
    arena->current->used = 0;
    return arena->current;
}

void *arena_alloc(Arena *arena, size_t bytes)
{
    size_t need = round_up(bytes ? bytes : 1);
#if defined(__SANITIZE_ADDRESS__)
    need += ALIGN;
#endif
    if (need < bytes || arena->exhausted || need > arena->limit - arena->total) {
        arena->exhausted = true;
        return NULL;
    }
    Block *block = arena->current;
    if (!block || block->size - block->used < need) {
        block = next_block(arena, need);
        if (!block) {
            arena->exhausted = true;
            return NULL;
        }
    }
    void *ret = block->data + block->used;
    block->used += need;
    arena->total += need;
    ASAN_UNPOISON_MEMORY_REGION(ret, bytes);
    return ret;
}

void *arena_zero(Arena *arena, size_t bytes)
{
    void *ret = arena_alloc(arena, bytes);
    return ret ? memset(ret, 0, bytes) : NULL;
}

void *arena_grow(Arena *arena, void *old, size_t old_bytes, size_t new_bytes)
{
#if !defined(__SANITIZE_ADDRESS__)
    Block *block = arena->current;
    size_t old_need = round_up(old_bytes ? old_bytes : 1);
    if (old && block && (char *)old + old_need == block->data + block->used) {
        size_t more = round_up(new_bytes) - old_need;
        if (new_bytes >= old_bytes && block->size - block->used >= more &&
            more <= arena->limit - arena->total) {
            block->used += more;
            arena->total += more;
            return old;
        }
    }
#endif
    void *ret = arena_alloc(arena, new_bytes);
    if (ret && old) /* NULL: there were no bytes */
        memcpy(ret, old, old_bytes < new_bytes ? old_bytes : new_bytes);
    return ret;
}

Str arena_copy(Arena *arena, Str s)
{
    char *copy = arena_alloc(arena, s.len + 1);
    if (!copy)
        return STR_NONE;
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (Str){copy, s.len};
}

Str arena_join(Arena *arena, const Str *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    char *text = arena_alloc(arena, len + 1);
    if (!text)
        return STR_NONE;
    char *to = text;
    for (size_t i = 0; i < count; i++)
        if (parts[i].len) {
            memcpy(to, parts[i].ptr, parts[i].len);
            to += parts[i].len;
        }
    *to = '\0';
    return (Str){text, len};
}

Str arena_format(Arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (text)
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text ? (Str){text, (size_t)len} : STR_NONE;
}

bool arena_exhausted(const Arena *arena)
{
    return arena->exhausted;
}

size_t arena_used_bytes(const Arena *arena)
{
    return arena->total;
}

size_t arena_blocks_taken(const Arena *arena)
{
    return arena->taken;
}

ArenaMark arena_mark(const Arena *arena)
{
    return (ArenaMark){arena->current, arena->current ? arena->current->used : 0, arena->total};
}

void arena_release(Arena *arena, ArenaMark mark)
{
    Block *block = mark.block ? mark.block : arena->first;
    for (Block *b = block; b; b = b->next) {
        size_t keep = b == mark.block ? mark.used : 0;
        ASAN_POISON_MEMORY_REGION(b->data + keep, b->size - keep);
        b->used = keep;
        if (b == arena->current)
            break;
    }
    arena->current = block;
    arena->total = mark.total;
}
