/* parser - tokens -> the flat tree of code.h, not yet laid out.
 *
 * Spec:    hl7.org/fhirpath/N1 grammar and its precedences; the java dialect also takes x.( ... ).
 * Owner:   nodes and pool live in the arena.
 * Errors:  ERR_INPUT "fhirpath-syntax"; "fhirpath-semantic" for unknown functions and wrong numbers
 *          of arguments. */
#pragma once
#include "services/validator/engine/fhirpath/code.h"

typedef struct FpTree {
    FpNode *nodes; /* [count], node 0 unused; children before parents */
    uint32_t count, room;
    uint16_t *heights;
    char *pool;
    uint32_t pool_len, pool_room;
    uint32_t root;
} FpTree;

bool fp_parse(Str text, const FhirpathCompileOptions *options, Arena *arena, FpTree *ret_tree,
              FhirpathAt *ret_at, Err *err);

/* Copies bytes into the pool; UINT32_MAX when the arena is exhausted. */
uint32_t fp_pool_add(FpTree *tree, Arena *arena, const void *bytes, size_t len, size_t align);
/* Which System kind a type name means: FhirpathKind + 1, or 0. */
uint32_t fp_system_kind(Str name);
/* A semantic error at a place of the expression; yields false. */
bool fp_semantic(Str source, uint32_t at, FhirpathAt *ret_at, Err *err, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
