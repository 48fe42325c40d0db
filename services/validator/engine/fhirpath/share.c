/* Which parts of expressions are worth remembering, seen over all the code that will run together.
 *
 * compile.c marks each part that depends on its focus alone. Most of them occur once, or only as
 * the beginning of one longer part that is remembered itself: to look those up costs more than it
 * ever saves. */
#include <stdlib.h>

#include "services/validator/engine/fhirpath/code.h"

typedef struct Part {
    uint64_t hash;
    uint64_t within; /* hash of the part that it begins, if that may be remembered; else 0 */
    FpNode *node;
} Part;

static FpNode *nodes_of(char *code)
{
    return (FpNode *)(void *)(code + sizeof(FpHeader));
}

static uint32_t count_of(const char *code)
{
    return ((const FpHeader *)(const void *)code)->node_count;
}

static size_t collect(char *code, Part *parts)
{
    FpNode *nodes = nodes_of(code);
    uint32_t count = count_of(code);
    size_t found = 0;
    uint64_t *within = calloc(count, sizeof *within);
    if (!within)
        return 0; /* nothing is forgotten: slower, not wrong */
    for (uint32_t i = 1; i < count; i++)
        if ((nodes[i].op == FP_CHILD || nodes[i].op == FP_CALL) && (nodes[i].flags & FP_MEMO))
            within[nodes[i].left] = nodes[i].hash;
    for (uint32_t i = 1; i < count; i++)
        if (nodes[i].flags & FP_MEMO)
            parts[found++] = (Part){nodes[i].hash, within[i], &nodes[i]};
    free(within);
    return found;
}

static int by_hash(const void *a, const void *b)
{
    const Part *x = a;
    const Part *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static bool is_shared(const Part *parts, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (!parts[i].within || parts[i].within != parts[0].within)
            return true;
    return count > 1 && !parts[0].within;
}

bool fhirpath_forget_unshared(char *const *codes, size_t count)
{
    size_t room = 0;
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        room += count_of(codes[i]);
    Part *parts = calloc(room + 1, sizeof *parts);
    if (!parts)
        return false;
    for (size_t i = 0; i < count; i++)
        found += collect(codes[i], parts + found);
    qsort(parts, found, sizeof *parts, by_hash);
    for (size_t i = 0, end; i < found; i = end) {
        for (end = i + 1; end < found && parts[end].hash == parts[i].hash;)
            end++;
        bool shared = is_shared(parts + i, end - i);
        for (size_t k = i; k < end && !shared; k++)
            parts[k].node->flags &= (uint8_t)~FP_MEMO;
    }
    free(parts);
    return true;
}
