/* builder - code systems and value sets on their way into the compiled form. Private.
 *
 * Owner:   everything lies in the build's arena; texts point into packages or lists, which outlive
 *          the build.
 * Threads: one.
 * Errors:  "memory-limit"; TRY all the way up. */
#pragma once
#include "services/validator/engine/terminology/format.h"

typedef struct BuildCode {
    Str code, display;
    uint32_t parent; /* ordinal; TX_NONE */
    uint32_t flags;
    const JsonNode *node; /* the concept, for filters; NULL when it is none of a package */
} BuildCode;

typedef struct BuildSystem {
    Str url, version, name;
    TxContent content;
    TxGrammar grammar;
    bool case_sensitive, hierarchical, from_list, supplement;
    const JsonDoc *doc; /* NULL: not of a package */
    BuildCode *codes;
    uint32_t count, room;
    uint32_t *slots; /* ordinal + 1 */
    uint32_t slot_count;
} BuildSystem;

typedef struct BuildPart {
    uint32_t system;
    bool all; /* of a grammar */
    bool fails, enumerated;
    uint64_t *bits; /* by ordinal; NULL: none */
} BuildPart;

typedef struct BuildSet {
    Str url, version, title;
    const JsonDoc *doc;
    const JsonNode *root;
    BuildPart *parts;
    uint32_t part_count, part_room;
    uint32_t only_system;
    TxSpecial special;
    bool only_version_unknown; /* its include asks for a version that is not loaded */
    bool incomplete, done, running;
} BuildSet;

typedef struct ListedCodes { /* codes that a list adds to a value set */
    Str set_url;
    uint32_t system;
    const Str *codes;
    uint32_t count;
    const struct ListedCodes *next;
} ListedCodes;

typedef struct BuildIndex { /* url and url|version -> index */
    Str *keys;
    uint32_t *values;
    uint32_t count, room;
} BuildIndex;

typedef struct Builder {
    Packages *packages;
    const Package *from;
    Arena *arena;
    unsigned flags;
    BuildSystem *systems;
    uint32_t system_count, system_room;
    BuildSet *sets;
    uint32_t set_count, set_room;
    BuildIndex system_index, set_index;
    const ListedCodes *listed;
    Err *err;
} Builder;

bool builder_out_of_memory(Builder *b); /* sets the error, yields false */
/* Room for one more of an array in the arena; NULL past the limit. */
void *builder_grow(Builder *b, void *items, uint32_t count, uint32_t *room, size_t item_bytes);

/* TX_NONE if absent. url may carry |version: that version, else (of a known url) the first. */
uint32_t builder_find_system(const Builder *b, Str url, Str version);
/* The same; made as TX_CONTENT_UNKNOWN when absent. */
bool builder_need_system(Builder *b, Str url, Str version, uint32_t *ret_index) MUST_USE;
bool builder_new_system(Builder *b, Str url, Str version, uint32_t *ret_index) MUST_USE;
uint32_t builder_find_set(const Builder *b, Str canonical);
bool builder_index_add(Builder *b, BuildIndex *index, Str url, Str version,
                       uint32_t value) MUST_USE;
uint32_t builder_index_find(const BuildIndex *index, Str key);

uint64_t builder_code_hash(Str code, bool case_sensitive);
uint32_t builder_find_code(const BuildSystem *system, Str code); /* ordinal or TX_NONE */
/* Adds or finds; *ret_ordinal may be NULL. */
bool builder_add_code(Builder *b, uint32_t system, Str code, Str display, uint32_t flags,
                      uint32_t *ret_ordinal) MUST_USE;

/* systems.c: CodeSystems of the packages, and what is built in. */
bool builder_load_systems(Builder *b) MUST_USE;
/* lists.c */
bool builder_load_list(Builder *b, const char *spec) MUST_USE;
/* sets.c: value sets and the codes that only they name; then their flat form. */
bool builder_load_sets(Builder *b) MUST_USE;
bool builder_flatten(Builder *b) MUST_USE;
/* filter.c: the codes of `system` that pass a compose filter, as bits; false: not computable. */
bool filter_apply(const Builder *b, const BuildSystem *system, const JsonDoc *doc,
                  const JsonNode *filter, uint64_t *bits);
/* write.c */
bool builder_write(Builder *b, Buf *out, TerminologyStats *ret_stats) MUST_USE;

static inline uint32_t bits_words(uint32_t count)
{
    return (count + 63) / 64;
}
static inline bool bits_get(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}
static inline void bits_set(uint64_t *bits, uint32_t i)
{
    bits[i / 64] |= (uint64_t)1 << (i % 64);
}
static inline void bits_clear(uint64_t *bits, uint32_t i)
{
    bits[i / 64] &= ~((uint64_t)1 << (i % 64));
}
