/* Nodes that ask the same of an element get the same number: a profile repeats most of its base,
 * and what was found clean against one need not be looked at against the other. Words (ids, labels,
 * the profile's name) do not count: a clean element has no findings to put into words. */
#include <xxhash.h>

#include "services/validator/engine/schema/tables.h"

typedef XXH64_hash_t Hash;

static Hash mix(Hash hash, const void *bytes, size_t len)
{
    return XXH3_64bits_withSeed(bytes, len, hash);
}

static Hash mix_number(Hash hash, uint64_t number)
{
    return mix(hash, &number, sizeof number);
}

static Hash mix_value(const Tables *tables, Hash hash, uint32_t value)
{
    if (!value)
        return mix_number(hash, 0);
    const SchemaValue *v = table_at(&tables->values, value);
    hash = mix_number(hash, v->text);
    hash = mix_number(hash, (uint64_t)v->property << 32 | v->type);
    hash = mix_number(hash, v->count);
    uint32_t at = value + 1;
    for (uint32_t i = 0; i < v->count; i++) {
        hash = mix_value(tables, hash, at);
        at = ((const SchemaValue *)table_at(&tables->values, at))->next;
    }
    return hash;
}

static Hash mix_targets(const Tables *tables, Hash hash, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const SchemaTarget *target = table_at(&tables->targets, first + i);
        hash = mix_number(hash, (uint64_t)target->url << 32 | target->profile);
    }
    return mix_number(hash, count);
}

static Hash mix_types(const Tables *tables, Hash hash, const SchemaNode *node)
{
    for (uint32_t i = 0; i < node->type_count; i++) {
        const SchemaType *type = table_at(&tables->types, node->types + i);
        hash = mix_number(hash, type->code);
        hash = mix_number(hash, (uint64_t)type->type << 32 | type->aggregation);
        hash = mix_targets(tables, hash, type->profiles, type->profile_count);
        hash = mix_targets(tables, hash, type->targets, type->target_count);
    }
    return mix_number(hash, node->type_count);
}

static Hash mix_constraints(const Tables *tables, Hash hash, const SchemaNode *node)
{
    for (uint32_t i = 0; i < node->constraint_count; i++) {
        const SchemaConstraint *constraint =
            table_at(&tables->constraints, tables_number(tables, node->constraints + i));
        hash = mix_number(hash, (uint64_t)constraint->expression << 32 | constraint->native);
    }
    return mix_number(hash, node->constraint_count);
}

static Hash mix_binding(const Tables *tables, Hash hash, uint32_t binding)
{
    const SchemaBinding *b = table_at(&tables->bindings, binding);
    hash = mix_number(hash, (uint64_t)b->value_set << 32 | b->max_value_set);
    return mix_number(hash, binding ? b->strength + 1 : 0);
}

static Hash mix_facets(const Tables *tables, Hash hash, uint32_t facets)
{
    const SchemaFacets *f = table_at(&tables->facets, facets);
    hash = mix_number(hash, (uint64_t)f->max_length << 32 | f->min_length);
    hash = mix_number(hash, (uint64_t)f->regex << 32 | f->max_size);
    hash = mix_number(hash, f->max_decimals_plus_1);
    return mix_value(tables, mix_value(tables, hash, f->min_value), f->max_value);
}

static Hash mix_slicing(const Tables *tables, Hash hash, const SchemaNode *node)
{
    const SchemaSlicing *slicing = table_at(&tables->slicings, node->slicing);
    const SchemaSlice *slice = table_at(&tables->slices, node->slice);
    hash = mix(hash, slicing, sizeof *slicing);
    hash = mix_number(hash, (uint64_t)node->slicing != 0);
    hash = mix_number(hash, (uint64_t)slice->test << 32 | slice->expression);
    hash = mix_number(hash, (uint64_t)slice->text << 32 | slice->type);
    hash = mix_number(hash, (uint64_t)slice->code << 32 | slice->binding);
    hash = mix_targets(tables, hash, slice->targets, slice->target_count);
    return mix_number(hash, (uint64_t)slice->by_reference << 32 | (node->slice != 0));
}

/* Children stand behind their parent, so their contents are known. */
static Hash content_of(const Tables *tables, const SchemaNode *node, const Hash *contents)
{
    const SchemaProfile *profile = tables_profile(tables, node->profile);
    Hash hash = mix_number(0, (uint64_t)node->element << 48 | (uint64_t)node->property << 32 |
                                  (uint64_t)node->flags << 16 | (profile->flags & PROFILE_CORE));
    hash = mix_number(hash, (uint64_t)node->min << 16 | node->max);
    /* Only slices differ by their name: reslices are told by it. */
    hash = mix_number(hash, node->slice ? node->slice_name : 0);
    hash = mix_types(tables, hash, node);
    hash = mix_constraints(tables, hash, node);
    hash = mix_slicing(tables, hash, node);
    hash = mix_binding(tables, hash, node->binding);
    hash = mix_facets(tables, hash, node->facets);
    hash = mix_value(tables, mix_value(tables, hash, node->fixed), node->pattern);
    /* What contentReference leads to is the profile's own; extensions look at the url around them.
     */
    bool own = node->content || (profile->flags & PROFILE_EXTENSION);
    hash = mix_number(hash, own ? node->profile : 0);
    hash = mix_number(hash, own ? node->content : 0);
    for (uint32_t i = 0; i < node->child_count; i++)
        hash = mix_number(hash, contents[tables_number(tables, node->children + i)]);
    return mix_number(hash, node->child_count);
}

typedef struct Numbered {
    Hash hash;
    NodeId node;
} Numbered;

static int by_hash(const void *a, const void *b)
{
    const Numbered *x = a;
    const Numbered *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

bool compile_contents(Tables *tables)
{
    uint32_t count = table_count(&tables->nodes);
    Hash *contents = calloc(count, sizeof *contents);
    Numbered *order = calloc(count, sizeof *order);
    bool ok = contents && order;
    for (NodeId id = count; ok && id-- > 1;) {
        contents[id] = content_of(tables, tables_node(tables, id), contents);
        order[id] = (Numbered){contents[id], id};
    }
    if (ok && count > 1) {
        qsort(order + 1, count - 1, sizeof *order, by_hash);
        uint32_t number = 0;
        for (uint32_t i = 1; i < count; i++) {
            number += i == 1 || order[i].hash != order[i - 1].hash;
            tables_node(tables, order[i].node)->same = number;
        }
    }
    free(contents);
    free(order);
    return ok;
}
